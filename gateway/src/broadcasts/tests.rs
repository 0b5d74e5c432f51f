//! The cursor and the counts without sockets.

use proto::Body;

use super::*;

fn frame(number: u8) -> Arc<SharedFrame> {
    Arc::new(SharedFrame::new(ServerFrame::Broadcast(Box::new(Broadcast {
        id: ClientMessageId([number; 16]),
        sender: UserId::parse("operations").unwrap(),
        time: Timestamp(7),
        body: Body::text("hi"),
    }))))
}

fn counts(report: &Report) -> (u64, u64, u64) {
    let BroadcastReport { told, missed, left, .. } = report.report;
    (told, missed, left)
}

/// The session at the cursor has its turn.
fn tell_next(broadcasts: &mut Broadcasts) {
    let telling = broadcasts.first().unwrap();
    telling.cursor += 1;
    telling.reached.told += 1;
    telling.left -= 1;
}

#[test]
fn who_comes_and_goes_meanwhile_is_counted() {
    let mut broadcasts = Broadcasts::default();
    assert!(broadcasts.came(0).is_none(), "there is nothing to tell");
    let (heard, report) = broadcasts.hear(&frame(1), 4).unwrap();
    assert_eq!((heard, counts(&report), report.report.begun), (Heard::Begins, (0, 0, 4), Timestamp(7)));
    tell_next(&mut broadcasts);
    assert!(broadcasts.came(0).is_some(), "its slot has had its turn: it is told at once");
    assert!(broadcasts.came(9).is_none(), "its turn comes");
    broadcasts.left(0);
    assert_eq!(broadcasts.left_of_first(), 4, "who was told and leaves changes nothing");
    broadcasts.left(2);
    assert_eq!(broadcasts.left_of_first(), 3);
    assert_eq!(broadcasts.reports(5).iter().map(counts).collect::<Vec<_>>(), [(1, 0, 3)]);
}

#[test]
fn what_is_known_is_not_told_again() {
    let mut broadcasts = Broadcasts::default();
    broadcasts.hear(&frame(1), 1);
    assert_eq!(broadcasts.hear(&frame(1), 1).map(|(heard, _)| heard), Some(Heard::Waits));
    tell_next(&mut broadcasts);
    let last = broadcasts.end_first(1).unwrap();
    assert_eq!(counts(&last), (1, 0, 0));
    assert!(broadcasts.first().is_none());
    broadcasts.answered(last.number);
    assert!(broadcasts.is_quiet());
    let (heard, again) = broadcasts.hear(&frame(1), 5).unwrap();
    assert_eq!((heard, counts(&again)), (Heard::Waits, (1, 0, 0)), "it says again how it ended");
    assert!(broadcasts.first().is_none() && !broadcasts.is_quiet());
    broadcasts.answered(again.number);
    assert!(broadcasts.is_quiet());
}

#[test]
fn they_are_told_one_after_another_up_to_a_bound() {
    let mut broadcasts = Broadcasts::default();
    for number in 0..WAITING_MAX {
        let (heard, report) = broadcasts.hear(&frame(number as u8), 2).unwrap();
        let expected = if number == 0 { Heard::Begins } else { Heard::Waits };
        assert_eq!((heard, counts(&report)), (expected, (0, 0, 2)));
    }
    let (heard, report) = broadcasts.hear(&frame(100), 2).unwrap();
    assert_eq!((heard, counts(&report)), (Heard::Waits, (0, 2, 0)), "every socket missed it");
    tell_next(&mut broadcasts);
    broadcasts.end_first(3);
    let second = broadcasts.first().unwrap();
    assert_eq!((second.title.id, second.cursor, second.left), (ClientMessageId([1; 16]), 0, 3));
}

#[test]
fn the_last_word_is_repeated_until_it_is_answered_but_not_for_ever() {
    let mut broadcasts = Broadcasts::default();
    broadcasts.hear(&frame(1), 0);
    let first = broadcasts.end_first(0).unwrap();
    broadcasts.answered(first.number + 1);
    let again = broadcasts.reports(0);
    assert_eq!(again.iter().map(counts).collect::<Vec<_>>(), [(0, 0, 0)]);
    broadcasts.answered(first.number);
    assert!(!broadcasts.is_quiet(), "only the newest can be answered");
    for _ in 2..LAST_REPORTS_MAX {
        assert_eq!(broadcasts.reports(0).len(), 1);
    }
    assert!(broadcasts.reports(0).is_empty() && broadcasts.is_quiet());
}

#[test]
fn so_many_that_ended_are_remembered() {
    let mut broadcasts = Broadcasts::default();
    for number in 0..=ENDED_MAX {
        broadcasts.hear(&frame(number as u8), 0);
        broadcasts.end_first(0);
    }
    assert_eq!(broadcasts.hear(&frame(1), 1).map(|(heard, _)| heard), Some(Heard::Waits));
    assert_eq!(broadcasts.hear(&frame(0), 1).map(|(heard, _)| heard), Some(Heard::Begins), "forgotten");
}
