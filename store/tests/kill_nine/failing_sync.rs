//! A library for `LD_PRELOAD`, which the test builds by itself: the first `STORE_KILL_SYNCS` calls of `fdatasync` work,
//! and then the disk is broken.

use std::ffi::c_int;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// `EIO` on every Linux.
const INPUT_OUTPUT_ERROR: c_int = 5;

static SYNCS: AtomicU64 = AtomicU64::new(0);

unsafe extern "C" {
    fn fsync(file: c_int) -> c_int;
    fn __errno_location() -> *mut c_int;
}

/// Takes the place of the system's function.
#[unsafe(no_mangle)]
pub extern "C" fn fdatasync(file: c_int) -> c_int {
    let working: u64 = std::env::var("STORE_KILL_SYNCS").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    if SYNCS.fetch_add(1, Ordering::Relaxed) < working {
        // SAFETY: any number may be given as a file; the system checks it. It does all that fdatasync does.
        return unsafe { fsync(file) };
    }
    println!("a sync fails");
    // Broken disks answer late: time enough for a wrong acknowledgement to show.
    std::thread::sleep(Duration::from_millis(300));
    // SAFETY: glibc gives the address of this thread's error number, valid as long as the thread.
    unsafe { *__errno_location() = INPUT_OUTPUT_ERROR };
    -1
}
