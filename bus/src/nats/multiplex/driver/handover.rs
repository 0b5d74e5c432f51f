//! Leaving a server that announced its end (lame-duck mode), without a silence in between.
//!
//! ```text
//! INFO ldm ─► a random while ─► connect to another ─► tell it everything, paced ─► gap, close the old one
//!                                                    (the old one is listened to for what the new one was not told yet)
//! ```

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
    Leaving(Box<Connection>),
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
    pub(super) fn finish(&mut self) {
        if matches!(self, Self::Leaving(_)) {
            *self = Self::None;
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
            Self::Leaving(old) => match old.reader.read().await {
                Ok(_) => Moved::Heard,
                Err(_) => Moved::Gone,
            },
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
                if self.take_of_old().is_err() {
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
        self.shared.wishes().subscriptions.forget_told();
        self.again = Again::Telling;
        self.next_batch = None;
        self.handover = Handover::Leaving(Box::new(old));
    }

    /// Takes what the old server sends to subscriptions that the new one was not told of.
    fn take_of_old(&mut self) -> Result<(), super::Lost> {
        let Handover::Leaving(old) = &mut self.handover else { return Ok(()) };
        let wishes = self.shared.wishes();
        let wanted = &wishes.subscriptions;
        while let Some(op) = old.reader.decoder.next_op()? {
            let Op::Message(message) = op else { continue };
            let told = match self.shared.config.subjects.target(message.subject) {
                Some(target @ (Target::User(_) | Target::Group(_))) => wanted.is_told(&target),
                _ => wanted.is_told_subject(message.subject),
            };
            if !told {
                self.received.push(Message::new(message.subject, message.payload));
            }
        }
        drop(wishes);
        self.hand_out();
        Ok(())
    }
}
