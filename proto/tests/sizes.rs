//! Values that exist by the hundred thousand stay small in memory.

use std::mem::size_of;

use proto::client_frame::{Position, Send};
use proto::{
    Body, ClientFrame, ClientMessageId, Command, ConversationId, Delivery, DeviceId, Encoding, Entry,
    FrameError, GroupId, LoginId, MessageId, NodeId, Partition, Payload, Seq, ServerFrame, SessionRef,
    UserId,
};

#[test]
fn ids_are_at_most_16_bytes() {
    assert_eq!(size_of::<UserId>(), 16);
    assert_eq!(size_of::<GroupId>(), 16);
    assert_eq!(size_of::<DeviceId>(), 16);
    assert_eq!(size_of::<LoginId>(), 16);
    assert_eq!(size_of::<ConversationId>(), 16);
    assert_eq!(size_of::<ClientMessageId>(), 16);
    assert_eq!(size_of::<SessionRef>(), 16);
    assert_eq!(size_of::<NodeId>(), 8);
    assert_eq!(size_of::<MessageId>(), 8);
    assert_eq!(size_of::<Seq>(), 8);
    assert_eq!(size_of::<Partition>(), 2);
    assert_eq!(size_of::<Encoding>(), 1);
}

#[test]
fn frames_and_envelopes_move_cheaply() {
    assert!(size_of::<Body>() <= 32, "{}", size_of::<Body>());
    assert!(size_of::<Position>() <= 24, "{}", size_of::<Position>());
    assert!(size_of::<Send>() <= 128, "{}", size_of::<Send>());
    assert!(size_of::<ClientFrame>() <= 128, "{}", size_of::<ClientFrame>());
    assert!(size_of::<FrameError>() <= 96, "{}", size_of::<FrameError>());
    assert!(size_of::<Entry>() <= 96, "{}", size_of::<Entry>());
    assert!(size_of::<ServerFrame>() <= 120, "{}", size_of::<ServerFrame>());
    assert!(size_of::<Payload>() <= 136, "{}", size_of::<Payload>());
    assert!(size_of::<Delivery>() <= 176, "{}", size_of::<Delivery>());
    assert!(size_of::<Command>() <= 256, "{}", size_of::<Command>());
}
