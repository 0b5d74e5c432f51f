//! Who has a session here, told to whoever wants to know.

use std::sync::Arc;

use proto::presence::Activity;
use proto::{DeviceId, UserId};

/// Hears of every session's begin and end, on the thread of its shard: it must not wait.
pub type PresenceSink = Arc<dyn Fn(&UserId, Attendance<'_>) + Send + Sync>;

/// What a session of a user did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attendance<'a> {
    /// It began, as this device.
    Came(&'a DeviceId),
    /// Its client named its device late: it is another one than the one it came as. It is active at that moment.
    Renamed {
        /// As it came.
        from: &'a DeviceId,
        /// What it is.
        to: &'a DeviceId,
    },
    /// It was of the other activity before; it began active.
    Turned(&'a DeviceId, Activity),
    /// It ended, of this activity.
    Left(&'a DeviceId, Activity),
}
