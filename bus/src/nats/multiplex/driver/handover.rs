//! Leaving a server that announced its end (lame-duck mode), without a silence in between.
//!
//! ```text
//! INFO ldm ─► a random while ─► connect to another ─► tell it everything, paced ─► gap, close the old one
//!                                                    (the old one is listened to for what the new one was not told yet)
//! ```
//!
//! In a queue group a message goes to one of the two connections: then everything that the old one sends counts, and it is
//! closed when the server has sent the last of it.

use std::future::{Future, pending};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use proto::Target;
use rand::RngExt as _;
use tokio::time::{Instant, sleep, sleep_until};

use super::{Again, Driver};
use crate::nats::multiplex::Shared;
use crate::nats::multiplex::config::LAME_DUCK_DELAY_MAX;
use crate::nats::multiplex::connection::Connection;
use crate::nats::multiplex::decoder::Op;
use crate::nats::multiplex::dial::Dialled;
use crate::nats::multiplex::greeting::ServerInfo;
use crate::nats::multiplex::inbound::Message;
use crate::nats::multiplex::reconnect::{Pauses, try_all};
use crate::nats::multiplex::servers::{Server, Servers};
use crate::nats::multiplex::subscriptions::Subscriptions;

/// When there is no other server: how soon to look again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Default)]
pub(super) enum Handover {
    /// The server stays.
    #[default]
    None,
    /// It ends, and will be left then.
    Due(Instant),
    /// Another one is being connected to.
    Dialling(Pin<Box<dyn Future<Output = Dialled> + Send>>),
    /// The connection to it, which is listened to until the other one was told everything.
    Leaving(Box<Leaving>),
}

/// A connection that is being left.
pub(super) struct Leaving {
    connection: Connection,
    /// In a queue group, the subscriptions to end before it is closed.
    sids: Vec<u64>,
    /// Whether the server was told to end them.
    ending: bool,
}

/// What [`Handover::next`] came to.
pub(super) enum Moved {
    /// Something to do later.
    Nothing,
    /// Another server has accepted us.
    To(Box<Dialled>),
    /// The one that is being left said something.
    Heard,
    /// It is gone.
    Gone,
}

impl Handover {
    /// A server said something about itself.
    pub(super) fn hear(&mut self, info: &ServerInfo, now: Instant) {
        if info.lame_duck && matches!(self, Self::None) {
            let delay = rand::rng().random_range(Duration::ZERO..LAME_DUCK_DELAY_MAX);
            tracing::info!(server_id = info.server_id, ?delay, "the server is going to end, leaving it");
            *self = Self::Due(now + delay);
        }
    }

    /// The new server was told everything.
    pub(super) fn finish(&mut self, now: Instant) {
        match self {
            Self::Leaving(leaving) if !leaving.sids.is_empty() => {
                leaving.ending = true;
                leaving.connection.writer.end(&std::mem::take(&mut leaving.sids), now);
            }
            Self::Leaving(_) => *self = Self::None,
            Self::None | Self::Due(_) | Self::Dialling(_) => {}
        }
    }

    /// Waits for the next step; for ever if there is none. Cancel-safe.
    pub(super) async fn next(&mut self, shared: &Arc<Shared>, servers: &Servers, current: &Server) -> Moved {
        match self {
            Self::None => pending().await,
            Self::Due(at) => {
                sleep_until(*at).await;
                let mut others = servers.shuffled(None);
                others.retain(|server| !server.is_at(current));
                *self = if others.is_empty() {
                    Self::Due(Instant::now() + LOOK_AGAIN)
                } else {
                    Self::Dialling(Box::pin(find(Arc::clone(shared), others)))
                };
                Moved::Nothing
            }
            Self::Dialling(dialling) => {
                let dialled = dialling.await;
                *self = Self::None;
                Moved::To(Box::new(dialled))
            }
            Self::Leaving(leaving) => {
                let Connection { reader, writer, .. } = &mut leaving.connection;
                tokio::select! {
                    read = reader.read() => read.map_or(Moved::Gone, |_| Moved::Heard),
                    written = writer.write(), if writer.has_work() => {
                        written.map_or(Moved::Gone, |()| Moved::Nothing)
                    }
                }
            }
        }
    }
}

/// Goes round the servers until one accepts that does not end itself.
async fn find(shared: Arc<Shared>, servers: Vec<Server>) -> Dialled {
    let mut pauses = Pauses::new(shared.config.nats.reconnect_pause_max);
    let mut told = false;
    loop {
        sleep(pauses.next()).await;
        for server in &servers {
            match Box::pin(try_all(&shared, vec![server.clone()], &mut told)).await {
                ControlFlow::Break(dialled) if !dialled.info.lame_duck => return dialled,
                _ => {}
            }
        }
    }
}

impl Driver<'_> {
    pub(super) fn handed_over(&mut self, moved: Moved) {
        match moved {
            Moved::Nothing => {}
            Moved::To(dialled) => self.move_to(*dialled),
            Moved::Heard => {
                // Malformed or done: either way there is nothing more to hear.
                if !matches!(self.take_of_old(), Ok(More::Yes)) {
                    self.handover = Handover::None;
                }
            }
            Moved::Gone => self.handover = Handover::None,
        }
    }

    fn move_to(&mut self, dialled: Dialled) {
        tracing::info!(from = %self.connection.server, to = %dialled.server, "interest connection moves");
        self.shared.meters.connects.increment(1);
        self.servers.hear(&dialled.info.connect_urls, &dialled.server);
        let old = std::mem::replace(&mut self.connection, Connection::new(dialled, Instant::now()));
        let sids = {
            let mut wishes = self.shared.wishes();
            let shares = self.shared.config.queue_group.is_some();
            let sids = if shares { wishes.subscriptions.told_sids() } else { Vec::new() };
            wishes.subscriptions.forget_told();
            sids
        };
        self.again = Again::Telling;
        self.next_batch = None;
        self.handover = Handover::Leaving(Box::new(Leaving { connection: old, sids, ending: false }));
    }

    /// Takes what the old server sends to subscriptions that the new one was not told of.
    fn take_of_old(&mut self) -> Result<More, super::Lost> {
        let Handover::Leaving(leaving) = &mut self.handover else { return Ok(More::No) };
        let Connection { reader, writer, .. } = &mut leaving.connection;
        let wishes = self.shared.wishes();
        while let Some(op) = reader.decoder.next_op()? {
            match op {
                Op::Message(message) if !self.shared.is_told(&wishes.subscriptions, message.subject) => {
                    self.received.push(Message::new(message.subject, message.payload));
                }
                Op::Ping => writer.pong(),
                Op::Pong => {
                    writer.answered();
                }
                Op::Message(_) | Op::Info(_) | Op::Ok | Op::Error(_) => {}
            }
        }
        drop(wishes);
        let more = if leaving.ending && writer.unanswered() == 0 { More::No } else { More::Yes };
        self.hand_out();
        Ok(more)
    }
}

/// Whether the old server may still send something that counts.
#[derive(PartialEq, Eq)]
enum More {
    Yes,
    No,
}

impl Shared {
    /// Whether the new server sends what is published to the subject, so that the old one need not be heard.
    fn is_told(&self, wanted: &Subscriptions, subject: &str) -> bool {
        if self.config.queue_group.is_some() {
            return false;
        }
        match self.config.subjects.target(subject) {
            Some(target @ (Target::User(_) | Target::Group(_))) => wanted.is_told(&target),
            _ => wanted.is_told_subject(subject),
        }
    }
}
