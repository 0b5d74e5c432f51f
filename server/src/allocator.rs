//! How the allocator is set up: freed memory goes back to the system within a second, and not while a crowd still takes more (decision 14).

use std::ffi::c_long;
use std::time::Duration;

use libmimalloc_sys::{mi_collect, mi_option_set_default, mi_option_t};
use lifecycle::Tasks;
use tokio::time::{MissedTickBehavior, interval};

/// `mi_option_purge_delay` of mimalloc 3, for which the binding has no name.
const PURGE_DELAY: mi_option_t = 15;

/// How long freed memory is kept for whoever asks next, in milliseconds.
const KEPT_MS: c_long = 25;

/// The allocator looks for what it kept too long only when something is allocated; a process that has become calm is looked at this often.
const LOOKED_AT: Duration = Duration::from_secs(1);

/// Must come first in the process: what only the start needs is given back at once. `MIMALLOC_PURGE_DELAY`, where it is set,
/// counts more, here and later.
pub(crate) fn set_up() {
    set_purge_delay(0);
}

/// From when the process serves: keeps freed memory for a while, and gives back for as long as the process runs what nobody
/// took again.
pub(crate) fn keep_for_a_while(tasks: &Tasks) {
    set_purge_delay(KEPT_MS);
    let own = tasks.clone();
    tasks.spawn("allocator", async move {
        let mut looks = interval(LOOKED_AT);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = looks.tick() => collect(),
                () = own.draining() => return,
            }
        }
    });
}

#[expect(
    unsafe_code,
    reason = "the only way to set an option of the allocator but its environment variables"
)]
fn set_purge_delay(milliseconds: c_long) {
    // SAFETY: it stores a number in a table of mimalloc's; it is one aligned word, of which other threads read the old or
    // the new.
    unsafe { mi_option_set_default(PURGE_DELAY, milliseconds) }
}

#[expect(unsafe_code, reason = "the binding has no safe name for it")]
fn collect() {
    // SAFETY: any thread may call it at any time.
    unsafe { mi_collect(false) }
}
