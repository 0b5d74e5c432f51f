//! Whom a line admits, how long it is, and what it advises.

use std::collections::VecDeque;

use super::*;

const RULES: AdmissionRules = AdmissionRules { wait_ms: 1_000, waiting_max: 16_000 };

fn sender(number: usize) -> Sender {
    Sender::of(&UserId::parse(&format!("user-{number}")).unwrap())
}

/// A worker that serves so many in each step of 10 ms, in the order of their arrival, each with the time of its arrival.
struct Server {
    admission: Admission,
    line: VecDeque<(usize, u64)>,
    now_ms: u64,
    served: Vec<u64>,
    refused: u64,
    /// Of the last step that served any.
    waited_ms: u64,
}

impl Server {
    fn of(rules: AdmissionRules, senders: usize) -> Self {
        let (admission, line) = (Admission::new(rules), VecDeque::new());
        Self { admission, line, now_ms: 0, served: vec![0; senders], refused: 0, waited_ms: 0 }
    }

    fn offer(&mut self, who: usize, commands: usize) {
        for _ in 0..commands {
            if self.admission.admit(sender(who), self.admission.room()) {
                self.line.push_back((who, self.now_ms));
            } else {
                self.refused += 1;
            }
        }
    }

    fn step(&mut self, serves: usize) {
        self.now_ms += 10;
        for _ in 0..serves.min(self.line.len()) {
            let Some((who, since_ms)) = self.line.pop_front() else { break };
            self.admission.serve(sender(who));
            self.served[who] += 1;
            self.waited_ms = self.now_ms - since_ms;
        }
        self.admission.turn_ended(self.now_ms);
    }
}

#[test]
fn without_need_nobody_is_refused() {
    let mut server = Server::of(RULES, 10);
    for step in 0..1_000 {
        server.offer(step % 10, 50);
        server.step(60);
    }
    server.offer(3, 1_500);
    assert_eq!(server.refused, 0, "a burst of one among nine who are quiet");
}

#[test]
fn two_hundred_who_offer_twice_their_share_are_served_alike_and_wait_for_a_bounded_time() {
    let mut server = Server::of(RULES, 200);
    for step in 0..1_000 {
        // Twice 100 in each step; in another order each time.
        (0..200).for_each(|who| server.offer((who * 7 + step * 13) % 200, 1));
        server.step(100);
        if step == 100 {
            server.served.fill(0);
        }
        assert!(server.waited_ms <= 1_300, "{} ms at {} ms", server.waited_ms, server.now_ms);
    }
    let (least, most) = (server.served.iter().min().unwrap(), server.served.iter().max().unwrap());
    assert!(*least * 100 >= *most * 97, "{least} to {most}");
    assert_eq!(server.served.iter().sum::<u64>(), 100 * 899, "the worker never lacks work");
    assert!((9_000..=10_500).contains(&server.admission.limit()), "{}", server.admission.limit());
    let advice = server.admission.retry_after_ms();
    assert!((400..=550).contains(&advice), "half of a second's work: {advice} ms");
}

#[test]
fn who_offers_ten_times_as_much_gets_no_more_than_others_who_want_more() {
    let mut server = Server::of(RULES, 20);
    for step in 0..1_000 {
        let in_turn = (0..20).map(|place| (step + place) % 20);
        in_turn.for_each(|who| server.offer(who, if who == 0 { 100 } else { 10 }));
        server.step(100);
        // Before, the line was not full, and there was room for whatever came.
        if step == 300 {
            server.served.fill(0);
        }
    }
    let (greedy, others) = (server.served[0], server.served[1..].iter().sum::<u64>() / 19);
    assert!(greedy * 100 <= others * 115, "{greedy} of the greedy one, {others} of each other");
}

#[test]
fn who_wants_little_gets_all_of_it_beside_those_who_want_everything() {
    let mut server = Server::of(RULES, 11);
    for step in 0..1_000 {
        (1..11).for_each(|who| server.offer(who, 50));
        let before = server.refused;
        if step % 10 == 0 {
            server.offer(0, 1);
        }
        assert_eq!(server.refused, before, "the modest one at {} ms", server.now_ms);
        server.step(100);
    }
}

#[test]
fn a_slow_worker_has_a_short_line_and_advises_patience() {
    let mut server = Server::of(RULES, 4);
    for _ in 0..1_000 {
        (0..4).for_each(|who| server.offer(who, 5));
        server.step(1);
    }
    assert!((LIMIT_MIN..=130).contains(&server.admission.limit()), "{}", server.admission.limit());
    // Served as fast as usual, it has a usual line again.
    while !server.line.is_empty() {
        server.step(100);
    }
    (0..30).for_each(|_| server.step(0));
    assert!(server.admission.limit() >= 4_000);
}

#[test]
fn advice_is_bounded_when_nothing_is_served_at_all() {
    let mut server = Server::of(RULES, 1);
    server.offer(0, 1_000);
    (0..1_000).for_each(|_| server.step(0));
    assert_eq!((server.admission.limit(), server.admission.retry_after_ms()), (LIMIT_MIN, 5_000));
    assert!(!server.admission.admit(sender(9), server.admission.room()));
    let idle = Admission::new(RULES);
    assert_eq!(idle.retry_after_ms(), 50);
}

#[test]
fn memory_bounds_the_line_of_a_fast_worker() {
    let mut server = Server::of(AdmissionRules { wait_ms: 1_000, waiting_max: 20 }, 1);
    server.offer(0, 100);
    assert_eq!((server.admission.waiting(), server.refused), (10, 90), "one alone has half of it");
}

#[test]
fn who_leaves_without_a_turn_is_not_served() {
    let mut admission = Admission::new(RULES);
    assert!(admission.admit(sender(1), 1));
    assert!(!admission.admit(sender(1), 1), "there is no more room than it has waiting");
    admission.leave(sender(1));
    assert_eq!((admission.waiting(), admission.served, admission.senders.len()), (0, 0, 0));
}
