//! Several reads, one after another, on one reader thread: what would be a switch of threads for each is one for all.

use std::cell::RefCell;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use super::tables::Fjall;

thread_local! {
    /// The tables that reads of this thread look into at once, while it carries several out.
    static HERE: RefCell<Option<Fjall>> = const { RefCell::new(None) };
}

/// The tables, if this thread is carrying reads out.
pub(super) fn tables() -> Option<Fjall> {
    HERE.with_borrow(Option::clone)
}

/// Carries reads out on this thread. One that waits for anything but these tables keeps the thread waiting.
pub(super) fn carry_out<T>(tables: &Fjall, reads: impl Future<Output = T>) -> T {
    HERE.set(Some(tables.clone()));
    let _until_done = Leave;
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let (mut reads, mut cx) = (pin!(reads), Context::from_waker(&waker));
    loop {
        match reads.as_mut().poll(&mut cx) {
            Poll::Ready(done) => return done,
            Poll::Pending => thread::park(),
        }
    }
}

/// The tables must not outlive what the thread holds of the store.
struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        HERE.set(None);
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
