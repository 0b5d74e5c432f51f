//! Dropping old buckets, ended at each of its steps in turn: what is kept reads on as before, and the next drop finishes.
#![allow(clippy::unwrap_used, reason = "a test fails where it panics")]

use std::sync::Arc;

use proto::{
    Body, ClientMessageId, ConversationId, Entry, Epoch, GroupId, MessageId, Seq, Timestamp, UserId,
};
use store::{Batch, Bucket, Cas, Fault, Level, Memory, Op, OverlayRow, PageRange, Register, Rule, Store};

/// Buckets of so many entries, so that one takes several transactions.
const ENTRIES: u64 = 300;
const BUCKETS: u32 = 3;
const HEAD: u64 = ENTRIES * BUCKETS as u64;
/// The first two buckets are older, the third one is appended to.
const OLDEST: Timestamp = Timestamp(2 * ENTRIES + 1);

fn conversation() -> ConversationId {
    ConversationId::group(&GroupId::parse("g").unwrap())
}

fn entry(seq: u64) -> Entry {
    Entry {
        seq: Seq(seq),
        message_id: MessageId(seq),
        sender: UserId::parse("alice").unwrap(),
        time: Timestamp(seq),
        counted: seq,
        client_message_id: ClientMessageId(u128::from(seq).to_be_bytes()),
        body: Body::text("x"),
    }
}

async fn full() -> (Arc<Memory>, Store) {
    let memory = Arc::new(Memory::default());
    let store = Store::Memory(Arc::clone(&memory));
    for bucket in 0..BUCKETS {
        let first = u64::from(bucket) * ENTRIES + 1;
        if bucket > 0 {
            let left = Bucket(bucket - 1);
            store.write_index(&conversation(), left, Seq(first - ENTRIES)).await.unwrap();
        }
        let register = Register {
            version: 0,
            epoch: Epoch(1),
            start: Seq(first),
            bucket: Bucket(bucket),
            bucket_first: Seq(first),
            window: 64,
            counted: first - 1,
        };
        let expected = (bucket > 0).then_some(u64::from(bucket));
        let moved = store.move_register(&conversation(), expected, register).await;
        assert!(matches!(moved, Cas::Applied(_)), "{moved:?}");
        let entries = (first..first + ENTRIES).map(entry).collect();
        let batch = Batch {
            conversation: conversation(),
            bucket: Bucket(bucket),
            epoch: Epoch(1),
            entries,
            touched: None,
        };
        store.append(Arc::new(batch)).await.unwrap();
    }
    let overlay = |seq| OverlayRow {
        conversation: conversation(),
        seq: Seq(seq),
        watermark: Seq(HEAD),
        value: b"x".to_vec().into(),
    };
    store.write_overlays([0, 1, ENTRIES + 1, HEAD].map(overlay).to_vec()).await.unwrap();
    (memory, store)
}

async fn seqs(store: &Store) -> Vec<u64> {
    let range = PageRange {
        from: Seq(1),
        to: Seq(HEAD),
        limit: usize::MAX,
        bytes: usize::MAX,
        backwards: false,
        head: Seq(HEAD),
    };
    store.page(&conversation(), range).await.unwrap().iter().map(|entry| entry.seq.0).collect()
}

async fn drop_old(store: &Store) -> Result<usize, store::StoreError> {
    store.drop_old_buckets(&conversation(), OLDEST, Seq(HEAD)).await
}

/// How many steps were gone before the one that failed; `None` when there are no more.
async fn ends_at(step: usize, fault: Fault) -> Option<()> {
    let (memory, store) = full().await;
    let register = store.register(&conversation(), Level::Quorum).await.unwrap();
    let is_of_a_drop = |call: &store::Call| matches!(call.op, Op::DropRows | Op::DropIndex);
    memory.program(Rule::new(fault.clone()).when(is_of_a_drop).skip(step));
    let ended = drop_old(&store).await;
    let left = seqs(&store).await;
    let kept = 2 * ENTRIES + 1..=HEAD;
    assert!(
        left.ends_with(&kept.clone().collect::<Vec<_>>()),
        "step {step}, {fault:?}: what is kept is whole"
    );
    assert!(left.windows(2).all(|pair| pair[0] + 1 == pair[1]), "step {step}, {fault:?}: {left:?}");
    assert!(store.overlays(&conversation(), Seq(0), Seq(0)).await.unwrap().len() == 1);
    let found = store.seq_at(&conversation(), OLDEST, Seq(HEAD)).await.unwrap();
    assert_eq!(found, Seq(2 * ENTRIES + 1), "step {step}, {fault:?}: readers find where to begin");
    if ended.is_ok() {
        assert_eq!(ended, Ok(2));
        return None;
    }
    drop_old(&store).await.unwrap();
    assert_eq!(seqs(&store).await, kept.collect::<Vec<_>>(), "step {step}, {fault:?}");
    assert_eq!(store.index(&conversation()).await.unwrap(), [], "step {step}, {fault:?}");
    for bucket in 0..2 {
        let rows = store.bucket_rows(&conversation(), Bucket(bucket), Seq(1), 1).await.unwrap();
        assert!(rows.is_empty(), "step {step}, {fault:?}: nothing is left that nobody would find");
    }
    assert_eq!(store.overlays(&conversation(), Seq(1), Seq(HEAD)).await.unwrap().len(), 1);
    assert_eq!(store.register(&conversation(), Level::Quorum).await.unwrap(), register);
    Some(())
}

#[tokio::test]
async fn it_is_finished_by_the_next_one() {
    for fault in [Fault::Fail, Fault::UnknownApplied, Fault::UnknownNever, Fault::UnknownLate] {
        let mut steps = 0;
        while ends_at(steps, fault.clone()).await.is_some() {
            steps += 1;
        }
        assert!(steps > 10, "{steps}: reads and writes of two buckets, each in several transactions");
    }
}
