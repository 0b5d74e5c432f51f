//! O1 to O3, step by step.

use super::*;

const ME: IncarnationId = IncarnationId(1);
const OTHER: IncarnationId = IncarnationId(2);

fn row(owner: Option<IncarnationId>, epoch: u64) -> Ownership {
    Ownership { owner, epoch: Epoch(epoch) }
}

fn unknown<T>() -> Cas<T> {
    Cas::Unknown(StoreError::Unknown("time-out".into()))
}

fn owned() -> Owner {
    let mut owner = Owner::reading(ME);
    owner.read(Ok(row(None, 3)), 0);
    owner.claimed(Cas::Applied(row(Some(ME), 4)), 0);
    owner
}

#[test]
fn o1_a_claim_follows_the_fence_of_exactly_the_owner_that_was_read() {
    let mut owner = Owner::reading(ME);
    assert_eq!(owner.read(Ok(row(Some(OTHER), 7)), 0), Some(Ask::Fence(OTHER)));
    assert_eq!(owner.fenced(&Ok(()), 0), Some(Ask::Claim(row(Some(OTHER), 7))));
    assert_eq!(owner.epoch(), None);
    assert_eq!(owner.claimed(Cas::Applied(row(Some(ME), 8)), 0), None);
    assert_eq!(owner.epoch(), Some(Epoch(8)));
}

#[test]
fn o1_no_fence_only_when_there_is_no_owner() {
    let mut owner = Owner::reading(ME);
    assert_eq!(owner.read(Ok(row(None, 7)), 0), Some(Ask::Claim(row(None, 7))));
}

#[test]
fn o1_a_fence_that_timed_out_is_no_fence() {
    let mut owner = Owner::reading(ME);
    owner.read(Ok(row(Some(OTHER), 7)), 0);
    assert_eq!(owner.fenced(&Err(StoreError::Unknown(String::new())), 0), None);
    assert_eq!(owner.timer(10), None);
    assert_eq!(owner.timer(1_000), Some(Ask::Read(Level::Serial)));
}

#[test]
fn o1_an_unknown_claim_is_read_at_serial_and_not_yet_never_means_never() {
    let mut owner = Owner::reading(ME);
    owner.read(Ok(row(None, 7)), 0);
    assert_eq!(owner.claimed(unknown(), 0), None);
    assert_eq!(owner.timer(1_000), Some(Ask::Read(Level::Serial)));
    assert_eq!(owner.read(Ok(row(None, 7)), 0), Some(Ask::Claim(row(None, 7))));
    // The first claim took place after all; the second is refused by it.
    assert_eq!(owner.claimed(Cas::Refused(Some(row(Some(ME), 8))), 0), None);
    assert_eq!(owner.epoch(), Some(Epoch(8)));
}

#[test]
fn o1_refused_by_another_begins_again_with_a_fence() {
    let mut owner = Owner::reading(ME);
    owner.read(Ok(row(None, 7)), 0);
    assert_eq!(owner.claimed(Cas::Refused(Some(row(Some(OTHER), 8))), 0), Some(Ask::Fence(OTHER)));
}

#[test]
fn o2_once_a_release_was_sent_the_epoch_is_never_served() {
    let mut owner = owned();
    assert_eq!(owner.release(), Some(Ask::Release(Epoch(4))));
    assert_eq!(owner.epoch(), None);
    owner.released(&unknown(), 0);
    assert_eq!((owner.epoch(), owner.is_released()), (None, false));
    assert_eq!(owner.timer(1_000), Some(Ask::Release(Epoch(4))));
    owner.released(&Cas::Refused(Some(row(None, 4))), 0);
    assert!(owner.is_released());
}
