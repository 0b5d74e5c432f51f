//! A client that outruns the router is not read until answers come.

use std::time::Duration;

use proto::Reply;

use crate::bench::Bench;

#[test]
fn no_more_commands_are_taken_than_may_be_unanswered() {
    let bench = Bench::with(|config| config.session.unanswered_max = 2);
    let mut client = bench.connect("alice");
    for number in 0..5 {
        client.send_message(number, "bob");
    }
    let (first, second) = (bench.command(), bench.command());
    bench.expect_no_command();
    bench.reply(&first, Reply::Settled);
    let third = bench.command();
    bench.expect_no_command();
    for command in [second, third] {
        bench.reply(&command, Reply::Settled);
    }
    bench.command();
    bench.command();
}

#[test]
fn answers_that_never_come_are_given_up() {
    let bench = Bench::with(|config| {
        config.session.unanswered_max = 1;
        config.timeouts.unanswered = Duration::from_millis(500);
    });
    let mut client = bench.connect("alice");
    client.send_message(1, "bob");
    client.send_message(2, "bob");
    bench.command();
    bench.command();
}
