//! Touched marks: what a take-over must project again.

use proto::{ConversationId, Partition, Seq};
use store::Store;

use crate::engines::contract;
use crate::samples::{batch, conversation, entry, named, touching};

contract!(
    an_append_marks_its_conversation,
    a_mark_is_cleared_up_to_what_was_projected,
    a_mark_that_was_cleared_can_be_set_again,
);

/// The marks of a partition that are of this test.
async fn touched(store: &Store, partition: Partition) -> Vec<ConversationId> {
    let mut all = store.touched(partition).await.unwrap();
    all.retain(|id| id.as_str().contains(&named("")));
    all
}

async fn an_append_marks_its_conversation(store: Store) {
    let (one, other) = (conversation("one"), conversation("other"));
    let partition = Partition::of(&one);
    store.append(batch(&one, 5, 1, vec![entry(1, "x")])).await.unwrap();
    assert!(touched(&store, partition).await.is_empty(), "no mark was asked for");
    store.append(touching(&one, 5, 1, vec![entry(2, "x")])).await.unwrap();
    store.append(touching(&other, 5, 1, vec![entry(1, "x")])).await.unwrap();
    assert_eq!(touched(&store, partition).await, std::slice::from_ref(&one));
    assert_eq!(touched(&store, Partition::of(&other)).await, [other]);
}

async fn a_mark_is_cleared_up_to_what_was_projected(store: Store) {
    let log = conversation("g");
    let partition = Partition::of(&log);
    for seq in 1..=3 {
        store.append(touching(&log, 5, 1, vec![entry(seq, "x")])).await.unwrap();
    }
    store.clear_touched(partition, &log, Seq(2)).await.unwrap();
    assert_eq!(touched(&store, partition).await, std::slice::from_ref(&log), "a later append set it again");
    // The same append again, as after a time-out, does not lower the mark.
    store.append(touching(&log, 5, 1, vec![entry(1, "x")])).await.unwrap();
    store.clear_touched(partition, &log, Seq(2)).await.unwrap();
    assert_eq!(touched(&store, partition).await, std::slice::from_ref(&log));
    store.clear_touched(partition, &log, Seq(3)).await.unwrap();
    assert!(touched(&store, partition).await.is_empty());
    store.clear_touched(partition, &log, Seq(3)).await.expect("clearing twice does no harm");
}

async fn a_mark_that_was_cleared_can_be_set_again(store: Store) {
    let log = conversation("g");
    let partition = Partition::of(&log);
    for seq in 1..=5 {
        // All three at once: an engine may write them in one commit.
        let (append, clear, again) = tokio::join!(
            store.append(touching(&log, 5, 1, vec![entry(seq * 2, "x")])),
            store.clear_touched(partition, &log, Seq(seq * 2)),
            store.append(touching(&log, 5, 1, vec![entry(seq * 2 + 1, "x")])),
        );
        append.unwrap();
        clear.unwrap();
        again.unwrap();
        assert_eq!(touched(&store, partition).await, std::slice::from_ref(&log));
    }
}
