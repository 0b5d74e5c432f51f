//! Frees memtables outside fjall's locks.
//!
//! fjall lets go of a memtable that was written out while it holds the lock that every append needs (`SuperVersions::maintenance`
//! of lsm-tree 3.1), and freeing some hundred thousand rows takes a tenth of a second. A thread here holds every memtable
//! as well, so that fjall's letting go frees nothing; it frees it afterwards, and gives way to others while it does.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use lifecycle::Tasks;

use super::tables::{Fjall, give_way};
use super::{Inside, count};
use crate::metrics::Metrics;

/// How often it looks. A memtable that comes and goes in between is freed by fjall.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The thread's end. Dropping it ends the thread.
#[derive(Default)]
pub(super) struct Memtables {
    end: Arc<End>,
}

#[derive(Default)]
struct End {
    has_come: Mutex<bool>,
    changed: Condvar,
}

impl Memtables {
    /// Starts the thread.
    pub(super) fn start(inside: &Inside, metrics: &Arc<Metrics>, tasks: &Tasks) -> std::io::Result<Self> {
        let memtables = Self::default();
        let (end, inside, metrics) = (memtables.end.clone(), inside.clone(), metrics.clone());
        tasks.thread("store-memtables", move || {
            give_way();
            // The whole of it, so that the lock is held until this thread has ended.
            let inside = inside;
            hold_until(&end, &inside.tables, &metrics);
        })?;
        Ok(memtables)
    }

    /// Ends the thread.
    pub(super) fn close(&self) {
        *self.end.has_come.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.end.changed.notify_all();
    }
}

impl Drop for Memtables {
    fn drop(&mut self) {
        self.close();
    }
}

impl End {
    /// Waits until it is time to look again; `true` at the end.
    fn wait(&self) -> bool {
        let has_come = self.has_come.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(has_come, LOOK_EVERY, |has_come| !*has_come);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Holds what fjall holds, and frees what only it holds any more.
fn hold_until(end: &End, tables: &Fjall, metrics: &Metrics) {
    let mut held = Vec::new();
    while !end.wait() {
        for active in tables.active_memtables() {
            if !held.iter().any(|memtable| Arc::ptr_eq(memtable, &active)) {
                held.push(active);
            }
        }
        held.retain(|memtable| Arc::strong_count(memtable) > 1);
        metrics.memtables.set(count(held.len()));
    }
}
