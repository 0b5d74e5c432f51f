//! The task of one connection: HTTP first, then a socket.
//!
//! The HTTP part is boxed and dropped as soon as it ends, in this same task: hyper's buffers are gone when the socket
//! begins, and nothing of it is pinned by a waker. What is left of an idle connection is this future of 32 bytes.

mod farewell;
mod http;
mod opening;
mod rewound;

pub(crate) use http::{Counted, FROZEN_HEAD_PATIENCE, Http, Upgraded};

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::session::SessionKey;
use crate::shard::SharedShard;

/// See the module.
pub(crate) struct Connection {
    shard: SharedShard,
    stage: Stage,
}

enum Stage {
    Http(Pin<Box<dyn Future<Output = Option<Upgraded>>>>),
    Socket(SessionKey),
}

impl Connection {
    /// Of a socket that another process has opened.
    pub(crate) fn inherited(shard: SharedShard, key: SessionKey) -> Self {
        Self { shard, stage: Stage::Socket(key) }
    }

    pub(crate) fn new(shard: SharedShard, http: Http) -> Self {
        Self { shard, stage: Stage::Http(Box::pin(http.serve())) }
    }
}

impl Future for Connection {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let this = &mut *self;
            match &mut this.stage {
                Stage::Http(http) => match ready!(http.as_mut().poll(cx)) {
                    Some(upgraded) => {
                        let key = this.shard.borrow_mut().open(upgraded);
                        this.stage = Stage::Socket(key);
                    }
                    None => return Poll::Ready(()),
                },
                Stage::Socket(key) => return this.shard.borrow_mut().poll_session(*key, cx),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_future_of_a_connection_is_small() {
        assert!(size_of::<Connection>() <= 32, "{} bytes", size_of::<Connection>());
    }
}
