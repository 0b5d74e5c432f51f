//! Commands on `cmd.<partition>.…`.

use bytes::Buf;
use prost::Message as _;

use super::{command_request, id, malformed, trace_from_wire, trace_to_wire};
use crate::command::{Once, Origin, Source};
use crate::{
    ClientMessageId, Command, DeviceId, Epoch, FrameError, NodeId, SessionRef, Timestamp, UserId, wire,
};

impl Command {
    /// The bytes of a [`wire::CommandEnvelope`].
    pub fn to_envelope(&self) -> Vec<u8> {
        let source = match self.origin.source {
            Source::Client => wire::command_envelope::Source::Client,
            Source::ServerApi => wire::command_envelope::Source::ServerApi,
            Source::System => wire::command_envelope::Source::System,
            Source::Room => wire::command_envelope::Source::Room,
        };
        wire::CommandEnvelope {
            user: self.origin.user.to_string(),
            device: self.origin.device.to_string(),
            node: self.origin.session.node.0,
            session: self.origin.session.session,
            source: source.into(),
            deadline: self.deadline.0,
            epoch: self.epoch.0,
            trace: trace_to_wire(self.trace),
            once: self.once.map(once_to_wire),
            request: Some(command_request::to_wire(&self.request)),
        }
        .encode_to_vec()
    }

    /// Reads what [`Self::to_envelope`] wrote. A source that this version does not know has no more rights than a
    /// client. Bodies share the given bytes when they are a [`bytes::Bytes`].
    pub fn from_envelope(bytes: impl Buf) -> Result<Self, FrameError> {
        const KNOWN: &str = "send, fetch, sync, read, delivered, typing, heads, connected, disconnected, create_group, \
                             join_group, leave_group, add_members, remove_members, dismiss_group, edit_group, set_role, \
                             transfer_group, mute_members, mute_group, set_nickname, ask_to_join, answer_joins, \
                             invite_members, uninvite, make_link, end_link, join_by_link, pins, \
                             versions, change_contact, session_began, watch_presence, presence_changed, join_room, \
                              begin_broadcast, broadcast_report, \
                             broadcast_state, readers, confirm, confirmations";
        let wire = wire::CommandEnvelope::decode(bytes).map_err(malformed)?;
        let source = match wire.source() {
            wire::command_envelope::Source::Client => Source::Client,
            wire::command_envelope::Source::ServerApi => Source::ServerApi,
            wire::command_envelope::Source::System => Source::System,
            wire::command_envelope::Source::Room => Source::Room,
        };
        Ok(Self {
            origin: Origin {
                user: id("command", "user", UserId::parse(&wire.user))?,
                device: id("command", "device", DeviceId::parse(&wire.device))?,
                session: SessionRef { node: NodeId(wire.node), session: wire.session },
                source,
            },
            deadline: Timestamp(wire.deadline),
            epoch: Epoch(wire.epoch),
            trace: trace_from_wire(&wire.trace),
            once: wire.once.map(once_from_wire).transpose()?,
            request: command_request::from_wire(wire.request.ok_or(FrameError::Unknown { known: KNOWN })?)?,
        })
    }
}

fn once_to_wire(once: Once) -> wire::Once {
    wire::Once { client_message_id: once.id.to_string(), attempt: once.attempt, age_ms: once.age_ms }
}

fn once_from_wire(once: wire::Once) -> Result<Once, FrameError> {
    let id = id("command", "once.client_message_id", ClientMessageId::parse(&once.client_message_id))?;
    Ok(Once { id, attempt: once.attempt, age_ms: once.age_ms })
}
