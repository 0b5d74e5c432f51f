//! Deliveries: events, replies and signals on their way from a router to the nodes.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::broadcast::BroadcastState;
use crate::presence::{PresenceSeen, UserPresence};
use crate::server_frame::Nack;
use crate::{
    ConversationId, DeviceId, Encoding, Entry, GroupId, LoginId, NodeId, Seq, ServerFrame, SessionRef,
    Timestamp, TraceId, UserId,
};

/// One delivery. Cloning is cheap: fan-outs share their frame.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Whom it is for.
    pub target: Target,
    /// What it carries.
    pub payload: Payload,
    /// Of the command that caused it.
    pub trace: TraceId,
}

/// Whom a delivery is for; one bus subject each.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// Every node with a session of the user.
    User(UserId),
    /// Every node with a session of a member.
    Group(GroupId),
    /// Every node with a session that wants to know whether the user is online.
    Presence(UserId),
    /// One node.
    Node(NodeId),
    /// Every gateway shard.
    Everyone,
}

/// What a delivery carries.
#[derive(Clone, Debug)]
pub enum Payload {
    /// For every session of the target's users.
    Fanout(Fanout),
    /// For one session of the target node.
    Reply(u64, Reply),
    /// For the nodes themselves.
    Control(Control),
    /// For every session there is, a few at a time: a [`ServerFrame::Broadcast`].
    Broadcast(Arc<SharedFrame>),
}

/// A frame for many sessions.
#[derive(Clone, Debug)]
pub struct Fanout {
    /// The frame, encoded at most once per encoding however many sessions get it.
    pub frame: Arc<SharedFrame>,
    /// What may happen to it where a session is slow.
    pub class: Class,
    /// The conversation it is about, so that a slow session can be told just that it moved.
    pub conversation: ConversationId,
    /// For [`Class::Event`]: the seq of the entry.
    pub seq: Seq,
    /// The session that already learns it another way: the sender's own, by its ack.
    pub except: Option<SessionRef>,
}

/// What may happen to a frame where a session is slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// An entry of a log: never dropped silently; a lagging session is told the head instead.
    Event,
    /// A receipt or head: the newest per conversation matters.
    Receipt,
    /// Typing and the like: the first to be dropped.
    Signal,
    /// A message that is kept nowhere: where there is no room for it, a session is told how many it missed.
    Live,
}

/// The answer to one command.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Done, nothing to tell (ack mode `none`, `delivered`, `typing`, `disconnected`).
    Settled,
    /// A frame for the session.
    Frame(ServerFrame),
    /// Answers [`crate::Request::Connected`]: the groups of the user.
    Groups(Vec<GroupId>),
    /// Answers [`crate::Request::Heads`], in the order asked.
    Heads(Vec<HeadState>),
    /// Answers [`crate::Request::Group`]: the group as it is now.
    GroupDone(GroupDone),
    /// Answers [`crate::Request::WatchPresence`].
    Presence(Box<PresenceSeen>),
    /// Answers [`crate::Request::JoinRoom`].
    Room(RoomAnswer),
    /// Answers [`crate::Request::Broadcast`], but for reports.
    Broadcast(BroadcastState),
}

/// Whether a session is in a live room from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomAnswer {
    /// Which.
    pub room: GroupId,
    /// As the room is, or why not.
    pub answer: Result<RoomOpen, Nack>,
}

/// A live room to which somebody comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomOpen {
    /// It keeps what is said.
    pub history: bool,
    /// Its newest seq.
    pub head: Seq,
}

/// A conversation as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadState {
    /// Which.
    pub conversation: ConversationId,
    /// Its newest told seq.
    pub seq: Seq,
    /// Countable entries up to there.
    pub counted: u64,
    /// Its newest entry.
    pub last: Option<Entry>,
    /// Whether the asking user is a member.
    pub member: bool,
    /// The lowest seq that the asking user may read.
    pub floor: Seq,
    /// For how long its entries are kept, in seconds, as it was set here; 0: as configured.
    pub retention_seconds: u32,
    /// What waits to be confirmed; `None` where that is not known in memory, or the asking user is no member.
    pub confirming: Option<Vec<Confirming>>,
}

/// A message that waits to be confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirming {
    /// Which message.
    pub seq: Seq,
    /// Who sent it, and need not confirm it.
    pub sender: UserId,
    /// Until when it waits.
    pub until: Timestamp,
    /// Members with a number up to this were there when it was sent.
    pub numbers: u32,
}

impl Confirming {
    /// Whether a member is among those who are to confirm it.
    pub fn asks(&self, user: &UserId, number: u32) -> bool {
        number <= self.numbers && *user != self.sender
    }
}

/// A group after a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDone {
    /// Which.
    pub group: GroupId,
    /// The entry that records the change; zero when nothing had to change.
    pub seq: Seq,
    /// How many members it has now.
    pub members: u32,
    /// The asking user waits for an answer to a request to join.
    pub pending: bool,
}

/// For the nodes themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// On a user's subject: take interest in the group for this user's sessions.
    JoinedGroup(GroupId),
    /// On a user's subject: lose it.
    LeftGroup(GroupId),
    /// On a user's subject: close the sockets of this login, or of all logins.
    Revoke(Option<LoginId>),
    /// On a user's subject: a session that its server allows no other beside ends those that began before it.
    Claim(SessionClaim),
    /// On the subject of a user's presence: how present the user is.
    Presence(Box<UserPresence>),
    /// On the subject of a user's presence: whom the user shows it to has changed. Nobody is told anything before asking again.
    PresenceRules,
    /// On a user's subject: whether this user may see the other has changed. As before.
    PresenceOf(UserId),
    /// On a group's subject: the live room has ended, nobody is in it any more.
    RoomEnded(GroupId),
}

/// A session, against others of its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionClaim {
    /// Which.
    pub session: SessionRef,
    /// When it began; among equals the larger [`SessionRef`] is the newer.
    pub began: Timestamp,
    /// Only against devices of this kind; `None`: against all.
    pub kind: Option<DeviceId>,
}

/// A frame that is encoded at most once per encoding, by whoever needs it first.
#[derive(Debug)]
pub struct SharedFrame {
    frame: ServerFrame,
    json: OnceLock<Bytes>,
    proto: OnceLock<Bytes>,
    /// The same compressed; `None` where that gains nothing.
    json_deflated: OnceLock<Option<Bytes>>,
    proto_deflated: OnceLock<Option<Bytes>>,
}

impl SharedFrame {
    /// Wraps a frame; nothing is encoded yet.
    pub fn new(frame: ServerFrame) -> Self {
        Self {
            frame,
            json: OnceLock::new(),
            proto: OnceLock::new(),
            json_deflated: OnceLock::new(),
            proto_deflated: OnceLock::new(),
        }
    }

    /// The frame itself.
    pub fn frame(&self) -> &ServerFrame {
        &self.frame
    }

    /// A complete, unmasked WebSocket message (RFC 6455 §5.2: one final text or binary frame) holding the encoded
    /// frame. The same bytes serve every session of that encoding.
    pub fn message(&self, encoding: Encoding) -> &Bytes {
        match encoding {
            Encoding::Json => self.json.get_or_init(|| self.frame.encode_message(Encoding::Json)),
            Encoding::Proto => self.proto.get_or_init(|| self.frame.encode_message(Encoding::Proto)),
        }
    }

    /// The same message for sessions that agreed on compression: made by `deflate` from [`Self::message`] once, however many
    /// sessions get it, and the message itself where `deflate` gives nothing. All callers must compress alike.
    pub fn deflated(&self, encoding: Encoding, deflate: impl FnOnce(&Bytes) -> Option<Bytes>) -> &Bytes {
        let plain = self.message(encoding);
        let deflated = match encoding {
            Encoding::Json => &self.json_deflated,
            Encoding::Proto => &self.proto_deflated,
        };
        deflated.get_or_init(|| deflate(plain)).as_ref().unwrap_or(plain)
    }

    /// The frame in protobuf, without a WebSocket header.
    pub fn encoded(&self) -> Bytes {
        crate::codec::server::payload(self.message(Encoding::Proto))
    }
}
