//! Nothing falls between the subscription and the `sync`.

use proto::delivery::HeadState;
use proto::{Reply, Request, Seq, ServerFrame};

use crate::bench::{Bench, direct};
use crate::client::Client;

#[test]
fn open_conversations_are_asked_from_their_owners_before_the_sync() {
    let bench = Bench::start();
    let mut client = bench.connect("alice");
    let (seen, secret) = (direct("alice", "bob"), direct("carol", "dave"));
    client.send(&format!(
        r#"{{"sync":{{"cursor":"c","open":[{{"conversation":"{seen}","seq":"1"}},{{"conversation":"{secret}","seq":"1"}}]}}}}"#
    ));
    let mut asked = Vec::new();
    for _ in 0..2 {
        let command = bench.command();
        let Request::Heads(conversations) = &command.request else { panic!("{command:?}") };
        let heads = conversations.iter().map(|conversation| HeadState {
            conversation: conversation.clone(),
            seq: Seq(12),
            counted: 12,
            last: None,
            member: *conversation == seen,
            floor: Seq(1),
            retention_seconds: 0,
            confirming: None,
        });
        asked.extend(conversations.iter().cloned());
        bench.reply(&command, Reply::Heads(heads.collect()));
    }
    asked.sort();
    assert_eq!(asked, [seen.clone(), secret]);
    assert!(matches!(bench.command().request, Request::Sync(sync) if sync.cursor == "c"));
    match client.frame() {
        ServerFrame::Head(head) => assert_eq!((head.conversation, head.last), (seen, Seq(12))),
        other => panic!("{other:?}"),
    }
    client.send(r#"{"ping":{}}"#);
    assert!(matches!(client.frame(), ServerFrame::Pong(_)), "what alice may not see is not told");
}

#[test]
fn a_sync_is_carried_out_only_after_the_groups_are_known() {
    let (bench, backend) = Bench::without_backend(bus::Limits { commands: 100, deliveries: 100 }, |_| {});
    let mut client = Client::with_token(bench.address, &bench.token("alice", 600));
    client.expect_welcome();
    for cursor in 0..5 {
        client.send(&format!(r#"{{"sync":{{"cursor":"{cursor}"}}}}"#));
    }
    // The fifth finds no place to wait.
    assert_eq!(client.expect_nack().code, proto::Code::Busy);
    bench.tasks.thread_with_runtime("backend", backend).unwrap();
    for cursor in 0..4 {
        let command = bench.command();
        assert!(matches!(command.request, Request::Sync(sync) if sync.cursor == cursor.to_string()));
    }
}
