//! Several processes of different roles over real services are one server.

use serde_json::json;

use crate::http::{Answer, User, get, new_user, post_as};
use crate::process::{Tidegate, until};
use crate::socket::Socket;
use crate::stand::{Cluster, history, say, say_frame, status, until_ready};

fn problem(answer: &Answer) -> (u16, String) {
    assert_eq!(answer.headers["content-type"], "application/problem+json", "{}", answer.text);
    (answer.status, answer.json()["detail"].as_str().expect("words").to_owned())
}

#[test]
fn two_gateways_two_routers_and_an_api_are_one_server() {
    let folder = tempfile::tempdir().unwrap();
    let Some(cluster) = Cluster::prepared(folder.path()) else { return };
    let one = cluster.start("router-1", "router");
    let two = cluster.start("router-2", "router");
    let api = cluster.start("api", "api");
    let (near, far) = (cluster.start("gateway-1", "gateway"), cluster.start("gateway-2", "gateway"));
    until_ready([&one, &two, &api, &near, &far]);
    each_process_answers_for_its_roles(&api, &near);

    let (alice, bob) = (new_user(&api, "alice", "correct horse"), new_user(&api, "bob", "battery staple"));
    let mut a = Socket::open(&near, &alice.token);
    let mut b = by_ticket(&api, &far, &bob);
    let ack = say(&mut a, 1, &bob.id, "over two gateways");
    assert_eq!(b.until("event")["body"]["text"], "over two gateways");
    until(|| (status(&api, &alice) == "online" && status(&api, &bob) == "online").then_some(()));

    a_group_is_heard_on_both(&api, (&alice, &mut a), (&bob, &mut b));

    // One router goes in order and comes back; whoever speaks meanwhile is heard.
    one.signal("TERM");
    say(&mut a, 2, &bob.id, "while a router goes");
    assert_eq!(one.ended().0, Some(0));
    say(&mut a, 3, &bob.id, "with one router");
    let one = cluster.start("router-1", "router");
    say(&mut a, 4, &bob.id, "with two again");
    let said = history(&api, &ack["conversation"], &bob);
    assert_eq!(said, ["over two gateways", "while a router goes", "with one router", "with two again"]);

    near.signal("TERM");
    a.until("goaway");
    assert_eq!(a.close_code(), 1012);
    assert_eq!(near.ended().0, Some(0));
    until(|| (status(&api, &alice) == "offline").then_some(()));
    let mut a = Socket::open(&far, &alice.token);
    say(&mut a, 5, &bob.id, "by the other gateway");
    drop((a, b));
    for process in [far, api, one, two] {
        process.signal("TERM");
        let (code, logs) = process.ended();
        assert_eq!(code, Some(0), "{logs}");
    }
}

fn each_process_answers_for_its_roles(api: &Tidegate, gateway: &Tidegate) {
    let (status, words) = problem(&get(&gateway.url("/api/v1/users/me")));
    assert!(status == 404 && words.contains("role api"), "{status} {words}");
    assert_eq!(problem(&get(&gateway.url("/"))).0, 404);
    let (status, words) = problem(&get(&api.url("/ws")));
    assert!(status == 404 && words.contains("role gateway"), "{status} {words}");
    assert_eq!(get(&api.url("/")).status, 200);
    assert_eq!(get(&api.url("/openapi.json")).status, 200);
}

/// A ticket of the API opens one socket, at whichever gateway.
fn by_ticket(api: &Tidegate, gateway: &Tidegate, user: &User) -> Socket {
    let ticket = post_as(&api.url("/api/v1/tickets"), &user.token, &json!({}));
    assert_eq!(ticket.status, 201, "{}", ticket.text);
    let query = format!("?ticket={}", ticket.json()["ticket"].as_str().expect("a ticket"));
    let mut socket = Socket::try_open(gateway, &query).expect("a socket");
    socket.until("welcome");
    assert_eq!(Socket::try_open(gateway, &query).err(), Some(401), "once");
    socket
}

fn a_group_is_heard_on_both(
    api: &Tidegate,
    (alice, a): (&User, &mut Socket),
    (bob, b): (&User, &mut Socket),
) {
    let body = json!({ "name": "both", "members": [bob.id] });
    let group = post_as(&api.url("/api/v1/groups"), &alice.token, &body);
    assert_eq!(group.status, 201, "{}", group.text);
    let conversation = group.json()["conversation"].clone();
    assert!(conversation.is_string(), "{}", group.text);
    let mut frame = json!({ "send": {
        "client_message_id": "01890a5d-ac96-774b-bcce-00000000ffff",
        "conversation": conversation,
        "body": { "text": "to the group" },
        "ack": "persisted",
    }});
    say_frame(a, &mut frame);
    let heard = until(|| {
        let event = b.until("event");
        (event["conversation"] == conversation && event["body"]["text"] == "to the group").then_some(event)
    });
    assert_eq!(heard["sender"], json!(alice.id));
}

#[test]
fn a_process_of_a_cluster_makes_no_key_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    for role in ["gateway", "api"] {
        let settings = [
            ("TIDEGATE_ROLE", role),
            ("TIDEGATE_BUS__NATS__URLS", "nats://127.0.0.1:1"),
            ("TIDEGATE_STORE__KIND", "cql"),
            ("TIDEGATE_STORE__CQL__NODES", "127.0.0.1:1"),
        ];
        let output = crate::process::command(folder.path()).envs(settings).output().expect("it runs");
        let words = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{words}");
        assert!(words.contains("tidegate key") && words.contains("auth.signing_key_file"), "{words}");
        assert_eq!(words.contains("[[auth.issuers]]"), role == "gateway", "{words}");
    }
    assert!(!folder.path().join("tidegate-data/signing.key").exists());
}

#[test]
fn services_that_are_not_there_are_named_with_their_settings() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let url = format!("nats://{nobody}");
    let settings = [("TIDEGATE_ROLE", "router"), ("TIDEGATE_BUS__NATS__URLS", url.as_str())];
    let output = crate::process::command(folder.path()).envs(settings).output().expect("it runs");
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(words.contains(&nobody) && words.contains("bus.nats"), "{words}");
}

#[test]
fn check_config_says_what_cannot_work_and_what_may_surprise() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str], settings: &[(&str, &str)]| {
        let mut command = crate::process::command(folder.path());
        let output =
            command.arg("check-config").args(arguments).envs(settings.iter().copied()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, _, problems) = run(&["--role", "gateway,api"], &[]);
    assert_eq!(code, Some(2), "{problems}");
    assert!(
        problems.contains("bus.nats.urls: must name a NATS server: with --role gateway, api"),
        "{problems}"
    );
    assert!(problems.contains("store.kind: must be \"cql\""), "{problems}");
    let nats = [("TIDEGATE_BUS__NATS__URLS", "nats://h:4222")];
    let (code, said, _) = run(&["--role", "router", "--role", "api"], &nats);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("note: store.kind is \"embedded\"") && said.contains("note: redis.url is empty"),
        "{said}"
    );
    assert_eq!(run(&["--role", "postman"], &[]).0, Some(2));
}
