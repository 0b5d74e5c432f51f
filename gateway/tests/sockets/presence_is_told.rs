//! Every session's begin and end is told, with the device that it is.

use crate::bench::Bench;
use crate::client::Client;

#[test]
fn sessions_are_told_as_they_come_and_leave() {
    let bench = Bench::start();
    let mut first = bench.connect("alice");
    assert_eq!(bench.attendance(), "alice came as default");
    let second = bench.connect("alice");
    assert_eq!(bench.attendance(), "alice came as default");
    drop(second);
    assert_eq!(bench.attendance(), "alice left as default");
    first.send(r#"{"hello":{"device":"phone"}}"#);
    assert_eq!(bench.attendance(), "alice is not default but phone");
    // The same name again is no change.
    first.send(r#"{"hello":{"device":"phone"}}"#);
    drop(first);
    assert_eq!(bench.attendance(), "alice left as phone");
}

#[test]
fn a_session_that_names_its_device_in_time_comes_as_that() {
    let bench = Bench::start();
    let mut client = Client::anonymous(bench.address);
    let token = bench.token("bob", 3_600);
    client.send(&format!(r#"{{"hello":{{"auth":"{token}","device":"laptop"}}}}"#));
    client.expect_welcome();
    assert_eq!(bench.attendance(), "bob came as laptop");
}

#[test]
fn a_drain_tells_that_everybody_left() {
    let bench = Bench::start();
    let _alice = bench.connect("alice");
    assert_eq!(bench.attendance(), "alice came as default");
    bench.tasks.drain();
    assert_eq!(bench.attendance(), "alice left as default");
}
