//! Ownership of partitions, fences, and what may be told.

use proto::{Epoch, Partition, Seq};
use store::{Cas, Durable, IncarnationId, Level, Ownership, Store, VerifyError};

use crate::engines::contract;
use crate::samples::{applied, batch, conversation, entry, incarnation, partition, register};

contract!(
    a_partition_begins_without_owner,
    of_many_claims_of_one_state_one_applies,
    a_refused_claim_shows_the_row,
    a_release_keeps_the_epoch_and_is_the_owners_alone,
    a_fence_holds_for_ever,
    an_unknown_incarnation_cannot_verify,
    verified_names_what_was_durable,
    all_owners_are_listed,
);

fn me() -> IncarnationId {
    incarnation(1)
}

fn other() -> IncarnationId {
    incarnation(2)
}

async fn a_partition_begins_without_owner(store: Store) {
    for level in [Level::Quorum, Level::Serial] {
        assert_eq!(
            store.owner(partition(), level).await.unwrap(),
            Ownership { owner: None, epoch: Epoch(0) }
        );
    }
    let owned = applied(store.claim(partition(), Ownership::default(), me()).await);
    assert_eq!(owned, Ownership { owner: Some(me()), epoch: Epoch(1) });
    assert_eq!(store.owner(partition(), Level::Serial).await.unwrap(), owned);
}

async fn of_many_claims_of_one_state_one_applies(store: Store) {
    let claims = (1..=20).map(|number| store.claim(partition(), Ownership::default(), incarnation(number)));
    let outcomes = futures_util::future::join_all(claims).await;
    let winners: Vec<&Cas<Ownership>> =
        outcomes.iter().filter(|outcome| matches!(outcome, Cas::Applied(_))).collect();
    let row = store.owner(partition(), Level::Serial).await.unwrap();
    assert_eq!(winners, [&Cas::Applied(row)]);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Cas::Refused(Some(row))).count(), 19);
}

async fn a_refused_claim_shows_the_row(store: Store) {
    let owned = applied(store.claim(partition(), Ownership::default(), me()).await);
    let stale = Ownership { epoch: Epoch(7), ..owned };
    assert_eq!(store.claim(partition(), stale, other()).await, Cas::Refused(Some(owned)));
    let taken = applied(store.claim(partition(), owned, other()).await);
    assert_eq!(taken, Ownership { owner: Some(other()), epoch: Epoch(2) });
}

async fn a_release_keeps_the_epoch_and_is_the_owners_alone(store: Store) {
    let owned = applied(store.claim(partition(), Ownership::default(), me()).await);
    assert_eq!(store.release(partition(), other(), owned.epoch).await, Cas::Refused(Some(owned)));
    assert_eq!(store.release(partition(), me(), Epoch(9)).await, Cas::Refused(Some(owned)));
    let free = applied(store.release(partition(), me(), owned.epoch).await);
    assert_eq!(free, Ownership { owner: None, epoch: Epoch(1) });
    let again = applied(store.claim(partition(), free, me()).await);
    assert_eq!(again.epoch, Epoch(2), "an epoch is never used again");
}

async fn a_fence_holds_for_ever(store: Store) {
    store.announce(me()).await.unwrap();
    store.announce(other()).await.unwrap();
    assert!(store.verify(me(), vec![]).await.is_ok());
    store.fence(me()).await.unwrap();
    assert_eq!(store.verify(me(), vec![]).await, Err(VerifyError::Fenced));
    store.announce(me()).await.unwrap();
    assert_eq!(store.verify(me(), vec![]).await, Err(VerifyError::Fenced));
    assert!(store.verify(other(), vec![]).await.is_ok(), "others are not concerned");
}

async fn an_unknown_incarnation_cannot_verify(store: Store) {
    assert_eq!(store.verify(me(), vec![]).await, Err(VerifyError::Fenced));
    store.fence(me()).await.unwrap();
    store.announce(me()).await.unwrap();
    assert_eq!(store.verify(me(), vec![]).await, Err(VerifyError::Fenced), "fenced before it began");
}

async fn verified_names_what_was_durable(store: Store) {
    store.announce(me()).await.unwrap();
    let (one, two, three) = (conversation("one"), conversation("two"), conversation("three"));
    let appended = store.append(batch(&one, 5, 3, vec![entry(1, "a"), entry(2, "b")])).await.unwrap();
    let settled = Durable::settled(&two, &register(4, 5, 8));
    let reloaded = Durable::reloaded(&three, &register(4, 5, 8), Seq(12));
    let verified = store.verify(me(), vec![appended, settled, reloaded]).await.unwrap();
    let told: Vec<_> = verified.iter().collect();
    assert_eq!(told, [(&one, Epoch(3), Seq(2)), (&two, Epoch(4), Seq(7)), (&three, Epoch(4), Seq(12))]);
    assert_eq!((verified.len(), verified.is_empty()), (3, false));
}

async fn all_owners_are_listed(store: Store) {
    let numbers = [0, 255, 256, 1023];
    let ours = || async {
        let all = store.owners().await.unwrap();
        let ours = all.into_iter().filter(|(partition, _)| numbers.contains(&partition.number()));
        ours.collect::<Vec<_>>()
    };
    assert!(ours().await.is_empty());
    let mut expected = Vec::new();
    for number in numbers {
        let partition = Partition::new(number).unwrap();
        expected.push((partition, applied(store.claim(partition, Ownership::default(), me()).await)));
    }
    let free = applied(store.release(expected[1].0, me(), Epoch(1)).await);
    expected[1].1 = free;
    assert_eq!(ours().await, expected, "in rising order");
}
