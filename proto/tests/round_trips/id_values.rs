//! Any valid id.

use proptest::prelude::*;
use proto::{
    ClientMessageId, ConversationId, DeviceId, GroupId, LoginId, MessageId, NodeId, Seq, SessionRef,
    Timestamp, TraceId, UserId,
};

const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-|@:+=~";

fn name() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(ALPHABET), 1..=64)
        .prop_map(|bytes| String::from_utf8(bytes).unwrap())
}

pub fn user_id() -> impl Strategy<Value = UserId> {
    name().prop_map(|text| UserId::parse(&text).unwrap())
}

pub fn group_id() -> impl Strategy<Value = GroupId> {
    name().prop_map(|text| GroupId::parse(&text).unwrap())
}

pub fn device_id() -> impl Strategy<Value = DeviceId> {
    name().prop_map(|text| DeviceId::parse(&text).unwrap())
}

pub fn login_id() -> impl Strategy<Value = LoginId> {
    name().prop_map(|text| LoginId::parse(&text).unwrap())
}

pub fn conversation_id() -> impl Strategy<Value = ConversationId> {
    prop_oneof![
        (user_id(), user_id()).prop_map(|(one, other)| ConversationId::direct(&one, &other)),
        group_id().prop_map(|group| ConversationId::group(&group)),
        (user_id(), user_id()).prop_map(|(one, other)| ConversationId::pair(&one, &other)),
    ]
}

pub fn client_message_id() -> impl Strategy<Value = ClientMessageId> {
    any::<[u8; 16]>().prop_map(ClientMessageId)
}

pub fn message_id() -> impl Strategy<Value = MessageId> {
    any::<u64>().prop_map(MessageId)
}

pub fn seq() -> impl Strategy<Value = Seq> {
    prop_oneof![Just(0), 1..1000_u64, any::<u64>()].prop_map(Seq)
}

pub fn time() -> impl Strategy<Value = Timestamp> {
    any::<u64>().prop_map(Timestamp)
}

pub fn session_ref() -> impl Strategy<Value = SessionRef> {
    (1..=u64::MAX, any::<u64>()).prop_map(|(node, session)| SessionRef { node: NodeId(node), session })
}

pub fn trace() -> impl Strategy<Value = TraceId> {
    any::<u128>().prop_map(TraceId)
}
