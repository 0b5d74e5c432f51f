//! Shares connections among shards.
//!
//! The kernel deals connections out by a hash. Of many thousands each shard gets its part; of 200, one of two shards has 110 every
//! fifth time, and whoever sits there is served worse when the machine is busy. So a shard that accepts one while another has fewer
//! passes it on. A connection never moves later.
//!
//! **Guarantees.** What is passed on is begun by the shard that it was passed to, or stays where it was accepted.
//!
//! **Limits.** [`COMING_MAX`] on their way to one shard: more stay where they were accepted.

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::Door;

/// Connections on their way to a shard.
pub(super) const COMING_MAX: usize = 64;

/// One shard's view of all.
pub(crate) struct Balance {
    shards: Arc<[Place]>,
    own: usize,
}

/// A connection that another shard accepted.
pub(super) struct Passed {
    pub(super) door: Door,
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
}

/// What one shard lets others know.
#[derive(Default)]
struct Place {
    /// As of a moment ago.
    connections: AtomicUsize,
    coming: Mutex<Coming>,
    news: Notify,
}

#[derive(Default)]
struct Coming {
    /// Nothing is taken in at the moment.
    closed: bool,
    waiting: VecDeque<Passed>,
}

impl Balance {
    /// One for each of so many shards.
    pub(crate) fn among(shards: usize) -> Vec<Self> {
        let places: Arc<[Place]> = std::iter::repeat_with(Place::default).take(shards).collect();
        (0..shards).map(|own| Self { shards: Arc::clone(&places), own }).collect()
    }

    /// Tells the others how many connections this shard has.
    pub(super) fn tell(&self, connections: usize) {
        let coming = self.coming(self.own).waiting.len();
        self.shards[self.own].connections.store(connections + coming, Ordering::Relaxed);
    }

    /// The shard that should have the next connection, if it is another one.
    pub(super) fn fewer(&self) -> Option<usize> {
        let of = |shard: usize| self.shards[shard].connections.load(Ordering::Relaxed);
        let fewest = (0..self.shards.len()).min_by_key(|shard| of(*shard))?;
        (of(self.own) > of(fewest) + slack(of(fewest))).then_some(fewest)
    }

    /// Gives a connection to another shard; back, when that takes none at the moment.
    pub(super) fn pass(&self, to: usize, passed: Passed) -> Result<(), Passed> {
        let mut coming = self.coming(to);
        if coming.closed || coming.waiting.len() >= COMING_MAX {
            return Err(passed);
        }
        coming.waiting.push_back(passed);
        drop(coming);
        self.shards[to].connections.fetch_add(1, Ordering::Relaxed);
        self.shards[to].news.notify_one();
        Ok(())
    }

    /// The next that another shard has passed on. Who stops waiting here loses nothing.
    pub(super) async fn next(&self) -> Passed {
        loop {
            if let Some(passed) = self.take() {
                return passed;
            }
            self.shards[self.own].news.notified().await;
        }
    }

    /// The next that has come already.
    pub(super) fn take(&self) -> Option<Passed> {
        self.coming(self.own).waiting.pop_front()
    }

    /// Whether others may pass connections to this shard.
    pub(super) fn set_open(&self, open: bool) {
        self.coming(self.own).closed = !open;
    }

    /// Takes nothing more, and closes what has not been begun.
    pub(super) fn leave(&self) {
        let mut coming = self.coming(self.own);
        coming.closed = true;
        coming.waiting.clear();
    }

    fn coming(&self, shard: usize) -> MutexGuard<'_, Coming> {
        self.shards[shard].coming.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// So many more than another shard one may have: in a crowd some more, because passing costs something.
fn slack(connections: usize) -> usize {
    1 + connections / 64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed() -> Passed {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let peer = stream.peer_addr().unwrap();
        Passed { door: Door::Plain, stream, peer }
    }

    #[test]
    fn the_next_goes_to_the_fewest_unless_they_are_about_as_many() {
        let shards = Balance::among(3);
        for (shard, connections) in shards.iter().zip([6_400, 6_500, 6_502]) {
            shard.tell(connections);
        }
        assert_eq!([0, 1, 2].map(|own: usize| shards[own].fewer()), [None, None, Some(0)]);
        shards[1].tell(3);
        assert_eq!([0, 1, 2].map(|own: usize| shards[own].fewer()), [Some(1), None, Some(1)]);
        shards[0].tell(4);
        assert_eq!(shards[0].fewer(), None);
    }

    #[tokio::test]
    async fn what_is_on_its_way_counts_and_is_bounded() {
        let shards = Balance::among(2);
        shards[0].tell(COMING_MAX);
        for _ in 0..COMING_MAX {
            assert!(shards[0].pass(1, passed()).is_ok());
        }
        assert!(shards[0].pass(1, passed()).is_err(), "it stays where it was accepted");
        assert_eq!(shards[0].fewer(), None, "the other one has as many now");
        shards[1].tell(0);
        assert_eq!(shards[0].fewer(), None, "also when it has told of those that it has begun");
        for _ in 0..COMING_MAX {
            shards[1].next().await;
        }
        shards[1].tell(0);
        assert_eq!(shards[0].fewer(), Some(1));
    }

    #[test]
    fn nothing_goes_to_a_shard_that_takes_nothing_in() {
        let shards = Balance::among(2);
        assert!(shards[0].pass(1, passed()).is_ok());
        shards[1].set_open(false);
        assert!(shards[0].pass(1, passed()).is_err());
        assert!(shards[1].take().is_some(), "what has come is still there");
        shards[1].set_open(true);
        assert!(shards[0].pass(1, passed()).is_ok());
        shards[1].leave();
        assert!(shards[1].take().is_none() && shards[0].pass(1, passed()).is_err());
    }
}
