//! Cursors: each field only ever grows.

use proto::Seq;
use store::{Cursor, Store};

use crate::engines::contract;
use crate::samples::{conversation, user};

contract!(a_cursor_begins_at_zero, a_cursor_never_moves_back, cursors_come_in_the_order_asked);

fn cursor(read: u64, read_counted: u64, delivered: u64) -> Cursor {
    Cursor { read: Seq(read), read_counted, delivered: Seq(delivered) }
}

async fn a_cursor_begins_at_zero(store: Store) {
    assert_eq!(store.cursor(&user("bob"), &conversation("g")).await.unwrap(), Cursor::default());
}

async fn a_cursor_never_moves_back(store: Store) {
    let (bob, log) = (user("bob"), conversation("g"));
    for (to, then) in [
        (cursor(5, 4, 9), cursor(5, 4, 9)),
        (cursor(3, 2, 7), cursor(5, 4, 9)),
        (cursor(6, 4, 0), cursor(6, 4, 9)),
        (cursor(0, 0, 10), cursor(6, 4, 10)),
    ] {
        store.advance_cursor(&bob, &log, to).await.unwrap();
        assert_eq!(store.cursor(&bob, &log).await.unwrap(), then);
    }
    assert_eq!(store.cursor(&user("bobby"), &log).await.unwrap(), Cursor::default());
    // At once and in any order: the largest of each field stays.
    let moves = (1..=30).rev().map(|n| store.advance_cursor(&bob, &log, cursor(n, 31 - n, n * 2)));
    for done in futures_util::future::join_all(moves).await {
        done.unwrap();
    }
    assert_eq!(store.cursor(&bob, &log).await.unwrap(), cursor(30, 30, 60));
}

async fn cursors_come_in_the_order_asked(store: Store) {
    let bob = user("bob");
    let logs = [conversation("b"), conversation("none"), conversation("a")];
    store.advance_cursor(&bob, &logs[0], cursor(1, 1, 1)).await.unwrap();
    store.advance_cursor(&bob, &logs[2], cursor(3, 3, 3)).await.unwrap();
    let found = store.cursors(&bob, &logs).await.unwrap();
    assert_eq!(found, [cursor(1, 1, 1), Cursor::default(), cursor(3, 3, 3)]);
}
