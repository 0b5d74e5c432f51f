//! Counts what the threads of the gateway have allocated and not freed; the test's own can be left out.

#![allow(unsafe_code, reason = "an allocator cannot be counted without being one")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicIsize, Ordering};

struct Counting;

static HELD: AtomicIsize = AtomicIsize::new(0);

thread_local! {
    static LEFT_OUT: Cell<bool> = const { Cell::new(false) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count(bytes: isize) {
    // A thread that ends has no locals any more.
    if !LEFT_OUT.try_with(Cell::get).unwrap_or(true) {
        HELD.fetch_add(bytes, Ordering::Relaxed);
    }
}

// SAFETY: everything is the system allocator's; the count does not touch memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Runs something of which nothing counts.
pub fn uncounted<T>(run: impl FnOnce() -> T) -> T {
    let before = LEFT_OUT.replace(true);
    let result = run();
    LEFT_OUT.set(before);
    result
}

/// Runs something in the middle of that which does count.
pub fn counted<T>(run: impl FnOnce() -> T) -> T {
    let before = LEFT_OUT.replace(false);
    let result = run();
    LEFT_OUT.set(before);
    result
}

/// Bytes allocated and not freed.
pub fn held() -> isize {
    HELD.load(Ordering::Relaxed)
}
