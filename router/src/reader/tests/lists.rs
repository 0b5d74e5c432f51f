//! Heads for members, and the listing of `sync`: what changed since a cursor, page by page.

use proto::client_frame::Sync;
use proto::delivery::HeadState;
use proto::limits;
use proto::server_frame::{ConversationState, Delta};

use super::*;

fn delta(stand: &Stand, now: Timestamp, cursor: &str) -> Delta {
    let sync = Request::Sync(Sync { cursor: cursor.to_owned(), open: Vec::new() });
    match frame(stand.answers_at(now, "alice", sync, None)) {
        ServerFrame::Delta(delta) => delta,
        other => panic!("no delta but {other:?}"),
    }
}

fn names(delta: &Delta) -> Vec<String> {
    delta.conversations.iter().map(|line| line.conversation.to_string()).collect()
}

/// All pages of a whole listing, sorted, and how many there were.
fn whole(stand: &Stand) -> (Vec<String>, u32) {
    let (mut cursor, mut seen, mut pages) = (String::new(), Vec::new(), 0);
    loop {
        let page = delta(stand, NOW, &cursor);
        assert!(page.conversations.len() <= limits::DELTA_CONVERSATIONS_MAX);
        seen.extend(names(&page));
        (cursor, pages) = (page.cursor, pages + 1);
        if !page.more {
            seen.sort();
            return (seen, pages);
        }
        assert!(pages < 100, "no end");
    }
}

/// A direct conversation of alice with one entry of this time.
fn talk(stand: &Stand, peer: &str, time: Timestamp) -> ConversationId {
    let id = direct("alice", peer);
    stand.head(&id, entry(1, time));
    stand.line("alice", &id, time, false);
    id
}

fn heads(stand: &Stand, name: &str, ids: &[ConversationId], known: Vec<Option<HeadState>>) -> Vec<HeadState> {
    let asks = command(name, Source::Client, Request::Heads(ids.to_vec()));
    match answered_with(vec![Stand::now(all_heads(&stand.store, &asks, known))]) {
        Reply::Heads(heads) => heads,
        other => panic!("no heads but {other:?}"),
    }
}

#[test]
fn heads_come_in_the_order_asked_and_tell_strangers_nothing() {
    let stand = Stand::new();
    let (id, team) = (direct("alice", "bob"), stand.group("team", &[("bob", 4)]));
    stand.log(&id, 20, 20);
    stand.log(&team, 9, 9);
    let nowhere = group("none");
    let ids = [team.clone(), id.clone(), nowhere];
    let of_alice = heads(&stand, "alice", &ids, vec![None; 3]);
    let seen: Vec<_> = of_alice.iter().map(|head| (head.seq.0, head.counted, head.member)).collect();
    assert_eq!(seen, [(0, 0, false), (20, 18, true), (0, 0, false)]);
    assert_eq!((of_alice[0].last.as_ref(), of_alice[0].floor), (None, Seq(0)), "not even the last entry");
    assert_eq!(of_alice[1].last.as_ref().map(|last| last.seq), Some(Seq(20)));
    let of_bob = heads(&stand, "bob", &ids, vec![None; 3]);
    assert_eq!((of_bob[0].seq, of_bob[0].floor, of_bob[0].member), (Seq(9), Seq(4), true));
}

#[test]
fn a_head_in_memory_is_newer_than_its_row() {
    let stand = Stand::new();
    let id = direct("alice", "bob");
    stand.log(&id, 5, 5);
    let mut known = heads(&stand, "alice", std::slice::from_ref(&id), vec![None]);
    known[0].seq = Seq(6);
    let told = heads(&stand, "alice", &[id], vec![Some(known[0].clone())]);
    assert_eq!(told, known);
}

#[test]
fn one_head_that_cannot_be_read_refuses_them_all() {
    let stand = Stand::new();
    stand.breaks(Op::Heads);
    assert_eq!(stand.refused("alice", Request::Heads(vec![direct("alice", "bob")])), Code::Unavailable);
}

#[test]
fn the_list_has_the_newest_first_with_what_is_unread() {
    let stand = Stand::new();
    let id = direct("alice", "bob");
    stand.log(&id, 20, 20);
    stand.line("alice", &id, NOW, false);
    talk(&stand, "carol", NOW.plus_ms(5));
    let team = stand.group("team", &[("alice", 1)]);
    stand.head(&team, entry(3, NOW.plus_ms(2)));
    let read = store::Cursor { read: Seq(12), read_counted: 11, delivered: Seq(12) };
    Stand::now(stand.store.advance_cursor(&user("alice"), &id, read)).unwrap();
    let list = delta(&stand, NOW.plus_ms(9), "");
    assert_eq!(names(&list), [direct("alice", "carol").to_string(), team.to_string(), id.to_string()]);
    assert!(!list.more);
    let last = ConversationState {
        conversation: id,
        head: Seq(20),
        unread: 7,
        read_seq: Seq(12),
        last: Some(entry(20, NOW)),
        name: None,
        peer: Some(user("bob")),
        time: NOW,
        left: false,
        settings: None,
        mention_unread: 0,
        retention_seconds: 0,
        confirm_seqs: Vec::new(),
        invitation: None,
    };
    assert_eq!(list.conversations[2], last);
    assert_eq!(
        (list.conversations[1].name.as_deref(), list.conversations[1].peer.as_ref()),
        (Some("TEAM"), None)
    );
}

#[test]
fn the_next_list_has_only_what_changed_since_with_a_minute_of_slack() {
    let stand = Stand::new();
    talk(&stand, "bob", NOW.minus_ms(100_000));
    talk(&stand, "carol", NOW.minus_ms(30_000));
    let first = delta(&stand, NOW, "");
    assert_eq!(first.conversations.len(), 2);
    let second = delta(&stand, NOW.plus_ms(1_000), &first.cursor);
    assert_eq!(names(&second), [direct("alice", "carol").to_string()], "written up to a minute late");
    let third = delta(&stand, NOW.plus_ms(100_000), &second.cursor);
    assert_eq!(names(&third), [direct("alice", "carol").to_string()]);
    talk(&stand, "dave", NOW.plus_ms(100_001));
    let fourth = delta(&stand, NOW.plus_ms(100_002), &third.cursor);
    assert_eq!(names(&fourth), [direct("alice", "dave").to_string()]);
}

#[test]
fn a_long_list_comes_in_pages_without_a_hole_between_them() {
    let stand = Stand::new();
    let most = limits::DELTA_CONVERSATIONS_MAX;
    let mut all: Vec<String> = Vec::new();
    for n in 0..(2 * most + 5) as u64 {
        // Groups and direct conversations in turn, some at the same time as others.
        let time = NOW.minus_ms(n / 3);
        let id = if n % 2 == 0 {
            talk(&stand, &format!("user{n}"), time)
        } else {
            let id = stand.group(&format!("group{n}"), &[("alice", 1)]);
            stand.head(&id, entry(1, time));
            // As its members have while it is small.
            stand.line("alice", &id, time, false);
            id
        };
        all.push(id.to_string());
    }
    all.sort();
    assert_eq!(whole(&stand), (all, 3), "each once");
}

/// A large group has no new line for each entry: its head is newer than its line.
#[test]
fn groups_whose_heads_are_newer_than_their_lines_are_listed_once() {
    let stand = Stand::new();
    let mut all: Vec<String> = Vec::new();
    for n in 0..155 {
        let id = stand.group(&format!("group{n}"), &[("alice", 1)]);
        let busy = n < 150;
        stand.head(&id, entry(1, if busy { NOW.minus_ms(n) } else { NOW.minus_ms(9_000 + n) }));
        if busy {
            stand.line("alice", &id, NOW.minus_ms(1_000 + n), false);
        }
        all.push(id.to_string());
    }
    all.push(talk(&stand, "bob", NOW.minus_ms(5_000)).to_string());
    all.sort();
    assert_eq!(whole(&stand).0, all);
}

#[test]
fn what_changes_while_one_pages_is_in_the_next_list() {
    let stand = Stand::new();
    for n in 0..=limits::DELTA_CONVERSATIONS_MAX as u64 {
        talk(&stand, &format!("user{n}"), NOW.minus_ms(100_000 + n));
    }
    let first = delta(&stand, NOW, "");
    assert!(first.more);
    talk(&stand, "late", NOW.plus_ms(10));
    let second = delta(&stand, NOW.plus_ms(200_000), &first.cursor);
    assert_eq!((second.conversations.len(), second.more), (1, false), "below the last line given");
    let next = delta(&stand, NOW.plus_ms(200_001), &second.cursor);
    assert_eq!(names(&next), [direct("alice", "late").to_string()], "since the first page was made");
}

#[test]
fn a_group_that_was_left_tells_nothing_of_what_happened_since() {
    let stand = Stand::new();
    let team = stand.group("team", &[("bob", 1)]);
    stand.head(&team, entry(8, NOW));
    stand.line("alice", &team, NOW, true);
    let read = store::Cursor { read: Seq(5), read_counted: 4, delivered: Seq(5) };
    Stand::now(stand.store.advance_cursor(&user("alice"), &team, read)).unwrap();
    let list = delta(&stand, NOW, "");
    let [left] = list.conversations.as_slice() else { panic!("one line: {list:?}") };
    assert_eq!((left.left, left.head, left.unread, &left.last), (true, Seq(5), 0, &None));
}

#[test]
fn a_group_joined_again_is_listed_once_and_not_as_left() {
    let stand = Stand::new();
    let team = stand.group("team", &[("alice", 1)]);
    stand.head(&team, entry(8, NOW));
    stand.line("alice", &team, NOW.minus_ms(5), true);
    let list = delta(&stand, NOW, "");
    assert_eq!((list.conversations.len(), list.conversations[0].left), (1, false));
}

#[test]
fn a_cursor_that_is_none_or_too_old_starts_again() {
    let stand = Stand::new();
    let old = delta(&stand, NOW, "").cursor;
    let day_ms = 24 * 60 * 60 * 1_000;
    for (now, cursor) in [(NOW, "nonsense"), (NOW.plus_ms(91 * day_ms), old.as_str())] {
        let sync = Request::Sync(Sync { cursor: cursor.to_owned(), open: Vec::new() });
        assert_eq!(frame(stand.answers_at(now, "alice", sync, None)), ServerFrame::TooLong);
    }
    assert_eq!(delta(&stand, NOW.plus_ms(89 * day_ms), &old).conversations, []);
}

#[test]
fn what_one_device_reads_late_is_listed_for_those_that_are_away() {
    let stand = Stand::new();
    let id = talk(&stand, "bob", NOW.minus_ms(600_000));
    stand.log(&id, 3, 3);
    stand.head(&id, entry(3, NOW.minus_ms(600_000)));
    let first = delta(&stand, NOW, "");
    let later = NOW.plus_ms(300_000);
    assert_eq!(names(&delta(&stand, later, &first.cursor)), [""; 0], "nothing changed");
    let read = |seq| Request::Read(proto::client_frame::Position { conversation: id.clone(), seq: Seq(seq) });
    stand.answers_at(later, "alice", read(2), None);
    let listed = delta(&stand, later.plus_ms(1), &first.cursor);
    assert_eq!(names(&listed), [id.to_string()]);
    let line = &listed.conversations[0];
    assert_eq!((line.read_seq, line.unread, line.time), (Seq(2), 1, NOW.minus_ms(600_000)));
    let much_later = later.plus_ms(600_000);
    stand.answers_at(much_later, "alice", read(1), None);
    let cursor = delta(&stand, later.plus_ms(200_000), &first.cursor).cursor;
    assert_eq!(
        names(&delta(&stand, much_later, &cursor)),
        [""; 0],
        "a read that moves nothing lists nothing"
    );
}
