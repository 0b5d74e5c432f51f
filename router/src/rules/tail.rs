//! FENCE L2: what of a bucket's rows counts, and where the log ends.

use proto::{Entry, Seq};
use store::mutation::{self, Mutation};
use store::{Register, Row};

/// What a bucket's tail says under a register.
#[derive(Debug, PartialEq, Eq)]
pub struct Tail {
    /// N: the end of the log.
    pub end: Seq,
    /// Countable entries up to N.
    pub counted: u64,
    /// Settled entries (below `register.start`) that were read, contiguous up to `start - 1`.
    pub settled: Vec<Entry>,
    /// The end of the run of `register.epoch`, contiguous up to N.
    pub run: Vec<Entry>,
}

/// Reads the rows of the last `seqs` seqs of bucket `register.bucket` (rising seq, and for one seq falling epoch).
///
/// `None`: the rows do not reach the run; read more of them. Rows of other epochs at `seq >= start` are what dead
/// owners left: each had fewer than W entries unverified, so they end below `start + W`.
///
/// Rows that begin above `start` still show the whole run: an owner appends only after everything before is durable
/// (one append in flight), so the entries of its epoch below one of its entries exist.
pub fn read(register: &Register, rows: Vec<Row>, seqs: usize) -> Option<Tail> {
    let mut distinct = 0;
    let mut last = None;
    for row in &rows {
        if last != Some(row.entry.seq) {
            distinct += 1;
            last = Some(row.entry.seq);
        }
    }
    let first = rows.first().map_or(Seq::ZERO, |row| row.entry.seq);
    let reaches_start = distinct < seqs || first <= register.start;
    let (mut settled, mut run): (Vec<Entry>, Vec<Entry>) = (Vec::new(), Vec::new());
    for Row { epoch, entry } in rows {
        if entry.seq < register.start {
            match settled.last() {
                // The first of a seq has the highest epoch.
                Some(last) if last.seq == entry.seq => {}
                Some(last) if last.seq.next() == entry.seq => settled.push(entry),
                _ => settled = vec![entry],
            }
        } else if epoch == register.epoch || mutation::is(Mutation::AnyEpochCounts) {
            let continues = match run.last() {
                Some(last) => last.seq.next() == entry.seq,
                None => entry.seq == register.start || !reaches_start,
            };
            if continues {
                run.push(entry);
            }
        }
    }
    if run.is_empty() && !reaches_start {
        return None;
    }
    let before_start = Seq(register.start.0.saturating_sub(1));
    if settled.last().is_some_and(|last| last.seq != before_start) {
        settled.clear();
    }
    Some(Tail {
        end: run.last().map_or(before_start, |last| last.seq),
        counted: run.last().map_or(register.counted, |last| last.counted),
        settled,
        run,
    })
}

#[cfg(test)]
mod tests {
    use proto::{Body, ClientMessageId, Epoch, MessageId, Timestamp, UserId};
    use store::Bucket;

    use super::*;

    fn row(seq: u64, epoch: u64) -> Row {
        let entry = Entry {
            seq: Seq(seq),
            message_id: MessageId(seq * 1_000 + epoch),
            sender: UserId::parse("alice").unwrap(),
            time: Timestamp(0),
            counted: seq,
            client_message_id: ClientMessageId([0; 16]),
            body: Body::text("hi"),
        };
        Row { epoch: Epoch(epoch), entry }
    }

    fn register(start: u64, epoch: u64) -> Register {
        Register {
            version: 1,
            epoch: Epoch(epoch),
            start: Seq(start),
            bucket: Bucket(0),
            bucket_first: Seq(1),
            window: 64,
            counted: start - 1,
        }
    }

    fn places(entries: &[Entry]) -> Vec<u64> {
        entries.iter().map(|entry| entry.message_id.0).collect()
    }

    #[test]
    fn l2_below_start_the_highest_epoch_wins() {
        let rows = vec![row(1, 1), row(2, 2), row(2, 1), row(3, 2)];
        let tail = read(&register(3, 2), rows, 10).unwrap();
        assert_eq!(places(&tail.settled), [1_001, 2_002]);
        assert_eq!(places(&tail.run), [3_002]);
        assert_eq!((tail.end, tail.counted), (Seq(3), 3));
    }

    #[test]
    fn l2_from_start_only_the_registers_epoch_counts_and_only_without_a_hole() {
        let rows = vec![row(1, 1), row(2, 3), row(2, 2), row(3, 1), row(4, 2)];
        let tail = read(&register(2, 2), rows, 10).unwrap();
        assert_eq!(places(&tail.run), [2_002]);
        assert_eq!(tail.end, Seq(2));
    }

    #[test]
    fn l2_no_run_ends_before_start() {
        let tail = read(&register(5, 7), vec![row(4, 3), row(5, 3), row(6, 3)], 10).unwrap();
        assert_eq!((tail.end, tail.counted, tail.run.len()), (Seq(4), 4, 0));
    }

    #[test]
    fn rows_that_do_not_reach_the_run_are_not_enough() {
        let rows: Vec<Row> = (10..14).map(|seq| row(seq, 1)).collect();
        assert_eq!(read(&register(5, 2), rows.clone(), 4), None);
        assert!(read(&register(5, 2), rows, 5).is_some());
    }

    #[test]
    fn a_long_run_is_known_by_its_end() {
        let rows: Vec<Row> = (90..=100).map(|seq| row(seq, 2)).collect();
        let tail = read(&register(5, 2), rows, 11).unwrap();
        assert_eq!((tail.end, tail.run.len()), (Seq(100), 11));
    }
}
