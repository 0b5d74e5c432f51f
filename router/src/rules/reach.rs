//! FENCE A4: whether a send must be looked up, and how far back.

use proto::command::Once;
use proto::{Epoch, Timestamp};
use store::Bucket;
use store::mutation::{self, Mutation};

use super::ring::Ring;

/// Clocks of routers may differ by this much when the age of a resend is turned into buckets: each is off by a quarter of
/// an hour in one direction or the other, and is put right in between. It costs one more bucket, in the first hour of each ten days.
const SLACK_MS: u64 = 60 * 60 * 1000;

/// Whether what missed the ring may be appended at once: a first attempt, sent by a node that knew this very epoch, to a
/// ring that cannot have lost it since the load. Anything else could be stored already.
pub fn is_certainly_new(once: Once, stamped: Epoch, epoch: Epoch, ring: &Ring) -> bool {
    once.attempt == 0 && stamped == epoch && !ring.may_have_lost(once.id)
}

/// The oldest bucket that a message of this age can be in.
pub fn oldest_bucket(now: Timestamp, age_ms: u64) -> Bucket {
    let slack_ms = if mutation::is(Mutation::ShortSlack) { 10 * 60 * 1000 } else { SLACK_MS };
    Bucket::at(now.minus_ms(age_ms.saturating_add(slack_ms)))
}

/// Which of the buckets that were left (newest first) a look-up reads besides the present one: all that the age
/// reaches, and always the newest, whose odd name may come from a clock.
pub fn buckets_to_read(left: &[(Bucket, proto::Seq)], oldest: Bucket) -> impl Iterator<Item = Bucket> + '_ {
    left.iter().enumerate().filter(move |(n, (bucket, _))| *n == 0 || *bucket >= oldest).map(|(_, (b, _))| *b)
}

#[cfg(test)]
mod tests {
    use proto::{ClientMessageId, Seq};

    use super::*;
    use crate::rules::lost::Lost;

    fn send(attempt: u32) -> Once {
        Once { id: ClientMessageId([7; 16]), attempt, age_ms: 0 }
    }

    #[test]
    fn a4_only_a_first_attempt_of_this_epoch_on_a_whole_ring_is_new() {
        let whole = Ring::new(Seq(1), Lost::default());
        let unknown = Ring::new(Seq(1), Lost::everything());
        assert!(is_certainly_new(send(0), Epoch(4), Epoch(4), &whole));
        assert!(!is_certainly_new(send(1), Epoch(4), Epoch(4), &whole));
        assert!(!is_certainly_new(send(0), Epoch(3), Epoch(4), &whole));
        assert!(!is_certainly_new(send(0), Epoch(0), Epoch(4), &whole));
        assert!(!is_certainly_new(send(0), Epoch(4), Epoch(4), &unknown));
    }

    /// One router's clock is a quarter of an hour behind, another's as much ahead, and a window of ten days begins in between.
    #[test]
    fn a4_clocks_half_an_hour_apart_reach_the_window_that_one_of_them_has_left() {
        let begins = Timestamp(2_060 * 10 * 24 * 60 * 60 * 1_000);
        let before = Bucket::at(begins.minus_ms(1));
        let ahead = Timestamp(begins.0 + 30 * 60 * 1_000);
        assert_ne!(before, Bucket::at(ahead));
        assert_eq!(oldest_bucket(ahead, 0), before);
    }

    #[test]
    fn a4_reads_every_bucket_that_the_age_reaches() {
        let left = [(Bucket(5 << 8 | 1), Seq(9)), (Bucket(5 << 8), Seq(5)), (Bucket(3 << 8), Seq(1))];
        let read: Vec<Bucket> = buckets_to_read(&left, Bucket(5 << 8)).collect();
        assert_eq!(read, [Bucket(5 << 8 | 1), Bucket(5 << 8)]);
        assert_eq!(buckets_to_read(&left, Bucket(9 << 8)).count(), 1);
        assert_eq!(buckets_to_read(&left, Bucket(0)).count(), 3);
    }
}
