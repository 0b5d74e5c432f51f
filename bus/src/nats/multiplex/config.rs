//! What one connection is.

use std::sync::Arc;
use std::time::Duration;

use crate::nats::config::NatsConfig;
use crate::subject::Subjects;

/// See [`super::Multiplex`].
#[derive(Clone, Debug)]
pub struct MultiplexConfig {
    /// Where to and who we are.
    pub nats: Arc<NatsConfig>,
    /// How subjects are spelled.
    pub subjects: Subjects,
    /// How the server's monitoring names it.
    pub name: String,
    /// Whether each message goes to one of those who share the group, for all subscriptions of the connection but those that
    /// name one of their own.
    pub queue_group: Option<Arc<str>>,
    /// Changes of subscriptions that the server is told a second, sustained; the others wait.
    pub subscribes_per_second: u32,
    /// Received messages that wait. Full: dropped, and told as a gap.
    pub messages_max: usize,
    /// Their bytes. Full: the same.
    pub bytes_max: usize,
    /// The subject of answers, which find room for twice as much: they are in no log to be fetched from.
    pub answers: Option<Arc<str>>,
}

/// How long at most a connection is kept when its server announces its end: a random part of it, so that not all come to the
/// other servers at once. Servers wait for ten seconds before they close the first one.
pub(super) const LAME_DUCK_DELAY_MAX: Duration = Duration::from_secs(5);
