//! DESIGN 6.8: a lost newest event leaves no hole behind it, so the head is told again while it is the newest.

use proto::Seq;

use super::stand::{Stand, message};

const HEAD: [&str; 2] = ["alice head 1", "bob head 1"];

/// Everything that was told until this steady time, with when.
fn heads_until(stand: &mut Stand, until_ms: u64) -> Vec<(u64, Vec<String>)> {
    let mut told = Vec::new();
    while let Some(due) = stand.conversation.next_due(&stand.rules).filter(|due| *due <= until_ms) {
        assert!(due > stand.steady_ms, "nothing else is due");
        stand.after(due - stand.steady_ms);
        let said = stand.said();
        if !said.is_empty() {
            told.push((stand.steady_ms, said));
        }
    }
    told
}

#[test]
fn the_head_is_told_again_after_one_second_and_after_five() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    stand.persists();
    stand.written();
    stand.said();
    let told = heads_until(&mut stand, 20_000);
    assert_eq!(told, [(1_000, HEAD.map(String::from).to_vec()), (5_000, HEAD.map(String::from).to_vec())]);
    assert!(!stand.conversation.is_probing());
}

#[test]
fn only_the_newest_is_probed() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    stand.persists();
    stand.after(1_000);
    stand.written();
    stand.said();
    stand.steady_ms = 4_000;
    stand.send(message(2));
    stand.persists();
    stand.written();
    stand.said();
    stand.after(1_000);
    assert_eq!(stand.said(), ["alice head 2", "bob head 2"], "a second after the second");
    stand.after(3_999);
    assert_eq!(stand.said(), [""; 0], "five seconds after the first there is none of it");
    stand.after(1);
    assert_eq!(stand.said(), ["alice head 2", "bob head 2"]);
    stand.after(100_000);
    assert_eq!(stand.said(), [""; 0]);
}

#[test]
fn a_worker_that_comes_late_catches_up_one_at_a_time() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    stand.persists();
    stand.said();
    stand.after(9_000);
    assert_eq!(stand.said(), HEAD);
    stand.after(1);
    assert_eq!(stand.said(), HEAD);
    stand.after(60_000);
    assert_eq!(stand.said(), [""; 0]);
}

#[test]
fn a_loaded_head_is_told_at_once_and_probed_like_a_new_one() {
    let mut stand = Stand::taken_over(7);
    assert!(stand.conversation.is_probing());
    stand.after(1_000);
    assert_eq!(stand.said(), ["alice head 7", "bob head 7"]);
    stand.after(4_000);
    assert_eq!(stand.said(), ["alice head 7", "bob head 7"]);
}

#[test]
fn an_empty_conversation_has_nothing_to_probe() {
    let mut stand = Stand::serving();
    assert!(!stand.conversation.is_probing());
    stand.after(10_000);
    assert_eq!(stand.said(), [""; 0]);
}

#[test]
fn what_is_in_flight_is_not_probed() {
    let mut stand = Stand::serving();
    stand.send(message(1));
    stand.appends();
    stand.after(6_000);
    assert_eq!(stand.said(), [""; 0]);
}

/// If its owner dies before that, the next one finds the mark, loads the conversation and tells its head.
#[test]
fn the_mark_stays_until_the_head_was_told_for_the_last_time() {
    let mut stand = Stand::serving();
    stand.rules.quiet_ms = 100;
    stand.send(message(1));
    stand.persists();
    stand.said();
    assert!(stand.written().is_some_and(|flush| flush.head.is_some() && flush.clear.is_none()));
    for ms in [1_000, 4_000] {
        stand.after(ms - 1);
        assert!(stand.written().is_none());
        stand.after(1);
        assert_eq!(stand.said(), HEAD);
        assert!(stand.written().is_none(), "what is told in this turn may leave after what is written");
    }
    stand.after(1);
    assert_eq!(stand.written().map(|flush| flush.clear), Some(Some(Seq(1))));
    assert!(stand.conversation.is_at_rest());
}
