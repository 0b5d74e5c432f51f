//! The CQL server is away, or hangs.

use serde_json::json;
use xtask::proxy::Rule;

use super::{LATE, UNAVAILABLE, WITHOUT_STORE, end, is_refused};
use crate::http::{get_as, new_user, post};
use crate::process::until;
use crate::socket::Socket;
use crate::stand::{Cluster, away, back, frame, history, metric, say, say_frame, until_missing, until_ready};

#[test]
fn without_the_store_nothing_is_acknowledged_and_afterwards_everything_is_there_once() {
    let folder = tempfile::tempdir().unwrap();
    let Some((cluster, fronts)) = Cluster::behind_fronts(folder.path()) else { return };
    let cluster = cluster.may_warn(WITHOUT_STORE);
    // What is given up is another test's.
    let router = cluster.start_with("router", "router", &[("TIDEGATE_ROUTER__GIVE_UP_AFTER", "10m")]);
    let [api, gateway] = ["api", "gateway"].map(|role| cluster.start(role, role));
    until_ready([&router, &api, &gateway]);
    let [alice, bob, carol] =
        ["alice", "bob", "carol"].map(|name| new_user(&api, name, "correct horse battery"));
    let mut a = Socket::open(&gateway, &alice.token);
    let first = say(&mut a, 1, &bob.id, "before");
    let sync = json!({ "sync": {} });
    a.send(&sync);
    a.until("delta");

    away(&fronts.cql);
    // Where the conversation is in use, a send is being written until it is known; nobody is told meanwhile. Where it would
    // have to be loaded, a send waits until its deadline. Reads are refused.
    let mut in_use = frame(2, &bob.id, "meanwhile");
    let mut to_load = frame(3, &carol.id, "to somebody new");
    a.send(&in_use);
    a.send(&to_load);
    a.send(&sync);
    let (kind, refused) = a.until_any(&["ack", "nack"]);
    assert_eq!((kind, &refused["frame"], &refused["code"]), ("nack", &json!("sync"), &json!(UNAVAILABLE)));
    assert!(refused["retry_after_ms"].as_u64() > Some(0), "{refused}");
    let (kind, refused) = a.until_any(&["ack", "nack"]);
    let id = &to_load["send"]["client_message_id"];
    assert_eq!((kind, &refused["client_message_id"], &refused["code"]), ("nack", id, &json!(LATE)));
    for process in [&router, &api] {
        until_missing(process, "store");
    }
    let me = get_as(&api.url("/api/v1/users/me"), &alice.token);
    assert!(is_refused(&me, UNAVAILABLE), "{}", me.text);
    let credentials = json!({ "username": "bob", "password": "correct horse battery" });
    let login = post(&api.url("/api/v1/auth/login"), &credentials);
    assert!(is_refused(&login, UNAVAILABLE), "{}", login.text);

    back(&fronts.cql);
    assert_eq!(say_frame(&mut a, &mut in_use)["seq"], "2");
    let new = say_frame(&mut a, &mut to_load);
    until_ready([&router, &api]);

    // A server that takes requests and answers none is as good as away, one time-out later.
    fronts.cql.rule(Rule::Hold);
    let mut held = frame(4, &bob.id, "while it hangs");
    a.send(&held);
    a.send(&sync);
    // Each of the tries above may be answered.
    let (kind, refused) = until(|| {
        let (kind, answer) = a.until_any(&["ack", "nack"]);
        let tried = [&in_use, &to_load].map(|tried| &tried["send"]["client_message_id"]);
        (!tried.contains(&&answer["client_message_id"])).then_some((kind, answer))
    });
    assert_eq!((kind, &refused["frame"], &refused["code"]), ("nack", &json!("sync"), &json!(UNAVAILABLE)));
    back(&fronts.cql);
    say_frame(&mut a, &mut held);
    until(|| {
        a.send(&sync);
        (a.until_any(&["delta", "nack"]).0 == "delta").then_some(())
    });

    assert_eq!(history(&api, &first["conversation"], &bob), ["before", "meanwhile", "while it hangs"]);
    assert_eq!(history(&api, &new["conversation"], &carol), ["to somebody new"]);
    end([gateway, api, router]);
}

#[test]
fn when_the_store_is_away_for_long_the_router_begins_anew_until_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let Some((cluster, fronts)) = Cluster::behind_fronts(folder.path()) else { return };
    let cluster = cluster.may_warn(WITHOUT_STORE).may_warn(&["append given up", "beginning a new one"]);
    let router = cluster.start_with("router", "router", &[("TIDEGATE_ROUTER__GIVE_UP_AFTER", "1s")]);
    let [api, gateway] = ["api", "gateway"].map(|role| cluster.start(role, role));
    until_ready([&router, &api, &gateway]);
    let [alice, bob] = ["alice", "bob"].map(|name| new_user(&api, name, "correct horse battery"));
    let mut a = Socket::open(&gateway, &alice.token);
    let first = say(&mut a, 1, &bob.id, "before");
    let lives = || metric(&router, "router_incarnations_total");
    let before = lives();

    away(&fronts.cql);
    let mut given_up = frame(2, &bob.id, "meanwhile");
    a.send(&given_up);
    until(|| (lives() > before).then_some(()));
    back(&fronts.cql);

    assert_eq!(say_frame(&mut a, &mut given_up)["seq"], "2");
    assert_eq!(say(&mut a, 3, &bob.id, "after")["seq"], "3");
    assert_eq!(history(&api, &first["conversation"], &bob), ["before", "meanwhile", "after"]);
    end([gateway, api, router]);
}
