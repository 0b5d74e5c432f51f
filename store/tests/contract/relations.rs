//! What users are to each other: both sides, in whatever order they arrive.

use proto::{Contact, FriendRequest, Seq, Timestamp};
use store::{Relation, Store};

use crate::engines::contract;
use crate::samples::{named, user};

contract!(
    both_sides_are_found_and_are_what_was_written,
    an_older_side_is_ignored_and_the_same_again_changes_nothing,
    each_side_goes_by_its_own_watermark,
    they_come_in_pages_in_order_of_their_ids,
);

fn side(name: &str, peer: &str, watermark: u64) -> Relation {
    let request = |note: &str| FriendRequest {
        note: note.to_owned(),
        time: Timestamp(watermark),
        expires: Timestamp(watermark + 9),
    };
    Relation {
        user: user(name),
        contact: Contact {
            user: user(peer),
            version: watermark / 2,
            friend_since: watermark.is_multiple_of(2).then_some(Timestamp(7 + watermark)),
            remark: "Grüße \u{1f44b}\0".to_owned(),
            blocked: watermark.is_multiple_of(3),
            incoming: watermark.is_multiple_of(5).then(|| request("in")),
            outgoing: (!watermark.is_multiple_of(5)).then(|| request("")),
            time: Timestamp(watermark * 10),
        },
        blocked_by: watermark > 5,
        left_by: watermark.is_multiple_of(4),
        watermark: Seq(watermark),
    }
}

async fn one(store: &Store, name: &str, peer: &str) -> Option<Relation> {
    store.relations_with(&user(name), &[user(peer)]).await.unwrap().pop().unwrap()
}

async fn both_sides_are_found_and_are_what_was_written(store: Store) {
    assert_eq!(one(&store, "alice", "bob").await, None);
    for watermark in 1..12 {
        let sides = [side("alice", "bob", watermark), side("bob", "alice", watermark)];
        store.apply_relation(sides.clone()).await.unwrap();
        let [alice, bob] = sides.map(Some);
        assert_eq!(one(&store, "alice", "bob").await, alice);
        assert_eq!(one(&store, "bob", "alice").await, bob);
    }
    let peers = [user("carol"), user("bob"), user("alice")];
    let found = store.relations_with(&user("alice"), &peers).await.unwrap();
    assert_eq!(found, [None, Some(side("alice", "bob", 11)), None]);
}

async fn an_older_side_is_ignored_and_the_same_again_changes_nothing(store: Store) {
    for watermark in [4, 9, 9, 3, 1] {
        store
            .apply_relation([side("alice", "bob", watermark), side("bob", "alice", watermark)])
            .await
            .unwrap();
    }
    assert_eq!(one(&store, "alice", "bob").await, Some(side("alice", "bob", 9)));
    assert_eq!(one(&store, "bob", "alice").await, Some(side("bob", "alice", 9)));
}

async fn each_side_goes_by_its_own_watermark(store: Store) {
    store.apply_relation([side("alice", "bob", 2), side("bob", "alice", 5)]).await.unwrap();
    store.apply_relation([side("alice", "bob", 4), side("bob", "alice", 4)]).await.unwrap();
    assert_eq!(one(&store, "alice", "bob").await, Some(side("alice", "bob", 4)));
    assert_eq!(one(&store, "bob", "alice").await, Some(side("bob", "alice", 5)));
}

async fn they_come_in_pages_in_order_of_their_ids(store: Store) {
    let peers: Vec<String> = (0..25).map(|n| format!("p{n:02}")).collect();
    for peer in peers.iter().rev() {
        store.apply_relation([side("alice", peer, 1), side(peer, "alice", 1)]).await.unwrap();
    }
    store.apply_relation([side("alicf", "zoe", 1), side("zoe", "alicf", 1)]).await.unwrap();
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = store.relations(&user("alice"), after, 10).await.unwrap();
        assert!(page.len() <= 10);
        let Some(last) = page.last() else { break };
        after = Some(last.contact.user.clone());
        found.extend(page.iter().map(|side| side.contact.user.to_string()));
    }
    assert_eq!(found, peers.iter().map(|peer| named(peer)).collect::<Vec<_>>());
}
