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

fn wanted() -> Owner {
    let mut owner = Owner::new(ME);
    owner.set_wanted(true);
    assert!(owner.awaits_row());
    owner
}

fn owned() -> Owner {
    let mut owner = wanted();
    owner.read(Ok(row(None, 3)), dead, 0);
    owner.claimed(Cas::Applied(row(Some(ME), 4)), dead, 0);
    owner
}

/// Everybody may be fenced.
fn dead(_: IncarnationId) -> bool {
    true
}

fn alive(_: IncarnationId) -> bool {
    false
}

#[test]
fn o1_a_claim_follows_the_fence_of_exactly_the_owner_that_was_read() {
    let mut owner = wanted();
    assert_eq!(owner.read(Ok(row(Some(OTHER), 7)), dead, 0), Some(Ask::Fence(OTHER)));
    assert_eq!(owner.fenced(&Ok(())), Some(Ask::Claim(row(Some(OTHER), 7))));
    assert_eq!(owner.epoch(), None);
    assert_eq!(owner.claimed(Cas::Applied(row(Some(ME), 8)), dead, 0), None);
    assert_eq!(owner.epoch(), Some(Epoch(8)));
}

#[test]
fn o1_no_fence_only_when_there_is_no_owner() {
    let mut owner = wanted();
    assert_eq!(owner.read(Ok(row(None, 7)), dead, 0), Some(Ask::Claim(row(None, 7))));
}

#[test]
fn o1_a_fence_that_timed_out_is_no_fence() {
    let mut owner = wanted();
    owner.read(Ok(row(Some(OTHER), 7)), dead, 0);
    assert_eq!(owner.fenced(&Err(StoreError::Unknown(String::new()))), None);
    assert!(owner.awaits_row(), "from the beginning");
    assert_eq!(owner.read(Ok(row(Some(OTHER), 7)), dead, 0), Some(Ask::Fence(OTHER)));
}

#[test]
fn o1_an_unknown_claim_is_read_at_serial_and_not_yet_never_means_never() {
    let mut owner = wanted();
    owner.read(Ok(row(None, 7)), dead, 0);
    assert_eq!(owner.claimed(unknown(), dead, 0), None);
    assert_eq!(owner.timer(1_000), Some(Ask::Read(Level::Serial)));
    assert_eq!(owner.read(Ok(row(None, 7)), dead, 0), Some(Ask::Claim(row(None, 7))));
    // The first claim took place after all; the second is refused by it.
    assert_eq!(owner.claimed(Cas::Refused(Some(row(Some(ME), 8))), dead, 0), None);
    assert_eq!(owner.epoch(), Some(Epoch(8)));
}

#[test]
fn o1_refused_by_another_begins_again_with_a_fence() {
    let mut owner = wanted();
    owner.read(Ok(row(None, 7)), dead, 0);
    assert_eq!(owner.claimed(Cas::Refused(Some(row(Some(OTHER), 8))), dead, 0), Some(Ask::Fence(OTHER)));
}

#[test]
fn o2_once_a_release_was_sent_the_epoch_is_never_served() {
    let mut owner = owned();
    assert_eq!(owner.release(), Some(Ask::Release(Epoch(4))));
    assert_eq!(owner.epoch(), None);
    owner.released(&unknown(), 0);
    assert_eq!((owner.epoch(), owner.held()), (None, Some(Epoch(4))));
    assert_eq!(owner.timer(1_000), Some(Ask::Release(Epoch(4))));
    owner.released(&Cas::Refused(Some(row(None, 4))), 0);
    assert_eq!(owner.held(), None);
}

#[test]
fn o2_a_read_from_before_the_release_does_not_bring_the_epoch_back() {
    let mut owner = owned();
    owner.release();
    owner.released(&Cas::Applied(row(None, 4)), 0);
    assert_eq!(owner.read(Ok(row(Some(ME), 4)), dead, 0), None);
    assert_eq!(owner.epoch(), None);
    assert_eq!(owner.timer(1_000), Some(Ask::Read(Level::Serial)));
    assert_eq!(owner.read(Ok(row(None, 4)), dead, 0), Some(Ask::Claim(row(None, 4))));
    owner.claimed(Cas::Applied(row(Some(ME), 5)), dead, 0);
    assert_eq!(owner.epoch(), Some(Epoch(5)), "the next epoch is another one");
}

#[test]
fn whoever_is_alive_is_not_fenced() {
    let mut owner = wanted();
    assert_eq!(owner.read(Ok(row(Some(OTHER), 7)), alive, 0), None);
    assert_eq!(owner.timer(1_000), Some(Ask::Read(Level::Serial)));
    assert_eq!(owner.read(Ok(row(Some(OTHER), 7)), dead, 0), Some(Ask::Fence(OTHER)));
}

#[test]
fn what_is_not_wanted_any_more_is_left_alone() {
    let mut owner = wanted();
    owner.read(Ok(row(Some(OTHER), 7)), alive, 0);
    owner.set_wanted(false);
    assert_eq!(owner.timer(1_000), None);
    owner.set_wanted(true);
    assert!(owner.awaits_row());
}

#[test]
fn o1_an_unknown_claim_is_looked_after_though_it_is_not_wanted_any_more() {
    let mut owner = wanted();
    owner.read(Ok(row(None, 7)), dead, 0);
    owner.claimed(unknown(), dead, 0);
    owner.set_wanted(false);
    assert_eq!(owner.timer(1_000), Some(Ask::Read(Level::Serial)));
    assert_eq!(owner.read(Ok(row(None, 7)), dead, 1_000), None, "it may still take place");
    assert_eq!(owner.timer(3_000), Some(Ask::Read(Level::Serial)));
    // It has: the epoch is owned, and can be given back.
    owner.read(Ok(row(Some(ME), 8)), dead, 3_000);
    assert_eq!(owner.release(), Some(Ask::Release(Epoch(8))));
}

#[test]
fn o1_an_unknown_claim_is_over_once_the_row_has_moved_on() {
    let mut owner = wanted();
    owner.read(Ok(row(None, 7)), dead, 0);
    owner.claimed(unknown(), dead, 0);
    owner.set_wanted(false);
    owner.timer(1_000);
    owner.read(Ok(row(Some(OTHER), 8)), alive, 1_000);
    assert_eq!(owner.timer(9_000), None);
}

#[test]
fn a_try_is_the_first_until_it_has_an_end() {
    assert!(!Owner::new(ME).is_first_try(), "nobody wants it");
    let mut owner = wanted();
    assert!(owner.is_first_try());
    owner.read(Ok(row(Some(OTHER), 7)), dead, 0);
    assert!(owner.is_first_try(), "the fence is under way");
    owner.fenced(&Ok(()));
    assert!(owner.is_first_try(), "the claim is under way");
    owner.claimed(Cas::Applied(row(Some(ME), 8)), dead, 0);
    assert!(!owner.is_first_try(), "it is owned");
}

#[test]
fn after_one_in_vain_no_try_is_the_first() {
    let mut owner = wanted();
    owner.read(Ok(row(None, 7)), dead, 0);
    owner.claimed(unknown(), dead, 0);
    assert!(!owner.is_first_try(), "it waits to try again");
    owner.timer(1_000);
    owner.read(Ok(row(None, 7)), dead, 1_000);
    assert!(!owner.is_first_try(), "it tries again");

    let mut of_another = wanted();
    of_another.read(Ok(row(Some(OTHER), 7)), alive, 0);
    assert!(!of_another.is_first_try(), "its owner may live for long");
}
