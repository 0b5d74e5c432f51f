//! Worker leases: a worker number has one holder, also across clocks that differ.

use std::collections::BTreeSet;

use proto::MessageId;
use store::{LEASE_GUARD_MS, LeaseError, Store, WorkerLease};

use crate::engines::contract;
use crate::samples::{at, unlike_others};

contract!(
    alone:
    holders_have_different_numbers,
    a_holder_gets_its_own_number_again,
    numbers_run_out,
    a_number_is_free_after_its_end_and_the_guard,
    a_renewed_lease_is_longer_and_never_shorter,
    a_number_given_back_is_free_after_the_last_id_and_the_guard,
    a_clock_set_back_frees_nothing,
);

async fn holders_have_different_numbers(store: Store) {
    let leases = (1..=40).map(|holder| store.lease_worker(unlike_others(holder), at(1_000), 60_000));
    let leases = futures_util::future::join_all(leases).await;
    let numbers: BTreeSet<u16> = leases.into_iter().map(|lease| lease.unwrap().worker).collect();
    assert_eq!(numbers.len(), 40);
}

async fn a_holder_gets_its_own_number_again(store: Store) {
    store.lease_worker(unlike_others(1), at(0), 60_000).await.unwrap();
    let lease = store.lease_worker(unlike_others(2), at(0), 60_000).await.unwrap();
    let again = store.lease_worker(unlike_others(2), at(5_000), 60_000).await.unwrap();
    assert_eq!(again, WorkerLease { worker: lease.worker, until: at(65_000) });
}

async fn numbers_run_out(store: Store) {
    let all = u64::from(MessageId::WORKERS);
    let leases = (1..=all).map(|holder| store.lease_worker(unlike_others(holder), at(0), 60_000));
    assert!(futures_util::future::join_all(leases).await.iter().all(Result::is_ok));
    let none = store.lease_worker(unlike_others(all + 1), at(1_000), 60_000).await;
    assert_eq!(none, Err(LeaseError::NoneFree));
    let later = at(60_000 + LEASE_GUARD_MS);
    assert!(store.lease_worker(unlike_others(all + 1), later, 60_000).await.is_ok());
}

async fn a_number_is_free_after_its_end_and_the_guard(store: Store) {
    let lease = store.lease_worker(unlike_others(1), at(0), 1_000).await.unwrap();
    let early = store.lease_worker(unlike_others(2), at(999 + LEASE_GUARD_MS), 1_000).await.unwrap();
    assert_ne!(early.worker, lease.worker);
    let late = store.lease_worker(unlike_others(3), at(1_000 + LEASE_GUARD_MS), 1_000).await.unwrap();
    assert_eq!(late.worker, lease.worker);
    let lost = store.renew_worker(unlike_others(1), lease.worker, at(1_000), 9_000).await;
    assert_eq!(lost, Err(LeaseError::Lost));
}

async fn a_renewed_lease_is_longer_and_never_shorter(store: Store) {
    let lease = store.lease_worker(unlike_others(1), at(0), 60_000).await.unwrap();
    let renewed = store.renew_worker(unlike_others(1), lease.worker, at(30_000), 60_000).await.unwrap();
    assert_eq!(renewed, WorkerLease { worker: lease.worker, until: at(90_000) });
    let back = store.renew_worker(unlike_others(1), lease.worker, at(0), 60_000).await.unwrap();
    assert_eq!(back, renewed);
    assert_eq!(store.renew_worker(unlike_others(2), lease.worker, at(0), 1).await, Err(LeaseError::Lost));
}

async fn a_number_given_back_is_free_after_the_last_id_and_the_guard(store: Store) {
    let lease = store.lease_worker(unlike_others(1), at(0), 60_000).await.unwrap();
    store.release_worker(unlike_others(2), lease.worker, at(0)).await.expect("not the holder: ignored");
    assert!(store.renew_worker(unlike_others(1), lease.worker, at(0), 1).await.is_ok());
    store.release_worker(unlike_others(1), lease.worker, at(500)).await.unwrap();
    assert_eq!(store.renew_worker(unlike_others(1), lease.worker, at(0), 1).await, Err(LeaseError::Lost));
    let early = store.lease_worker(unlike_others(2), at(500 + LEASE_GUARD_MS), 1_000).await.unwrap();
    assert_ne!(early.worker, lease.worker);
    let late = store.lease_worker(unlike_others(3), at(501 + LEASE_GUARD_MS), 1_000).await.unwrap();
    assert_eq!(late.worker, lease.worker);
}

async fn a_clock_set_back_frees_nothing(store: Store) {
    let lease = store.lease_worker(unlike_others(1), at(1_000_000), 1_000).await.unwrap();
    store.release_worker(unlike_others(1), lease.worker, at(1_000_500)).await.unwrap();
    let back = store.lease_worker(unlike_others(2), at(10), 1_000).await.unwrap();
    assert_ne!(back.worker, lease.worker, "its ids reach into a time that this clock will see again");
}
