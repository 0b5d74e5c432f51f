//! What a client may say.

use crate::body::{Change, MessageTarget};
use crate::presence::PresenceAsk;
use crate::settings::PrivateChange;
use crate::{Body, ClientMessageId, ConversationId, DeviceId, GroupId, Seq, UserId};

/// One frame from a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientFrame {
    /// Proves who it is, or proves it again.
    Hello(Hello),
    /// Says something in a conversation, or changes what was said: with a body that is a change, this is the frame
    /// `recall`, `edit`, `react` or `pin`; with one that sets for how long entries are kept, `set_retention`.
    Send(Send),
    /// Asks for a part of a log.
    Fetch(Fetch),
    /// Asks what changed.
    Sync(Sync),
    /// Has seen everything up to a seq.
    Read(Position),
    /// Has received everything up to a seq.
    Delivered(Position),
    /// Is typing.
    Typing(Recipient),
    /// Is alive.
    Ping,
    /// Asks for the pinned messages of a conversation.
    Pins(ConversationId),
    /// Asks for everything that a message ever said.
    Versions(Position),
    /// Asks who has received and read a message.
    Readers(ReadersOf),
    /// Has taken note of a message that is to be confirmed.
    Confirm(Position),
    /// Asks who has confirmed a message.
    Confirmations(ReadersOf),
    /// Changes something for themselves: the frames `conversation_set`, `clear` and `delete_for_me`.
    Private(PrivateChange),
    /// Asks or says something about presence: the frames `presence_subscribe`, `presence_unsubscribe` and
    /// `presence_report`.
    Presence(PresenceAsk),
    /// Comes into a live room.
    JoinRoom(GroupId),
    /// Is in it no longer.
    LeaveRoom(GroupId),
}

/// See `Hello` in `client.proto`.
#[derive(Clone, PartialEq, Eq)]
pub struct Hello {
    /// An access token; empty when the handshake carried one.
    pub auth: String,
    /// The device, if the client names one.
    pub device: Option<DeviceId>,
    /// Continue where an earlier socket ended.
    pub resume: Option<Sync>,
}

impl std::fmt::Debug for Hello {
    /// Tokens are secret: never shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hello")
            .field("device", &self.device)
            .field("resume", &self.resume)
            .finish_non_exhaustive()
    }
}

/// Where something goes: a conversation, or the direct conversation with a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// By conversation id.
    Conversation(ConversationId),
    /// The direct conversation with this user, made by the first send.
    User(UserId),
}

impl Recipient {
    /// The conversation, seen from `sender`.
    pub fn conversation(&self, sender: &UserId) -> ConversationId {
        match self {
            Self::Conversation(conversation) => conversation.clone(),
            Self::User(user) => ConversationId::direct(sender, user),
        }
    }
}

/// How much of a send the sender wants to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum AckMode {
    /// `ack` once it is durable.
    #[default]
    Persisted,
    /// Nothing.
    None,
    /// `ack` once durable, `receipt` when a device of the peer has it.
    Received,
    /// `ack` once it was published: where messages are kept, once it is durable.
    Published,
}

/// A message on its way in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Send {
    /// The idempotency key, kept across retries.
    pub client_message_id: ClientMessageId,
    /// Where it goes.
    pub to: Recipient,
    /// What it says.
    pub body: Body,
    /// What the sender wants to be told.
    pub ack: AckMode,
    /// 0 for the first try.
    pub attempt: u32,
    /// Milliseconds since the first try.
    pub age_ms: u64,
    /// The previous send of this device to the conversation that was not yet acknowledged.
    pub after: Option<ClientMessageId>,
}

impl Send {
    /// A change of a message, to be sent once.
    pub fn change(
        client_message_id: ClientMessageId,
        conversation: ConversationId,
        target: MessageTarget,
        change: &Change,
    ) -> Self {
        Self {
            client_message_id,
            to: Recipient::Conversation(conversation),
            body: Body::change(target, change),
            ack: AckMode::Persisted,
            attempt: 0,
            age_ms: 0,
            after: None,
        }
    }

    /// Sets for how many seconds entries of a conversation are kept, to be sent once; 0: as configured.
    pub fn retention(client_message_id: ClientMessageId, conversation: ConversationId, seconds: u32) -> Self {
        Self {
            client_message_id,
            to: Recipient::Conversation(conversation),
            body: Body::retention(seconds),
            ack: AckMode::Persisted,
            attempt: 0,
            age_ms: 0,
            after: None,
        }
    }

    /// The member name of its frame: `send`, or that of the change.
    pub fn name(&self) -> &'static str {
        match self.body.as_change() {
            Some((_, change)) => change.name(),
            None if self.body.as_retention().is_some() => "set_retention",
            None => "send",
        }
    }
}

/// An interval of a log, both ends included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// Whose log.
    pub conversation: ConversationId,
    /// The first seq wanted; zero is taken as 1.
    pub from: Seq,
    /// The last seq wanted; zero means the head.
    pub to: Seq,
    /// Entries wanted; zero means the default.
    pub limit: u32,
    /// Newest of the interval first, when it holds more than `limit`.
    pub backwards: bool,
}

/// Asks for everything that changed since a cursor.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Sync {
    /// As the last `delta` gave it; empty for the first time.
    pub cursor: String,
    /// Conversations on screen and the last seq held of each.
    pub open: Vec<Position>,
}

/// A place in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Whose log.
    pub conversation: ConversationId,
    /// The place.
    pub seq: Seq,
}

/// Who has received and read, or confirmed, a message, page by page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadersOf {
    /// Whose log.
    pub conversation: ConversationId,
    /// Which message.
    pub seq: Seq,
    /// Only those after this user, in order of user ids.
    pub after: Option<UserId>,
    /// Members to look at; zero means the default.
    pub limit: u32,
}
