//! Bytes that a connection keeps between two turns, counted over the whole process.

use std::sync::atomic::{AtomicUsize, Ordering};

static CONNECTIONS: AtomicUsize = AtomicUsize::new(0);
static KEPT_BYTES: AtomicUsize = AtomicUsize::new(0);

/// Encrypted connections of the process, in a handshake or after it.
pub(crate) fn connections() -> usize {
    CONNECTIONS.load(Ordering::Relaxed)
}

/// Bytes that they keep.
pub(crate) fn kept_bytes() -> usize {
    KEPT_BYTES.load(Ordering::Relaxed)
}

/// Counts one connection as long as it lives.
pub(super) struct Counted(());

impl Counted {
    pub(super) fn new() -> Self {
        CONNECTIONS.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        CONNECTIONS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// See the module. One word, and no memory, while it is empty.
#[derive(Default)]
pub(super) struct Kept(Option<Box<Bytes>>);

struct Bytes {
    bytes: Vec<u8>,
    done: usize,
}

impl Kept {
    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |kept| &kept.bytes[kept.done..])
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        self.0.as_mut().map_or(&mut [], |kept| &mut kept.bytes[kept.done..])
    }

    pub(super) fn len(&self) -> usize {
        self.bytes().len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Puts these behind the others.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let kept = self.0.get_or_insert_with(|| Box::new(Bytes { bytes: Vec::new(), done: 0 }));
        let before = kept.bytes.capacity();
        kept.bytes.reserve_exact(bytes.len());
        kept.bytes.extend_from_slice(bytes);
        KEPT_BYTES.fetch_add(kept.bytes.capacity() - before, Ordering::Relaxed);
    }

    /// Lets go of the first `length`.
    pub(super) fn advance(&mut self, length: usize) {
        let Some(kept) = &mut self.0 else { return };
        kept.done += length;
        if kept.done >= kept.bytes.len() {
            self.0 = None;
        }
    }

    /// Moves all to the start of `into`; tells how many.
    pub(super) fn move_into(&mut self, into: &mut [u8]) -> usize {
        let length = self.len();
        into[..length].copy_from_slice(self.bytes());
        self.0 = None;
        length
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        KEPT_BYTES.fetch_sub(self.bytes.capacity(), Ordering::Relaxed);
    }
}
