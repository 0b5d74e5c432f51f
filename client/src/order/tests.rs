//! Order, gaps and bounds, with a clock that the tests move.

use proto::{Body, ClientMessageId, MessageId, Timestamp, UserId};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::*;

const GAP: Duration = Duration::from_millis(500);

fn bob() -> ConversationId {
    ConversationId::direct(&UserId::parse("me").expect("id"), &UserId::parse("bob").expect("id"))
}

fn entry(seq: u64) -> Entry {
    Entry {
        seq: Seq(seq),
        message_id: MessageId(seq),
        sender: UserId::parse("bob").expect("id"),
        time: Timestamp(seq),
        counted: seq,
        client_message_id: ClientMessageId([0; 16]),
        body: Body::text("hi"),
    }
}

fn event(seq: u64) -> Event {
    Event { conversation: bob(), entry: entry(seq) }
}

fn page(seqs: &[u64], from: u64, to: u64, head: u64) -> Page {
    let entries = seqs.iter().map(|seq| entry(*seq)).collect();
    Page { conversation: bob(), from: Seq(from), to: Seq(to), entries, head: Seq(head), overlays: Vec::new() }
}

/// An order whose conversation begins after `last`.
fn placed(last: u64, held_max: usize) -> (Order, Instant) {
    let now = Instant::now();
    let mut order = Order::new(GAP, held_max);
    order.begin(&bob(), Seq(last), now);
    order.placed(now);
    (order, now)
}

fn popped(order: &mut Order, now: Instant) -> Vec<u64> {
    std::iter::from_fn(|| order.pop(now)).map(|(event, _)| event.entry.seq.0).collect()
}

fn interval(fetch: Option<Fetch>) -> Option<(u64, u64)> {
    fetch.map(|fetch| (fetch.from.0, fetch.to.0))
}

#[test]
fn the_next_applies_an_old_one_is_dropped_and_one_ahead_waits() {
    let (mut order, now) = placed(4, 100);
    for seq in [5, 5, 3, 7, 8] {
        order.event(event(seq), now);
    }
    assert_eq!(popped(&mut order, now), [5]);
    assert_eq!(order.next_due(), Some(now + GAP));
    order.event(event(6), now);
    assert_eq!(popped(&mut order, now), [6, 7, 8]);
    assert_eq!(order.next_due(), None, "nothing is missing any more");
}

#[test]
fn a_hole_is_fetched_after_the_wait_and_exactly() {
    let (mut order, now) = placed(4, 100);
    order.event(event(8), now);
    assert_eq!(interval(order.poll(now + GAP / 2)), None);
    assert_eq!(interval(order.poll(now + GAP)), Some((5, 7)));
    assert_eq!(interval(order.poll(now + GAP)), None, "asked once");
    order.page(page(&[5, 6, 7], 5, 7, 8), now + GAP);
    assert_eq!(popped(&mut order, now), [5, 6, 7, 8]);
    assert_eq!(order.next_due(), None);
}

#[test]
fn a_head_alone_reveals_a_lost_tail() {
    let (mut order, now) = placed(4, 100);
    order.head(&bob(), Seq(6), now);
    assert_eq!(interval(order.poll(now + GAP)), Some((5, 0)));
    order.page(page(&[5], 5, 5, 6), now);
    assert_eq!(interval(order.poll(now)), Some((6, 0)), "a page that is not all is followed at once");
    order.page(page(&[6], 6, 6, 6), now);
    assert_eq!(popped(&mut order, now), [5, 6]);
}

#[test]
fn what_a_page_covers_without_showing_is_not_for_this_reader() {
    let (mut order, now) = placed(0, 100);
    order.head(&bob(), Seq(9), now);
    assert!(order.poll(now + GAP).is_some());
    order.page(page(&[6, 7], 1, 8, 9), now);
    order.event(event(9), now);
    assert_eq!(popped(&mut order, now), [6, 7, 9]);
}

#[test]
fn what_is_no_longer_there_is_skipped_once_it_is_certain() {
    let (mut order, now) = placed(4, 100);
    order.head(&bob(), Seq(12), now);
    assert_eq!(interval(order.poll(now + GAP)), Some((5, 0)));
    order.page(page(&[9, 10], 9, 10, 12), now);
    assert_eq!(popped(&mut order, now), [0; 0], "this page alone may answer another question");
    assert_eq!(interval(order.poll(now)), Some((5, 8)));
    order.page(page(&[], 10, 9, 12), now);
    assert_eq!(interval(order.poll(now)), Some((10, 0)), "more has gone meanwhile");
    order.page(page(&[10, 11, 12], 10, 12, 12), now);
    assert_eq!(popped(&mut order, now), [10, 11, 12]);
    assert_eq!(order.next_due(), None);
}

#[test]
fn where_nothing_is_left_the_next_entry_is_the_first() {
    let (mut order, now) = placed(0, 100);
    order.head(&bob(), Seq(7), now);
    assert!(order.poll(now + GAP).is_some());
    order.page(page(&[], 8, 7, 7), now);
    assert_eq!(interval(order.poll(now)), Some((1, 7)));
    order.page(page(&[], 8, 7, 7), now);
    assert_eq!(order.next_due(), None, "there is nothing more to ask for");
    order.event(event(8), now);
    assert_eq!(popped(&mut order, now), [8]);
}

#[test]
fn a_late_answer_to_another_question_skips_nothing() {
    let (mut order, now) = placed(4, 100);
    order.head(&bob(), Seq(12), now);
    assert!(order.poll(now + GAP).is_some());
    order.page(page(&[11, 12], 11, 12, 12), now);
    assert_eq!(interval(order.poll(now)), Some((5, 10)));
    order.page(page(&[5, 6, 7, 8, 9, 10], 5, 10, 12), now);
    assert_eq!(interval(order.poll(now)), Some((11, 0)));
    order.page(page(&[11, 12], 11, 12, 12), now);
    assert_eq!(popped(&mut order, now), [5, 6, 7, 8, 9, 10, 11, 12]);
}

#[test]
fn an_empty_answer_is_not_asked_again_at_once() {
    let (mut order, now) = placed(4, 100);
    order.head(&bob(), Seq(5), now);
    assert!(order.poll(now + GAP).is_some());
    order.page(page(&[], 5, 4, 4), now + GAP);
    assert_eq!(order.next_due(), Some(now + GAP * 2));
}

#[test]
fn before_the_first_sync_events_wait_for_their_place() {
    let now = Instant::now();
    let mut order = Order::new(GAP, 100);
    order.event(event(5), now);
    order.event(event(4), now);
    assert_eq!((popped(&mut order, now), order.next_due()), (vec![], None));
    order.begin(&bob(), Seq(4), now);
    assert_eq!(popped(&mut order, now), [5]);
    order.placed(now);
    assert_eq!(order.next_due(), None);
}

#[test]
fn a_conversation_that_sync_did_not_name_begins_at_its_first_entry() {
    let now = Instant::now();
    let mut order = Order::new(GAP, 100);
    order.event(event(2), now);
    order.placed(now);
    assert_eq!(interval(order.poll(now + GAP)), Some((1, 1)));
    order.page(page(&[1], 1, 1, 2), now);
    assert_eq!(popped(&mut order, now), [1, 2]);
}

#[test]
fn a_slow_reader_costs_bounded_memory_and_loses_nothing() {
    let (mut order, mut now) = placed(0, 10);
    for seq in 1..=1000 {
        order.event(event(seq), now);
    }
    assert!(order.ready.len() + order.held <= 20, "{} ready, {} held", order.ready.len(), order.held);
    assert_eq!(interval(order.poll(now + GAP)), None, "nothing is fetched while nothing is read");
    let mut got = Vec::new();
    while got.len() < 1000 {
        got.extend(popped(&mut order, now));
        now += GAP;
        if let Some(fetch) = order.poll(now) {
            let to = (fetch.from.0 + 49).min(1000);
            order.page(page(&(fetch.from.0..=to).collect::<Vec<_>>(), fetch.from.0, to, 1000), now);
        }
    }
    assert_eq!(got, (1..=1000).collect::<Vec<_>>());
}

#[test]
fn forgetting_a_conversation_gives_its_room_back() {
    let (mut order, now) = placed(0, 10);
    for seq in 5..10 {
        order.event(event(seq), now);
    }
    assert_eq!(order.held, 5);
    order.forget(&bob());
    assert_eq!((order.held, order.next_due()), (0, None));
}

/// A fetch that is refused may be one that was asked earlier, about something else.
#[test]
fn what_was_given_before_a_conversation_was_forgotten_is_not_given_again() {
    let (mut order, mut now) = placed(0, 10);
    order.event(event(1), now);
    assert_eq!(popped(&mut order, now), [1]);
    order.forget(&bob());
    order.event(event(3), now);
    now += GAP;
    let fetch = order.poll(now).unwrap();
    assert_eq!((fetch.from, fetch.to), (Seq(2), Seq(2)));
    order.page(page(&[2], 2, 2, 3), now);
    assert_eq!(popped(&mut order, now), [2, 3]);
}

/// Events lost, doubled and shuffled, fetches answered from a log: the reader sees the log.
#[test]
fn any_mixture_of_loss_and_disorder_heals() {
    for seed in 0..200 {
        let mut random = StdRng::seed_from_u64(seed);
        let held_max = random.random_range(1..40);
        let (mut order, mut now) = placed(0, held_max);
        let total = 300;
        let (mut told, mut got) = (0_u64, Vec::new());
        for _ in 0..20_000 {
            now += Duration::from_millis(random.random_range(0..100));
            if told < total {
                told += 1;
            }
            for _ in 0..random.random_range(0..3) {
                let seq = random.random_range(told.saturating_sub(20).max(1)..=told);
                order.event(event(seq), now);
            }
            order.head(&bob(), Seq(told), now);
            if random.random_bool(0.5) {
                got.extend(order.pop(now).map(|(event, _)| event.entry.seq.0));
            }
            if let Some(fetch) = order.poll(now) {
                if random.random_bool(0.2) {
                    order.fetch_later(&fetch.conversation, now + GAP);
                } else {
                    let last = if fetch.to == Seq::ZERO { told } else { fetch.to.0 };
                    let to = last.min(fetch.from.0 + 9);
                    let seqs: Vec<u64> = (fetch.from.0..=to).collect();
                    order.page(page(&seqs, fetch.from.0, to, told), now);
                }
            }
            if got.len() as u64 == total {
                break;
            }
        }
        assert_eq!(got, (1..=total).collect::<Vec<_>>(), "seed {seed}");
    }
}
