//! What a client is told.

use crate::broadcast::Broadcast;
use crate::client_frame::Position;
use crate::presence::UserPresence;
use crate::settings::Settings;
use crate::{
    ClientMessageId, Code, Contact, ConversationId, Entry, GroupId, MessageId, Seq, SessionRef, Timestamp,
    UserId,
};

/// One frame to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerFrame {
    /// The socket is authenticated.
    Welcome(Box<Welcome>),
    /// A send is durable.
    Ack(Ack),
    /// A frame was refused.
    Nack(Nack),
    /// A part of a log.
    Page(Page),
    /// What changed.
    Delta(Delta),
    /// Start again with an empty cursor.
    TooLong,
    /// Something happened in a conversation.
    Event(Event),
    /// Someone received or read.
    Receipt(Receipt),
    /// Someone is typing.
    Typing(Typing),
    /// The newest seq of a conversation.
    Head(Head),
    /// The answer to `ping`.
    Pong(Pong),
    /// The token runs out at this Unix time in seconds.
    AuthExpiring(u64),
    /// Reconnect after this many milliseconds.
    Goaway(u32),
    /// Deliveries may have been missed.
    Resync,
    /// The pinned messages of a conversation.
    Pins(Pins),
    /// Everything that a message ever said.
    Versions(Versions),
    /// Who has received and read a message.
    Readers(Readers),
    /// The answer to `confirm`, and what the user's other devices are told.
    Confirmed(Position),
    /// Who has confirmed a message; without members, what its sender is told when more have.
    Confirmations(Confirmations),
    /// The reader may join a group, or no longer.
    Invitation(Box<Invitation>),
    /// What another user is to the reader now.
    Contact(Box<Contact>),
    /// What the user keeps for themselves.
    Settings(Box<ConversationSettings>),
    /// Whether users are online.
    Presence(Vec<UserPresence>),
    /// Whether this socket is in a live room.
    Room(Room),
    /// A message of a live room that keeps nothing: an event without a seq.
    Live(Event),
    /// What a service tells everybody.
    Broadcast(Box<Broadcast>),
}

/// See `Welcome` in `client.proto`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// Names this socket.
    pub session: SessionRef,
    /// Who the token says it is.
    pub user: UserId,
    /// How often the client should say something.
    pub ping_ms: u32,
    /// What the server accepts.
    pub limits: Limits,
    /// The server's clock.
    pub server_time: Timestamp,
    /// Unix seconds at which the socket closes unless a fresh token is sent.
    pub auth_expires: u64,
}

/// What the server accepts from one socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one frame.
    pub frame_bytes: u32,
    /// Bytes of one encoded body.
    pub body_bytes: u32,
    /// Commands waiting for their answer.
    pub unanswered: u32,
    /// Commands per second.
    pub commands_per_second: u32,
    /// Entries in one page.
    pub page_entries: u32,
}

/// A send is durable, at this place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    /// Which send.
    pub client_message_id: ClientMessageId,
    /// Where it is.
    pub conversation: ConversationId,
    /// Its place.
    pub seq: Seq,
    /// Its handle.
    pub message_id: MessageId,
    /// Its time.
    pub time: Timestamp,
}

/// A frame was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nack {
    /// Which send; `None` for other frames.
    pub client_message_id: Option<ClientMessageId>,
    /// Why.
    pub code: Code,
    /// When a retry can help; 0 for no advice.
    pub retry_after_ms: u32,
    /// What was wrong and what is allowed.
    pub message: String,
    /// The member name of the refused frame.
    pub frame: &'static str,
}

/// All entries of `from..=to` that the reader may see, in rising seq. `to < from` says that there are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Whose log.
    pub conversation: ConversationId,
    /// The first seq covered.
    pub from: Seq,
    /// The last seq covered.
    pub to: Seq,
    /// The entries.
    pub entries: Vec<Entry>,
    /// The newest seq that was told.
    pub head: Seq,
    /// What later entries made of some of these, in rising seq. Their bodies in `entries` are the present ones.
    pub overlays: Vec<Overlay>,
}

/// The present state of a message that later entries changed.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Overlay {
    /// Which message.
    pub seq: Seq,
    /// The newest entry that changed it.
    pub changed: Seq,
    /// By whom and when it was recalled: its body is gone.
    pub recalled: Option<(UserId, Timestamp)>,
    /// The entries that edited it, oldest first, and when the last one was made.
    pub edited: Option<(Vec<Seq>, Timestamp)>,
    /// How users reacted, in the order of first use.
    pub reactions: Vec<Reaction>,
    /// By whom and when it was pinned.
    pub pinned: Option<(UserId, Timestamp)>,
}

/// One reaction to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaction {
    /// An emoji or a short text.
    pub reaction: String,
    /// How many users.
    pub count: u32,
    /// The first of them.
    pub users: Vec<UserId>,
    /// The reader is one of them.
    pub mine: bool,
}

/// The pinned messages that the reader may see, in rising seq.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pins {
    /// Of which conversation.
    pub conversation: ConversationId,
    /// The messages.
    pub entries: Vec<Entry>,
    /// Their present states.
    pub overlays: Vec<Overlay>,
}

/// Everything that a message ever said. Empty when it was recalled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versions {
    /// Of which conversation.
    pub conversation: ConversationId,
    /// Which message.
    pub seq: Seq,
    /// The message as it was sent, then the entries that edited it.
    pub entries: Vec<Entry>,
}

/// Who has received and read a message: a part of the members who were there when it was sent, but its sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readers {
    /// Of which conversation.
    pub conversation: ConversationId,
    /// Which message.
    pub seq: Seq,
    /// In order of user ids.
    pub readers: Vec<Reader>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<UserId>,
}

/// One who received, or not, and read, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// Who.
    pub user: UserId,
    /// A device of theirs has it.
    pub delivered: bool,
    /// They have read it.
    pub read: bool,
}

/// How many have confirmed a message, of how many, and a part of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmations {
    /// Of which conversation.
    pub conversation: ConversationId,
    /// Which message.
    pub seq: Seq,
    /// So many have.
    pub confirmed: u32,
    /// Of so many who were there when it was sent and still are, but its sender.
    pub of: u32,
    /// In order of user ids.
    pub members: Vec<Confirmation>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<UserId>,
}

/// One who has confirmed a message, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// Who.
    pub user: UserId,
    /// Whether they have.
    pub confirmed: bool,
}

/// The reader may join a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Which.
    pub group: GroupId,
    /// Its name.
    pub name: String,
    /// Who said so.
    pub by: UserId,
    /// Until when; zero says that the invitation was declined or withdrawn.
    pub expires: Timestamp,
}

/// What changed since a cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// The present state of each conversation that changed.
    pub conversations: Vec<ConversationState>,
    /// For the next `sync`.
    pub cursor: String,
    /// More follows.
    pub more: bool,
    /// The present state of each contact that changed.
    pub contacts: Vec<Contact>,
}

/// A line of the conversation list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversationState {
    /// Which.
    pub conversation: ConversationId,
    /// Its newest seq.
    pub head: Seq,
    /// Countable entries that the reader has not read.
    pub unread: u64,
    /// Up to where the reader has read.
    pub read_seq: Seq,
    /// Its newest entry.
    pub last: Option<Entry>,
    /// The group's name.
    pub name: Option<String>,
    /// The other user of a direct conversation.
    pub peer: Option<UserId>,
    /// When it last changed.
    pub time: Timestamp,
    /// The reader is no longer a member.
    pub left: bool,
    /// What the reader keeps for themselves; `None` where they never set anything.
    pub settings: Option<Box<Settings>>,
    /// Those of `unread` that mention the reader, [`crate::limits::MENTION_UNREAD_MAX`] at most.
    pub mention_unread: u32,
    /// Messages that wait for the reader's confirmation, rising.
    pub confirm_seqs: Vec<Seq>,
    /// For how long its entries are kept, in seconds, as it was set here; 0: as configured.
    pub retention_seconds: u32,
    /// The reader, who is no member, may join until then.
    pub invitation: Option<Box<Invitation>>,
}

/// What a user keeps for themselves in a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversationSettings {
    /// Which.
    pub conversation: ConversationId,
    /// What.
    pub settings: Settings,
}

/// An entry of a conversation, pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Whose log.
    pub conversation: ConversationId,
    /// What was appended.
    pub entry: Entry,
}

/// How far a user is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// In which conversation.
    pub conversation: ConversationId,
    /// Who.
    pub user: UserId,
    /// Received up to here; `None` where unchanged.
    pub delivered: Option<Seq>,
    /// Read up to here; `None` where unchanged.
    pub read: Option<Seq>,
    /// The user's own unread count; only for the user's own devices.
    pub unread: Option<u64>,
}

/// Someone is typing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typing {
    /// In which conversation.
    pub conversation: ConversationId,
    /// Who.
    pub user: UserId,
}

/// The newest seq of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Which.
    pub conversation: ConversationId,
    /// Its newest told seq.
    pub last: Seq,
    /// Messages of a room that keeps none which did not reach this socket since the last such word.
    pub missed: u64,
}

/// Whether this socket is in a live room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// Which.
    pub room: GroupId,
    /// It is.
    pub joined: bool,
    /// The room keeps what is said.
    pub history: bool,
    /// Its newest seq.
    pub head: Seq,
}

/// The answer to `ping`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pong {
    /// Newest seqs of conversations with unconfirmed events.
    pub heads: Vec<Head>,
    /// The server's clock.
    pub server_time: Timestamp,
}

impl Head {
    /// The newest seq of a conversation, of which nothing was missed that is nowhere else.
    pub fn of(conversation: ConversationId, last: Seq) -> Self {
        Self { conversation, last, missed: 0 }
    }
}

impl Nack {
    /// A refusal of a frame that is not a send.
    pub fn of(frame: &'static str, code: Code, message: impl Into<String>) -> Self {
        Self { client_message_id: None, code, retry_after_ms: 0, message: message.into(), frame }
    }

    /// A refusal of a send.
    pub fn of_send(send: ClientMessageId, code: Code, message: impl Into<String>) -> Self {
        Self { client_message_id: Some(send), ..Self::of("send", code, message) }
    }

    /// With advice when to try again.
    #[must_use]
    pub fn retry_after_ms(mut self, ms: u32) -> Self {
        self.retry_after_ms = ms;
        self
    }
}

impl Event {
    /// The conversation's group, if it is one.
    pub fn group(&self) -> Option<GroupId> {
        match self.conversation.kind() {
            crate::ConversationKind::Group(group) => Some(group),
            crate::ConversationKind::Direct(..) | crate::ConversationKind::Pair(..) => None,
        }
    }
}
