//! Live rooms: a service makes them, sockets come and go, what is said reaches who is there, and with or without a history it
//! is what was promised. Through real sockets and HTTP, in one process and, where the services are, in a cluster.

use serde_json::{Value, json};

use crate::http::{delete_as, get_as, new_user, patch_as, post_as};
use crate::process::{Tidegate, until};
use crate::socket::Socket;
use crate::stand::{Cluster, until_ready};

/// Where the parts of the server are.
struct Places<'a> {
    api: &'a Tidegate,
    near: &'a Tidegate,
    far: &'a Tidegate,
    /// Of a service that makes rooms and writes into them.
    token: String,
}

const SCOPES: &str = "rooms:manage,messages:send";

#[test]
fn in_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let server = Tidegate::start(folder.path());
    let token = server.token_with("stage", SCOPES);
    rooms(&Places { api: &server, near: &server, far: &server, token });
}

#[test]
fn in_a_cluster() {
    let folder = tempfile::tempdir().unwrap();
    let Some(cluster) = Cluster::prepared(folder.path()) else { return };
    let router = cluster.start("router", "router");
    let api = cluster.start("api", "api");
    let near = cluster.start("gateway-1", "gateway");
    let far = cluster.start("gateway-2", "gateway");
    until_ready([&router, &api, &near, &far]);
    let token = cluster.run(&["token", "--user", "stage", "--scope", SCOPES]);
    rooms(&Places { api: &api, near: &near, far: &far, token });
}

fn rooms(at: &Places<'_>) {
    let [anna, bert, cora] = ["anna", "bert", "cora"].map(|name| new_user(at.api, name, "a long password"));
    let mut a = Socket::open(at.near, &anna.token);
    let mut b = Socket::open(at.far, &bert.token);
    let mut c = Socket::open(at.far, &cora.token);
    let refused = post_as(&at.api.url("/api/v1/rooms"), &anna.token, &json!({"name": "Mine"}));
    assert_eq!((refused.status, &refused.json()["name"]), (403, &json!("FORBIDDEN")));

    without_history(at, &mut a, &mut b, &mut c);
    with_history(at, &mut a, &mut b);
    let listed = get_as(&at.api.url("/api/v1/conversations"), &anna.token).json();
    assert_eq!(listed["conversations"], json!([]), "rooms are in nobody's list");
}

fn make(at: &Places<'_>, room: &Value) {
    let made = post_as(&at.api.url("/api/v1/rooms"), &at.token, room);
    assert_eq!(made.status, 201, "{}", made.text);
    let seen = get_as(
        &at.api.url(&format!("/api/v1/rooms/{}", room["room_id"].as_str().expect("an id"))),
        &at.token,
    );
    assert_eq!(seen.json(), made.json());
}

fn enter(socket: &mut Socket, room: &str) -> Value {
    socket.send(&json!({"join_room": {"room": room}}));
    let told = socket.until("room");
    assert_eq!((&told["room"], &told["joined"]), (&json!(room), &json!(true)));
    told
}

fn send(number: u32, room: &str, text: &str, ack: &str) -> Value {
    let id = format!("01890a5d-ac96-774b-bcce-{number:012}");
    json!({"send": {"client_message_id": id, "conversation": format!("g.{room}"), "body": {"text": text}, "ack": ack}})
}

fn without_history(at: &Places<'_>, a: &mut Socket, b: &mut Socket, c: &mut Socket) {
    make(at, &json!({"room_id": "stream", "name": "Finals", "history": false}));
    a.send(&json!({"join_room": {"room": "nowhere"}}));
    let (_, refused) = a.until_any(&["nack"]);
    assert_eq!((&refused["code"], &refused["frame"]), (&json!(1200), &json!("join_room")));
    a.send(&send(1, "stream", "hello?", "published"));
    assert_eq!(
        a.until_any(&["ack", "nack"]).1["code"],
        json!(1101),
        "who is not in the room says nothing there"
    );

    let told = enter(a, "stream");
    assert_eq!((told.get("history"), &told["conversation"]), (None, &json!("g.stream")));
    enter(b, "stream");
    a.send(&send(2, "stream", "goal!", "persisted"));
    assert_eq!(a.until_any(&["ack", "nack"]).1["code"], json!(1001), "nothing is persisted here");
    a.send(&send(3, "stream", "goal!", "published"));
    let ack = a.until("ack");
    assert_eq!(ack["seq"], json!("0"));
    let live = b.until("live");
    assert_eq!((&live["body"], live.get("seq")), (&json!({"text": "goal!"}), None));
    assert_eq!(live["message_id"], ack["message_id"]);

    // A service need not be there, and who only writes a notice is heard, too.
    let notice = json!({"conversation": "g.stream", "body": {"system": {"notice": {"text": "half time"}}}});
    let sent = post_as(&at.api.url("/api/v1/messages"), &at.token, &notice);
    assert_eq!((sent.status, &sent.json()["seq"]), (201, &json!("0")), "{}", sent.text);
    for socket in [&mut *a, &mut *b] {
        assert_eq!(socket.until("live")["body"], notice["body"]);
    }

    b.send(&json!({"leave_room": {"room": "stream"}}));
    assert_eq!(b.until("room")["joined"], json!(false));
    enter(c, "stream");
    a.send(&send(4, "stream", "over", "published"));
    assert_eq!(c.until("live")["body"], json!({"text": "over"}), "what was said before is gone");

    assert_eq!(
        patch_as(&at.api.url("/api/v1/rooms/stream"), &at.token, &json!({"write": "owner"})).status,
        200
    );
    assert_eq!(c.until("event")["body"]["system"]["edited"], json!({"read_only": true}));
    a.send(&send(5, "stream", "me too", "published"));
    let refused = until(|| Some(a.until_any(&["ack", "nack"])).filter(|(name, _)| *name == "nack")).1;
    assert_eq!(refused["code"], json!(1206));
    assert_eq!(delete_as(&at.api.url("/api/v1/rooms/stream"), &at.token).status, 200);
    for socket in [&mut *a, &mut *c] {
        assert_eq!(socket.until("room")["joined"], json!(false));
    }
    c.send(&json!({"join_room": {"room": "stream"}}));
    assert_eq!(c.until_any(&["room", "nack"]).1["code"], json!(1204));
}

fn with_history(at: &Places<'_>, a: &mut Socket, b: &mut Socket) {
    make(at, &json!({"room_id": "lobby", "name": "Lobby", "history": true}));
    assert_eq!(enter(a, "lobby")["history"], json!(true));
    a.send(&send(6, "lobby", "first", "persisted"));
    let ack = a.until("ack");
    assert_eq!(ack["seq"], json!("2"), "after the entry that made the room");

    b.send(&json!({"fetch": {"conversation": "g.lobby"}}));
    assert_eq!(b.until_any(&["page", "nack"]).1["code"], json!(1101), "who is not there reads nothing");
    assert_eq!(enter(b, "lobby")["head"], json!("2"));
    assert_eq!(b.until("head")["last_seq"], json!("2"));
    b.send(&json!({"fetch": {"conversation": "g.lobby"}}));
    let page = b.until("page");
    assert_eq!(page["entries"][1]["body"], json!({"text": "first"}));
    a.send(&send(7, "lobby", "second", "persisted"));
    assert_eq!(b.until("event")["seq"], json!("3"));
    b.send(&json!({"read": {"conversation": "g.lobby", "seq": "3"}}));
    b.send(&json!({"sync": {"open": [{"conversation": "g.lobby", "seq": "2"}]}}));
    // Others answer for the conversation than for the user: either may be the first.
    let mut answers = [(); 2].map(|()| b.until_any(&["head", "delta", "nack"]));
    answers.sort_by_key(|(name, _)| *name);
    let [("delta", delta), ("head", head)] = answers else { panic!("{answers:?}") };
    assert_eq!((delta.get("conversations"), &head["last_seq"]), (None, &json!("3")));
}
