//! The handle of one client, and what its reader gets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lifecycle::Tasks;
use proto::broadcast::Broadcast;
use proto::client_frame::{AckMode, Fetch, Position, Recipient};
use proto::presence::{PresenceAsk, UserPresence};
use proto::server_frame::{
    Ack, Confirmations, ConversationSettings, ConversationState, Event, Invitation, Overlay, Page, Receipt,
    Room, Typing, Welcome,
};
use proto::{Body, ClientMessageId, Contact, ConversationId, GroupId};
use tokio::sync::{mpsc, oneshot, watch};

use crate::driver::Driver;
use crate::outbox::Outgoing;
use crate::session::Ask;
use crate::{ClientConfig, ConnectError, Refused};

/// Asks that wait for the driver; further callers wait.
const ASKS_MAX: usize = 64;
/// Notices that wait for the reader in the channel itself; more wait in the session.
const NOTICES_MAX: usize = 64;

/// Something for the reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// An entry of a conversation: each once, in rising `seq`. A message that was fetched says what it says by then.
    Event(Event),
    /// Right after an event that was fetched: what later entries made of that message. Change entries up to
    /// [`Overlay::changed`] are in it.
    Overlay(ConversationId, Box<Overlay>),
    /// Somebody received or read. May be missed.
    Receipt(Receipt),
    /// The user has confirmed this message, here or on another device.
    Confirmed(Position),
    /// How many have confirmed a message of the user's. May be missed.
    Confirmations(Confirmations),
    /// Somebody is typing. May be missed.
    Typing(Typing),
    /// A line of the conversation list as a `sync` told it.
    Conversation(Box<ConversationState>),
    /// What another user is now. May come twice; the one with the highest version holds.
    Contact(Box<Contact>),
    /// The user may join a group, or no longer.
    Invitation(Box<Invitation>),
    /// What the user keeps for themselves in a conversation changed, on another device.
    Settings(Box<ConversationSettings>),
    /// Whether users are online. May be missed.
    Presence(Vec<UserPresence>),
    /// Whether the socket is in a live room.
    Room(Room),
    /// A message of a live room that keeps nothing. May be missed, or come twice.
    Live(Event),
    /// What a service tells everybody who is connected.
    Broadcast(Box<Broadcast>),
}

/// What a client receives. Dropping it makes the client send only.
pub type Notices = mpsc::Receiver<Notice>;

/// Whether there is a socket.
#[derive(Clone, Debug)]
pub enum State {
    /// Opening one.
    Connecting,
    /// There is one.
    Online(Box<Welcome>),
    /// Between two tries.
    Waiting,
    /// There will be none any more.
    Ended(Arc<ConnectError>),
}

/// One identity's connection to a server, kept up until this is dropped. Cloning gives another handle to the same.
#[derive(Clone, Debug)]
pub struct Client {
    asks: mpsc::Sender<Ask>,
    state: watch::Receiver<State>,
    reads_again: Arc<AtomicU64>,
}

impl Client {
    /// Starts a client; it connects by itself, for as long as it takes.
    pub fn start(config: ClientConfig, tasks: &Tasks) -> (Self, Notices) {
        let (ask_sender, asks) = mpsc::channel(ASKS_MAX);
        let (notice_sender, notices) = mpsc::channel(NOTICES_MAX);
        let (state, state_receiver) = watch::channel(State::Connecting);
        let reads_again = Arc::new(AtomicU64::new(0));
        let driver = Driver {
            config,
            tasks: tasks.clone(),
            asks,
            notices: Some(notice_sender),
            state,
            reads_again: Arc::clone(&reads_again),
        };
        tasks.spawn("client", driver.run());
        (Self { asks: ask_sender, state: state_receiver, reads_again }, notices)
    }

    /// Starts a client and waits for its first `welcome`. Fails only when trying again cannot help.
    pub async fn connect(config: ClientConfig, tasks: &Tasks) -> Result<(Self, Notices), Arc<ConnectError>> {
        let (client, notices) = Self::start(config, tasks);
        client.online().await?;
        Ok((client, notices))
    }

    /// Waits until there is a socket.
    pub async fn online(&self) -> Result<Box<Welcome>, Arc<ConnectError>> {
        let mut state = self.state.clone();
        let there = |state: &State| matches!(state, State::Online(_) | State::Ended(_));
        match state.wait_for(there).await.as_deref() {
            Ok(State::Online(welcome)) => Ok(welcome.clone()),
            Ok(State::Ended(reason)) => Err(reason.clone()),
            _ => Err(Arc::new(ConnectError::Ended)),
        }
    }

    /// The state, to watch. Watching alone keeps the client running.
    pub fn state(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// How often a fetch or a sync was asked for again because no answer came.
    pub fn reads_again(&self) -> u64 {
        self.reads_again.load(Ordering::Relaxed)
    }

    /// Says something, or changes a message (see [`Body::change`]), and waits until it is durable or refused for good.
    /// Sends are ordered as these futures are
    /// first polled. Dropping the future does not take the message back.
    pub async fn send(&self, to: Recipient, body: Body) -> Result<Ack, Refused> {
        self.send_as(ClientMessageId::now(), to, body, AckMode::Persisted).await
    }

    /// As [`Self::send`], with a client message id of the caller: a send repeated after a crash is appended once.
    /// `ack` must not be [`AckMode::None`]: nobody would say when to stop.
    pub async fn send_as(
        &self,
        id: ClientMessageId,
        to: Recipient,
        body: Body,
        ack: AckMode,
    ) -> Result<Ack, Refused> {
        debug_assert!(ack != AckMode::None, "a send without an answer would be repeated for ever");
        let (done, answer) = oneshot::channel();
        let outgoing = Box::new(Outgoing { id, to, body, ack, done });
        self.ask(Ask::Send(outgoing)).await?;
        answer.await.map_err(|_| Refused::Ended)?
    }

    /// A part of a conversation's log, as the server pages it.
    pub async fn fetch(&self, fetch: Fetch) -> Result<Page, Refused> {
        let (done, answer) = oneshot::channel();
        self.ask(Ask::Fetch(fetch, done)).await?;
        answer.await.map_err(|_| Refused::Ended)?
    }

    /// Has seen everything up to here. Not repeated when the socket fails.
    pub async fn read(&self, position: Position) -> Result<(), Refused> {
        self.ask(Ask::Read(position)).await
    }

    /// Has received everything up to here. Not repeated when the socket fails.
    pub async fn delivered(&self, position: Position) -> Result<(), Refused> {
        self.ask(Ask::Delivered(position)).await
    }

    /// Is typing. Not repeated when the socket fails.
    pub async fn typing(&self, to: Recipient) -> Result<(), Refused> {
        self.ask(Ask::Typing(to)).await
    }

    /// Asks to be told of others' presence, or no longer, or says whether somebody uses this client. Holds for later sockets, too;
    /// what is told is a [`Notice::Presence`].
    pub async fn presence(&self, ask: PresenceAsk) -> Result<(), Refused> {
        self.ask(Ask::Presence(ask)).await
    }

    /// Comes into a live room, and waits until it is there or is refused for good. Holds for later sockets, too. What is said there
    /// is a [`Notice::Event`] where the room keeps it, otherwise a [`Notice::Live`]; a [`Notice::Room`] that is not joined says that
    /// the room has ended.
    pub async fn join_room(&self, room: GroupId) -> Result<Room, Refused> {
        let (done, answer) = oneshot::channel();
        self.ask(Ask::JoinRoom(room, done)).await?;
        answer.await.map_err(|_| Refused::Ended)?
    }

    /// Leaves a live room.
    pub async fn leave_room(&self, room: GroupId) -> Result<(), Refused> {
        self.ask(Ask::LeaveRoom(room)).await
    }

    async fn ask(&self, ask: Ask) -> Result<(), Refused> {
        self.asks.send(ask).await.map_err(|_| Refused::Ended)
    }
}
