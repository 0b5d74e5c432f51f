//! Users whose presence changed, for whoever tells others of it.
//!
//! **Guarantees.** A user is in line once, however much changed; a change after the user was taken puts them in line again. Nothing
//! is kept before somebody listens.
//!
//! **Limits.** `users_max` users. Above it a change is not told, and counted; who asks finds it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hashbrown::HashSet;
use metrics::Counter;
use proto::UserId;
use tokio::sync::Notify;

use super::meters::untold;

/// See the module.
pub(super) struct Changes {
    inner: Mutex<Inner>,
    filled: Notify,
    users_max: usize,
    untold: Counter,
}

#[derive(Default)]
struct Inner {
    is_heard: bool,
    came: HashSet<UserId>,
    left: HashSet<UserId>,
}

/// What users did since it was last asked. Who is in both left and came back, or the reverse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PresenceChanges {
    /// Of these a device came, went away or came back.
    pub came: Vec<UserId>,
    /// Of these a device left.
    pub left: Vec<UserId>,
}

/// What a device did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Did {
    Come,
    Leave,
}

impl Changes {
    pub(super) fn new(users_max: usize) -> Self {
        Self { inner: Mutex::default(), filled: Notify::new(), users_max, untold: untold() }
    }

    pub(super) fn note(&self, user: &UserId, did: Did) {
        let mut inner = self.lock();
        if !inner.is_heard {
            return;
        }
        let full = inner.came.len() + inner.left.len() >= self.users_max;
        let users = match did {
            Did::Come => &mut inner.came,
            Did::Leave => &mut inner.left,
        };
        if users.contains(user) {
            return;
        }
        if full {
            return self.untold.increment(1);
        }
        users.insert(user.clone());
        drop(inner);
        self.filled.notify_one();
    }

    /// Waits for changes and takes them all. Cancel-safe; for one at a time.
    pub(super) async fn next(&self) -> PresenceChanges {
        loop {
            {
                let mut inner = self.lock();
                inner.is_heard = true;
                if !inner.came.is_empty() || !inner.left.is_empty() {
                    let (came, left) = (std::mem::take(&mut inner.came), std::mem::take(&mut inner.left));
                    return PresenceChanges {
                        came: came.into_iter().collect(),
                        left: left.into_iter().collect(),
                    };
                }
            }
            self.filled.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
