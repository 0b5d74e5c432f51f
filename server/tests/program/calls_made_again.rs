//! A call whose answer was lost is made again, at a process that has never heard of it: after a restart, and in a cluster at another API
//! process. What it makes is there once.

use serde_json::{Value, json};

use crate::http::{Answer, User, get_as, new_user, post_once};
use crate::process::Tidegate;
use crate::stand::{Cluster, until_ready};

#[test]
fn in_one_process_that_was_started_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Tidegate::start_with(folder.path(), &[]);
    let anna = new_user(&server, "anna", "a long secret");
    let made = made_by(&server, &anna);
    let again = made_by(&server, &anna);
    assert!(again.iter().all(is_replayed), "by the process that answered");
    assert_eq!(texts(&again), texts(&made), "byte by byte");
    drop(server);
    let server = Tidegate::start_with(folder.path(), &[]);
    is_there_once(&server, &anna, &made, &made_by(&server, &anna));
}

#[test]
fn at_two_processes_of_a_cluster() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(cluster) = Cluster::prepared(folder.path()) else { return };
    let router = cluster.start("router", "router");
    let (one, other) = (cluster.start("api-1", "api"), cluster.start("api-2", "api"));
    until_ready([&router, &one, &other]);
    let anna = new_user(&one, "anna", "a long secret");
    is_there_once(&other, &anna, &made_by(&one, &anna), &made_by(&other, &anna));

    // At the same time, so that neither finds what the other makes before it asks for it.
    let at_once = json!({"name": "At once"});
    let make = |api: &Tidegate| {
        post_once(&api.url("/api/v1/groups"), &anna.token, "at once", &at_once).json()["group_id"].clone()
    };
    let (here, there) = std::thread::scope(|threads| {
        let there = threads.spawn(|| make(&other));
        (make(&one), there.join().expect("an answer"))
    });
    assert!(here.is_string(), "{here}");
    assert_eq!(here, there);
}

/// A group, then a message in it.
fn made_by(api: &Tidegate, anna: &User) -> [Answer; 2] {
    let body = json!({"name": "Team"});
    let group = post_once(&api.url("/api/v1/groups"), &anna.token, "group 1", &body);
    assert_eq!(group.status, 201, "{}", group.text);
    let body = json!({"conversation": group.json()["conversation"], "body": {"text": "hi"}});
    let message = post_once(&api.url("/api/v1/messages"), &anna.token, "\"message 1\"", &body);
    assert_eq!(message.status, 201, "{}", message.text);
    [group, message]
}

fn is_there_once(api: &Tidegate, anna: &User, made: &[Answer; 2], again: &[Answer; 2]) {
    assert!(!again.iter().any(is_replayed), "nobody has kept an answer");
    for (made, again) in made.iter().zip(again) {
        assert_eq!(again.json(), made.json());
    }
    let groups = get_as(&api.url("/api/v1/groups"), &anna.token).json();
    assert_eq!(groups["groups"].as_array().map(Vec::len), Some(1), "{groups}");
    let conversation = made[0].json()["conversation"].as_str().expect("an id").to_owned();
    let log = api.url(&format!("/api/v1/conversations/{conversation}/messages"));
    let log = get_as(&log, &anna.token).json();
    let messages = log["messages"].as_array().expect("messages").iter();
    let texts: Vec<&Value> =
        messages.map(|one| &one["body"]["text"]).filter(|text| text.is_string()).collect();
    assert_eq!(texts, [&json!("hi")]);
}

fn is_replayed(answer: &Answer) -> bool {
    answer.headers.get("idempotency-replayed").is_some_and(|value| value == "true")
}

fn texts(answers: &[Answer; 2]) -> [&str; 2] {
    [&answers[0].text, &answers[1].text]
}
