//! What sockets cost in memory of this process, by component: what `/metrics` shows and `docs/CAPACITY.md` explains.
//!
//! | component | what it is |
//! |---|---|
//! | `task` | the future of a connection, and what the runtime keeps with it |
//! | `registration` | the socket's place in the runtime's epoll |
//! | `session` | its place in the slab, free places included |
//! | `interest` | the tables of users and groups, free places included |
//! | `queued` | messages in mailboxes, each counted for every mailbox that it waits in |
//! | `tls` | keys and state of encrypted connections, and what is kept of records |
//!
//! **Does not** count what the allocator adds, the kernel's part of a socket, or connections that still speak HTTP.

use crate::tls;

/// What the runtime allocates for the task of a connection. `tests/tls_connections_are_small.rs` holds these to what is measured.
const TASK_BYTES: u64 = 256;
/// What the runtime allocates for a socket.
const REGISTRATION_BYTES: u64 = 256;

/// Bytes of one shard, but for those of TLS, which are the process's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    pub(crate) sockets: u64,
    pub(crate) session: u64,
    pub(crate) interest: u64,
    pub(crate) queued: u64,
}

/// The components of a [`Budget`], in the order of [`Budget::bytes`].
pub(crate) const COMPONENTS: [&str; 5] = ["task", "registration", "session", "interest", "queued"];

impl Budget {
    pub(crate) fn bytes(&self) -> [u64; 5] {
        let (task, registration) = (self.sockets * TASK_BYTES, self.sockets * REGISTRATION_BYTES);
        [task, registration, self.session, self.interest, self.queued]
    }
}

/// Bytes of TLS in the whole process.
pub(crate) fn tls_bytes() -> usize {
    tls::connections() * tls::STATE_BYTES + tls::kept_bytes()
}
