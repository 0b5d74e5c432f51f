//! Readers at 0, 1 and 10 KB/s beside fast ones: the fast ones get every event, what waits is bounded for each and for all
//! together, who does not drain is closed with 4408, and everybody ends complete after `fetch`.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use proto::delivery::Class;
use proto::server_frame::{Head, Page, Typing};
use proto::{ConversationId, Encoding, Reply, Request, Seq, ServerFrame, Target};
use tungstenite::{Message, WebSocket};

use crate::bench::{Bench, event_frame, group, user};
use crate::trickle::{Pace, Trickle, open};
use crate::watch::Watch;

const EVENTS: u64 = 1_500;
const EVENTS_PER_STEP: u64 = 10;
const STEP: Duration = Duration::from_millis(20);
const MAILBOX_BYTES: u32 = 8 * 1024;
const ALL_MAILBOXES_BYTES: u64 = 24 * 1024;
/// Bytes in a tenth of a second, and readers of each kind.
const PACES: [usize; 3] = [0, 100, 1_000];
const OF_EACH: usize = 2;
const FAST: usize = 2;

/// What one reader has, and how it came to it.
#[derive(Default)]
struct Reader {
    have: BTreeSet<u64>,
    head: u64,
    heads: usize,
    typings: usize,
    closed: bool,
}

/// Lets everybody read at once when the slow part is over, however it ends.
struct Release<'a>(&'a [(usize, Pace)]);

impl Drop for Release<'_> {
    fn drop(&mut self) {
        self.0.iter().for_each(|(_, pace)| pace.set(usize::MAX));
    }
}

fn bench() -> Bench {
    Bench::with(|config| {
        config.mailbox.bytes_max = MAILBOX_BYTES;
        config.mailbox.all_bytes_max = ALL_MAILBOXES_BYTES;
        config.mailbox.unsent_bytes_max = 4 * 1024;
        config.mailbox.lagging_timeout = Duration::from_secs(2);
        config.timeouts.close = Duration::from_millis(200);
    })
}

fn conversation() -> ConversationId {
    ConversationId::group(&group("g"))
}

/// Who connects, and where.
struct Caller {
    address: SocketAddr,
    token: String,
    receive_buffer: Option<usize>,
}

impl Caller {
    /// A member of the group.
    fn new(bench: &Bench, name: &str, receive_buffer: Option<usize>) -> Self {
        bench.set_groups(name, &["g"]);
        Self { address: bench.address, token: bench.token(name, 3_600), receive_buffer }
    }

    fn connect(&self, pace: &Pace) -> WebSocket<Trickle> {
        let mut socket = open(self.address, &self.token, pace, self.receive_buffer);
        socket.send(Message::text(r#"{"sync":{}}"#)).unwrap();
        socket
    }
}

impl Reader {
    /// Reads one frame; tells whether there was one.
    fn read(&mut self, socket: &mut WebSocket<Trickle>) -> bool {
        match socket.read() {
            Ok(Message::Text(text)) => {
                self.take(ServerFrame::decode(Encoding::Json, text.as_bytes()).unwrap());
                true
            }
            Ok(Message::Close(_)) | Err(_) => {
                self.closed = true;
                false
            }
            Ok(_) => true,
        }
    }

    fn take(&mut self, frame: ServerFrame) {
        match frame {
            ServerFrame::Event(event) => {
                self.have.insert(event.entry.seq.0);
                self.head = self.head.max(event.entry.seq.0);
            }
            ServerFrame::Head(head) => {
                self.heads += 1;
                self.head = self.head.max(head.last.0);
            }
            ServerFrame::Page(page) => self.have.extend(page.entries.iter().map(|entry| entry.seq.0)),
            ServerFrame::Typing(_) => self.typings += 1,
            ServerFrame::Welcome(_) => {}
            other => panic!("{other:?}"),
        }
    }

    fn is_complete(&self) -> bool {
        self.head == EVENTS && self.have.len() as u64 == EVENTS
    }

    /// Asks for the first hole.
    fn fetch(&self, socket: &mut WebSocket<Trickle>) {
        let from = (1..=self.head).find(|seq| !self.have.contains(seq)).expect("there is a hole");
        let to = (from..=self.head).take_while(|seq| !self.have.contains(seq)).last().unwrap();
        let fetch = format!(
            r#"{{"fetch":{{"conversation":"{}","from_seq":"{from}","to_seq":"{to}"}}}}"#,
            conversation()
        );
        socket.send(Message::text(fetch)).unwrap();
    }
}

/// Reads as a client does: events as they come, holes by `fetch`, after a close again from a new socket.
fn slow(caller: &Caller, mut socket: WebSocket<Trickle>) -> Reader {
    let mut reader = Reader::default();
    while reader.head < EVENTS && reader.read(&mut socket) {}
    if reader.closed {
        socket = caller.connect(&Pace::unbounded());
        while reader.head < EVENTS && reader.read(&mut socket) {}
    }
    while !reader.is_complete() {
        reader.fetch(&mut socket);
        let before = reader.have.len();
        while reader.have.len() == before {
            assert!(reader.read(&mut socket), "closed while it fetched");
        }
    }
    reader
}

/// Answers a `sync` with the head and a `fetch` with a page, so many times.
fn answer(bench: &Bench, commands: usize) {
    for _ in 0..commands {
        answer_one(bench, bench.command());
    }
}

fn answer_one(bench: &Bench, command: proto::Command) {
    let conversation = conversation();
    let frame = match &command.request {
        Request::Sync(_) => ServerFrame::Head(Head::of(conversation, Seq(0))),
        Request::Fetch(fetch) => {
            let to = Seq(fetch.to.0.min(fetch.from.0 + 199));
            let entry = |seq| match event_frame(&conversation, seq, &text()) {
                ServerFrame::Event(event) => event.entry,
                other => panic!("{other:?}"),
            };
            let entries = (fetch.from.0..=to.0).map(entry).collect();
            ServerFrame::Page(Page {
                conversation,
                from: fetch.from,
                to,
                entries,
                head: Seq(EVENTS),
                overlays: Vec::new(),
            })
        }
        other => panic!("{other:?}"),
    };
    bench.reply(&command, Reply::Frame(frame));
}

fn text() -> String {
    "x".repeat(100)
}

/// Publishes everything, with typing between, and gives the most that waited in all mailboxes.
fn publish(bench: &Bench, watch: &Watch) -> f64 {
    let (conversation, text) = (conversation(), text());
    let target = Target::Group(group("g"));
    let mut most = 0.0_f64;
    for seq in 1..=EVENTS {
        bench.event(target.clone(), &conversation, seq, &text);
        if seq % EVENTS_PER_STEP == 0 {
            let typing = Typing { conversation: conversation.clone(), user: user("fast-0") };
            bench.fan_out(target.clone(), Class::Signal, &conversation, 0, None, ServerFrame::Typing(typing));
            // The load is offered by the clock: slow is who does not keep up with it.
            std::thread::sleep(STEP);
            most = most.max(watch.risen("gateway_mailbox_bytes", &[]));
        }
    }
    most
}

#[test]
fn slow_readers_cost_a_bounded_mailbox_and_end_complete() {
    let watch = Watch::begin();
    let bench = bench();
    std::thread::scope(|scope| {
        let paces: Vec<(usize, Pace)> =
            PACES.iter().flat_map(|pace| [*pace; OF_EACH]).map(|pace| (pace, Pace::unbounded())).collect();
        let slow: Vec<_> = paces
            .iter()
            .enumerate()
            .map(|(number, (_, pace))| {
                let caller = Caller::new(&bench, &format!("slow-{number}"), Some(4 * 1024));
                let socket = caller.connect(pace);
                answer(&bench, 1);
                scope.spawn(move || slow(&caller, socket))
            })
            .collect();
        let fast: Vec<_> = (0..FAST)
            .map(|number| {
                let caller = Caller::new(&bench, &format!("fast-{number}"), None);
                let mut socket = caller.connect(&Pace::unbounded());
                answer(&bench, 1);
                scope.spawn(move || {
                    let mut reader = Reader::default();
                    while !reader.is_complete() && reader.read(&mut socket) {}
                    reader
                })
            })
            .collect();
        paces.iter().for_each(|(bytes, pace)| pace.set(*bytes));
        let release = Release(&paces);
        let most = publish(&bench, &watch);
        for reader in fast {
            let reader = reader.join().unwrap();
            // One head answered its `sync`.
            let got = (reader.have.len() as u64, reader.heads, reader.closed);
            assert_eq!(got, (EVENTS, 1, false), "a fast reader got every event as it happened");
            assert!(reader.typings as u64 >= EVENTS / EVENTS_PER_STEP - 1, "and every signal");
        }
        // One message alone may wait in each mailbox that was empty.
        let bound = ALL_MAILBOXES_BYTES as f64 + (PACES.len() * OF_EACH + FAST) as f64 * 1_000.0;
        assert!(most > 0.5 * ALL_MAILBOXES_BYTES as f64, "the slow ones filled their mailboxes: {most}");
        assert!(most <= bound, "{most} bytes waited, of {bound}");
        watch.expect("gateway_closes_total", &[r#"code="4408""#, r#"by="server""#], (2 * OF_EACH) as f64);
        drop(release);
        while !slow.iter().all(ScopedJoinHandle::is_finished) {
            if let Some(command) = bench.command_within(Duration::from_millis(50)) {
                answer_late(&bench, command);
            }
        }
        for ((pace, _), reader) in paces.iter().zip(slow) {
            let reader = reader.join().expect("a slow reader ends complete");
            assert!(reader.is_complete());
            assert_eq!(reader.closed, *pace < 1_000, "at {pace} bytes in a tenth of a second");
            assert!(reader.heads > 1, "what it was owed was told");
        }
    });
    watch.expect("gateway_mailbox_bytes", &[], 0.0);
    assert!(watch.risen("gateway_mailbox_lagging_total", &[]) >= (PACES.len() * OF_EACH) as f64);
    let drained = bench.drain();
    assert_eq!(drained.abandoned, 0);
}

/// As [`answer_one`], when everything is published: a `sync` hears of the last event.
fn answer_late(bench: &Bench, command: proto::Command) {
    if matches!(command.request, Request::Sync(_)) {
        let head = Head::of(conversation(), Seq(EVENTS));
        return bench.reply(&command, Reply::Frame(ServerFrame::Head(head)));
    }
    answer_one(bench, command);
}
