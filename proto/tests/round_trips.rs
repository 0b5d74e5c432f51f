//! Whatever is written is read as the same value again; whatever is read ends in a value or an error.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "round_trips/body_values.rs"]
mod body_values;
#[path = "round_trips/envelope_values.rs"]
mod envelope_values;
#[path = "round_trips/frame_values.rs"]
mod frame_values;
#[path = "round_trips/id_values.rs"]
mod id_values;
#[path = "round_trips/system_values.rs"]
mod system_values;

use envelope_values::{command, delivery, heartbeat};
use frame_values::{client_frame, server_frame};
use id_values::{group_id, user_id};
use proptest::prelude::*;
use proto::envelope::{DELIVERY_OVERHEAD_BYTES_MAX, append_delivery};
use proto::{
    ClientFrame, Command, ConversationId, ConversationKind, Delivery, Encoding, Heartbeat, NodeId, Partition,
    Payload, Reply, ServerFrame, SessionRef, Target, UserId,
};

const ENCODINGS: [Encoding; 2] = [Encoding::Json, Encoding::Proto];

proptest! {
    #[test]
    fn client_frames(frame in client_frame()) {
        for encoding in ENCODINGS {
            let bytes = frame.encode(encoding);
            prop_assert_eq!(ClientFrame::decode(encoding, &bytes), Ok(frame.clone()));
        }
    }

    #[test]
    fn server_frames(frame in server_frame()) {
        for encoding in ENCODINGS {
            let mut bytes = Vec::new();
            frame.encode_into(encoding, &mut bytes);
            prop_assert_eq!(ServerFrame::decode(encoding, &bytes), Ok(frame.clone()));
            prop_assert!(frame.encode_message(encoding).ends_with(&bytes));
        }
    }

    #[test]
    fn json_is_what_serde_json_reads(client in client_frame(), server in server_frame()) {
        let mut bytes = Vec::new();
        server.encode_into(Encoding::Json, &mut bytes);
        for bytes in [client.encode(Encoding::Json), bytes] {
            let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            prop_assert_eq!(value.as_object().unwrap().len(), 1);
            // Another writer's spelling of the same value: other order, other escapes, white space.
            let spelled = serde_json::to_string_pretty(&value).unwrap();
            let encoding = Encoding::Json;
            prop_assert_eq!(
                ClientFrame::decode(encoding, spelled.as_bytes()),
                ClientFrame::decode(encoding, &bytes)
            );
            prop_assert_eq!(
                ServerFrame::decode(encoding, spelled.as_bytes()),
                ServerFrame::decode(encoding, &bytes)
            );
        }
    }

    #[test]
    fn commands(command in command()) {
        let bytes = command.to_envelope();
        prop_assert_eq!(Command::from_envelope(&bytes[..]), Ok(command.clone()));
        prop_assert_eq!(command.partition(), Command::from_envelope(&bytes[..]).unwrap().partition());
    }

    #[test]
    fn deliveries(delivery in delivery()) {
        let bytes = delivery.to_envelope();
        let read = Delivery::from_envelope(delivery.target.clone(), bytes.clone().into()).unwrap();
        prop_assert_eq!(&read.target, &delivery.target);
        prop_assert_eq!(read.trace, delivery.trace);
        prop_assert_eq!(read.to_envelope(), bytes);
        same_payload(&read.payload, &delivery.payload)?;
    }

    #[test]
    fn deliveries_for_one_target(deliveries in prop::collection::vec(delivery(), 0..5)) {
        let target = Target::Node(NodeId(7));
        let mut bytes = Vec::new();
        for delivery in &deliveries {
            let (before, envelope) = (bytes.len(), delivery.to_envelope());
            append_delivery(&mut bytes, &envelope);
            prop_assert!(bytes.len() - before - envelope.len() <= DELIVERY_OVERHEAD_BYTES_MAX);
        }
        let mut read = Vec::new();
        prop_assert_eq!(Delivery::read_all(&target, bytes.into(), &mut read), Ok(()));
        prop_assert_eq!(read.len(), deliveries.len());
        for (read, written) in read.iter().zip(&deliveries) {
            prop_assert_eq!(&read.target, &target);
            prop_assert_eq!(read.to_envelope(), written.to_envelope());
        }
    }

    #[test]
    fn heartbeats(heartbeat in heartbeat()) {
        let bytes = heartbeat.to_envelope();
        prop_assert_eq!(Heartbeat::from_envelope(&bytes[..]), Ok(heartbeat));
        prop_assert!(Heartbeat::from_envelope(&bytes[1..]).is_err(), "an incarnation is always there");
    }

    #[test]
    fn direct_conversations_are_the_same_from_both_sides(one in user_id(), other in user_id()) {
        let id = ConversationId::direct(&one, &other);
        prop_assert_eq!(&id, &ConversationId::direct(&other, &one));
        prop_assert_eq!(id.peer_of(&one), Some(other.clone()));
        prop_assert_eq!(id.peer_of(&other), Some(one.clone()));
        let (first, second) = if one <= other { (one, other) } else { (other, one) };
        prop_assert_eq!(id.kind(), ConversationKind::Direct(first, second));
        prop_assert_eq!(ConversationId::parse(id.as_str()), Ok(id));
    }

    #[test]
    fn group_conversations_name_their_group(group in group_id()) {
        let id = ConversationId::group(&group);
        prop_assert!(id.is_group());
        prop_assert_eq!(id.kind(), ConversationKind::Group(group));
        prop_assert_eq!(ConversationId::parse(id.as_str()), Ok(id));
    }

    #[test]
    fn conversation_ids_need_no_escaping_in_urls(one in user_id(), other in user_id(), group in group_id()) {
        for id in [ConversationId::direct(&one, &other), ConversationId::group(&group)] {
            // RFC 3986 §2.3, unreserved.
            let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
            prop_assert!(id.as_str().bytes().all(unreserved), "{}", id);
            prop_assert!(id.as_str().len() <= 387);
            prop_assert!(Partition::of(&id).number() < 1024);
        }
    }

    #[test]
    fn different_pairs_have_different_conversations(
        pairs in prop::collection::vec((short_user(), short_user()), 2),
    ) {
        let sorted = |pair: &(UserId, UserId)| {
            let (one, other) = pair.clone();
            if one <= other { (one, other) } else { (other, one) }
        };
        let same = sorted(&pairs[0]) == sorted(&pairs[1]);
        let ids: Vec<_> = pairs.iter().map(|(one, other)| ConversationId::direct(one, other)).collect();
        prop_assert_eq!(ids[0] == ids[1], same);
    }

    #[test]
    fn only_canonical_conversation_ids_are_read(text in prop::collection::vec(prop::sample::select(b"dg.~a0bB2eE".to_vec()), 0..24)) {
        let text = String::from_utf8(text).unwrap();
        if let Ok(id) = ConversationId::parse(&text) {
            let again = match id.kind() {
                ConversationKind::Direct(one, other) => ConversationId::direct(&other, &one),
                ConversationKind::Group(group) => ConversationId::group(&group),
                ConversationKind::Pair(one, other) => ConversationId::pair(&other, &one),
            };
            prop_assert_eq!(again.as_str(), text);
        }
    }

    #[test]
    fn session_ids(node in any::<u64>(), session in any::<u64>()) {
        let id = SessionRef { node: proto::NodeId(node), session };
        prop_assert_eq!(SessionRef::parse(&id.to_string()), Ok(id));
    }

    #[test]
    fn arbitrary_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        read_everything(&bytes);
    }

    #[test]
    fn damaged_frames_are_read_without_panic(
        client in client_frame(),
        server in server_frame(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        for encoding in ENCODINGS {
            let mut out = Vec::new();
            server.encode_into(encoding, &mut out);
            for mut bytes in [client.encode(encoding), out] {
                read_everything(&bytes[..cut.index(bytes.len())]);
                for (at, byte) in &damage {
                    let at = at.index(bytes.len());
                    bytes[at] = *byte;
                }
                read_everything(&bytes);
            }
        }
    }
}

/// Few and similar, so that equal pairs come up and separators matter.
fn short_user() -> impl Strategy<Value = UserId> {
    let text = prop::collection::vec(prop::sample::select(vec!["a", "b", ".", "~", "2e"]), 1..3);
    text.prop_map(|parts| UserId::parse(&parts.concat()).unwrap())
}

fn read_everything(bytes: &[u8]) {
    for encoding in ENCODINGS {
        let _ = ClientFrame::decode(encoding, bytes);
        if let Ok(frame) = ServerFrame::decode(encoding, bytes) {
            let _ = frame.encode_message(Encoding::Json);
        }
    }
    let _ = Command::from_envelope(bytes);
    let target = proto::Target::Node(proto::NodeId(1));
    let _ = Delivery::from_envelope(target, bytes::Bytes::copy_from_slice(bytes));
    let _ = ConversationId::parse(&String::from_utf8_lossy(bytes));
}

fn same_payload(read: &Payload, written: &Payload) -> Result<(), TestCaseError> {
    match (read, written) {
        (Payload::Fanout(read), Payload::Fanout(written)) => {
            prop_assert_eq!(read.frame.frame(), written.frame.frame());
            prop_assert_eq!(read.class, written.class);
            prop_assert_eq!(&read.conversation, &written.conversation);
            prop_assert_eq!(read.seq, written.seq);
            prop_assert_eq!(read.except, written.except);
        }
        (Payload::Reply(read_session, read), Payload::Reply(session, written)) => {
            prop_assert_eq!(read_session, session);
            same_reply(read, written)?;
        }
        (Payload::Control(read), Payload::Control(written)) => prop_assert_eq!(read, written),
        (Payload::Broadcast(read), Payload::Broadcast(written)) => {
            prop_assert_eq!(read.frame(), written.frame());
        }
        _ => prop_assert!(false, "another payload: {:?} for {:?}", read, written),
    }
    Ok(())
}

fn same_reply(read: &Reply, written: &Reply) -> Result<(), TestCaseError> {
    match (read, written) {
        (Reply::Settled, Reply::Settled) => {}
        (Reply::Frame(read), Reply::Frame(written)) => prop_assert_eq!(read, written),
        (Reply::Groups(read), Reply::Groups(written)) => prop_assert_eq!(read, written),
        (Reply::Heads(read), Reply::Heads(written)) => prop_assert_eq!(read, written),
        (Reply::GroupDone(read), Reply::GroupDone(written)) => prop_assert_eq!(read, written),
        (Reply::Presence(read), Reply::Presence(written)) => prop_assert_eq!(read, written),
        (Reply::Room(read), Reply::Room(written)) => prop_assert_eq!(read, written),
        (Reply::Broadcast(read), Reply::Broadcast(written)) => prop_assert_eq!(read, written),
        _ => prop_assert!(false, "another reply: {:?} for {:?}", read, written),
    }
    Ok(())
}
