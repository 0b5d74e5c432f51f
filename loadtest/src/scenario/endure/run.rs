//! The clients at work: they send what is due, show what comes, and read history now and then.

use std::future::Future as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use client::{Backoff, Client, ClientConfig, Notice, Notices, StartAt, State, TokenSource};
use lifecycle::Tasks;
use proto::client_frame::{AckMode, Fetch};
use proto::{Body, Seq};
use rand::RngExt as _;

use super::book::Book;
use super::circles::Circles;
use crate::arguments::Endure;
use crate::clock::{Clock, MILLISECOND, Nanos, SECOND};
use crate::progress::{Progress, Sample};
use crate::scenario::{Context, nanos};
use crate::schedule::Schedule;
use crate::stamp::Stamp;

/// The longest that the first sockets may take.
const OPEN_MAX: Duration = Duration::from_secs(60);
/// Between two looks at the schedule.
const TICK: Duration = Duration::from_millis(5);
/// Between two pages of history.
const PAGE_EVERY: Nanos = SECOND / 10;
/// Sends under way; further ones do not leave, and are counted.
const UNDER_WAY_MAX: u64 = 100_000;
/// A server that comes back should not wait for its clients for longer.
const BACKOFF_MAX: Duration = Duration::from_secs(2);
/// A user's own sends are holes in what it is shown: they are fetched after so long.
const GAP_WAIT: Duration = Duration::from_millis(50);

/// Everything that the tasks share.
#[derive(Clone)]
struct Shared {
    book: Arc<Mutex<Book>>,
    clock: Clock,
    tasks: Tasks,
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        // A task that panicked ends the run by its own means.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs the whole schedule; the book at its end.
pub(super) async fn run(
    context: &Context,
    settings: &Endure,
    circles: &Circles,
    progress: &mut Progress,
) -> anyhow::Result<Book> {
    let clock = Clock::start();
    let book = Book::new(context.run, circles.clone(), lifecycle::wall_clock_ms());
    let shared = Shared { book: Arc::new(Mutex::new(book)), clock, tasks: Tasks::default() };
    progress.say(&format!("{} clients connect", circles.users().len()));
    let clients = connect(context, circles, &shared).await?;
    let schedule = Schedule::new(clock.now(), settings.rate, 0, nanos(settings.seconds));
    let (mut next, mut page_at, mut again) = (0, clock.now(), 0);
    while next < schedule.total() {
        while next < schedule.due_by(clock.now()) {
            send(context, settings, circles, &shared, &clients, (next, schedule.due(next))).await;
            next += 1;
        }
        if clock.now() >= page_at {
            page_at += PAGE_EVERY;
            read_somewhere(circles, &shared, &clients);
            let before = std::mem::replace(&mut again, clients.iter().map(Client::reads_again).sum());
            shared.book().reads_again(clock.now(), again - before);
        }
        show(&shared, progress);
        tokio::time::sleep(TICK).await;
    }
    progress.say("all sent, waiting for the rest");
    let until = clock.now() + nanos(settings.grace);
    while clock.now() < until && !shared.book().is_settled() {
        show(&shared, progress);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    drop(clients);
    shared.tasks.drain();
    // What has not ended waits for an answer that does not come; the book says which.
    let _ = shared.tasks.close(Duration::from_secs(5)).await;
    let empty = Book::new(context.run, circles.clone(), 0);
    Ok(std::mem::replace(&mut *shared.book(), empty))
}

/// One client for each user, all with a socket.
async fn connect(context: &Context, circles: &Circles, shared: &Shared) -> anyhow::Result<Vec<Client>> {
    let mut clients = Vec::new();
    for (who, user) in circles.users().iter().enumerate() {
        let (tokens, user) = (context.tokens()?.clone(), user.clone());
        let tokens = TokenSource::from_fn(move || std::future::ready(Ok(tokens.issue(&user))));
        let mut config = ClientConfig::new(context.first_url().to_owned(), tokens);
        config.trust = context.trust.clone();
        config.encoding = context.common.encoding.into();
        config.start_at = StartAt::Beginning;
        config.backoff = Backoff { max: BACKOFF_MAX, ..config.backoff };
        config.gap_wait = GAP_WAIT;
        let (client, notices) = Client::start(config, &shared.tasks);
        shared.tasks.spawn("sockets", watch_sockets(shared.clone(), client.state()));
        shared.tasks.spawn("reader", listen(shared.clone(), who, notices));
        clients.push(client);
    }
    for client in &clients {
        let online = tokio::time::timeout(OPEN_MAX, client.online()).await;
        online.context("no socket in time")?.map_err(|error| anyhow!("connecting: {error}"))?;
    }
    Ok(clients)
}

async fn watch_sockets(shared: Shared, mut state: tokio::sync::watch::Receiver<State>) {
    let (mut is_online, mut broken) = (false, None);
    while state.changed().await.is_ok() {
        let is_now = match *state.borrow_and_update() {
            State::Online(_) => true,
            State::Connecting | State::Waiting => false,
            // The run is over.
            State::Ended(_) => return,
        };
        let was_online = std::mem::replace(&mut is_online, is_now);
        let (mut book, now) = (shared.book(), shared.clock.now());
        if is_online {
            book.sockets += 1;
            if let Some(broken) = broken.take() {
                book.series.back(broken, now);
            }
        } else if was_online {
            broken = Some(book.series.lost(now));
        }
    }
}

async fn listen(shared: Shared, who: usize, mut notices: Notices) {
    while let Some(notice) = notices.recv().await {
        if let Notice::Event(event) = notice {
            shared.book().shown(who, &event.conversation, &event.entry, shared.clock.now());
        }
    }
}

/// Sends message `number`, which is due; its answer goes into the book whenever it comes.
async fn send(
    context: &Context,
    settings: &Endure,
    circles: &Circles,
    shared: &Shared,
    clients: &[Client],
    (number, due): (u64, Nanos),
) {
    let address = circles.address(number);
    let under_way = {
        let mut book = shared.book();
        book.sent(&address, due, shared.clock.now());
        let (sent, answered) = book.progress();
        sent - answered
    };
    if under_way > UNDER_WAY_MAX {
        let mut book = shared.book();
        book.unsent += 1;
        return book.refused(number, "it never left: too many are under way");
    }
    let stamp = Stamp { run: context.run, number };
    let mut text = String::from_utf8_lossy(&stamp.to_text()).into_owned();
    while text.len() < usize::from(settings.text_bytes) {
        text.push('.');
    }
    let client = clients[address.sender].clone();
    let id = stamp.to_id(context.started_ms);
    let mut send =
        Box::pin(async move { client.send_as(id, address.to, Body::text(text), AckMode::Persisted).await });
    // Sends are ordered as they are first polled: this one now, before the next.
    let first = std::future::poll_fn(|context| Poll::Ready(send.as_mut().poll(context))).await;
    let own = shared.clone();
    shared.tasks.spawn("send", async move {
        let answer = match first {
            Poll::Ready(answer) => answer,
            Poll::Pending => send.await,
        };
        let now = own.clock.now();
        match answer {
            Ok(ack) => own.book().acked(number, &ack, now),
            // The run is over.
            Err(client::Refused::Ended) => {}
            Err(refused) => own.book().refused(number, &refused.to_string()),
        }
    });
}

/// Somebody reads a page of a conversation, somewhere in its middle.
fn read_somewhere(circles: &Circles, shared: &Shared, clients: &[Client]) {
    let conversations = circles.conversations();
    let mut random = rand::rng();
    let (conversation, who) = conversations[random.random_range(0..conversations.len())].clone();
    let head = shared.book().head(&conversation);
    if head == 0 {
        return;
    }
    let from = Seq(random.random_range(1..=head));
    let fetch = Fetch { conversation, from, to: Seq::ZERO, limit: 50, backwards: false };
    let (client, own) = (clients[who].clone(), shared.clone());
    shared.tasks.spawn("page", async move {
        match client.fetch(fetch).await {
            Ok(page) => own.book().page(&page),
            Err(client::Refused::Ended) => {}
            Err(_) => own.book().pages_refused += 1,
        }
    });
}

fn show(shared: &Shared, progress: &mut Progress) {
    let now = shared.clock.now();
    if progress.is_due(now) {
        let book = shared.book();
        let (sent, settled) = book.progress();
        let delivered = book.delivery.count();
        let p99 = book.delivery.quantile_seconds(0.99);
        let sample = Sample { sent, settled, delivered, delivery_p99: p99, ..Sample::default() };
        progress.show(now, sample);
    }
}

/// A tick must be shorter than a step of the series, or its figures would be those of the ticks.
const _: () = assert!(TICK.as_millis() < 100 && PAGE_EVERY > MILLISECOND);
