//! `sync`: what a client with many conversations waits for when it comes: the first page of its list, and what has changed
//! since it was last there.
//!
//! ```text
//! peers write to the reader, once each ─► whole list ─► first pages ─► settle ─► one message, one delta, again and again
//! ```
//!
//! Lists follow messages: until they have, the message itself was pushed, and heads tell of it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use proto::client_frame::Sync as SyncFrame;
use proto::server_frame::Delta;
use proto::{ClientFrame, ConversationId, ServerFrame, UserId};

use super::drive::open;
use super::{Context, Measured, Result, nanos};
use crate::arguments::Sync;
use crate::clock::{Nanos, SECOND};
use crate::engine::{Engine, Listener};
use crate::figures::{Figures, Unit};
use crate::latency::Latencies;
use crate::progress::Progress;
use crate::topology::users_of;
use crate::verdict::Verdict;
use crate::wire::heard::Heard;
use crate::wire::outgoing::To;

/// The connection whose list it is; the others write to it.
const READER: usize = 0;
/// Messages that are on their way to the server while the list is made.
const UNANSWERED_MAX: u64 = 256;
/// Without an answer for so long, the server is stuck.
const PATIENCE: Nanos = 15 * SECOND;
/// Between two first pages.
const PAUSE: Duration = Duration::from_millis(50);
const TURN: Duration = Duration::from_millis(10);

/// What was heard since somebody last asked.
#[derive(Default)]
struct Ears {
    delta: Option<(Nanos, Delta)>,
    acks: u64,
    /// The newest place of them.
    acked: u64,
    /// Events at the reader.
    events: u64,
    /// The newest refusal.
    refused: Option<&'static str>,
    refusals: BTreeMap<&'static str, u64>,
}

impl Listener for Ears {
    fn heard(&mut self, at: Nanos, who: usize, heard: Heard) {
        match heard {
            Heard::Ack(ack) => {
                self.acks += 1;
                self.acked = ack.seq;
            }
            Heard::Event { .. } if who == READER => self.events += 1,
            Heard::Refused { code, .. } => self.refuse(code),
            Heard::Other(frame) => match *frame {
                ServerFrame::Delta(delta) if who == READER => self.delta = Some((at, delta)),
                ServerFrame::TooLong if who == READER => self.refuse("TOO_LONG"),
                ServerFrame::Nack(nack) => self.refuse(nack.code.name()),
                _ => {}
            },
            Heard::Event { .. } | Heard::Ready | Heard::Call | Heard::Nothing => {}
        }
    }
}

impl Ears {
    fn refuse(&mut self, code: &'static str) {
        self.refused = Some(code);
        *self.refusals.entry(code).or_default() += 1;
    }
}

/// The reader and those who write to it.
struct Stage {
    engine: Engine,
    ears: Ears,
    reader: UserId,
    cursor: String,
    sent: u64,
}

/// What was measured.
#[derive(Default)]
struct Waited {
    /// Lines of the list, and pages they came in.
    lines: usize,
    pages: u64,
    whole_seconds: f64,
    first_page: Latencies,
    first_page_lines: usize,
    delta: Latencies,
    /// Lines of the longest of them.
    delta_lines: usize,
    /// Deltas without the message that was acknowledged before.
    stale: u64,
}

pub(super) fn run(context: &Context, settings: &Sync) -> Result {
    if settings.conversations == 0 || settings.rounds == 0 {
        bail!("sync needs one conversation or more, and one round or more");
    }
    let mut progress = context.progress("sync");
    let connections = settings.conversations + 1;
    let mut engine = context.engine(context.driver(64, None), connections, 0)?;
    let users = users_of(&context.prefix("sync"), 0..connections);
    let ramp = open(&mut engine, &users, &mut Ears::default(), (&mut progress, None))?;
    let reader = users.first().context("a reader")?.clone();
    let mut stage = Stage { engine, ears: Ears::default(), reader, cursor: String::new(), sent: 0 };
    let waited = stage.play(settings, &users, &mut progress)?;
    let closed = stage.engine.tally().closed;
    stage.engine.close();

    let mut figures = Figures::of("sync");
    figures.count("connections", ramp.ready.count());
    figures.count("conversations", waited.lines as u64);
    figures.count("pages", waited.pages);
    figures.add("whole", waited.whole_seconds, Unit::Seconds);
    figures.latencies("first_page", &waited.first_page);
    figures.count("first_page.conversations", waited.first_page_lines as u64);
    figures.latencies("delta", &waited.delta);
    figures.count("delta.conversations_max", waited.delta_lines as u64);
    figures.count("stale", waited.stale);
    for (code, count) in &stage.ears.refusals {
        figures.count(&format!("refusals.{code}"), *count);
    }
    figures.count("sockets_closed", closed);
    let verdict = judge(settings, &waited, closed);
    Ok(Measured { figures, verdict, courses: Vec::new(), steps: None })
}

fn judge(settings: &Sync, waited: &Waited, closed: u64) -> Verdict {
    let mut faults = Vec::new();
    if waited.lines < settings.conversations {
        faults.push(format!("sync: the list has only {} conversations", waited.lines));
    }
    if waited.stale > 0 {
        faults.push(format!("sync: {} answers lacked what was acknowledged before", waited.stale));
    }
    if closed > 0 {
        faults.push(format!("sync: {closed} sockets were closed by the server"));
    }
    if faults.is_empty() { Verdict::Good } else { Verdict::Faults(faults) }
}

impl Stage {
    fn play(&mut self, settings: &Sync, users: &[UserId], progress: &mut Progress) -> anyhow::Result<Waited> {
        progress.say(&format!("{} users write to one", settings.conversations));
        for writer in 1..users.len() {
            self.write(writer)?;
            let enough = self.sent.saturating_sub(UNANSWERED_MAX);
            self.until("acknowledgements", |ears| ears.acks >= enough)?;
        }
        let sent = self.sent;
        self.until("the last messages", |ears| ears.acks >= sent && ears.events >= sent)?;

        self.pause(settings.follow)?;
        let mut waited = Waited::default();
        let began = self.engine.clock().now();
        (waited.lines, waited.pages) = self.read_on()?;
        waited.whole_seconds = (self.engine.clock().now() - began) as f64 / SECOND as f64;
        progress.say(&format!("{} lines in {} pages", waited.lines, waited.pages));
        for _ in 0..settings.rounds {
            let (took, page) = self.sync(String::new())?;
            waited.first_page.record(took);
            waited.first_page_lines = page.conversations.len();
            self.pause(PAUSE)?;
        }
        progress.say(&format!(
            "waiting for {:.0} s, until all of that is long ago",
            settings.settle.as_secs_f64()
        ));
        self.pause(settings.settle)?;
        self.read_on()?;
        for _ in 0..settings.rounds {
            self.change(settings, &mut waited, &users[1])?;
        }
        Ok(waited)
    }

    /// One message, and then what has changed.
    fn change(&mut self, settings: &Sync, waited: &mut Waited, writer: &UserId) -> anyhow::Result<()> {
        self.write(1)?;
        let sent = self.sent;
        self.until("a message", |ears| ears.acks >= sent && ears.events >= sent)?;
        self.pause(settings.follow)?;
        let (took, delta) = self.sync(self.cursor.clone())?;
        waited.delta.record(took);
        waited.delta_lines = waited.delta_lines.max(delta.conversations.len());
        let conversation = ConversationId::direct(&self.reader, writer);
        let newest = self.ears.acked;
        let is_there = |line: &proto::server_frame::ConversationState| {
            line.conversation == conversation && line.head.0 >= newest
        };
        waited.stale += u64::from(!delta.conversations.iter().any(is_there));
        self.cursor = delta.cursor;
        Ok(())
    }

    /// Reads the list from where the cursor is; gives lines and pages.
    fn read_on(&mut self) -> anyhow::Result<(usize, u64)> {
        let (mut lines, mut pages) = (0, 0);
        loop {
            let (_, delta) = self.sync(self.cursor.clone())?;
            lines += delta.conversations.len();
            pages += 1;
            self.cursor = delta.cursor;
            if !delta.more {
                return Ok((lines, pages));
            }
        }
    }

    /// Asks, and waits for the answer; asks again when it is refused for now.
    fn sync(&mut self, cursor: String) -> anyhow::Result<(Nanos, Delta)> {
        loop {
            (self.ears.delta, self.ears.refused) = (None, None);
            let asked = self.engine.clock().now();
            let frame = ClientFrame::Sync(SyncFrame { cursor: cursor.clone(), open: Vec::new() });
            ensure!(self.engine.send_frame(READER, &frame), "the server does not read");
            self.until("an answer to sync", |ears| ears.delta.is_some() || ears.refused.is_some())?;
            match self.ears.delta.take() {
                Some((at, delta)) => return Ok((at - asked, delta)),
                None => self.pause(Duration::from_secs(1))?,
            }
        }
    }

    fn write(&mut self, writer: usize) -> anyhow::Result<()> {
        let number = self.sent;
        self.sent += 1;
        let sent = self.engine.send(writer, number, To::User(self.reader.as_str(), READER));
        ensure!(sent, "the server does not read");
        Ok(())
    }

    fn until(&mut self, what: &str, is_there: impl Fn(&Ears) -> bool) -> anyhow::Result<()> {
        let deadline = self.engine.clock().now() + PATIENCE;
        while !is_there(&self.ears) {
            if self.engine.clock().now() > deadline {
                let refused = self.ears.refused.map(|code| format!("; the server said {code}"));
                bail!("waited for {what} in vain for 15 s{}", refused.unwrap_or_default());
            }
            self.engine.turn(TURN, &mut self.ears)?;
        }
        Ok(())
    }

    fn pause(&mut self, pause: Duration) -> anyhow::Result<()> {
        let until = self.engine.clock().now() + nanos(pause);
        while self.engine.clock().now() < until {
            self.engine.turn(TURN.min(pause), &mut self.ears)?;
        }
        Ok(())
    }
}
