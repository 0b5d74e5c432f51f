//! Places and rates without a socket.

use super::*;
use crate::config::{RateLimit, UserRateLimits};

const FAST: RateLimit = RateLimit { per_second: 1_000_000, burst: 1_000_000 };

pub(super) fn limits() -> AdmissionLimits {
    AdmissionLimits {
        connections_max: 3,
        handshakes_max: 1,
        per_address_max: 1,
        per_address_connects: FAST,
        per_user_max: 2,
        user_rates: UserRateLimits { commands: FAST, writes: FAST, reads: FAST, signals: FAST },
    }
}

pub(super) fn v4(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

#[tokio::test]
async fn a_dropped_connection_gives_its_places_back() {
    let admission = Admission::new(limits());
    let user = UserId::parse("alice").unwrap();
    for _ in 0..5 {
        let mut one = admission.connection().await;
        assert_eq!(one.count_address(v4(1)), Ok(()));
        assert_eq!(one.count_user(&user), Ok(()));
        assert_eq!(admission.connections(), 1);
    }
    assert_eq!(admission.connections(), 0);
    assert_eq!(admission.users.len(), 0);
}

#[tokio::test]
async fn the_second_of_one_address_is_too_many_and_loopback_is_exempt() {
    let admission = Admission::new(limits());
    let (mut one, mut two) = (admission.connection().await, admission.connection().await);
    let near = |last: u16| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last]);
    assert_eq!(one.count_address(near(1)), Ok(()));
    assert_eq!(two.count_address(near(2)), Err(Crowded::Address));
    assert_eq!(two.count_address(IpAddr::from([127, 0, 0, 1])), Ok(()));
    assert_eq!(two.count_address(IpAddr::from([127, 0, 0, 1])), Ok(()));
    drop(one);
    assert_eq!(two.count_address(near(2)), Ok(()));
}

#[tokio::test]
async fn a_connection_is_counted_for_one_address_at_a_time() {
    let admission = Admission::new(limits());
    let (mut one, mut two) = (admission.connection().await, admission.connection().await);
    assert_eq!(one.count_address(v4(1)), Ok(()));
    assert_eq!(one.count_address(v4(2)), Ok(()));
    assert_eq!(two.count_address(v4(1)), Ok(()));
    assert_eq!(two.count_address(v4(2)), Err(Crowded::Address));
}

#[tokio::test]
async fn who_connects_too_often_is_told_when_to_come_back() {
    let per_address_connects = RateLimit { per_second: 5, burst: 2 };
    let admission = Admission::new(AdmissionLimits { per_address_connects, ..limits() });
    for _ in 0..2 {
        assert_eq!(admission.connection().await.count_address(v4(1)), Ok(()));
    }
    let refused = admission.connection().await.count_address(v4(1));
    let Err(Crowded::AddressRate { retry_after_ms }) = refused else {
        panic!("leaving does not help: {refused:?}")
    };
    assert!((1..=200).contains(&retry_after_ms), "{retry_after_ms}");
    assert_eq!(admission.connection().await.count_address(v4(2)), Ok(()));
    tokio::time::sleep(std::time::Duration::from_millis(retry_after_ms.into())).await;
    assert_eq!(admission.connection().await.count_address(v4(1)), Ok(()), "the advice is enough");
}

#[tokio::test]
async fn an_address_that_comes_too_often_for_long_is_still_refused() {
    let per_address_connects = RateLimit { per_second: 1, burst: 1 };
    let admission =
        Admission::new(AdmissionLimits { per_address_connects, per_address_max: 1_000, ..limits() });
    let mut one = admission.connection().await;
    let admitted = (0..70_000).filter(|_| one.count_address(v4(1)).is_ok()).count();
    assert!(admitted < 60, "{admitted} of a minute at most");
}

#[tokio::test(start_paused = true)]
async fn logins_that_end_are_noted_again_once_there_was_no_room_for_them() {
    let admission = Admission::new(limits());
    let (user, login) = (UserId::parse("alice").unwrap(), |name: &str| LoginId::parse(name).unwrap());
    for number in 0..ENDED_MAX {
        admission.note_ended(&user, &login(&format!("l{number}")));
    }
    assert!(admission.has_ended(&user, &login("l7")));
    admission.note_ended(&user, &login("late"));
    assert!(!admission.has_ended(&user, &login("late")), "there is no room");
    assert_eq!(admission.remembered(), ENDED_MAX);
    tokio::time::advance(std::time::Duration::from_micros(ENDED_KNOWN_US)).await;
    admission.note_ended(&user, &login("later"));
    assert!(admission.has_ended(&user, &login("later")));
    assert!(!admission.has_ended(&user, &login("l7")));
    assert_eq!(admission.remembered(), 1);
}

#[tokio::test]
async fn users_are_counted_once_per_connection() {
    let admission = Admission::new(limits());
    let user = UserId::parse("alice").unwrap();
    let mut places = Vec::new();
    for _ in 0..3 {
        places.push(admission.connection().await);
    }
    assert_eq!(places[0].count_user(&user), Ok(()));
    assert_eq!(places[0].count_user(&user), Ok(()));
    assert_eq!(places[1].count_user(&user), Ok(()));
    assert_eq!(places[2].count_user(&user), Err(Crowded::User));
}

#[tokio::test]
async fn sockets_of_a_user_share_its_rates_and_leaving_does_not_help() {
    let user_rates = UserRateLimits { writes: RateLimit { per_second: 1, burst: 2 }, ..limits().user_rates };
    let admission = Admission::new(AdmissionLimits { user_rates, ..limits() });
    let user = UserId::parse("alice").unwrap();
    let mut one = admission.connection().await;
    let mut two = admission.connection().await;
    assert_eq!((one.count_user(&user), two.count_user(&user)), (Ok(()), Ok(())));
    assert_eq!(one.take_rate(CommandClass::Write, 0), Ok(()));
    assert_eq!(two.take_rate(CommandClass::Write, 0), Ok(()));
    assert_eq!(one.take_rate(CommandClass::Write, 0).map_err(|over| over.limit), Err("user_writes"));
    drop((one, two));
    let mut again = admission.connection().await;
    assert_eq!(again.count_user(&user), Ok(()));
    assert!(again.take_rate(CommandClass::Write, 0).is_err());
    assert_eq!(again.take_rate(CommandClass::Read, 0), Ok(()));
}

#[tokio::test]
async fn rates_are_forgotten_once_all_sockets_of_the_user_rest_and_nothing_was_used_lately() {
    let second_us = 1_000_000;
    let admission = Admission::new(limits());
    let user = UserId::parse("alice").unwrap();
    let (mut one, mut two) = (admission.connection().await, admission.connection().await);
    assert_eq!((one.count_user(&user), two.count_user(&user)), (Ok(()), Ok(())));
    let known = || admission.rates.len() == 1;
    for socket in [&mut one, &mut two] {
        socket.take_rate(CommandClass::Read, 0).unwrap();
    }
    one.rest(0);
    assert!(known(), "they were used just now");
    one.rest(60 * second_us);
    assert!(known(), "the other socket counts in them");
    two.rest(60 * second_us);
    assert!(!known());
    assert_eq!(one.take_rate(CommandClass::Read, 61 * second_us), Ok(()));
    assert!(known());
}
