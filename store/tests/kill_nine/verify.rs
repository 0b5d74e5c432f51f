//! What a killed process must have left behind.

use std::path::Path;

use lifecycle::Tasks;
use proto::{Entry, Partition, Seq};
use store::{Embedded, Level, PageRange, Row, Store};

use crate::Seqs;
use crate::child::{config, conversation, entry};

/// Every acknowledged entry is there with its dedupe row; each log is contiguous from 1, each seq once, each with its
/// one content; the conversation is marked as touched. Dedupe rows up to `verified` were looked up before.
pub fn everything_is_there(dir: &Path, bytes: usize, acknowledged: &Seqs, verified: &mut Seqs) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::Embedded(Embedded::open(&config(dir, bytes), &Tasks::default()).unwrap());
        for (number, last) in acknowledged {
            let upto = verified.entry(*number).or_insert(0);
            *upto = log_is_there(&store, bytes, (*number, *last), *upto).await;
        }
        store.close().await;
    });
}

/// Gives the last seq of the log.
async fn log_is_there(store: &Store, bytes: usize, (number, last): (u64, u64), verified: u64) -> u64 {
    let log = conversation(number);
    let register = store.register(&log, Level::Serial).await.unwrap().expect("a register");
    let mut buckets = store.index(&log).await.unwrap();
    // A roll-over that was under way has its index row already.
    buckets.retain(|(bucket, _)| *bucket < register.bucket);
    buckets.insert(0, (register.bucket, register.bucket_first));
    let mut rows: Vec<Row> = Vec::new();
    for (bucket, first) in buckets.into_iter().rev() {
        assert_eq!(first.0, rows.len() as u64 + 1, "{log}: {bucket:?} follows on the one before");
        for row in store.bucket_rows(&log, bucket, Seq(0), usize::MAX).await.unwrap() {
            if row.entry.seq.0 > verified {
                let found = store.dedupe(&log, bucket, row.entry.client_message_id).await.unwrap();
                assert_eq!(found, [(row.epoch, row.entry.seq)], "{log}");
            }
            rows.push(row);
        }
    }
    let entries: Vec<Entry> = (1..=rows.len() as u64).map(|seq| entry(number, seq, bytes)).collect();
    assert!(rows.iter().map(|row| &row.entry).eq(&entries), "{log}: each seq once, with its one content");
    assert!(rows.is_sorted_by_key(|row| row.epoch), "{log}: each life goes on where the last one ended");
    assert!(rows.len() as u64 >= last, "{log}: {} entries, {last} acknowledged", rows.len());
    let whole = PageRange {
        from: Seq(1),
        to: Seq(u64::MAX),
        limit: usize::MAX,
        bytes: usize::MAX,
        backwards: false,
        head: Seq(last),
    };
    let told = usize::try_from(last).unwrap();
    assert_eq!(store.page(&log, whole).await.unwrap(), entries[..told], "what readers see");
    assert!(store.touched(Partition::of(&log)).await.unwrap().contains(&log), "{log}: to be projected");
    rows.len() as u64
}
