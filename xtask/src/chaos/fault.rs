//! The faults, and what is noted of each.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::services::Kind;

/// Something that breaks, for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// SIGKILL of a process of ours, or of one node of several; started again afterwards.
    Kill(String),
    /// SIGSTOP, and SIGCONT afterwards.
    Pause(String),
    /// SIGKILL of a service; started again afterwards, on its data.
    Stop(Kind),
    /// Redis forgets everything.
    Flush,
    /// The connections of a process to a service are closed, and new ones refused.
    Cut(String, Kind),
    /// They stand, and nothing gets through.
    Hold(String, Kind),
    /// What gets through is late by so much, in each direction.
    Delay(String, Kind, Duration),
    /// All clients lose their sockets at once.
    Disconnect,
    /// The wall clock of a router is wrong by that many seconds.
    ClockStep(i64),
}

/// A fault and how long it lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Planned {
    /// The name of its sort.
    pub sort: &'static str,
    pub fault: Fault,
    pub lasts: Duration,
}

/// A fault that happened, and what it disturbed. Times are the wall clock's.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Happened {
    /// For sums.
    pub sort: &'static str,
    pub fault: String,
    pub from_unix_ms: u64,
    /// Repaired: what was killed answers again.
    pub until_unix_ms: u64,
    /// From the first to the last send in this time that was slow or not acknowledged at once.
    pub sends_disturbed_ms: u64,
    pub send_worst_ms: u64,
    pub deliveries_disturbed_ms: u64,
    pub delivery_worst_ms: u64,
    /// The longest time in which nothing was acknowledged.
    pub silence_ms: u64,
    /// Reads for which clients had to ask again.
    pub reads_again: u64,
    /// Those that broke in this time.
    pub sockets: Sockets,
}

/// Sockets that broke, and how soon their clients had others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Sockets {
    pub lost: u64,
    /// Authenticated again within 5 s.
    pub back_soon: u64,
    /// The longest without.
    pub worst_ms: u64,
}

impl Sockets {
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            lost: self.lost + other.lost,
            back_soon: self.back_soon + other.back_soon,
            worst_ms: self.worst_ms.max(other.worst_ms),
        }
    }
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sort, fault, lasts } = self;
        let seconds = lasts.as_secs_f64();
        match fault {
            Fault::Kill(name) | Fault::Pause(name) | Fault::Cut(name, _) | Fault::Hold(name, _) => {
                write!(f, "{sort}: {name}, {seconds:.1} s")
            }
            Fault::Delay(name, _, late) => {
                write!(f, "{sort}: {name}, {} ms, {seconds:.1} s", late.as_millis())
            }
            Fault::ClockStep(by) => write!(f, "{sort}: {by:+} s, {seconds:.1} s"),
            Fault::Stop(_) => write!(f, "{sort}: {seconds:.1} s"),
            Fault::Flush | Fault::Disconnect => f.write_str(sort),
        }
    }
}
