//! Commands: what a user asks, on its way from a node to the router that owns the partition.

use crate::broadcast::BroadcastRequest;
use crate::client_frame::{Fetch, Position, ReadersOf, Recipient, Send, Sync};
use crate::group::{GroupEdit, NewLink, Role, TokenHash};
use crate::presence::PresenceWatch;
use crate::settings::PrivateChange;
use crate::{
    ClientMessageId, ContactRequest, ConversationId, DeviceId, Epoch, GroupId, LinkId, LoginId, Partition,
    SessionRef, Timestamp, TraceId, UserId,
};

/// One command with the identity of who asks. The identity comes from the session, never from the client's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Who asks, and where the answer goes.
    pub origin: Origin,
    /// After this it must not be carried out.
    pub deadline: Timestamp,
    /// The epoch of the partition that the node last heard (FENCE A4); zero for none.
    pub epoch: Epoch,
    /// Follows it through all processes.
    pub trace: TraceId,
    /// By what a change of a group or a contact is known when it comes again; a send has that in itself.
    pub once: Option<Once>,
    /// What is asked.
    pub request: Request,
}

/// By what the log knows a command: it is carried out once, however often it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Once {
    /// Of the entry that it appends.
    pub id: ClientMessageId,
    /// 0 for the first time; each repetition one more.
    pub attempt: u32,
    /// Milliseconds since the first time.
    pub age_ms: u64,
}

/// Who asks, and where the answer goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The verified user.
    pub user: UserId,
    /// The device of the session.
    pub device: DeviceId,
    /// Where replies go; a reply without a session behind it is dropped there.
    pub session: SessionRef,
    /// What kind of caller it is.
    pub source: Source,
}

/// What kind of caller a command has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Source {
    /// A user's own client, over a socket or HTTP.
    #[default]
    Client,
    /// A trusted service through the server API: may write notices and act for users.
    ServerApi,
    /// This program itself.
    System,
    /// As [`Self::Client`], of a session that has joined the live room that the command is about.
    Room,
}

impl Source {
    /// Whether it may act for others, and beyond what users may.
    pub fn is_service(self) -> bool {
        matches!(self, Self::ServerApi | Self::System)
    }
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Append a message, or a change of one.
    Send(Send),
    /// Read a part of a log.
    Fetch(Fetch),
    /// What changed for this user. `open` was already answered by the node's own `Heads`.
    Sync(Sync),
    /// Move the read cursor.
    Read(Position),
    /// Move the delivered cursor.
    Delivered(Position),
    /// Tell the others.
    Typing(Recipient),
    /// Told heads of conversations of this partition, with the asking user's membership.
    Heads(Vec<ConversationId>),
    /// A session of the user began, with a token of this login: answer its groups, or say that the login has ended.
    Connected(Option<LoginId>),
    /// It ended.
    Disconnected,
    /// Change a group.
    Group(GroupId, GroupRequest),
    /// Read the pinned messages.
    Pins(ConversationId),
    /// Read everything that a message ever said.
    Versions(Position),
    /// Read who has received and read a message.
    Readers(ReadersOf),
    /// Confirm a message; answered with `confirmed` once that is stored.
    Confirm(Position),
    /// Read who has confirmed a message.
    Confirmations(ReadersOf),
    /// The session is the only one that its user may have, or of its kind: tell the others of the user.
    Claim {
        /// When it began.
        began: Timestamp,
        /// Only against devices of this kind.
        kind: Option<DeviceId>,
    },
    /// Do something to another user; answered with the `contact` that the other is then.
    Contact(UserId, ContactRequest),
    /// Change what the user keeps for themselves.
    Private(PrivateChange),
    /// Whom of others the user may see, and how present they are.
    WatchPresence(PresenceWatch),
    /// Devices of the user came, left or changed: those who watch the user are told.
    PresenceChanged,
    /// Come into a live room.
    JoinRoom(GroupId),
    /// Tell everybody who is connected, or see to that.
    Broadcast(BroadcastRequest),
}

/// A change of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupRequest {
    /// Make it, with the asking user as its owner.
    Create {
        /// 1 to 100 characters.
        name: String,
        /// Besides the owner.
        members: Vec<UserId>,
        /// What it is besides; its `name` is not looked at.
        settings: Option<Box<GroupEdit>>,
    },
    /// The asking user joins an open group, or accepts an invitation.
    Join,
    /// The asking user joins through a link.
    JoinByLink(TokenHash),
    /// The asking user joins, or asks to where members are approved.
    AskToJoin {
        /// For those who answer; at most 100 characters.
        note: String,
    },
    /// Those who asked become members.
    Approve(Vec<UserId>),
    /// Those who asked do not.
    Reject(Vec<UserId>),
    /// Others may join until then.
    Invite(Vec<UserId>, Timestamp),
    /// Invitations are withdrawn; of the asking user: declined.
    Uninvite(Vec<UserId>),
    /// Makes a link through which others may join.
    MakeLink(NewLink),
    /// Ends one.
    EndLink(LinkId),
    /// The asking user leaves.
    Leave,
    /// Add others.
    Add(Vec<UserId>),
    /// Remove others.
    Remove(Vec<UserId>),
    /// End it.
    Dismiss,
    /// Change its profile and its rules.
    Edit(Box<GroupEdit>),
    /// Make members admins, or admins members.
    SetRole(Vec<UserId>, Role),
    /// Another member becomes the owner.
    Transfer(UserId),
    /// Members may not speak until then; zero lets them speak again.
    Mute(Vec<UserId>, Timestamp),
    /// Nobody but owner and admins may speak until then; zero lets all speak again.
    MuteAll(Timestamp),
    /// How a member is called in this group; empty for as elsewhere. At most 50 characters.
    SetNickname(UserId, String),
}

impl Request {
    /// The conversation it concerns; `None` for what concerns a user.
    pub fn conversation(&self, sender: &UserId) -> Option<ConversationId> {
        match self {
            Self::Send(send) => Some(send.to.conversation(sender)),
            Self::Fetch(fetch) => Some(fetch.conversation.clone()),
            Self::Read(position)
            | Self::Delivered(position)
            | Self::Versions(position)
            | Self::Confirm(position) => Some(position.conversation.clone()),
            Self::Pins(conversation) => Some(conversation.clone()),
            Self::Readers(of) | Self::Confirmations(of) => Some(of.conversation.clone()),
            Self::Private(change) => Some(change.conversation.clone()),
            Self::Typing(to) => Some(to.conversation(sender)),
            Self::Heads(conversations) => conversations.first().cloned(),
            Self::Group(group, _) | Self::JoinRoom(group) => Some(ConversationId::group(group)),
            Self::Contact(user, _) => Some(ConversationId::pair(sender, user)),
            Self::Sync(_)
            | Self::Connected(_)
            | Self::Disconnected
            | Self::Claim { .. }
            | Self::WatchPresence(_)
            | Self::PresenceChanged
            | Self::Broadcast(_) => None,
        }
    }

    /// The member name of the client frame it came from, for `nack.frame`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Send(send) => send.name(),
            Self::Fetch(_) => "fetch",
            Self::Sync(_) => "sync",
            Self::Read(_) => "read",
            Self::Delivered(_) => "delivered",
            Self::Typing(_) => "typing",
            Self::Heads(_) => "heads",
            Self::Connected(_) => "connected",
            Self::Disconnected => "disconnected",
            Self::Group(..) => "group",
            Self::Pins(_) => "pins",
            Self::Versions(_) => "versions",
            Self::Readers(_) => "readers",
            Self::Confirm(_) => "confirm",
            Self::Confirmations(_) => "confirmations",
            Self::Claim { .. } => "claim",
            Self::Contact(..) => "contact",
            Self::Private(change) => change.name(),
            Self::WatchPresence(_) => "presence_subscribe",
            Self::PresenceChanged => "presence_changed",
            Self::JoinRoom(_) => "join_room",
            Self::Broadcast(_) => "broadcast",
        }
    }
}

impl Request {
    /// What is sent again says so, and that the first try was so much earlier: the router then looks for it in the log. `once`
    /// is what it is known by where that is not in itself.
    pub fn repeat(&mut self, once: Option<&mut Once>, waited_ms: u64) {
        let (attempt, age_ms) = match (self, once) {
            (Self::Send(send), _) => (&mut send.attempt, &mut send.age_ms),
            (_, Some(once)) => (&mut once.attempt, &mut once.age_ms),
            _ => return,
        };
        *attempt = attempt.saturating_add(1);
        *age_ms = age_ms.saturating_add(waited_ms);
    }
}

impl Command {
    /// The conversation it concerns; `None` for what concerns a user.
    pub fn conversation(&self) -> Option<ConversationId> {
        self.request.conversation(&self.origin.user)
    }

    /// By what the log knows it, if that is anything.
    pub fn known_by(&self) -> Option<Once> {
        match &self.request {
            Request::Send(send) => {
                Some(Once { id: send.client_message_id, attempt: send.attempt, age_ms: send.age_ms })
            }
            Request::Group(..) | Request::Contact(..) => self.once,
            _ => None,
        }
    }

    /// The partition whose owner decides it.
    pub fn partition(&self) -> Partition {
        self.owner_alone().unwrap_or_else(|| Partition::of_user(&self.origin.user))
    }

    /// The partition whose owner alone can carry it out; `None` for what concerns a user and can be read anywhere.
    pub fn owner_alone(&self) -> Option<Partition> {
        match &self.request {
            Request::Broadcast(_) => Some(Partition::OF_BROADCASTS),
            _ => self.conversation().map(|id| Partition::of(&id)),
        }
    }
}
