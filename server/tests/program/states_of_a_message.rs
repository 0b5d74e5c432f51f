//! What a sender sees of a message: sending until its `ack`, sent, delivered, read; or refused, with the reason. With each word that
//! says how much the sender wants to hear, while the other is away and after they came. In one process and, where the services are,
//! in a cluster.

use serde_json::{Value, json};

use crate::http::{User, new_user, post_as};
use crate::places::{self, Places};
use crate::process::until;
use crate::socket::Socket;
use crate::stand::history;

/// What is said, and the `ack` that is asked for.
const MODES: [&str; 3] = ["none", "persisted", "received"];

#[test]
fn in_one_process() {
    places::in_one_process(&[], states);
}

#[test]
fn in_a_cluster() {
    places::in_a_cluster(&[], states);
}

fn states(at: &Places<'_>) {
    let [anna, bert] = ["anna", "bert"].map(|name| new_user(at.api, name, "a long secret"));
    let mut a = Socket::open(at.near, &anna.token);

    // The other is away. Whoever wants no answer has none, and the next message is behind it all the same.
    let mut conversation = Value::Null;
    for (number, ack) in (1..).zip(MODES) {
        a.send(&message(number, &bert, ack));
        if ack != "none" {
            let (name, told) = heard(&mut a, &bert);
            assert_eq!((name, &told["client_message_id"]), ("ack", &id(number)), "{told}");
            assert_eq!(told["seq"], json!(number.to_string()));
            conversation = told["conversation"].clone();
        }
    }
    assert_eq!(history(at.api, &conversation, &bert), MODES);

    // They come: their device has all of it, then they see a part, then everything.
    let mut b = Socket::open(at.far, &bert.token);
    for (word, seq) in [("delivered", "3"), ("read", "2"), ("read", "3")] {
        b.send(&json!({ word: {"conversation": conversation, "seq": seq} }));
        let member = format!("{word}_seq");
        let told = until(|| {
            let (name, told) = heard(&mut a, &bert);
            assert_eq!(name, "receipt", "{told}");
            (told[&member] == seq).then_some(told)
        });
        assert!(word == "read" || told.get("read_seq").is_none(), "had is not seen: {told}");
    }

    // Refused, with the reason; and nothing of it is there.
    let block = post_as(&at.url("/blocks"), &bert.token, &json!({"user_id": anna.id}));
    assert_eq!(block.status, 200, "{}", block.text);
    for (number, ack) in (4..).zip(MODES) {
        a.send(&message(number, &bert, ack));
        let (name, told) = heard(&mut a, &bert);
        assert_eq!((name, &told["client_message_id"]), ("nack", &id(number)), "{told}");
        assert_eq!((&told["code"], &told["frame"]), (&json!(1103), &json!("send")), "BLOCKED: {told}");
    }
    assert_eq!(history(at.api, &conversation, &bert), MODES);
}

fn id(number: u32) -> Value {
    json!(format!("01890a5d-ac96-774b-bcd1-{number:012x}"))
}

fn message(number: u32, to: &User, ack: &str) -> Value {
    json!({"send": {"client_message_id": id(number), "to_user": to.id, "body": {"text": ack}, "ack": ack}})
}

/// The next word of what became of a message, beside how far one's own other devices are.
fn heard(socket: &mut Socket, other: &User) -> (&'static str, Value) {
    until(|| {
        let (name, told) = socket.until_any(&["ack", "nack", "receipt"]);
        (name != "receipt" || told["user"] == json!(other.id)).then_some((name, told))
    })
}
