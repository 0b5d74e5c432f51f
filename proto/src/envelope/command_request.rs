//! What a command asks.

use wire::command_envelope::Request as Wire;

use super::{broadcast, contact_request, group_request, id, texts};
use crate::codec::{client, confirmations, presence, readers, settings};
use crate::{ConversationId, DeviceId, FrameError, GroupId, LoginId, Request, Timestamp, wire};

pub(super) fn to_wire(request: &Request) -> Wire {
    match request {
        Request::Send(send) => Wire::Send(client::send_to_wire(send)),
        Request::Fetch(fetch) => Wire::Fetch(client::fetch_to_wire(fetch)),
        Request::Sync(sync) => Wire::Sync(client::sync_to_wire(sync)),
        Request::Read(at) => {
            Wire::Read(wire::Read { conversation: at.conversation.to_string(), seq: at.seq.0 })
        }
        Request::Delivered(at) => {
            Wire::Delivered(wire::DeliveredUpTo { conversation: at.conversation.to_string(), seq: at.seq.0 })
        }
        Request::Typing(to) => {
            let (conversation, to_user) = client::recipient_to_wire(to);
            Wire::Typing(wire::TypingNow { conversation, to_user })
        }
        Request::Heads(conversations) => {
            Wire::Heads(wire::HeadsRequest { conversations: texts(conversations) })
        }
        Request::Connected(login) => Wire::Connected(wire::Connected {
            login: login.as_ref().map(ToString::to_string).unwrap_or_default(),
        }),
        Request::Disconnected => Wire::Disconnected(wire::Disconnected {}),
        Request::Group(group, request) => group_request::to_wire(group, request),
        Request::Pins(conversation) => Wire::Pins(wire::PinsOf { conversation: conversation.to_string() }),
        Request::Versions(at) => {
            Wire::Versions(wire::VersionsOf { conversation: at.conversation.to_string(), seq: at.seq.0 })
        }
        Request::Readers(of) => Wire::Readers(readers::asked_to_wire(of)),
        Request::Confirm(at) => {
            Wire::Confirm(wire::Confirm { conversation: at.conversation.to_string(), seq: at.seq.0 })
        }
        Request::Confirmations(of) => Wire::Confirmations(confirmations::asked_to_wire(of)),
        Request::Claim { began, kind } => Wire::SessionBegan(wire::SessionBegan {
            began: began.0,
            kind: kind.as_ref().map(ToString::to_string).unwrap_or_default(),
        }),
        Request::Contact(user, request) => Wire::ChangeContact(contact_request::to_wire(user, request)),
        Request::Private(change) => match settings::to_wire(change) {
            settings::Wire::Set(wire) => Wire::ConversationSet(wire),
            settings::Wire::Clear(wire) => Wire::Clear(wire),
            settings::Wire::Delete(wire) => Wire::DeleteForMe(wire),
        },
        Request::WatchPresence(watch) => Wire::WatchPresence(presence::watch_to_wire(watch)),
        Request::PresenceChanged => Wire::PresenceChanged(wire::PresenceChanged {}),
        Request::JoinRoom(room) => Wire::JoinRoom(wire::RoomOf { room: room.to_string() }),
        Request::Broadcast(request) => broadcast::request_to_wire(request),
    }
}

pub(super) fn from_wire(wire: Wire) -> Result<Request, FrameError> {
    Ok(match wire {
        Wire::Send(wire) => Request::Send(client::send_of_any_kind(wire)?),
        Wire::Fetch(wire) => Request::Fetch(client::fetch(wire)?),
        Wire::Sync(wire) => Request::Sync(client::sync("sync", wire)?),
        Wire::Read(wire) => Request::Read(client::position("read", &wire.conversation, wire.seq)?),
        Wire::Delivered(wire) => {
            Request::Delivered(client::position("delivered", &wire.conversation, wire.seq)?)
        }
        Wire::Typing(wire) => {
            Request::Typing(client::recipient("typing", &wire.conversation, &wire.to_user)?)
        }
        Wire::Heads(wire) => {
            let parse = |text: &String| id("heads", "conversations", ConversationId::parse(text));
            Request::Heads(wire.conversations.iter().map(parse).collect::<Result<_, _>>()?)
        }
        Wire::Connected(wire) => Request::Connected(match wire.login.as_str() {
            "" => None,
            login => Some(id("connected", "login", LoginId::parse(login))?),
        }),
        Wire::Disconnected(wire::Disconnected {}) => Request::Disconnected,
        Wire::Pins(wire) => {
            Request::Pins(id("pins", "conversation", ConversationId::parse(&wire.conversation))?)
        }
        Wire::Versions(wire) => {
            Request::Versions(client::position("versions", &wire.conversation, wire.seq)?)
        }
        Wire::Readers(wire) => Request::Readers(readers::asked(&wire)?),
        Wire::Confirm(wire) => Request::Confirm(client::position("confirm", &wire.conversation, wire.seq)?),
        Wire::Confirmations(wire) => Request::Confirmations(confirmations::asked(&wire)?),
        Wire::SessionBegan(wire) => Request::Claim {
            began: Timestamp(wire.began),
            kind: match wire.kind.as_str() {
                "" => None,
                text => Some(id("session_began", "kind", DeviceId::parse(text))?),
            },
        },
        Wire::ChangeContact(wire) => contact_request::from_wire(wire)?,
        Wire::ConversationSet(wire) => Request::Private(settings::set(wire)?),
        Wire::Clear(wire) => Request::Private(settings::clear(&wire)?),
        Wire::DeleteForMe(wire) => Request::Private(settings::delete(wire)?),
        Wire::WatchPresence(wire) => Request::WatchPresence(presence::watch(&wire)?),
        Wire::PresenceChanged(wire::PresenceChanged {}) => Request::PresenceChanged,
        Wire::JoinRoom(wire) => Request::JoinRoom(id("join_room", "room", GroupId::parse(&wire.room))?),
        Wire::BeginBroadcast(wire) => broadcast::begin(wire)?,
        Wire::BroadcastReport(wire) => broadcast::report(&wire)?,
        Wire::BroadcastState(wire) => broadcast::ask(&wire)?,
        wire => return group_request::from_wire(wire),
    })
}
