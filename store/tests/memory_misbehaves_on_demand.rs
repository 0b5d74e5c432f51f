//! The memory engine gives every outcome that a replicated store can give, when a test programs it.
#![allow(clippy::unwrap_used, reason = "a test fails where it panics")]

use std::sync::Arc;

use proto::{
    Body, ClientMessageId, ConversationId, Entry, Epoch, GroupId, MessageId, Seq, Timestamp, UserId,
};
use store::{
    Batch, Bucket, Cas, Durable, Fault, Gate, IncarnationId, Level, Memory, Op, Rates, Register, Rule, Store,
    StoreError, VerifyError,
};

fn conversation() -> ConversationId {
    ConversationId::group(&GroupId::parse("g").unwrap())
}

fn entry(seq: u64, text: &str) -> Entry {
    Entry {
        seq: Seq(seq),
        message_id: MessageId(seq),
        sender: UserId::parse("alice").unwrap(),
        time: Timestamp(seq),
        counted: seq,
        client_message_id: ClientMessageId([u8::try_from(seq).unwrap(); 16]),
        body: Body::text(text),
    }
}

fn batch(epoch: u64, entries: Vec<Entry>) -> Arc<Batch> {
    Arc::new(Batch {
        conversation: conversation(),
        bucket: Bucket(1),
        epoch: Epoch(epoch),
        entries,
        touched: None,
    })
}

fn register(epoch: u64) -> Register {
    Register {
        version: 0,
        epoch: Epoch(epoch),
        start: Seq(1),
        bucket: Bucket(1),
        bucket_first: Seq(1),
        window: 64,
        counted: 0,
    }
}

fn faulty() -> (Arc<Memory>, Store) {
    let memory = Arc::new(Memory::default());
    (memory.clone(), Store::Memory(memory))
}

async fn rows(store: &Store) -> usize {
    store.bucket_rows(&conversation(), Bucket(1), Seq(1), 100).await.unwrap().len()
}

#[tokio::test]
async fn each_outcome_of_a_write() {
    for (fault, known, there) in [
        (Fault::Fail, true, false),
        (Fault::UnknownApplied, false, true),
        (Fault::UnknownNever, false, false),
        (Fault::UnknownLate, false, false),
    ] {
        let (memory, store) = faulty();
        memory.program(Rule::new(fault.clone()).op(Op::Append));
        let error = store.append(batch(1, vec![entry(1, "x")])).await.unwrap_err();
        assert_eq!(matches!(error, StoreError::Unavailable(_)), known, "{fault:?}");
        assert_eq!(rows(&store).await == 1, there, "{fault:?}");
        store.append(batch(1, vec![entry(2, "y")])).await.expect("the rule is used up");
    }
}

#[tokio::test]
async fn late_rows_of_an_old_epoch_do_not_touch_the_new_one() {
    let (memory, store) = faulty();
    memory.program(Rule::new(Fault::UnknownLate).op(Op::Append));
    store.append(batch(1, vec![entry(1, "old")])).await.unwrap_err();
    store.append(batch(2, vec![entry(1, "new")])).await.unwrap();
    assert_eq!(memory.late(), 1);
    assert_eq!(memory.deliver_late(), 1);
    let rows = store.bucket_rows(&conversation(), Bucket(1), Seq(1), 100).await.unwrap();
    let epochs: Vec<u64> = rows.iter().map(|row| row.epoch.0).collect();
    assert_eq!(epochs, [2, 1], "both rows are there, the higher epoch first");
    assert_eq!(rows[0].entry.body, Body::text("new"));
}

#[tokio::test]
async fn a_late_conditional_write_is_judged_when_it_arrives() {
    let (memory, store) = faulty();
    memory.program(Rule::new(Fault::UnknownLate).op(Op::MoveRegister));
    let late = store.move_register(&conversation(), None, register(1)).await;
    assert!(matches!(late, Cas::Unknown(StoreError::Unknown(_))));
    let now = store.move_register(&conversation(), None, register(2)).await;
    assert!(matches!(now, Cas::Applied(_)));
    memory.deliver_late();
    let found = store.register(&conversation(), Level::Serial).await.unwrap().unwrap();
    assert_eq!((found.version, found.epoch), (1, Epoch(2)));
}

#[tokio::test]
async fn a_check_sees_the_fence_as_of_when_it_took_place() {
    let (memory, store) = faulty();
    let me = IncarnationId(1);
    store.announce(me).await.unwrap();
    let durable = Durable::settled(&conversation(), &register(1));
    for (hold, passes) in [(Fault::HoldAfter as fn(Gate) -> Fault, true), (Fault::HoldBefore, false)] {
        let gate = Gate::default();
        memory.program(Rule::new(hold(gate.clone())).op(Op::Verify));
        let check = store.verify(me, vec![durable.clone()]);
        let fence = async {
            gate.arrived(1).await;
            store.fence(me).await.unwrap();
            gate.open();
        };
        let (checked, ()) = tokio::join!(check, fence);
        assert_eq!(checked.is_ok(), passes);
    }
}

#[tokio::test]
async fn a_check_can_be_answered_fenced_or_fail() {
    let (memory, store) = faulty();
    store.announce(IncarnationId(1)).await.unwrap();
    memory.program(Rule::new(Fault::Fenced).op(Op::Verify));
    memory.program(Rule::new(Fault::Fail).op(Op::Verify));
    assert_eq!(store.verify(IncarnationId(1), vec![]).await, Err(VerifyError::Fenced));
    assert!(matches!(store.verify(IncarnationId(1), vec![]).await, Err(VerifyError::Unknown(_))));
    let _ = store.verify(IncarnationId(1), vec![]).await.expect("the rules are used up");
    assert_eq!(memory.calls(Op::Verify), 3);
}

#[tokio::test]
async fn rules_choose_calls_by_number_and_subject() {
    let (memory, store) = faulty();
    memory.program(
        Rule::new(Fault::Fail)
            .op(Op::Append)
            .when(|call| call.conversation.as_ref() == Some(&conversation()))
            .skip(1)
            .times(2),
    );
    let mut answers = Vec::new();
    for seq in 1..=4 {
        answers.push(store.append(batch(1, vec![entry(seq, "x")])).await.is_ok());
    }
    assert_eq!(answers, [true, false, false, true]);
}

#[tokio::test(start_paused = true)]
async fn a_seed_gives_the_same_faults_again_and_every_kind_of_them() {
    let run = |seed| async move {
        let (memory, store) = faulty();
        let rates = Rates {
            fail: 100,
            unknown_applied: 100,
            unknown_never: 100,
            unknown_late: 100,
            slow: 100,
            slow_max: std::time::Duration::from_secs(2),
            arrival: 200,
            ..Rates::none()
        };
        memory.program_random(seed, rates);
        let mut story = Vec::new();
        for seq in 1..=200 {
            let begun = tokio::time::Instant::now();
            let answer = store.append(batch(1, vec![entry(seq, "x")])).await;
            story.push((answer.is_ok(), begun.elapsed(), memory.late()));
        }
        memory.heal();
        memory.deliver_late();
        (story, rows(&store).await)
    };
    let (story, _) = run(7).await;
    assert_eq!(run(7).await.0, story);
    assert_ne!(run(8).await.0, story);
    assert!(story.iter().any(|(ok, took, _)| *ok && !took.is_zero()), "some are slow");
    assert!(story.iter().any(|(ok, ..)| !ok), "some fail");
    assert!(story.windows(2).any(|pair| pair[1].2 < pair[0].2), "some arrive late");
}
