//! Mentions: those of a user and those of everybody, each message once.

use proto::{Seq, UserId};
use store::{MentionRow, Store};

use crate::engines::contract;
use crate::samples::conversation;

contract!(mentions_of_a_user_and_of_everybody_count_together, no_more_are_counted_than_asked);

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn row(name: &str, whom: Option<&str>, seq: u64) -> MentionRow {
    MentionRow { conversation: conversation(name), user: whom.map(user), seq: Seq(seq) }
}

async fn count(store: &Store, whom: &str, name: &str, after: u64, upto: u64) -> usize {
    let range = (conversation(name), Seq(after), Seq(upto));
    store.count_mentions(&user(whom), &[range], 100).await.unwrap()[0]
}

async fn mentions_of_a_user_and_of_everybody_count_together(store: Store) {
    let rows = vec![
        row("g", Some("bob"), 3),
        row("g", None, 5),
        row("g", Some("bob"), 5),
        row("g", Some("bob"), 9),
        row("g", Some("bobby"), 4),
        row("gg", Some("bob"), 4),
    ];
    store.write_mentions(rows.clone()).await.unwrap();
    store.write_mentions(rows).await.unwrap();
    assert_eq!(count(&store, "bob", "g", 0, 100).await, 3, "the one that names bob and everybody once");
    assert_eq!(count(&store, "bob", "g", 3, 100).await, 2, "what was read does not count");
    assert_eq!(count(&store, "bob", "g", 3, 8).await, 1, "nor what is past the head");
    assert_eq!(count(&store, "bobby", "g", 0, 100).await, 2);
    assert_eq!(count(&store, "carol", "g", 0, 100).await, 1, "everybody");
    assert_eq!(count(&store, "bob", "none", 0, 100).await, 0);
    let ranges = ["none", "gg", "g"].map(|name| (conversation(name), Seq(0), Seq(100)));
    assert_eq!(store.count_mentions(&user("bob"), &ranges, 100).await.unwrap(), [0, 1, 3], "in their order");
    assert_eq!(store.count_mentions(&user("bob"), &[], 100).await.unwrap(), [0; 0]);
}

async fn no_more_are_counted_than_asked(store: Store) {
    store.write_mentions((1..=20).map(|seq| row("g", Some("bob"), seq)).collect()).await.unwrap();
    let range = [(conversation("g"), Seq(2), Seq(20))];
    assert_eq!(store.count_mentions(&user("bob"), &range, 10).await.unwrap(), [10]);
    assert_eq!(store.count_mentions(&user("bob"), &range, 18).await.unwrap(), [18]);
    assert_eq!(store.count_mentions(&user("bob"), &range, 19).await.unwrap(), [18]);
}
