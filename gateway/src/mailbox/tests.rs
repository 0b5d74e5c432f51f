//! The mailbox without a socket: what is queued, what is owed, what is written.

use std::time::Duration;

use super::*;

const ALL_BYTES_MAX: u64 = 1_000;
const LIMITS: MailboxLimits = MailboxLimits {
    bytes_max: 100,
    frames_max: 8,
    all_bytes_max: ALL_BYTES_MAX,
    unsent_bytes_max: 1,
    dirty_conversations_max: 2,
    lagging_timeout: Duration::from_secs(1),
};

fn group(name: &str) -> ConversationId {
    ConversationId::group(&proto::GroupId::parse(name).unwrap())
}

struct Bench {
    mailbox: Mailbox,
    pool: Pool,
    keys: SignalKeys,
}

impl Bench {
    fn new() -> Self {
        Self { mailbox: Mailbox::default(), pool: Pool::new(4, ALL_BYTES_MAX), keys: SignalKeys::default() }
    }

    fn publish(&mut self, class: Class, conversation: &str, seq: u64, bytes: usize) -> Pushed {
        let frame = Bytes::from(vec![b'x'; bytes]);
        let conversation = group(conversation);
        let message = Published {
            frame: &frame,
            class,
            conversation: &conversation,
            seq: Seq(seq),
            signal: None,
            taking: Taking::Nothing,
        };
        self.mailbox.publish(&mut self.pool, &LIMITS, Tick(7), &message)
    }

    /// Someone types in conversation `about`; the frame is the letter, `bytes` times.
    fn signal(&mut self, about: &str, letter: u8, bytes: usize) -> Pushed {
        let frame = Bytes::from(vec![letter; bytes]);
        let conversation = group(about);
        let typing = proto::server_frame::Typing {
            conversation: conversation.clone(),
            user: proto::UserId::parse("someone").unwrap(),
        };
        let signal = self.keys.of(&proto::ServerFrame::Typing(typing));
        let message = Published {
            frame: &frame,
            class: Class::Signal,
            conversation: &conversation,
            seq: Seq(0),
            signal,
            taking: Taking::Nothing,
        };
        self.mailbox.publish(&mut self.pool, &LIMITS, Tick(7), &message)
    }

    fn reply(&mut self, bytes: usize) -> Pushed {
        self.mailbox.reply(&mut self.pool, &LIMITS, Tick(7), Taking::Nothing, Bytes::from(vec![b'r'; bytes]))
    }

    fn written(&self) -> Vec<u8> {
        self.mailbox.to_write(&mut Coalesced::default()).to_vec()
    }

    fn drain(&mut self) -> Option<Box<Lag>> {
        let bytes = self.mailbox.bytes() as usize;
        self.mailbox.advance(&mut self.pool, Tick(8), bytes)
    }
}

#[test]
fn messages_leave_in_order_however_they_are_cut() {
    let mut bench = Bench::new();
    assert_eq!(bench.publish(Class::Event, "a", 1, 10), Pushed::Queued);
    assert_eq!(bench.reply(5), Pushed::Queued);
    let whole = bench.written();
    let mut cut = Vec::new();
    for step in [3, 8, 1, 3] {
        cut.extend_from_slice(&bench.written()[..step]);
        assert!(bench.mailbox.advance(&mut bench.pool, Tick(8), step).is_none());
    }
    assert_eq!(cut, whole);
    assert!(bench.mailbox.is_empty());
}

#[test]
fn an_event_that_does_not_fit_is_owed_with_the_newest_seq() {
    let mut bench = Bench::new();
    assert_eq!(bench.publish(Class::Event, "a", 1, 90), Pushed::Queued);
    assert_eq!(bench.publish(Class::Event, "a", 2, 20), Pushed::Owed { began: true });
    // It would fit, but must not overtake what is owed.
    assert_eq!(bench.publish(Class::Event, "a", 3, 1), Pushed::Owed { began: false });
    assert_eq!(bench.mailbox.lagging_since(), Some(Tick(7)));
    let lag = bench.drain().unwrap();
    assert_eq!(lag.dirty.get(&group("a")), Some(&Seq(3)));
    assert!(!lag.resync);
    assert_eq!(bench.publish(Class::Event, "a", 4, 20), Pushed::Queued);
}

#[test]
fn too_many_conversations_are_owed_as_one_resync() {
    let mut bench = Bench::new();
    bench.publish(Class::Event, "a", 1, 100);
    for name in ["b", "c", "d"] {
        assert!(matches!(bench.publish(Class::Event, name, 1, 10), Pushed::Owed { .. }));
    }
    let lag = bench.drain().unwrap();
    assert_eq!(lag.dirty.len(), 2);
    assert!(lag.resync);
}

#[test]
fn signals_are_the_first_to_go() {
    let mut bench = Bench::new();
    bench.publish(Class::Event, "a", 1, 45);
    assert_eq!(bench.publish(Class::Signal, "a", 0, 10), Pushed::Dropped);
    assert_eq!(bench.publish(Class::Event, "a", 2, 10), Pushed::Queued);
    assert!(bench.drain().is_none());
    assert_eq!(bench.publish(Class::Signal, "a", 0, 10), Pushed::Queued);
}

#[test]
fn a_lost_receipt_is_owed_as_resync() {
    let mut bench = Bench::new();
    bench.publish(Class::Event, "a", 1, 100);
    assert_eq!(bench.publish(Class::Receipt, "a", 1, 10), Pushed::Owed { began: true });
    assert!(bench.drain().unwrap().resync);
}

#[test]
fn replies_have_room_that_pushed_frames_have_not() {
    let mut bench = Bench::new();
    bench.publish(Class::Event, "a", 1, 100);
    assert_eq!(bench.reply(300), Pushed::Queued);
    assert_eq!(bench.reply(1), Pushed::Owed { began: true });
    bench.drain();
    assert_eq!(bench.reply(1_000), Pushed::Queued, "one alone always fits");
}

#[test]
fn frames_are_bounded_too() {
    let mut bench = Bench::new();
    for seq in 0..8 {
        assert_eq!(bench.publish(Class::Event, "a", seq, 1), Pushed::Queued);
    }
    assert_eq!(bench.publish(Class::Event, "a", 8, 1), Pushed::Owed { began: true });
}

#[test]
fn closing_at_once_keeps_a_begun_message_whole() {
    let mut bench = Bench::new();
    bench.publish(Class::Event, "a", 1, 10);
    bench.publish(Class::Event, "a", 2, 10);
    bench.mailbox.advance(&mut bench.pool, Tick(8), 4);
    bench.mailbox.close(&mut bench.pool, Tick(8), Bytes::from_static(b"bye"), true);
    assert_eq!(bench.written(), b"xxxxxxbye");
    assert_eq!(bench.mailbox.bytes(), 9);
    assert!(bench.drain().is_none());
    assert!(bench.mailbox.is_empty());
}

#[test]
fn closing_in_order_keeps_what_waits() {
    let mut bench = Bench::new();
    bench.publish(Class::Event, "a", 1, 2);
    bench.mailbox.close(&mut bench.pool, Tick(8), Bytes::from_static(b"bye"), false);
    assert_eq!(bench.written(), b"xxbye");
}

#[test]
fn an_empty_mailbox_is_one_word_and_reuses_its_queue() {
    assert_eq!(size_of::<Mailbox>(), 8);
    let mut bench = Bench::new();
    bench.reply(3);
    bench.drain();
    assert_eq!(bench.pool.free.len(), 1);
    bench.reply(3);
    assert!(bench.pool.free.is_empty());
    assert_eq!(bench.mailbox.bytes(), 3);
}

#[test]
fn a_signal_takes_the_place_of_the_one_it_outdates() {
    let mut bench = Bench::new();
    bench.publish(Class::Event, "a", 1, 2);
    assert_eq!(bench.signal("a", b'1', 3), Pushed::Queued);
    assert_eq!(bench.signal("b", b'2', 3), Pushed::Queued);
    assert_eq!(bench.signal("a", b'3', 4), Pushed::Replaced);
    assert_eq!(bench.written(), b"xx3333222");
    assert_eq!((bench.mailbox.bytes(), bench.pool.bytes()), (9, 9));
}

#[test]
fn a_signal_that_is_half_written_is_not_touched() {
    let mut bench = Bench::new();
    bench.signal("a", b'1', 3);
    bench.mailbox.advance(&mut bench.pool, Tick(8), 1);
    assert_eq!(bench.signal("a", b'2', 3), Pushed::Queued);
    assert_eq!(bench.signal("a", b'3', 3), Pushed::Replaced);
    bench.publish(Class::Event, "a", 1, 97);
    assert_eq!(
        bench.written(),
        [&b"11"[..], &[b'x'; 97]].concat(),
        "the whole one made room, the begun one stays"
    );
    assert_eq!(bench.pool.take_signals_dropped(), 1);
}

#[test]
fn signals_that_wait_make_room_for_an_event() {
    let mut bench = Bench::new();
    bench.publish(Class::Event, "a", 1, 20);
    for about in ["a", "b"] {
        assert_eq!(bench.signal(about, b's', 10), Pushed::Queued);
    }
    bench.publish(Class::Event, "a", 2, 10);
    assert_eq!(bench.publish(Class::Event, "a", 3, 70), Pushed::Queued);
    assert_eq!(bench.written(), [b'x'; 100]);
    assert_eq!((bench.mailbox.bytes(), bench.pool.bytes(), bench.pool.take_signals_dropped()), (100, 100, 2));
    assert_eq!(bench.publish(Class::Event, "a", 4, 1), Pushed::Owed { began: true });
    assert_eq!(bench.signal("a", b's', 1), Pushed::Dropped, "nothing overtakes what is owed");
}

#[test]
fn a_signal_whose_place_has_left_is_queued_anew() {
    let mut bench = Bench::new();
    bench.signal("a", b'1', 3);
    bench.publish(Class::Event, "a", 1, 2);
    bench.mailbox.advance(&mut bench.pool, Tick(8), 3);
    assert_eq!(bench.signal("a", b'2', 3), Pushed::Queued);
    assert_eq!(bench.written(), b"xx222");
}

#[test]
fn what_everybody_is_told_waits_before_signals_and_is_dropped_where_there_is_no_room() {
    let mut bench = Bench::new();
    let announce = |bench: &mut Bench, bytes: usize| {
        let frame = Bytes::from(vec![b'a'; bytes]);
        bench.mailbox.announce(&mut bench.pool, &LIMITS, Tick(7), Taking::Nothing, &frame)
    };
    assert_eq!(announce(&mut bench, 101), Pushed::Dropped, "larger than a mailbox");
    assert!(bench.mailbox.is_empty());
    bench.signal("a", b's', 40);
    assert_eq!(announce(&mut bench, 90), Pushed::Queued);
    assert_eq!((bench.mailbox.bytes(), bench.pool.bytes()), (90, 90), "the signal has left");
    assert_eq!(announce(&mut bench, 20), Pushed::Dropped);
    assert_eq!(bench.mailbox.lagging_since(), None, "nothing is owed for it");
    assert_eq!(bench.publish(Class::Event, "a", 1, 20), Pushed::Owed { began: true });
    assert_eq!(announce(&mut bench, 1), Pushed::Dropped, "nothing comes before what is owed");
    assert_eq!(bench.drain().map(|lag| lag.dirty.len()), Some(1));
    assert_eq!(announce(&mut bench, 1), Pushed::Queued);
}

#[test]
fn signals_of_one_mailbox_are_bounded() {
    let mut bench = Bench::new();
    for number in 0..8 {
        assert_eq!(bench.signal(&format!("c{number}"), b's', 1), Pushed::Queued);
    }
    assert_eq!(bench.signal("one-more", b's', 1), Pushed::Dropped, "as many as there may be frames");
    assert_eq!(bench.signal("c3", b'3', 1), Pushed::Replaced);
    assert_eq!(bench.written(), b"sss3ssss");
}

#[test]
fn what_all_mailboxes_hold_together_is_bounded_and_counted() {
    let mut bench = Bench::new();
    let mut others: Vec<Mailbox> = Vec::new();
    for _ in 0..10 {
        assert_eq!(bench.publish(Class::Event, "a", 1, 100), Pushed::Queued);
        others.push(std::mem::take(&mut bench.mailbox));
    }
    assert_eq!(bench.pool.bytes(), ALL_BYTES_MAX);
    assert_eq!(bench.publish(Class::Event, "a", 1, 50), Pushed::Queued, "one alone always fits");
    assert_eq!(bench.signal("a", b's', 1), Pushed::Dropped);
    assert_eq!(bench.publish(Class::Event, "a", 2, 1), Pushed::Owed { began: true });
    assert_eq!(bench.reply(1), Pushed::Owed { began: false });
    assert_eq!(bench.drain().map(|lag| lag.resync), Some(true));
    let mut reads = Mailbox::default();
    for _ in 0..2 {
        let reply = Bytes::from_static(b"r");
        let pushed = reads.reply(&mut bench.pool, &LIMITS, Tick(7), Taking::All, reply);
        assert_eq!(pushed, Pushed::Queued, "who reads does not notice");
    }
    reads.clear(&mut bench.pool);
    for other in &mut others {
        other.clear(&mut bench.pool);
    }
    assert_eq!(bench.pool.bytes(), 0);
    assert_eq!(bench.publish(Class::Event, "a", 3, 50), Pushed::Queued);
    assert_eq!(bench.publish(Class::Event, "a", 4, 50), Pushed::Queued, "there is room again");
}

#[test]
fn a_mailbox_knows_since_when_nothing_was_taken() {
    let mut bench = Bench::new();
    assert_eq!(bench.mailbox.unmoved_since(), None);
    bench.publish(Class::Event, "a", 1, 10);
    assert_eq!(bench.mailbox.unmoved_since(), Some(Tick(7)));
    bench.mailbox.advance(&mut bench.pool, Tick(9), 4);
    assert_eq!(bench.mailbox.unmoved_since(), Some(Tick(9)));
    bench.publish(Class::Event, "a", 2, 10);
    assert_eq!(bench.mailbox.unmoved_since(), Some(Tick(9)), "what comes behind moves nothing");
}
