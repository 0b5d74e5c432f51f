//! Routers that answer late, or not at all.

use std::time::Duration;

use api::ApiConfig;
use bus::CommandQueue;
use proto::delivery::{Delivery, Payload, Target};
use proto::server_frame::{Ack, Nack};
use proto::{Code, Command, MessageId, Partition, Reply, Request, Seq, ServerFrame, Timestamp, TraceId};
use serde_json::json;

use super::server::{Server, config};

fn patient() -> ApiConfig {
    ApiConfig {
        command_timeout: Duration::from_millis(2_500),
        request_timeout: Duration::from_secs(3),
        pending_commands_max: 2,
        ..config()
    }
}

async fn next(queue: &mut CommandQueue) -> Command {
    let mut commands = Vec::new();
    queue.recv(&mut commands).await;
    assert_eq!(commands.len(), 1);
    commands.remove(0)
}

fn answer(server: &Server, command: &Command, reply: Reply) {
    let session = command.origin.session;
    let payload = Payload::Reply(session.session, reply);
    let delivery = Delivery { target: Target::Node(session.node), payload, trace: TraceId::default() };
    server.bus.publish(&mut vec![delivery]);
}

fn ack(command: &Command) -> Reply {
    let Request::Send(send) = &command.request else { panic!("{command:?}") };
    Reply::Frame(ServerFrame::Ack(Ack {
        client_message_id: send.client_message_id,
        conversation: send.to.conversation(&command.origin.user),
        seq: Seq(1),
        message_id: MessageId(1),
        time: Timestamp(1),
    }))
}

fn hi() -> serde_json::Value {
    json!({"to_user": "bob", "body": {"text": "hi"}})
}

#[tokio::test(start_paused = true)]
async fn send_is_repeated_as_a_repetition_and_then_given_up() {
    let server = Server::without_router(patient());
    let mut queue = server.bus.serve(Partition::all());
    let alice = server.token("alice", "");
    let router = async {
        let mut attempts = Vec::new();
        for _ in 0..4 {
            let command = next(&mut queue).await;
            let Request::Send(send) = command.request else { panic!("not a send") };
            attempts.push((send.client_message_id, send.attempt, send.age_ms));
        }
        attempts
    };
    let (answer, attempts) = tokio::join!(server.post("/api/v1/messages", &alice, hi()), router);
    answer.problem(503, "UNAVAILABLE");
    let id = attempts[0].0;
    assert_eq!(attempts, [(id, 0, 0), (id, 1, 800), (id, 2, 1_600), (id, 3, 2_400)]);
}

#[tokio::test(start_paused = true)]
async fn late_reply_to_the_first_try_counts() {
    let server = Server::without_router(patient());
    let mut queue = server.bus.serve(Partition::all());
    let alice = server.token("alice", "");
    let router = async {
        let first = next(&mut queue).await;
        next(&mut queue).await;
        answer(&server, &first, ack(&first));
    };
    let (sent, ()) = tokio::join!(server.post("/api/v1/messages", &alice, hi()), router);
    assert_eq!(sent.expect(201)["seq"], json!("1"));
}

/// As a repetition of the same change, so that it is made once.
#[tokio::test(start_paused = true)]
async fn changes_of_groups_and_contacts_are_repeated_too() {
    let server = Server::without_router(patient());
    let mut queue = server.bus.serve(Partition::all());
    let alice = server.token("alice", "");
    for (path, body) in [
        ("/api/v1/groups", json!({"name": "Team"})),
        ("/api/v1/groups/team/members", json!({})),
        ("/api/v1/blocks", json!({"user_id": "bob"})),
    ] {
        let router = async {
            let mut attempts = Vec::new();
            for _ in 0..4 {
                let once = next(&mut queue).await.once.expect("it has an id");
                attempts.push((once.id, once.attempt, once.age_ms));
            }
            attempts
        };
        let (answer, attempts) = tokio::join!(server.post(path, &alice, body), router);
        answer.problem(503, "UNAVAILABLE");
        let id = attempts[0].0;
        assert_eq!(attempts, [(id, 0, 0), (id, 1, 800), (id, 2, 1_600), (id, 3, 2_400)], "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_and_silence_about_the_outcome_become_problems() {
    let server = Server::without_router(patient());
    let mut queue = server.bus.serve(Partition::all());
    let alice = server.token("alice", "");
    let refused = async {
        let command = next(&mut queue).await;
        let nack = Nack::of("send", Code::Busy, "too many commands wait here").retry_after_ms(7_001);
        answer(&server, &command, Reply::Frame(ServerFrame::Nack(nack)));
    };
    let (sent, ()) = tokio::join!(server.post("/api/v1/messages", &alice, hi()), refused);
    assert_eq!(
        (&sent.json["retry_after_ms"], &sent.headers["retry-after"]),
        (&json!(7_001), &"8".parse().unwrap())
    );
    assert_eq!(sent.problem(503, "BUSY"), "too many commands wait here");

    for (path, body) in [("/api/v1/messages", hi()), ("/api/v1/blocks", json!({"user_id": "bob"}))] {
        let settled = async {
            let command = next(&mut queue).await;
            answer(&server, &command, Reply::Settled);
        };
        let (sent, ()) = tokio::join!(server.post(path, &alice, body), settled);
        sent.problem(503, "UNAVAILABLE");
    }
}

#[tokio::test(start_paused = true)]
async fn more_commands_than_may_wait_are_refused_at_once() {
    let server = Server::without_router(patient());
    let _queue = server.bus.serve(Partition::all());
    let alice = server.token("alice", "");
    let send = || server.post("/api/v1/messages", &alice, hi());
    let (one, two, three) = tokio::join!(send(), send(), send());
    one.problem(503, "UNAVAILABLE");
    two.problem(503, "UNAVAILABLE");
    three.problem(503, "BUSY");
    send().await.problem(503, "UNAVAILABLE");
}

#[tokio::test]
async fn without_a_router_it_says_busy_at_once() {
    let server = Server::without_router(config());
    let alice = server.token("alice", "");
    server.post("/api/v1/messages", &alice, hi()).await.problem(503, "BUSY");
}

#[tokio::test(start_paused = true)]
async fn drain_waits_for_replies_that_are_still_to_come() {
    let server = Server::without_router(patient());
    let mut queue = server.bus.serve(Partition::all());
    let alice = server.token("alice", "");
    let router = async {
        let command = next(&mut queue).await;
        server.tasks.drain();
        tokio::time::sleep(Duration::from_millis(500)).await;
        answer(&server, &command, ack(&command));
    };
    let (sent, ()) = tokio::join!(server.post("/api/v1/messages", &alice, hi()), router);
    sent.expect(201);
    server.tasks.close(Duration::from_secs(5)).await.unwrap();
}
