//! Overlays: the newest state of each entry, in ranges.

use proto::Seq;
use store::{OverlayRow, Store};

use crate::engines::contract;
use crate::samples::conversation;

contract!(
    an_overlay_never_moves_back,
    overlays_come_in_ranges_of_one_conversation,
    overlays_span_far_places_of_a_log,
);

fn row(name: &str, seq: u64, watermark: u64, value: &str) -> OverlayRow {
    OverlayRow {
        conversation: conversation(name),
        seq: Seq(seq),
        watermark: Seq(watermark),
        value: value.as_bytes().to_vec().into(),
    }
}

async fn overlays(store: &Store, name: &str, from: u64, to: u64) -> Vec<OverlayRow> {
    store.overlays(&conversation(name), Seq(from), Seq(to)).await.unwrap()
}

async fn an_overlay_never_moves_back(store: Store) {
    let steps = [(5, "a", "a"), (4, "b", "a"), (5, "a", "a"), (9, "c", "c"), (8, "d", "c")];
    for (watermark, written, stored) in steps {
        store.write_overlays(vec![row("g", 3, watermark, written)]).await.unwrap();
        let found = overlays(&store, "g", 3, 3).await;
        let values: Vec<&[u8]> = found.iter().map(|row| &row.value[..]).collect();
        assert_eq!(values, [stored.as_bytes()], "after {watermark}");
    }
    store.write_overlays(vec![row("g", 3, 11, "f"), row("g", 3, 10, "e")]).await.unwrap();
    assert_eq!(overlays(&store, "g", 3, 3).await, [row("g", 3, 11, "f")], "in one call, too");
}

async fn overlays_come_in_ranges_of_one_conversation(store: Store) {
    let rows = vec![row("g", 7, 9, "x"), row("g", 2, 8, ""), row("g", 0, 9, "all"), row("gg", 3, 9, "y")];
    store.write_overlays(rows).await.unwrap();
    let seqs = |rows: Vec<OverlayRow>| rows.iter().map(|row| row.seq.0).collect::<Vec<_>>();
    assert_eq!(seqs(overlays(&store, "g", 0, 100).await), [0, 2, 7]);
    assert_eq!(seqs(overlays(&store, "g", 1, 7).await), [2, 7], "both ends included");
    assert_eq!(seqs(overlays(&store, "g", 3, 6).await), [0; 0]);
    assert_eq!(seqs(overlays(&store, "g", 7, 6).await), [0; 0]);
    assert_eq!(overlays(&store, "gg", 0, 100).await, [row("gg", 3, 9, "y")]);
    assert_eq!(overlays(&store, "none", 0, 100).await, []);
    store.write_overlays(vec![]).await.unwrap();
}

async fn overlays_span_far_places_of_a_log(store: Store) {
    let seqs = [1, 1_023, 1_024, 2_047, 5_000];
    store.write_overlays(seqs.map(|seq| row("g", seq, 9_000, "x")).to_vec()).await.unwrap();
    let found = overlays(&store, "g", 1_023, 2_047).await;
    assert_eq!(found.iter().map(|row| row.seq.0).collect::<Vec<_>>(), [1_023, 1_024, 2_047]);
    assert_eq!(overlays(&store, "g", 0, 9_000).await.len(), seqs.len());
}
