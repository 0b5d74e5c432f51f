//! How the allocator is set up: freed memory goes back to the system at once (decision 14).

use libmimalloc_sys::{mi_option_set_default, mi_option_t};

/// `mi_option_purge_delay` of mimalloc 3, for which the binding has no name.
const PURGE_DELAY: mi_option_t = 15;

/// Must come first in the process. `MIMALLOC_PURGE_DELAY`, where it is set, counts more.
#[expect(
    unsafe_code,
    reason = "the only way to set an option of the allocator but its environment variables"
)]
pub(crate) fn set_up() {
    // SAFETY: it stores a number in a table of mimalloc's, and no other thread runs yet that could read it.
    unsafe { mi_option_set_default(PURGE_DELAY, 0) }
}
