//! Heads and inboxes: what lists show, never older than it was.

use proto::{ConversationId, Seq, Timestamp};
use store::{HeadRow, InboxRow, Store};

use crate::engines::contract;
use crate::samples::{conversation, entry, user};

contract!(
    a_head_never_moves_back,
    heads_come_in_the_order_asked,
    all_heads_come_a_few_at_a_time,
    an_inbox_has_each_conversation_once_newest_first,
    an_inbox_row_never_moves_back,
    an_inbox_comes_in_pages,
    an_inbox_can_begin_at_a_time,
    an_inbox_spans_days,
    pages_of_an_inbox_have_no_hole_while_it_changes,
);

const DAY: u64 = 86_400_000;

fn head(name: &str, seq: u64, text: &str) -> HeadRow {
    HeadRow {
        conversation: conversation(name),
        seq: Seq(seq),
        counted: seq * 2,
        last: entry(seq - 1, text),
        retention_seconds: u32::try_from(seq).unwrap() % 2 * 60,
        confirming: Some(Vec::new()),
    }
}

fn row(name: &str, time: u64) -> InboxRow {
    InboxRow { user: user("bob"), conversation: conversation(name), time: Timestamp(time), left: false }
}

async fn inbox(
    store: &Store,
    since: u64,
    limit: usize,
    before: Option<(u64, ConversationId)>,
) -> Vec<InboxRow> {
    let before = before.map(|(time, conversation)| (Timestamp(time), conversation));
    store.inbox(&user("bob"), Timestamp(since), limit, before).await.unwrap()
}

async fn a_head_never_moves_back(store: Store) {
    for (written, stored) in [(5, 5), (4, 5), (6, 6)] {
        store.write_projection(vec![head("g", written, "x")], vec![]).await.unwrap();
        assert_eq!(store.heads(&[conversation("g")]).await.unwrap(), [Some(head("g", stored, "x"))]);
    }
    store.write_projection(vec![head("g", 6, "x"), head("g", 5, "y")], vec![]).await.unwrap();
    assert_eq!(store.heads(&[conversation("g")]).await.unwrap(), [Some(head("g", 6, "x"))], "the same again");
}

async fn heads_come_in_the_order_asked(store: Store) {
    store.write_projection(vec![head("a", 2, "x"), head("b", 3, "y")], vec![]).await.unwrap();
    let asked = [conversation("b"), conversation("none"), conversation("a")];
    let found = store.heads(&asked).await.unwrap();
    assert_eq!(found, [Some(head("b", 3, "y")), None, Some(head("a", 2, "x"))]);
}

async fn all_heads_come_a_few_at_a_time(store: Store) {
    let written: Vec<HeadRow> = (1..=7).map(|n| head(&format!("h{n}"), n + 1, "x")).collect();
    store.write_projection(written.clone(), vec![]).await.unwrap();
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = store.heads_after(after.as_ref(), 3).await.unwrap();
        assert!(page.len() <= 3);
        let Some(last) = page.last() else { break };
        after = Some(last.conversation.clone());
        found.extend(page);
    }
    // Others may be there, in tables that are shared.
    found.retain(|row| written.iter().any(|other| other.conversation == row.conversation));
    found.sort_by_key(|row| row.seq);
    assert_eq!(found, written, "each once");
}

async fn an_inbox_has_each_conversation_once_newest_first(store: Store) {
    let rows = vec![row("a", 10), row("b", 300), row("c", 20), row("a", 400), row("c", 20)];
    store.write_projection(vec![], rows).await.unwrap();
    assert_eq!(inbox(&store, 0, 100, None).await, [row("a", 400), row("b", 300), row("c", 20)]);
    assert!(store.inbox(&user("bobby"), Timestamp(0), 100, None).await.unwrap().is_empty());
}

async fn an_inbox_row_never_moves_back(store: Store) {
    let left = InboxRow { left: true, ..row("a", 50) };
    for written in [row("a", 40), left.clone(), row("a", 45)] {
        store.write_projection(vec![], vec![written]).await.unwrap();
    }
    assert_eq!(inbox(&store, 0, 100, None).await, [left]);
    store.write_projection(vec![], vec![row("a", 60)]).await.unwrap();
    assert_eq!(inbox(&store, 0, 100, None).await, [row("a", 60)], "joined again");
}

async fn an_inbox_comes_in_pages(store: Store) {
    // Some have the same time: their ids decide, and none is left out or given twice.
    let rows: Vec<InboxRow> = (0..25).map(|n| row(&format!("g{n:02}"), 1_000 - n / 4)).collect();
    let mut shuffled = rows.clone();
    shuffled.reverse();
    store.write_projection(vec![], shuffled).await.unwrap();
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = inbox(&store, 0, 7, before).await;
        assert!(page.len() <= 7);
        let Some(last) = page.last() else { break };
        before = Some((last.time.0, last.conversation.clone()));
        seen.extend(page);
    }
    assert_eq!(seen, rows);
}

async fn an_inbox_can_begin_at_a_time(store: Store) {
    store.write_projection(vec![], (1..=9).map(|n| row(&format!("g{n}"), n * 10)).collect()).await.unwrap();
    let times: Vec<u64> = inbox(&store, 70, 100, None).await.iter().map(|row| row.time.0).collect();
    assert_eq!(times, [90, 80, 70], "that time included");
}

async fn an_inbox_spans_days(store: Store) {
    let mut expected = Vec::new();
    for n in 0..30 {
        let name = format!("g{n:02}");
        // Each conversation changed on several days, and the news of it arrives in any order.
        let (first, last) = (row(&name, n * DAY / 3 + n), row(&name, (40 + n / 4) * DAY + n));
        let between = row(&name, 20 * DAY + n);
        let mut rows = vec![first, last.clone(), between];
        rows.rotate_left(n as usize % 3);
        for row in rows {
            store.write_projection(vec![], vec![row]).await.unwrap();
        }
        expected.push(last);
    }
    expected.reverse();
    for _ in 0..2 {
        assert_eq!(inbox(&store, 0, 100, None).await, expected, "each once, also when it was read before");
    }
    assert_eq!(inbox(&store, 45 * DAY, 100, None).await, expected[..10], "from the beginning of a day");
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = inbox(&store, 0, 7, before).await;
        let Some(last) = page.last() else { break };
        before = Some((last.time.0, last.conversation.clone()));
        seen.extend(page);
    }
    assert_eq!(seen, expected);
    let old = InboxRow { left: true, ..row("g29", 30 * DAY) };
    store.write_projection(vec![], vec![old]).await.unwrap();
    assert_eq!(inbox(&store, 0, 100, None).await, expected, "a row of an earlier day is ignored");
}

async fn pages_of_an_inbox_have_no_hole_while_it_changes(store: Store) {
    let rows: Vec<InboxRow> = (0..20).map(|n| row(&format!("g{n:02}"), (50 - n) * DAY / 2)).collect();
    store.write_projection(vec![], rows.clone()).await.unwrap();
    let first = inbox(&store, 0, 8, None).await;
    assert_eq!(first, rows[..8]);
    let last = first.last().map(|row| (row.time.0, row.conversation.clone()));
    // One of each page moves to the front.
    let moved = vec![row("g03", 60 * DAY), row("g11", 61 * DAY)];
    store.write_projection(vec![], moved).await.unwrap();
    let second = inbox(&store, 0, 8, last).await;
    let expected: Vec<&InboxRow> =
        rows[8..].iter().filter(|row| row.time.0 != 39 * DAY / 2).take(8).collect();
    assert_eq!(second.iter().collect::<Vec<_>>(), expected);
}
