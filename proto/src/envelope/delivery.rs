//! Deliveries on `user.<id>`, `group.<id>`, `presence.<id>` and `node.<id>`. The subject says whom they are for.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use wire::control::Control as WireControl;
use wire::delivery_envelope::Payload as WirePayload;

use super::{delivery_reply, group, id, malformed, trace_from_wire, trace_to_wire};
use crate::codec::presence;
use crate::delivery::{Class, Control, Fanout, SessionClaim, Target};
use crate::{
    ConversationId, Delivery, DeviceId, FrameError, LoginId, NodeId, Payload, Seq, ServerFrame, SessionRef,
    SharedFrame, Timestamp, UserId, wire,
};

impl Delivery {
    /// The bytes of one [`wire::DeliveryEnvelope`], for [`super::append_delivery`]; its target becomes the subject.
    pub fn to_envelope(&self) -> Vec<u8> {
        let payload = match &self.payload {
            Payload::Fanout(fanout) => WirePayload::Fanout(fanout_to_wire(fanout)),
            Payload::Reply(session, reply) => WirePayload::Reply(delivery_reply::to_wire(*session, reply)),
            Payload::Control(control) => WirePayload::Control(control_to_wire(control)),
            Payload::Broadcast(frame) => WirePayload::Broadcast(frame.encoded()),
        };
        wire::DeliveryEnvelope { trace: trace_to_wire(self.trace), payload: Some(payload) }.encode_to_vec()
    }

    /// Reads what [`Self::to_envelope`] wrote, received on the subject of `target`. Bodies share `bytes`.
    pub fn from_envelope(target: Target, bytes: Bytes) -> Result<Self, FrameError> {
        Self::from_wire(target, wire::DeliveryEnvelope::decode(bytes).map_err(malformed)?)
    }

    pub(super) fn from_wire(target: Target, wire: wire::DeliveryEnvelope) -> Result<Self, FrameError> {
        const KNOWN: &str = "fanout, reply, control, broadcast";
        let payload = match wire.payload.ok_or(FrameError::Unknown { known: KNOWN })? {
            WirePayload::Fanout(wire) => Payload::Fanout(fanout(wire)?),
            WirePayload::Reply(wire) => Payload::Reply(wire.session, delivery_reply::from_wire(wire.reply)?),
            WirePayload::Control(wire) => Payload::Control(control(wire)?),
            WirePayload::Broadcast(bytes) => {
                Payload::Broadcast(Arc::new(SharedFrame::new(ServerFrame::decode_shared(bytes)?)))
            }
        };
        Ok(Self { target, payload, trace: trace_from_wire(&wire.trace) })
    }
}

fn fanout_to_wire(fanout: &Fanout) -> wire::Fanout {
    let class = match fanout.class {
        Class::Event => wire::fanout::Class::Event,
        Class::Receipt => wire::fanout::Class::Receipt,
        Class::Signal => wire::fanout::Class::Signal,
        Class::Live => wire::fanout::Class::Live,
    };
    wire::Fanout {
        frame: fanout.frame.encoded(),
        class: class.into(),
        conversation: fanout.conversation.to_string(),
        except_node: fanout.except.map_or(0, |except| except.node.0),
        except_session: fanout.except.map_or(0, |except| except.session),
        seq: fanout.seq.0,
    }
}

fn fanout(wire: wire::Fanout) -> Result<Fanout, FrameError> {
    let class = match wire.class() {
        wire::fanout::Class::Event => Class::Event,
        wire::fanout::Class::Receipt => Class::Receipt,
        wire::fanout::Class::Signal => Class::Signal,
        wire::fanout::Class::Live => Class::Live,
    };
    let except = match (wire.except_node, wire.except_session) {
        (0, 0) => None,
        (node, session) => Some(SessionRef { node: NodeId(node), session }),
    };
    Ok(Fanout {
        frame: Arc::new(SharedFrame::new(ServerFrame::decode_shared(wire.frame)?)),
        class,
        conversation: id("fanout", "conversation", ConversationId::parse(&wire.conversation))?,
        seq: Seq(wire.seq),
        except,
    })
}

fn control_to_wire(control: &Control) -> wire::Control {
    let control = match control {
        Control::JoinedGroup(group) => WireControl::JoinedGroup(group.to_string()),
        Control::LeftGroup(group) => WireControl::LeftGroup(group.to_string()),
        Control::Revoke(login) => {
            WireControl::RevokeLogin(login.as_ref().map(ToString::to_string).unwrap_or_default())
        }
        Control::Claim(claim) => WireControl::Claim(wire::SessionClaim {
            node: claim.session.node.0,
            session: claim.session.session,
            began: claim.began.0,
            kind: claim.kind.as_ref().map(ToString::to_string).unwrap_or_default(),
        }),
        Control::Presence(presence) => WireControl::Presence(presence::to_wire(presence)),
        Control::PresenceRules => WireControl::PresenceRules(wire::PresenceRules {}),
        Control::PresenceOf(user) => WireControl::PresenceOf(user.to_string()),
        Control::RoomEnded(room) => WireControl::RoomEnded(room.to_string()),
    };
    wire::Control { control: Some(control) }
}

fn control(wire: wire::Control) -> Result<Control, FrameError> {
    const KNOWN: &str = "joined_group, left_group, revoke_login, claim, presence, presence_rules, presence_of, \
         room_ended";
    Ok(match wire.control.ok_or(FrameError::Unknown { known: KNOWN })? {
        WireControl::JoinedGroup(text) => Control::JoinedGroup(group("control", &text)?),
        WireControl::RoomEnded(text) => Control::RoomEnded(group("control", &text)?),
        WireControl::LeftGroup(text) => Control::LeftGroup(group("control", &text)?),
        WireControl::RevokeLogin(text) if text.is_empty() => Control::Revoke(None),
        WireControl::RevokeLogin(text) => {
            Control::Revoke(Some(id("control", "revoke_login", LoginId::parse(&text))?))
        }
        WireControl::Claim(wire) => Control::Claim(SessionClaim {
            session: SessionRef { node: NodeId(wire.node), session: wire.session },
            began: Timestamp(wire.began),
            kind: match wire.kind.as_str() {
                "" => None,
                text => Some(id("control", "claim.kind", DeviceId::parse(text))?),
            },
        }),
        WireControl::Presence(wire) => Control::Presence(Box::new(presence::from_wire("control", wire)?)),
        WireControl::PresenceRules(wire::PresenceRules {}) => Control::PresenceRules,
        WireControl::PresenceOf(text) => {
            Control::PresenceOf(id("control", "presence_of", UserId::parse(&text))?)
        }
    })
}
