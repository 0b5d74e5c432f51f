//! What the book says of good and of bad runs.

use proto::{Body, ClientMessageId, MessageId, Seq, Timestamp};

use super::*;

/// Two users; the first message is from the first to the second.
fn book() -> (Book, ConversationId) {
    let circles = Circles::new("lt", 1, 2, 0);
    let address = circles.address(0);
    let mut book = Book::new(1, circles, 0);
    book.sent(&address, 0, 0);
    (book, address.conversation)
}

fn entry(seq: u64, number: u64) -> Entry {
    let text = Stamp { run: 1, number }.to_text().to_vec();
    Entry {
        seq: Seq(seq),
        message_id: MessageId(100 + number),
        sender: Circles::new("lt", 1, 2, 0).users()[0].clone(),
        time: Timestamp(1),
        counted: seq,
        client_message_id: ClientMessageId([0; 16]),
        body: Body::text(String::from_utf8(text).expect("ASCII")),
    }
}

fn ack(conversation: &ConversationId, seq: u64, id: u64) -> Ack {
    Ack {
        client_message_id: ClientMessageId([0; 16]),
        conversation: conversation.clone(),
        seq: Seq(seq),
        message_id: MessageId(id),
        time: Timestamp(1),
    }
}

#[test]
fn a_message_that_is_acknowledged_and_shown_is_settled() {
    let (mut book, conversation) = book();
    assert_eq!(book.summary().unanswered, 1);
    book.acked(0, &ack(&conversation, 1, 100), 5);
    assert_eq!((book.summary().lost, book.is_settled()), (1, false));
    let recipient = book.circles.address(0).sender ^ 1;
    book.shown(recipient, &conversation, &entry(1, 0), 9);
    assert!(book.is_settled());
    let summary = book.summary();
    assert_eq!((summary.acked, summary.delivered, summary.lost), (1, 1, 0));
    assert_eq!(summary.faults, Faults::default());
}

#[test]
fn each_fault_is_told_apart() {
    let (mut doubled, conversation) = book();
    doubled.shown(1, &conversation, &entry(1, 0), 0);
    doubled.shown(1, &conversation, &entry(1, 0), 0);
    assert_eq!(doubled.summary().faults, Faults { duplicated: 1, ..Faults::default() });

    let (mut holed, conversation) = book();
    holed.shown(1, &conversation, &entry(2, 0), 0);
    assert_eq!(holed.summary().faults, Faults { reordered: 1, ..Faults::default() });

    let (mut changed, conversation) = book();
    changed.shown(1, &conversation, &entry(1, 0), 0);
    changed.acked(0, &ack(&conversation, 1, 7), 0);
    assert_eq!(changed.summary().faults, Faults { changed: 1, ..Faults::default() });
    assert!(!changed.agrees(&conversation, &entry(1, 3)));
    assert!(changed.agrees(&conversation, &entry(1, 0)) && changed.agrees(&conversation, &entry(9, 3)));

    let (mut refused, conversation) = book();
    refused.refused(0, "because");
    refused.shown(1, &conversation, &entry(1, 0), 0);
    refused.shown(0, &conversation, &entry(1, 0), 0);
    assert_eq!((refused.summary().refused, refused.summary().refused_and_there), (1, 1));
}
