//! What happens when the store misbehaves, and after a router died without a word.

use std::time::Duration;

use lifecycle::Tasks;
use proto::{Partition, Request, Seq, ServerFrame, Target};
use store::{Fault, Op, Rule, Store};

use crate::stand::{Stand, config, direct, message, stores, to_user, user};

fn memory() -> (Store, std::sync::Arc<store::Memory>) {
    let store = Store::memory();
    let Store::Memory(memory) = &store else { panic!("not in memory") };
    let memory = std::sync::Arc::clone(memory);
    (store, memory)
}

#[tokio::test]
async fn an_append_of_unknown_outcome_is_written_again_and_acknowledged_once() {
    let (store, memory) = memory();
    for fault in [Fault::UnknownApplied, Fault::UnknownNever, Fault::UnknownLate, Fault::Fail] {
        memory.program(Rule::new(fault).op(Op::Append));
    }
    let mut stand = Stand::start(store, config()).await;
    stand.listen_user("bob");
    assert_eq!(stand.send("alice", to_user("bob"), "one").await.seq, Seq(1));
    memory.deliver_late();
    assert_eq!(stand.send("alice", to_user("bob"), "two").await.seq, Seq(2));
    assert!(memory.calls(Op::Append) >= 6);
    stand.stop().await;
}

#[tokio::test]
async fn a_fenced_incarnation_tells_nothing_and_a_new_one_serves() {
    let (store, memory) = memory();
    let mut stand = Stand::start(store, config()).await;
    stand.listen_user("bob");
    stand.send("alice", to_user("bob"), "one").await;
    memory.program(Rule::new(Fault::Fenced).op(Op::Verify));
    let send = message(to_user("bob"), "two");
    stand.command("alice", Request::Send(send.clone()));
    // The client hears nothing and sends again until the new incarnation serves.
    let mut attempt = 0;
    let ack = loop {
        attempt += 1;
        let again = proto::client_frame::Send { attempt, age_ms: u64::from(attempt) * 50, ..send.clone() };
        let mut command = None;
        for _ in 0..200 {
            if stand.bus.epoch(Partition::of(&direct("alice", "bob"))).0 > 1 {
                command = Some(stand.command("alice", Request::Send(again.clone())));
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        match stand.reply(command.unwrap()).await {
            proto::Reply::Frame(ServerFrame::Ack(ack)) => break ack,
            _ => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    };
    assert_eq!(ack.seq, Seq(2));
    stand.stop().await;
}

#[tokio::test]
async fn a_roll_over_of_unknown_outcome_is_asked_again() {
    let (store, memory) = memory();
    let config = router::RouterConfig { bucket_entries_max: 2, ..config() };
    let mut stand = Stand::start(store, config).await;
    for n in 1..=9 {
        for fault in [Fault::UnknownApplied, Fault::UnknownNever] {
            memory.program(Rule::new(fault).op(Op::MoveRegister));
        }
        memory.program(Rule::new(Fault::Fail).op(Op::WriteIndex));
        assert_eq!(stand.send("alice", to_user("bob"), "hi").await.seq, Seq(n));
    }
    stand.stop().await;
}

#[tokio::test]
async fn what_a_dead_router_left_unprojected_is_found_by_the_next() {
    for (store, _keep) in stores().await {
        let hour = Duration::from_secs(3_600);
        let slow = router::RouterConfig { flush_interval: hour, restart_pause: hour, ..config() };
        let mut first = Stand::start(store.clone(), slow).await;
        // The first write of projections is at once; what follows is owed for an hour.
        first.send("alice", to_user("bob"), "one").await;
        let written = async {
            while store.heads(&[direct("alice", "bob")]).await.unwrap()[0].is_none() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), written).await.unwrap();
        first.send("alice", to_user("bob"), "two").await;
        assert_eq!(store.heads(&[direct("alice", "bob")]).await.unwrap()[0].as_ref().unwrap().seq, Seq(1));
        // It is left running, like a process that hangs, and neither hears the other: the next one fences it.
        let mut second = Stand::start_listening(store.clone(), config(), &["bob"]).await;
        let head = |frame: &ServerFrame| match frame {
            ServerFrame::Head(head) => Some(head.last),
            _ => None,
        };
        assert_eq!(second.frame(&Target::User(user("bob")), head).await, Seq(2), "a beacon after the load");
        let caught_up = async {
            loop {
                let heads = store.heads(&[direct("alice", "bob")]).await.unwrap();
                let cursor = store.cursor(&user("alice"), &direct("alice", "bob")).await.unwrap();
                let marks = store.touched(Partition::of(&direct("alice", "bob"))).await.unwrap();
                if heads[0].as_ref().unwrap().seq == Seq(2) && cursor.read == Seq(2) && marks.is_empty() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), caught_up).await.unwrap();
        second.stop().await;
        drop(first);
    }
}

#[tokio::test]
async fn a_clean_stop_releases_every_partition_and_clears_every_mark() {
    for (store, _keep) in stores().await {
        let mut stand = Stand::start(store, config()).await;
        for n in 0..40 {
            stand.send("alice", to_user(&format!("user{n}")), "hi").await;
        }
        let store = stand.stop().await;
        for (partition, ownership) in store.owners().await.unwrap() {
            assert_eq!(ownership.owner, None, "partition {partition}");
            assert!(store.touched(partition).await.unwrap().is_empty());
        }
        let heads = store.heads(&[direct("alice", "user7")]).await.unwrap();
        assert_eq!(heads[0].as_ref().unwrap().seq, Seq(1));
    }
}

#[tokio::test]
async fn a_start_that_is_drained_says_so() {
    let (store, memory) = memory();
    memory.program(Rule::new(Fault::Fail).op(Op::Announce).times(usize::MAX));
    let tasks = Tasks::default();
    tasks.drain();
    let bus = bus::Bus::local(bus::Limits { commands: 10, deliveries: 10 });
    let started = router::Router::start(config(), bus, store, router::Sight::default(), tasks).await;
    assert!(matches!(started, Err(router::StartError::Stopped)));
}
