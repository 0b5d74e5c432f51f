//! A single server moves to a CQL cluster: killed, copied, started again on the copy, and nobody notices.

use serde_json::json;

use crate::http::{get_as, new_user, post};
use crate::process::{Tidegate, command, loud_lines, until};
use crate::socket::{Socket, send_frame};

#[test]
fn a_killed_server_is_copied_and_goes_on_in_a_cluster() {
    let Some(cluster) = store::test_config("moving a server to a CQL cluster") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (nodes, keyspace) = (cluster.nodes.join(","), cluster.keyspace);
    let to = format!("cql://{nodes}/{keyspace}");
    let copy = || {
        let arguments = ["copy", "--from", "embedded:tidegate-data", "--to", &to];
        let output = command(folder.path())
            .env("TIDEGATE_STORE__CQL__REPLICATION", "1")
            .env("TIDEGATE_STORE__CQL__REQUEST_TIMEOUT", "10s")
            .args(arguments)
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };

    let server = Tidegate::start(folder.path());
    let (alice, bob) = (new_user(&server, "alice", "123456"), new_user(&server, "bob", "654321"));
    let mut socket = Socket::open(&server, &alice.token);
    let said = [1, 2, 3].map(|number| {
        let id = format!("01890a5d-ac96-774b-bcce-b302099a800{number}");
        let frame = send_frame(&id, &bob.id, &format!("message {number}"));
        socket.send(&frame);
        (frame, socket.until("ack"))
    });
    let (code, _, words) = copy();
    assert_eq!(code, Some(1), "{words}");
    assert!(words.contains("in use by another process"), "{words}");

    server.kill();
    let (code, told, words) = copy();
    assert_eq!(code, Some(0), "{words}");
    assert!(told.contains("3 entries") && told.contains("2 accounts"), "{told}");
    assert!(told.contains("store.kind = \"cql\""), "{told}");
    let (code, _, words) = copy();
    assert_eq!(code, Some(1), "{words}");
    assert!(words.contains("copied into this keyspace before"), "{words}");

    let nodes = format!("[\"{nodes}\"]");
    let settings = [
        ("TIDEGATE_STORE__KIND", "cql"),
        ("TIDEGATE_STORE__CQL__NODES", nodes.as_str()),
        ("TIDEGATE_STORE__CQL__KEYSPACE", keyspace.as_str()),
        ("TIDEGATE_STORE__CQL__REPLICATION", "1"),
        ("TIDEGATE_STORE__CQL__REQUEST_TIMEOUT", "10s"),
    ];
    let server = Tidegate::start_with(folder.path(), &settings);
    let login = post(&server.url("/api/v1/auth/login"), &json!({ "username": "bob", "password": "654321" }));
    assert_eq!(login.status, 200, "{}", login.text);
    let list = until(|| {
        let list = get_as(&server.url("/api/v1/conversations"), &bob.token).json();
        list["conversations"].as_array().is_some_and(|listed| !listed.is_empty()).then_some(list)
    });
    assert_eq!(list["conversations"][0]["unread"], "3", "{list}");
    let id = said[0].1["conversation"].as_str().unwrap();
    let history = get_as(&server.url(&format!("/api/v1/conversations/{id}/messages")), &bob.token).json();
    assert_eq!(history["messages"].as_array().map(Vec::len), Some(3), "{history}");

    let mut socket = Socket::open(&server, &alice.token);
    let (mut again, acked) = said[2].clone();
    again["send"]["attempt"] = json!(1);
    socket.send(&again);
    assert_eq!(socket.until("ack")["message_id"], acked["message_id"], "it was said before the move");
    socket.send(&send_frame("01890a5d-ac96-774b-bcce-b302099a80ff", &bob.id, "four"));
    assert_eq!(socket.until("ack")["seq"], "4");
    let logs = server.kill();
    assert_eq!(loud_lines(&logs), Vec::<&str>::new());
}
