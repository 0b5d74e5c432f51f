//! Of several logins of a user, as many stay as the policy allows: the newest.

use std::io::Write as _;
use std::time::Duration;

use gateway::LoginPolicy;

use crate::bench::Bench;
use crate::client::{Client, wait_for};

fn bench(policy: LoginPolicy) -> Bench {
    Bench::with(|config| {
        config.login_policy = policy;
        config.shards = 2;
    })
}

/// A socket of a device that has been welcomed, and began in another millisecond than the one before.
fn device(bench: &Bench, user: &str, name: &str) -> Client {
    let before = lifecycle::wall_clock_ms();
    wait_for("another millisecond", || (lifecycle::wall_clock_ms() > before).then_some(()));
    let mut client = Client::anonymous(bench.address);
    let token = bench.token(user, 3_600);
    client.send(&format!(r#"{{"hello":{{"auth":"{token}","device":"{name}"}}}}"#));
    client.expect_welcome();
    client
}

#[test]
fn exclusive_the_newest_takes_the_place_of_all_others() {
    let bench = bench(LoginPolicy::Exclusive);
    let mut phone = device(&bench, "alice", "phone");
    phone.settle(&bench);
    let mut other = device(&bench, "bob", "phone");
    let mut laptop = device(&bench, "alice", "laptop");
    assert_eq!(phone.closed(), 4409);
    laptop.settle(&bench);
    other.settle(&bench);
}

#[test]
fn one_per_kind_leaves_other_kinds_alone() {
    let bench = bench(LoginPolicy::OnePerKind);
    let mut phone = device(&bench, "alice", "phone-1");
    let mut web = device(&bench, "alice", "web-1");
    phone.settle(&bench);
    web.settle(&bench);
    let mut newer = device(&bench, "alice", "phone-2");
    assert_eq!(phone.closed(), 4409);
    web.settle(&bench);
    newer.settle(&bench);
    // A device that is named late counts as what it is from then on.
    newer.send(r#"{"hello":{"device":"web-2"}}"#);
    assert_eq!(web.closed(), 4409);
    newer.settle(&bench);
}

#[test]
fn a_device_that_is_named_in_the_handshake_counts_at_once_as_what_it_is() {
    let bench = bench(LoginPolicy::OnePerKind);
    let mut phone = device(&bench, "alice", "phone-1");
    let mut web = device(&bench, "alice", "web-1");
    phone.settle(&bench);
    let path = format!("/ws?device=phone-2&token={}", bench.token("alice", 3_600));
    let mut newer = Client::open(bench.address, &path, &[]).unwrap_or_else(|_| panic!("refused"));
    newer.expect_welcome();
    assert_eq!(phone.closed(), 4409);
    web.settle(&bench);
    newer.settle(&bench);
}

#[test]
fn who_names_no_device_ends_others_without_a_name_and_not_at_once() {
    let wait = Duration::from_millis(800);
    let bench = Bench::with(|config| {
        config.login_policy = LoginPolicy::OnePerKind;
        config.timeouts.hello = wait;
    });
    let token = bench.token("alice", 3_600);
    let unnamed = || {
        let mut client = Client::with_token(bench.address, &token);
        client.expect_welcome();
        client
    };
    // The token came with the handshake, so both are there before they say what they are.
    let (mut phone, mut web) = (unnamed(), unnamed());
    phone.send(r#"{"hello":{"device":"phone-1"}}"#);
    web.send(r#"{"hello":{"device":"web-1"}}"#);
    phone.settle(&bench);
    web.settle(&bench);
    let mut older = unnamed();
    let before = lifecycle::wall_clock_ms();
    wait_for("another millisecond", || (lifecycle::wall_clock_ms() > before).then_some(()));
    let mut newer = unnamed();
    assert_eq!(older.closed(), 4409);
    for client in [&mut phone, &mut web, &mut newer] {
        client.settle(&bench);
    }
}

#[test]
fn who_came_later_stays_whoever_claims_later() {
    let bench = bench(LoginPolicy::OnePerKind);
    let mut older = Client::with_token(bench.address, &bench.token("alice", 3_600));
    older.expect_welcome();
    older.settle(&bench);
    let mut newer = device(&bench, "alice", "phone-1");
    newer.settle(&bench);
    older.send(r#"{"hello":{"device":"phone-2"}}"#);
    assert_eq!(older.closed(), 4409);
    newer.settle(&bench);
}

/// It says what it is before it has heard its first claim.
#[test]
fn who_is_renamed_at_once_gives_way_like_others() {
    let bench = bench(LoginPolicy::OnePerKind);
    let mut older = Client::anonymous(bench.address);
    let auth = format!(r#"{{"hello":{{"auth":"{}","device":"web-1"}}}}"#, bench.token("alice", 3_600));
    let both = [auth.as_str(), r#"{"hello":{"device":"phone-1"}}"#].map(masked).concat();
    older.raw().write_all(&both).unwrap();
    older.expect_welcome();
    older.settle(&bench);
    let mut newer = device(&bench, "alice", "phone-2");
    assert_eq!(older.closed(), 4409);
    newer.settle(&bench);
}

/// A text frame, masked with zeros: several can be sent in one write.
fn masked(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap();
    let mut frame = vec![0x81];
    match u8::try_from(length) {
        Ok(short) if short < 126 => frame.push(0x80 | short),
        _ => {
            frame.push(0x80 | 126);
            frame.extend(length.to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(text.bytes());
    frame
}

#[test]
fn a_claim_that_is_lost_is_made_again() {
    let bench = bench(LoginPolicy::Exclusive);
    let mut phone = device(&bench, "alice", "phone");
    phone.settle(&bench);
    bench.lose_claims(2);
    let mut laptop = device(&bench, "alice", "laptop");
    bench.claims_are_lost();
    assert_eq!(phone.closed(), 4409);
    laptop.settle(&bench);
}

#[test]
fn of_many_the_newest_is_left() {
    let bench = bench(LoginPolicy::Exclusive);
    let mut clients: Vec<Client> = (0..12).map(|n| device(&bench, "alice", &format!("device-{n}"))).collect();
    let mut newest = clients.pop().unwrap();
    for client in &mut clients {
        assert_eq!(client.closed(), 4409);
    }
    newest.settle(&bench);
}

#[test]
fn many_is_many() {
    let bench = bench(LoginPolicy::Many);
    let mut clients: Vec<Client> = (0..3).map(|_| device(&bench, "alice", "phone")).collect();
    clients.iter_mut().for_each(|client| client.settle(&bench));
}
