//! The phases of a process's life, observable by everyone.

use tokio::sync::watch;

/// Where the process is in its life. Phases only move forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Opening what it needs; not to be sent traffic.
    Starting,
    /// Serving.
    Ready,
    /// Refusing what is new, finishing what is old.
    Draining,
    /// Everything has ended.
    Stopped,
}

impl Phase {
    /// Lower-case name, for `/ready` and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Draining => "draining",
            Self::Stopped => "stopped",
        }
    }
}

/// The shared, observable phase.
#[derive(Clone, Debug)]
pub struct Phases(watch::Sender<Phase>);

impl Default for Phases {
    fn default() -> Self {
        Self(watch::Sender::new(Phase::Starting))
    }
}

impl Phases {
    /// The phase now.
    pub fn now(&self) -> Phase {
        *self.0.borrow()
    }

    /// Moves forward to `phase`; moving back does nothing.
    pub fn advance(&self, phase: Phase) {
        self.0.send_if_modified(|now| {
            let forward = phase > *now;
            if forward {
                *now = phase;
            }
            forward
        });
    }

    /// Waits until the phase is `phase` or later.
    pub async fn reached(&self, phase: Phase) {
        // The sender lives in self, so the wait cannot fail.
        let _ = self.0.subscribe().wait_for(|now| *now >= phase).await;
    }
}
