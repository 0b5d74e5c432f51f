//! The retry schedule, with a clock that the tests move.

use proto::server_frame::{Ack, Nack};
use proto::{MessageId, Seq, Timestamp};
use rand::SeedableRng as _;

use super::*;

const BACKOFF: Backoff = Backoff { first: Duration::from_millis(100), max: Duration::from_secs(1) };
const ANSWER: Duration = Duration::from_secs(10);

type Answer = oneshot::Receiver<Result<Ack, Refused>>;

fn user(name: &str) -> UserId {
    UserId::parse(name).expect("a user id")
}

fn accept(outbox: &mut Outbox, id: u8, to: &str) -> Answer {
    let (done, answer) = oneshot::channel();
    let outgoing = Outgoing {
        id: ClientMessageId([id; 16]),
        to: Recipient::User(user(to)),
        body: Body::text("hi"),
        ack: AckMode::Persisted,
        done,
    };
    outbox.accept(outgoing, &user("me"));
    answer
}

fn connected(window: usize) -> Outbox {
    let mut outbox = Outbox::new(BACKOFF, ANSWER);
    outbox.connected(window);
    outbox
}

/// What leaves now: first byte of the id, attempt, age, first byte of `after`.
fn leaving(outbox: &mut Outbox, now: Instant) -> Vec<(u8, u32, u64, Option<u8>)> {
    let mut sends = Vec::new();
    outbox.poll(now, &mut |send| {
        let after = send.after.map(|id| id.0[0]);
        sends.push((send.client_message_id.0[0], send.attempt, send.age_ms, after));
    });
    sends
}

fn ack(id: u8) -> Ack {
    Ack {
        client_message_id: ClientMessageId([id; 16]),
        conversation: ConversationId::direct(&user("me"), &user("bob")),
        seq: Seq(u64::from(id)),
        message_id: MessageId(1),
        time: Timestamp(1),
    }
}

fn nack(id: u8, code: Code) -> Nack {
    Nack::of_send(ClientMessageId([id; 16]), code, "no")
}

#[tokio::test(start_paused = true)]
async fn sends_leave_in_order_and_name_the_unacknowledged_one_before() {
    let mut outbox = connected(10);
    let now = Instant::now();
    let first = accept(&mut outbox, 1, "bob");
    let _second = accept(&mut outbox, 2, "bob");
    let _other = accept(&mut outbox, 3, "carol");
    assert_eq!(leaving(&mut outbox, now), [(1, 0, 0, None), (2, 0, 0, Some(1)), (3, 0, 0, None)]);
    outbox.acknowledged(ack(1));
    assert_eq!(first.await.expect("answered").expect("acknowledged").seq, Seq(1));
    let _third = accept(&mut outbox, 4, "bob");
    assert_eq!(leaving(&mut outbox, now), [(4, 0, 0, Some(2))]);
    assert_eq!(outbox.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn no_answer_means_the_same_id_again_with_its_true_age() {
    let mut outbox = connected(10);
    let now = Instant::now();
    let _answer = accept(&mut outbox, 1, "bob");
    assert_eq!(leaving(&mut outbox, now), [(1, 0, 0, None)]);
    assert_eq!(outbox.next_due(), Some(now + ANSWER));
    assert_eq!(leaving(&mut outbox, now + ANSWER / 2), []);
    assert_eq!(leaving(&mut outbox, now + ANSWER), [(1, 1, 10_000, None)]);
    assert_eq!(leaving(&mut outbox, now + ANSWER * 2), [(1, 2, 20_000, None)]);
}

#[tokio::test(start_paused = true)]
async fn a_new_socket_sends_everything_again_in_order() {
    let mut outbox = connected(10);
    let now = Instant::now();
    let _answers = [accept(&mut outbox, 1, "bob"), accept(&mut outbox, 2, "bob")];
    assert_eq!(leaving(&mut outbox, now).len(), 2);
    outbox.disconnected();
    assert_eq!(leaving(&mut outbox, now + ANSWER * 5), [], "nothing leaves without a socket");
    assert_eq!(outbox.next_due(), None);
    outbox.connected(10);
    let again = now + Duration::from_secs(2);
    assert_eq!(leaving(&mut outbox, again), [(1, 1, 2000, None), (2, 1, 2000, Some(1))]);
}

#[tokio::test(start_paused = true)]
async fn a_temporary_refusal_is_tried_again_after_the_advice_and_holds_back_what_follows() {
    let mut outbox = connected(10);
    let mut random = StdRng::seed_from_u64(1);
    let now = Instant::now();
    let _answers = [accept(&mut outbox, 1, "bob"), accept(&mut outbox, 2, "bob")];
    assert_eq!(leaving(&mut outbox, now).len(), 2);
    outbox.refused(nack(1, Code::Busy).retry_after_ms(300), now, &mut random);
    outbox.refused(nack(2, Code::PredecessorMissing), now, &mut random);
    let _later = accept(&mut outbox, 3, "bob");
    assert_eq!(leaving(&mut outbox, now + Duration::from_millis(299)), [], "later sends wait their turn");
    // At most the advice and the ceiling of the first wait; one after a refusal, and one more with each acknowledgement.
    let later = now + Duration::from_millis(400);
    assert_eq!(leaving(&mut outbox, later), [(1, 1, 400, None)]);
    outbox.acknowledged(ack(1));
    assert_eq!(leaving(&mut outbox, later), [(2, 1, 400, None), (3, 0, 0, Some(2))]);
}

#[tokio::test(start_paused = true)]
async fn a_busy_server_has_fewer_in_flight_until_it_acknowledges() {
    let mut outbox = connected(4);
    let mut random = StdRng::seed_from_u64(1);
    let now = Instant::now();
    let _answers = [1, 2, 3, 4, 5, 6].map(|id| accept(&mut outbox, id, "bob"));
    assert_eq!(leaving(&mut outbox, now).len(), 4);
    outbox.refused(nack(3, Code::Busy).retry_after_ms(300), now, &mut random);
    outbox.refused(nack(4, Code::Busy).retry_after_ms(300), now, &mut random);
    outbox.acknowledged(ack(1));
    outbox.acknowledged(ack(2));
    let later = now + Duration::from_millis(500);
    assert_eq!(leaving(&mut outbox, later).len(), 4, "two were taken, and two more may be");
    outbox.refused(nack(3, Code::Rate), later, &mut random);
    assert_eq!(outbox.open, 4, "that is not about what others send");
    outbox.disconnected();
    outbox.connected(4);
    assert_eq!(leaving(&mut outbox, later).len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_final_refusal_settles_it_and_frees_its_successor() {
    let mut outbox = connected(1);
    let mut random = StdRng::seed_from_u64(1);
    let now = Instant::now();
    let first = accept(&mut outbox, 1, "bob");
    let _second = accept(&mut outbox, 2, "bob");
    assert_eq!(leaving(&mut outbox, now), [(1, 0, 0, None)], "the window has one place");
    outbox.refused(nack(1, Code::Forbidden), now, &mut random);
    let refused = Refused::Code { code: Code::Forbidden, message: "no".to_owned() };
    assert_eq!(first.await.expect("answered"), Err(refused));
    assert_eq!(leaving(&mut outbox, now), [(2, 0, 0, None)]);
}

#[tokio::test(start_paused = true)]
async fn a_client_message_id_in_use_is_refused_at_once() {
    let mut outbox = connected(10);
    let _first = accept(&mut outbox, 1, "bob");
    let second = accept(&mut outbox, 1, "bob").await.expect("answered");
    assert!(matches!(second, Err(Refused::Code { code: Code::Conflict, .. })));
    assert_eq!(outbox.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn late_and_repeated_answers_change_nothing() {
    let mut outbox = connected(10);
    let mut random = StdRng::seed_from_u64(1);
    let now = Instant::now();
    let _answer = accept(&mut outbox, 1, "bob");
    assert_eq!(leaving(&mut outbox, now).len(), 1);
    outbox.acknowledged(ack(1));
    outbox.acknowledged(ack(1));
    outbox.refused(nack(1, Code::Busy), now, &mut random);
    outbox.refused(nack(9, Code::Forbidden), now, &mut random);
    assert_eq!((outbox.len(), outbox.in_flight, outbox.next_due()), (0, 0, None));
}
