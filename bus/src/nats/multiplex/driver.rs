//! Serves one connection after the other as long as each hands over to the next: tells the server what is wanted, takes what it
//! sends, and leaves it when it announces its end.

mod handover;

use std::sync::Arc;

use bytes::BytesMut;
use tokio::time::{Instant, sleep_until};

use super::connection::{Connection, Lost};
use super::decoder::Op;
use super::dial::Dialled;
use super::greeting::ServerInfo;
use super::inbound::Message;
use super::pace::Pace;
use super::servers::{Server, Servers};
use super::subscriptions::{Change, Subscriptions, Wanted};
use super::{MultiplexConfig, Shared};
use crate::metrics::InterestShown;
use handover::Handover;

/// Why serving ended.
pub(super) enum Ended {
    /// The handle is gone.
    Closed,
    /// The connection is.
    Lost(Lost),
}

/// Whether what was wanted before this connection has been told to its server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    /// Not all of it.
    Telling,
    /// All; the server has so many `PING`s to answer before it has heard all of it.
    Told(usize),
    /// There was nothing, or it is in force again.
    Done,
}

/// `PING`s of flushes on their way before another waits.
const FLUSHES_MAX: usize = 8;

/// See the module.
pub(super) struct Driver<'a> {
    shared: &'a Arc<Shared>,
    servers: &'a mut Servers,
    connection: Connection,
    pace: Pace,
    /// When more changes may be told, while the pace says no.
    next_batch: Option<Instant>,
    again: Again,
    handover: Handover,
    received: Vec<Message>,
    /// Whether the log was told that the server refuses subscriptions.
    refusal_logged: bool,
    shown: InterestShown,
}

impl<'a> Driver<'a> {
    pub(super) fn new(shared: &'a Arc<Shared>, servers: &'a mut Servers, dialled: Dialled) -> Self {
        let now = Instant::now();
        let again = if shared.wishes().subscriptions.has_walked() { Again::Done } else { Again::Telling };
        let mut handover = Handover::default();
        handover.hear(&dialled.info, now);
        Self {
            servers,
            connection: Connection::new(dialled, now),
            pace: Pace::new(shared.config.subscribes_per_second, now),
            next_batch: None,
            again,
            handover,
            received: Vec::new(),
            refusal_logged: false,
            shown: InterestShown::default(),
            shared,
        }
    }

    pub(super) fn into_server(self) -> Server {
        let Self { mut shown, shared, connection, .. } = self;
        shared.meters.show(&mut shown, 0, 0);
        connection.server
    }

    /// Until the handle is gone or the connection is.
    pub(super) async fn serve(&mut self) -> Ended {
        loop {
            if self.shared.is_closed() {
                return Ended::Closed;
            }
            if let Err(lost) = self.turn().await {
                return Ended::Lost(lost);
            }
        }
    }

    /// Waits for one thing to happen, and does what comes of it.
    async fn turn(&mut self) -> Result<(), Lost> {
        let now = Instant::now();
        let interval = self.shared.config.nats.ping_interval;
        let told = self.tell(now);
        self.connection.check(now, interval, told)?;
        let due = self.connection.due(interval).min(self.next_batch.unwrap_or(now + interval));
        let Connection { server, reader, writer } = &mut self.connection;
        tokio::select! {
            read = reader.read() => {
                read?;
                self.take()?;
            }
            written = writer.write(), if writer.has_work() => written?,
            () = self.shared.changed.notified() => {}
            () = sleep_until(due) => {}
            moved = self.handover.next(self.shared, self.servers, server) => {
                self.handed_over(moved);
            }
        }
        Ok(())
    }

    /// Puts what the server must be told where it is written from. Gives how many changes it has been told.
    fn tell(&mut self, now: Instant) -> u64 {
        let mut wishes = self.shared.wishes();
        let wishes = &mut *wishes;
        let writer = &mut self.connection.writer;
        if self.next_batch.is_none_or(|due| due <= now) {
            self.next_batch = None;
            while wishes.subscriptions.waiting() > 0 {
                let Some(out) = writer.room() else { break };
                if !self.pace.take(now) {
                    self.next_batch = Some(self.pace.next_batch(now));
                    break;
                }
                tell_one(self.shared, &mut wishes.subscriptions, out);
            }
        }
        let told = wishes.subscriptions.told();
        let covered = writer.asked().unwrap_or(*self.shared.in_force.borrow());
        if wishes.flush > covered && told >= wishes.flush && writer.unanswered() < FLUSHES_MAX {
            writer.ping(now, told);
        }
        if self.again == Again::Telling && wishes.subscriptions.has_walked() {
            writer.ping(now, told);
            self.again = Again::Told(writer.unanswered());
        }
        self.shared.meters.show(&mut self.shown, wishes.subscriptions.len(), wishes.subscriptions.waiting());
        told
    }

    /// Takes what was read.
    fn take(&mut self) -> Result<(), Lost> {
        let Connection { reader, writer, .. } = &mut self.connection;
        let mut info = None;
        let mut pongs = 0;
        while let Some(op) = reader.decoder.next_op()? {
            match op {
                Op::Message(message) => self.received.push(Message::new(message.subject, message.payload)),
                Op::Ping => writer.pong(),
                Op::Pong => pongs += 1,
                Op::Info(json) => info = serde_json::from_slice::<ServerInfo>(json).ok().or(info),
                Op::Error(text) => refused(self.shared, text, &mut self.refusal_logged)?,
                Op::Ok => {}
            }
        }
        self.hand_out();
        for _ in 0..pongs {
            self.answered();
        }
        if let Some(info) = info {
            self.connection.reader.decoder.allow_messages_of(info.max_payload);
            self.servers.hear(&info.connect_urls, &self.connection.server);
            self.handover.hear(&info, Instant::now());
        }
        Ok(())
    }

    fn hand_out(&mut self) {
        if self.received.is_empty() {
            return;
        }
        let meters = &self.shared.meters;
        meters.messages.increment(self.received.len() as u64);
        meters.dropped.increment(self.shared.inbound.push(&mut self.received));
    }

    fn answered(&mut self) {
        let told = self.connection.writer.answered();
        if let Some(told) = told {
            self.shared.in_force.send_if_modified(|in_force| {
                let more = told > *in_force;
                *in_force = told.max(*in_force);
                more
            });
        }
        self.again = match self.again {
            Again::Told(1) => {
                self.handover.finish(Instant::now());
                self.shared.inbound.gap();
                tracing::info!(server = %self.connection.server, "all subscriptions are in force again");
                Again::Done
            }
            Again::Told(pings) => Again::Told(pings - 1),
            other => other,
        };
    }
}

/// Appends the next thing that the server must be told.
fn tell_one(shared: &Shared, subscriptions: &mut Subscriptions, out: &mut BytesMut) {
    match subscriptions.next() {
        Some(Change::Subscribe(wanted, sid)) => {
            shared.meters.subscribes.increment(1);
            put_subscribe(&shared.config, &wanted, sid, out);
        }
        Some(Change::Unsubscribe(sid)) => {
            shared.meters.unsubscribes.increment(1);
            out.extend_from_slice(format!("UNSUB {sid}\r\n").as_bytes());
        }
        None => {}
    }
}

fn put_subscribe(config: &MultiplexConfig, wanted: &Wanted, sid: u64, out: &mut BytesMut) {
    out.extend_from_slice(b"SUB ");
    match wanted {
        Wanted::Target(target) => out.extend_from_slice(config.subjects.delivery(target).as_bytes()),
        Wanted::Subject(subject) => out.extend_from_slice(subject.as_bytes()),
    }
    let names_its_own = matches!(wanted, Wanted::Subject(subject) if subject.contains(' '));
    if let Some(group) = config.queue_group.as_ref().filter(|_| !names_its_own) {
        out.extend_from_slice(b" ");
        out.extend_from_slice(group.as_bytes());
    }
    out.extend_from_slice(format!(" {sid}\r\n").as_bytes());
}

/// What a server says it did not like: one subscription, or all of us.
fn refused(shared: &Shared, text: &str, logged: &mut bool) -> Result<(), Lost> {
    let lower = text.to_ascii_lowercase();
    let one = ["permissions violation", "invalid subject", "maximum subscriptions"];
    if one.iter().any(|begin| lower.starts_with(begin)) {
        shared.meters.refused.increment(1);
        // One of a million says what is wrong with all of them.
        if std::mem::replace(logged, true) {
            tracing::debug!(error = text, "the server refused a subscription");
        } else {
            tracing::warn!(error = text, "the server refused a subscription; others are counted");
        }
        return Ok(());
    }
    Err(Lost::Refused(text.to_owned()))
}
