//! Bounds on how many connect, each with its answer.

use std::io::Read as _;
use std::net::TcpStream;
use std::time::Duration;

use crate::bench::{Bench, PATIENCE};
use crate::client::{Client, wait_for};

#[test]
fn sockets_of_one_user_are_bounded_and_places_come_back() {
    let bench = Bench::with(|config| config.admission.per_user_max = 1);
    let path = format!("/ws?token={}", bench.token("alice", 600));
    let first = bench.connect("alice");
    let refused = Client::open(bench.address, &path, &[]).err().map(|refused| refused.status);
    assert_eq!(refused, Some(429));
    let mut late = Client::anonymous(bench.address);
    late.send(&format!(r#"{{"hello":{{"auth":"{}"}}}}"#, bench.token("alice", 600)));
    assert_eq!(late.closed(), 1013);
    bench.connect("bob");
    drop(first);
    wait_for("the place of the closed socket", || Client::open(bench.address, &path, &[]).ok());
}

#[test]
fn connections_over_the_bound_wait_until_one_ends() {
    let bench = Bench::with(|config| config.admission.connections_max = 1);
    let first = bench.connect("alice");
    let token = bench.token("bob", 600);
    std::thread::scope(|scope| {
        let second = scope.spawn(|| Client::with_token(bench.address, &token).expect_welcome());
        std::thread::sleep(Duration::from_millis(200));
        assert!(!second.is_finished(), "the kernel keeps it");
        drop(first);
        second.join().expect("it is served after all");
    });
}

#[test]
fn handshakes_that_say_nothing_are_ended_and_make_room() {
    let bench = Bench::with(|config| {
        config.admission.handshakes_max = 1;
        config.timeouts.handshake = Duration::from_millis(300);
    });
    let mut silent = TcpStream::connect(bench.address).unwrap();
    silent.set_read_timeout(Some(PATIENCE)).unwrap();
    // Waits in the kernel until the silent one is ended.
    bench.connect("alice");
    let mut answer = Vec::new();
    silent.read_to_end(&mut answer).unwrap();
}
