//! Sending: what is acknowledged, told, refused and repeated.

use proto::client_frame::{AckMode, Recipient};
use proto::{Code, Delivery, Payload, Reply, Request, Seq, ServerFrame, Target};

use crate::stand::{Stand, config, direct, message, stores, to_user, user};

#[tokio::test]
async fn a_send_is_acknowledged_and_published_to_both_users() {
    for (store, _keep) in stores().await {
        let mut stand = Stand::start(store, config()).await;
        stand.listen_user("alice");
        stand.listen_user("bob");
        let send = message(to_user("bob"), "hi");
        let session = stand.command("alice", Request::Send(send.clone()));
        let Reply::Frame(ServerFrame::Ack(ack)) = stand.reply(session).await else { panic!("no ack") };
        assert_eq!((ack.seq, ack.conversation.clone()), (Seq(1), direct("bob", "alice")));
        assert_eq!(ack.client_message_id, send.client_message_id);
        for name in ["alice", "bob"] {
            let except = stand
                .wait(|delivery| match &delivery.payload {
                    Payload::Fanout(fanout) if delivery.target == Target::User(user(name)) => {
                        matches!(fanout.frame.frame(), ServerFrame::Event(_)).then_some(fanout.except)
                    }
                    _ => None,
                })
                .await;
            assert_eq!(except.map(|except| except.session), Some(session), "the sender learns it by its ack");
        }
        stand.stop().await;
    }
}

#[tokio::test]
async fn seqs_are_contiguous_and_events_come_in_their_order() {
    for (store, _keep) in stores().await {
        let mut stand = Stand::start(store, config()).await;
        stand.listen_user("bob");
        let sessions: Vec<u64> = (0..500)
            .map(|n| stand.command("alice", Request::Send(message(to_user("bob"), &n.to_string()))))
            .collect();
        for (n, session) in sessions.into_iter().enumerate() {
            let Reply::Frame(ServerFrame::Ack(ack)) = stand.reply(session).await else { panic!("no ack") };
            assert_eq!(ack.seq, Seq(n as u64 + 1));
        }
        let bob = Target::User(user("bob"));
        for n in 0..500_u64 {
            let event = |frame: &ServerFrame| match frame {
                ServerFrame::Event(event) => Some(event.entry.seq),
                _ => None,
            };
            assert_eq!(stand.frame(&bob, event).await, Seq(n + 1));
        }
        stand.stop().await;
    }
}

#[tokio::test]
async fn a_message_sent_again_is_stored_once_acknowledged_and_published_again() {
    for (store, _keep) in stores().await {
        let mut stand = Stand::start(store, config()).await;
        stand.listen_user("bob");
        let first = message(to_user("bob"), "once");
        let mut again = first.clone();
        again.attempt = 1;
        let one = stand.send_message("alice", first).await;
        let two = stand.send_message("alice", again.clone()).await;
        assert_eq!(one, two);
        let bob = Target::User(user("bob"));
        assert_eq!(stand.event(&bob, "once").await, Seq(1));
        assert_eq!(stand.event(&bob, "once").await, Seq(1));
        // Also after everything in memory is gone.
        let store = stand.stop().await;
        let mut stand = Stand::start(store, config()).await;
        again.attempt = 2;
        assert_eq!(stand.send_message("alice", again).await, one);
        assert_eq!(stand.send("alice", to_user("bob"), "next").await.seq, Seq(2));
        stand.stop().await;
    }
}

#[tokio::test]
async fn resends_are_found_far_behind_the_tail_and_across_buckets() {
    let config = router::RouterConfig { bucket_entries_max: 10, ..config() };
    for (store, _keep) in stores().await {
        let mut stand = Stand::start(store, config.clone()).await;
        let mut acks = Vec::new();
        for n in 0..150 {
            let send = message(to_user("bob"), &n.to_string());
            let ack = stand.send_message("alice", send.clone()).await;
            acks.push((send, ack));
        }
        let store = stand.stop().await;
        let mut stand = Stand::start(store, config.clone()).await;
        for (send, ack) in acks.into_iter().step_by(7) {
            let again = proto::client_frame::Send { attempt: 1, age_ms: 1_000, ..send };
            assert_eq!(stand.send_message("alice", again).await, ack);
        }
        assert_eq!(stand.send("alice", to_user("bob"), "next").await.seq, Seq(151));
        stand.stop().await;
    }
}

#[tokio::test]
async fn a_missing_predecessor_is_refused_and_a_stored_one_is_enough() {
    for (store, _keep) in stores().await {
        let mut stand = Stand::start(store, config()).await;
        let first = message(to_user("bob"), "first");
        let mut second = message(to_user("bob"), "second");
        second.after = Some(first.client_message_id);
        let nack = stand.nack("alice", Request::Send(second.clone())).await;
        assert_eq!(nack.code, Code::PredecessorMissing);
        stand.send_message("alice", first).await;
        second.attempt = 1;
        assert_eq!(stand.send_message("alice", second).await.seq, Seq(2));
        stand.stop().await;
    }
}

#[tokio::test]
async fn only_the_two_users_of_a_direct_conversation_may_use_it() {
    for (store, _keep) in stores().await {
        let mut stand = Stand::start(store, config()).await;
        let into = Recipient::Conversation(direct("alice", "bob"));
        let nack = stand.nack("mallory", Request::Send(message(into.clone(), "let me in"))).await;
        assert_eq!(nack.code, Code::Forbidden);
        stand.send("alice", into.clone(), "hi").await;
        let nack = stand.nack("mallory", Request::Send(message(into, "let me in"))).await;
        assert_eq!(nack.code, Code::Forbidden);
        stand.stop().await;
    }
}

#[tokio::test]
async fn a_client_message_id_of_another_user_is_a_conflict() {
    for (store, _keep) in stores().await {
        let mut stand = Stand::start(store, config()).await;
        let send = message(to_user("bob"), "mine");
        stand.send_message("alice", send.clone()).await;
        let stolen = proto::client_frame::Send { to: to_user("alice"), ..send };
        assert_eq!(stand.nack("bob", Request::Send(stolen)).await.code, Code::Conflict);
        stand.stop().await;
    }
}

#[tokio::test]
async fn without_an_ack_the_command_is_settled() {
    for (store, _keep) in stores().await {
        let mut stand = Stand::start(store, config()).await;
        stand.listen_user("bob");
        let mut send = message(to_user("bob"), "quiet");
        send.ack = AckMode::None;
        assert!(matches!(stand.ask("alice", Request::Send(send)).await, Reply::Settled));
        assert_eq!(stand.event(&Target::User(user("bob")), "quiet").await, Seq(1));
        stand.stop().await;
    }
}

#[tokio::test]
async fn the_head_is_told_again_after_the_newest_message() {
    for (store, _keep) in stores().await {
        let mut stand = Stand::start(store, config()).await;
        stand.listen_user("bob");
        stand.send("alice", to_user("bob"), "hi").await;
        let bob = Target::User(user("bob"));
        let head = |frame: &ServerFrame| match frame {
            ServerFrame::Head(head) => Some(head.last),
            _ => None,
        };
        assert_eq!(stand.frame(&bob, head).await, Seq(1));
        let is_head = |delivery: &Delivery| matches!(&delivery.payload, Payload::Fanout(fanout) if matches!(fanout.frame.frame(), ServerFrame::Head(_)));
        assert_eq!(stand.others().filter(|delivery| is_head(delivery)).count(), 0, "one probe each time");
        stand.stop().await;
    }
}
