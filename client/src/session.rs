//! The state of one client across its sockets: what leaves, what was heard, what the reader gets. No io.
//!
//! ```text
//! asks ──► Outbox ─┐                       ┌─► Order ──► notices
//!                  ├─► frames to the socket │
//! fetches, sync ───┘      frames from the socket ──┴─► acks
//! ```
//!
//! One fetch is in flight at a time, because a refused fetch does not say which one it was. What is missing and what the
//! application asks take turns: whoever scrolls through old pages still hears what is said now. One whose answer stays away
//! is asked for again after all others that wait: it holds them up once, for [`ClientConfig::read_timeout`].

use std::collections::VecDeque;
use std::time::Duration;

use proto::client_frame::{Fetch, Position, Recipient, Sync};
use proto::presence::PresenceAsk;
use proto::server_frame::{ConversationState, Delta, Nack, Page, Room, Welcome};
use proto::{ClientFrame, ConversationId, GroupId, Seq, ServerFrame, UserId};
use rand::RngExt as _;
use rand::rngs::StdRng;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::order::Order;
use crate::outbox::{Outbox, Outgoing};
use crate::rooms::Rooms;
use crate::watched::Watched;
use crate::{Backoff, ClientConfig, Notice, Refused, StartAt};

/// Something that the application asks of its client.
#[derive(Debug)]
#[allow(missing_docs, reason = "each is the method of `Client` with that name")]
pub enum Ask {
    Send(Box<Outgoing>),
    Fetch(Fetch, oneshot::Sender<Result<Page, Refused>>),
    Read(Position),
    Delivered(Position),
    Typing(Recipient),
    Presence(PresenceAsk),
    JoinRoom(GroupId, oneshot::Sender<Result<Room, Refused>>),
    LeaveRoom(GroupId),
}

/// What the driver must do after a frame.
#[derive(Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Reaction {
    None,
    RefreshToken,
    Reconnect { after_ms: u32 },
}

#[derive(Debug)]
struct FetchInFlight {
    fetch: Fetch,
    /// Who asked; `None` when it fills a gap.
    asked: Option<oneshot::Sender<Result<Page, Refused>>>,
    deadline: Instant,
    /// It was refused for now, and no answer is to come before the deadline.
    is_refused: bool,
}

/// Notices other than events that wait for the reader; the oldest go first.
const ASIDE_MAX: usize = 256;
/// Fetches that the application may have waiting.
const FETCHES_MAX: usize = 64;
/// A read that is refused waits as a send does that was refused this often before: it costs more, and mostly many are refused at once.
const READ_ATTEMPT: u32 = 2;

/// See the module.
#[derive(Debug)]
pub struct Session {
    config: ClientConfig,
    outbox: Outbox,
    order: Order,
    watched: Watched,
    rooms: Rooms,
    random: StdRng,
    user: Option<UserId>,
    out: VecDeque<ClientFrame>,
    /// Of the event that the reader got last.
    overlay: Option<Notice>,
    aside: VecDeque<Notice>,
    fetches: VecDeque<(Fetch, oneshot::Sender<Result<Page, Refused>>)>,
    fetch: Option<FetchInFlight>,
    /// The last fetch was one of the application.
    asked_last: bool,
    cursor: String,
    /// The first sync went through, so every conversation has its place.
    placed: bool,
    /// When to sync again; `None` while nothing calls for it or one is being answered.
    sync_at: Option<Instant>,
    /// When to give up on the answer of a sync.
    sync_deadline: Option<Instant>,
    /// Reads whose answers stayed away, less those that were answered since.
    reads_unanswered: u32,
    reads_again: u64,
    ping_every: Duration,
    last_out: Instant,
    last_in: Instant,
}

impl Session {
    /// A client without a socket.
    pub fn new(config: ClientConfig, random: StdRng, now: Instant) -> Self {
        Self {
            outbox: Outbox::new(config.backoff, config.answer_timeout),
            order: Order::new(config.gap_wait, config.held_max),
            watched: Watched::default(),
            rooms: Rooms::default(),
            random,
            user: None,
            out: VecDeque::new(),
            overlay: None,
            aside: VecDeque::new(),
            fetches: VecDeque::new(),
            fetch: None,
            asked_last: false,
            cursor: String::new(),
            placed: false,
            sync_at: None,
            sync_deadline: None,
            reads_unanswered: 0,
            reads_again: 0,
            ping_every: Duration::from_secs(25),
            last_out: now,
            last_in: now,
            config,
        }
    }

    /// Whether asks can be taken: the user is known and there is room.
    pub fn takes_asks(&self) -> bool {
        self.user.is_some()
            && self.outbox.len() < self.config.unacknowledged_max
            && self.fetches.len() < FETCHES_MAX
    }

    /// The application asks.
    pub fn ask(&mut self, ask: Ask) {
        match ask {
            Ask::Send(outgoing) => {
                if let Some(user) = &self.user {
                    self.outbox.accept(*outgoing, user);
                }
            }
            Ask::Fetch(fetch, asked) => self.fetches.push_back((fetch, asked)),
            Ask::Read(position) => self.out.push_back(ClientFrame::Read(position)),
            Ask::Delivered(position) => self.out.push_back(ClientFrame::Delivered(position)),
            Ask::Typing(recipient) => self.out.push_back(ClientFrame::Typing(recipient)),
            Ask::Presence(ask) => {
                self.watched.note(&ask);
                self.out.push_back(ClientFrame::Presence(ask));
            }
            Ask::JoinRoom(room, asked) => self.rooms.join(room, asked),
            Ask::LeaveRoom(room) => self.out.push_back(self.rooms.leave(room)),
        }
    }

    /// The socket said welcome: sync, and send again what was not answered.
    pub fn connected(&mut self, welcome: &Welcome, now: Instant) {
        self.user = Some(welcome.user.clone());
        // Two places are kept for a fetch and a sync.
        let window = usize::try_from(welcome.limits.unanswered).unwrap_or(usize::MAX).saturating_sub(2);
        self.outbox.connected(window);
        self.ping_every = Duration::from_millis(u64::from(welcome.ping_ms.max(1000)));
        (self.last_in, self.last_out) = (now, now);
        (self.sync_at, self.sync_deadline) = (Some(now), None);
        self.out.extend(self.watched.again());
        self.rooms.connected();
    }

    /// The cursor that the handshake of the next socket may show instead of a `sync`; none when heads of what is held must be
    /// asked for too.
    pub fn resume(&self) -> Option<&str> {
        self.order.positions(1).is_empty().then_some(&*self.cursor)
    }

    /// The handshake showed the cursor: the answer of a `sync` is on its way.
    pub fn resumed(&mut self, now: Instant) {
        (self.sync_at, self.sync_deadline) = (None, Some(now + self.read_patience()));
    }

    /// The socket is gone. What was asked stays asked.
    pub fn disconnected(&mut self, now: Instant) {
        self.outbox.disconnected();
        self.out.clear();
        self.put_fetch_back(now);
        (self.sync_at, self.sync_deadline) = (None, None);
    }

    /// Nothing was heard for so long that the socket must be dead.
    pub fn is_dead(&self, now: Instant) -> bool {
        now.duration_since(self.last_in) > self.ping_every * 2 + self.config.answer_timeout
    }

    /// A frame came.
    pub fn frame(&mut self, frame: ServerFrame, now: Instant) -> Reaction {
        self.last_in = now;
        match frame {
            ServerFrame::Ack(ack) => self.outbox.acknowledged(ack),
            ServerFrame::Nack(nack) => self.nack(nack, now),
            ServerFrame::Page(page) => self.page(page, now),
            ServerFrame::Delta(delta) => self.delta(delta, now),
            ServerFrame::TooLong => {
                self.cursor.clear();
                (self.sync_at, self.sync_deadline) = (Some(now), None);
            }
            ServerFrame::Event(event) => self.order.event(event, now),
            ServerFrame::Head(head) => self.order.head(&head.conversation, head.last, now),
            ServerFrame::Pong(pong) => {
                for head in &pong.heads {
                    self.order.head(&head.conversation, head.last, now);
                }
            }
            ServerFrame::Resync => self.sync_at = Some(now),
            ServerFrame::Receipt(receipt) => self.notice(Notice::Receipt(receipt)),
            ServerFrame::Typing(typing) => self.notice(Notice::Typing(typing)),
            ServerFrame::Contact(contact) => self.notice(Notice::Contact(contact)),
            ServerFrame::Invitation(of) => self.notice(Notice::Invitation(of)),
            ServerFrame::AuthExpiring(_) => return Reaction::RefreshToken,
            ServerFrame::Goaway(after_ms) => return Reaction::Reconnect { after_ms },
            // Asked for by nobody here.
            ServerFrame::Settings(of) => self.notice(Notice::Settings(of)),
            ServerFrame::Presence(users) => self.notice(Notice::Presence(users)),
            ServerFrame::Room(room) => self.room(room, now),
            ServerFrame::Live(event) => self.notice(Notice::Live(event)),
            ServerFrame::Broadcast(broadcast) => self.notice(Notice::Broadcast(broadcast)),
            ServerFrame::Welcome(_)
            | ServerFrame::Pins(_)
            | ServerFrame::Versions(_)
            | ServerFrame::Readers(_) => {}
            ServerFrame::Confirmed(position) => self.notice(Notice::Confirmed(position)),
            ServerFrame::Confirmations(of) => self.notice(Notice::Confirmations(of)),
        }
        Reaction::None
    }

    /// Lets everything that is due leave; then [`Self::next_frame`] has it.
    pub fn poll(&mut self, now: Instant) {
        let out = &mut self.out;
        self.outbox.poll(now, &mut |send| out.push_back(ClientFrame::Send(send)));
        if self.sync_deadline.is_some_and(|deadline| deadline <= now) {
            self.gave_up_a_read();
            (self.sync_at, self.sync_deadline) = (Some(now), None);
        }
        if self.sync_due().is_some_and(|at| at <= now) {
            let open = self.order.positions(proto::limits::SYNC_OPEN_MAX);
            self.out.push_back(ClientFrame::Sync(Sync { cursor: self.cursor.clone(), open }));
            (self.sync_at, self.sync_deadline) = (None, Some(now + self.read_patience()));
        }
        if let Some(late) = self.fetch.as_ref().filter(|fetch| fetch.deadline <= now) {
            if !late.is_refused {
                tracing::debug!(conversation = %late.fetch.conversation, "no page came, asking again");
                self.gave_up_a_read();
            }
            self.put_fetch_back(now);
        }
        if self.fetch.is_none() {
            self.next_fetch(now);
        }
        let patience = self.read_patience();
        self.out.extend(self.rooms.poll(now, patience));
        if self.out.is_empty() && now >= self.last_out + self.ping_every {
            self.out.push_back(ClientFrame::Ping);
        }
        if !self.out.is_empty() {
            self.last_out = now;
        }
    }

    /// The next frame for the socket.
    pub fn next_frame(&mut self) -> Option<ClientFrame> {
        self.out.pop_front()
    }

    /// When [`Self::poll`] has something to do, if nothing comes before.
    pub fn next_due(&self) -> Instant {
        let gap = if self.fetch.is_none() { self.order.next_due() } else { None };
        let times = [
            self.outbox.next_due(),
            gap,
            self.sync_due(),
            self.sync_deadline,
            self.fetch.as_ref().map(|fetch| fetch.deadline),
            self.rooms.next_due(self.last_out),
        ];
        times
            .into_iter()
            .flatten()
            .min()
            .map_or(self.last_out + self.ping_every, |due| due.min(self.last_out + self.ping_every))
    }

    /// Whether the reader has something to get.
    pub fn has_notice(&self) -> bool {
        self.overlay.is_some() || !self.aside.is_empty() || self.order.is_ready()
    }

    /// The next thing for the reader.
    pub fn next_notice(&mut self, now: Instant) -> Option<Notice> {
        if let Some(overlay) = self.overlay.take() {
            return Some(overlay);
        }
        self.aside.pop_front().or_else(|| {
            let (event, overlay) = self.order.pop(now)?;
            self.overlay = overlay.map(|overlay| Notice::Overlay(event.conversation.clone(), overlay));
            Some(Notice::Event(event))
        })
    }

    /// When the next sync leaves. None is in flight twice, and none brings more than the reader has room for.
    fn sync_due(&self) -> Option<Instant> {
        let brings = proto::limits::DELTA_CONVERSATIONS_MAX + proto::limits::DELTA_CONTACTS_MAX;
        let room = self.aside.len() + brings <= ASIDE_MAX;
        if self.sync_deadline.is_none() && room { self.sync_at } else { None }
    }

    fn notice(&mut self, notice: Notice) {
        if self.aside.len() >= ASIDE_MAX {
            self.aside.pop_front();
        }
        self.aside.push_back(notice);
    }

    fn nack(&mut self, nack: Nack, now: Instant) {
        if nack.client_message_id.is_some() {
            return self.outbox.refused(nack, now, &mut self.random);
        }
        let wait = self.config.backoff.after_refusal(nack.retry_after_ms, READ_ATTEMPT, &mut self.random);
        // An answer, too.
        self.reads_unanswered = self.reads_unanswered.saturating_sub(1);
        match nack.frame {
            "sync" => (self.sync_at, self.sync_deadline) = (Some(now + wait), None),
            "fetch" => {
                let Some(FetchInFlight { fetch, asked, deadline, .. }) = self.fetch.take() else { return };
                match (asked, nack.code.temporary()) {
                    (Some(asked), true) => {
                        // Its turn comes again when the deadline has passed; meanwhile no other fetch leaves.
                        let deadline = deadline.min(now + wait);
                        let asked = Some(asked);
                        self.fetch = Some(FetchInFlight { fetch, asked, deadline, is_refused: true });
                    }
                    (Some(asked), false) => {
                        let refused = Refused::Code { code: nack.code, message: nack.message };
                        // Nobody waits any more when this fails.
                        let _ = asked.send(Err(refused));
                    }
                    (None, true) => self.order.fetch_later(&fetch.conversation, now + wait),
                    (None, false) => self.order.forget(&fetch.conversation),
                }
            }
            "join_room" => {
                let again_at = nack.code.temporary().then_some(now + wait);
                self.rooms.refused(Refused::Code { code: nack.code, message: nack.message }, again_at);
            }
            frame => tracing::debug!(frame, code = nack.code.name(), "frame refused"),
        }
    }

    /// What is said in a room begins where it is now, or at its first entry where everything is wanted and kept.
    fn room(&mut self, room: Room, now: Instant) {
        self.rooms.told(&room);
        let conversation = ConversationId::group(&room.room);
        if room.joined {
            let whole = room.history && self.config.start_at != StartAt::Head;
            self.order.begin(&conversation, if whole { Seq::ZERO } else { room.head }, now);
            self.order.head_now(&conversation, room.head, now);
        } else {
            self.order.forget(&conversation);
        }
        self.notice(Notice::Room(room));
    }

    fn page(&mut self, page: Page, now: Instant) {
        let Some(FetchInFlight { asked, .. }) =
            self.fetch.take_if(|in_flight| may_answer(&page, &in_flight.fetch))
        else {
            return;
        };
        self.reads_unanswered = self.reads_unanswered.saturating_sub(1);
        match asked {
            Some(asked) => {
                // Nobody waits any more when this fails.
                let _ = asked.send(Ok(page));
            }
            None => self.order.page(page, now),
        }
    }

    fn delta(&mut self, delta: Delta, now: Instant) {
        self.sync_deadline = None;
        self.reads_unanswered = self.reads_unanswered.saturating_sub(1);
        self.cursor = delta.cursor;
        for state in delta.conversations {
            self.conversation(state, now);
        }
        for contact in delta.contacts {
            self.notice(Notice::Contact(Box::new(contact)));
        }
        if delta.more {
            self.sync_at = Some(now);
        } else if !self.placed {
            self.placed = true;
            self.order.placed(now);
        }
    }

    fn conversation(&mut self, state: ConversationState, now: Instant) {
        if state.left {
            self.order.forget(&state.conversation);
        } else {
            if !self.placed && self.config.start_at == StartAt::Head {
                self.order.begin(&state.conversation, state.head, now);
            } else if !self.placed {
                self.order.begin(&state.conversation, Seq::ZERO, now);
            }
            self.order.head_now(&state.conversation, state.head, now);
        }
        self.notice(Notice::Conversation(Box::new(state)));
    }

    fn next_fetch(&mut self, now: Instant) {
        let is_their_turn = !self.asked_last && !self.fetches.is_empty();
        let missing = if is_their_turn { None } else { self.order.poll(now) };
        let (fetch, asked) = match missing {
            Some(fetch) => (fetch, None),
            None => match self.fetches.pop_front() {
                Some((fetch, asked)) => (fetch, Some(asked)),
                None => return,
            },
        };
        self.asked_last = asked.is_some();
        let deadline = now + self.read_patience();
        self.out.push_back(ClientFrame::Fetch(fetch.clone()));
        self.fetch = Some(FetchInFlight { fetch, asked, deadline, is_refused: false });
    }

    /// How often a fetch or a sync was asked for again because no answer came.
    pub fn reads_again(&self) -> u64 {
        self.reads_again
    }

    fn gave_up_a_read(&mut self) {
        self.reads_unanswered += 1;
        self.reads_again += 1;
    }

    /// How long the next read waits for its answer: longer, and by chance, the more answers stayed away. A crowd whose server is
    /// slow does not ask again together, nor ever more.
    fn read_patience(&mut self) -> Duration {
        let (first, max) = (self.config.read_timeout, self.config.answer_timeout);
        let most = Backoff { first, max: max.max(first) }.ceiling(self.reads_unanswered);
        if most == first { first } else { self.random.random_range(first..=most) }
    }

    /// The fetch in flight will not be answered: it leaves again.
    fn put_fetch_back(&mut self, now: Instant) {
        match self.fetch.take() {
            Some(FetchInFlight { fetch, asked: Some(asked), .. }) => self.fetches.push_front((fetch, asked)),
            Some(FetchInFlight { fetch, asked: None, .. }) => {
                self.order.fetch_later(&fetch.conversation, now)
            }
            None => {}
        }
    }
}

/// Whether a page can be the answer to a fetch. One that was asked for twice may bring two, and the second is not the answer to
/// whatever was asked next.
fn may_answer(page: &Page, fetch: &Fetch) -> bool {
    let is_empty = page.to < page.from;
    page.conversation == fetch.conversation
        && page.from >= fetch.from
        && (fetch.to == Seq::ZERO || is_empty || page.to <= fetch.to)
}

#[cfg(test)]
mod tests;
