//! What commands, registers and rows are made of.

use proto::client_frame::{AckMode, Recipient, Send};
use proto::{
    Body, ClientMessageId, ConversationId, Entry, Epoch, GroupId, MessageId, Seq, Timestamp, UserId,
};
use store::{Bucket, HeadRow, Register, Row};

/// The epoch of the owner under test.
pub const EPOCH: Epoch = Epoch(5);
/// Unix time when the steady clock says zero: the first moment of a window.
pub const START: Timestamp = Timestamp(2_000 * 10 * 24 * 60 * 60 * 1_000);
/// W of these tests.
pub const WINDOW: u16 = 64;

pub fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

pub fn users(names: &[&str]) -> Vec<UserId> {
    names.iter().map(|name| user(name)).collect()
}

pub fn team() -> GroupId {
    GroupId::parse("team").unwrap()
}

pub fn id(number: u64) -> ClientMessageId {
    ClientMessageId(u128::from(number).to_be_bytes())
}

/// A first attempt, named by its number.
pub fn message(number: u64) -> Send {
    Send {
        client_message_id: id(number),
        to: Recipient::User(user("bob")),
        body: Body::text("hi"),
        ack: AckMode::Persisted,
        attempt: 0,
        age_ms: 0,
        after: None,
    }
}

/// An entry that dead owners left; its client message id is the number 1,000 above its seq.
pub fn entry(seq: u64, epoch: u64) -> Row {
    let entry = Entry {
        seq: Seq(seq),
        message_id: MessageId(seq * 1_000 + epoch),
        sender: user("alice"),
        time: START,
        counted: seq,
        client_message_id: id(1_000 + seq),
        body: Body::text("old"),
    };
    Row { epoch: Epoch(epoch), entry }
}

pub fn rows(seqs: std::ops::RangeInclusive<u64>, epoch: u64) -> Vec<Row> {
    seqs.map(|seq| entry(seq, epoch)).collect()
}

/// A register of version 3 in the first bucket.
pub fn register(epoch: u64, start: u64) -> Register {
    Register {
        version: 3,
        epoch: Epoch(epoch),
        start: Seq(start),
        bucket: Bucket::at(START),
        bucket_first: Seq(1),
        window: WINDOW,
        counted: start - 1,
    }
}

pub fn unknown() -> store::StoreError {
    store::StoreError::Unknown("time-out".into())
}

/// What lists know of a conversation whose entries of epoch 3 they have up to this seq.
pub fn head_row(id: &ConversationId, seq: u64) -> HeadRow {
    let last = entry(seq, 3).entry;
    let (conversation, seq, counted) = (id.clone(), last.seq, last.counted);
    HeadRow { conversation, seq, counted, last, retention_seconds: 0, confirming: None }
}
