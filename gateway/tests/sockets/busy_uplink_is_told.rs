//! A bus without room refuses at once.

use proto::Code;

use crate::bench::Bench;
use crate::client::Client;

#[test]
fn a_full_command_queue_is_nack_busy_with_advice() {
    // Nobody takes commands: `Connected` fills the queue of one.
    let (bench, _backend) = Bench::without_backend(bus::Limits { commands: 1, deliveries: 100 }, |_| {});
    let mut client = Client::with_token(bench.address, &bench.token("alice", 600));
    client.expect_welcome();
    // The queue is full once Connected is there; until then the send may take the place.
    let nack = loop {
        client.send_message(1, "bob");
        client.send(r#"{"ping":{}}"#);
        match client.frame() {
            proto::ServerFrame::Nack(nack) => break nack,
            proto::ServerFrame::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((nack.code, nack.retry_after_ms, nack.frame), (Code::Busy, 250, "send"));
    assert!(nack.client_message_id.is_some());
}

#[test]
fn connected_is_sent_again_until_it_is_answered() {
    let (bench, backend) = Bench::without_backend(bus::Limits { commands: 1, deliveries: 100 }, |_| {});
    let mut other = Client::with_token(bench.address, &bench.token("bob", 600));
    other.expect_welcome();
    let mut client = Client::with_token(bench.address, &bench.token("alice", 600));
    client.expect_welcome();
    // At most one of the two `Connected` found room. The other must be sent again to let this through.
    client.send(r#"{"sync":{"cursor":"a"}}"#);
    other.send(r#"{"sync":{"cursor":"b"}}"#);
    bench.expect_no_command();
    bench.tasks.thread_with_runtime("backend", backend).unwrap();
    // A queue of one refuses the second `sync` at times; then its client is told, as it would repeat it.
    assert!(matches!(bench.command().request, proto::Request::Sync(_)));
    assert!(matches!(bench.command().request, proto::Request::Sync(_)));
}
