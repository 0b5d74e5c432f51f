//! Who confirmed messages: rows of several owners beside each other, and what a head row lists.

use proto::{Epoch, Seq, Timestamp};
use store::{Bucket, ConfirmationRow, Confirming, HeadRow, Store};

use crate::engines::contract;
use crate::samples::{conversation, entry, user};

contract!(
    owners_write_beside_each_other,
    confirmations_of_far_messages_are_apart_and_go_with_their_bucket,
    a_head_keeps_what_its_writer_does_not_know,
);

fn row(seq: u64, epoch: u64, value: &[u8]) -> ConfirmationRow {
    let (conversation, value) = (conversation("g"), value.to_vec().into());
    ConfirmationRow { conversation, seq: Seq(seq), epoch: Epoch(epoch), value }
}

async fn owners_write_beside_each_other(store: Store) {
    store.write_confirmations(vec![row(3, 1, b"a"), row(3, 2, b"b"), row(4, 1, b"c")]).await.unwrap();
    store.write_confirmations(vec![row(3, 1, b"late")]).await.unwrap();
    let found = store.confirmations(&conversation("g"), Seq(3)).await.unwrap();
    assert_eq!(found, [row(3, 1, b"late"), row(3, 2, b"b")]);
    assert_eq!(store.confirmations(&conversation("g"), Seq(4)).await.unwrap(), [row(4, 1, b"c")]);
    assert_eq!(store.confirmations(&conversation("other"), Seq(3)).await.unwrap(), []);
    // Of a group of 100,000.
    let large = vec![0xa5; 12_500];
    store.write_confirmations(vec![row(5, 1, &large)]).await.unwrap();
    assert_eq!(store.confirmations(&conversation("g"), Seq(5)).await.unwrap(), [row(5, 1, &large)]);
}

async fn confirmations_of_far_messages_are_apart_and_go_with_their_bucket(store: Store) {
    let seqs = [1, 1_023, 1_024, 5_000];
    store.write_confirmations(seqs.map(|seq| row(seq, 7, b"x")).to_vec()).await.unwrap();
    store.drop_rows(&conversation("g"), Bucket(1), Seq(1)..=Seq(1_024)).await.unwrap();
    for seq in seqs {
        let found = store.confirmations(&conversation("g"), Seq(seq)).await.unwrap();
        assert_eq!(found.len(), usize::from(seq > 1_024), "{seq}");
    }
}

async fn a_head_keeps_what_its_writer_does_not_know(store: Store) {
    let waits =
        |seq| Confirming { seq: Seq(seq), sender: user("bob"), until: Timestamp(9 + seq), numbers: 300 };
    let head = |seq, confirming| HeadRow {
        conversation: conversation("g"),
        seq: Seq(seq),
        counted: seq,
        last: entry(seq, "x"),
        retention_seconds: 0,
        confirming,
    };
    let steps = [
        (head(1, None), vec![]),
        (head(2, Some(vec![waits(2)])), vec![waits(2)]),
        (head(3, None), vec![waits(2)]),
        (head(4, Some(vec![waits(2), waits(4)])), vec![waits(2), waits(4)]),
        (head(5, Some(vec![])), vec![]),
        (head(6, None), vec![]),
    ];
    for (written, listed) in steps {
        let stored = HeadRow { confirming: Some(listed), ..written.clone() };
        store.write_projection(vec![written], vec![]).await.unwrap();
        assert_eq!(store.heads(&[conversation("g")]).await.unwrap(), [Some(stored)]);
    }
}
