//! Pages: never past the told head, never below the floor, never for those who are no members.

use proto::client_frame::Fetch;
use proto::limits;
use proto::server_frame::Page;

use super::*;

fn fetch(id: &ConversationId, from: u64, to: u64, limit: u32, backwards: bool) -> Fetch {
    Fetch { conversation: id.clone(), from: Seq(from), to: Seq(to), limit, backwards }
}

fn page(deliveries: Vec<Delivery>) -> Page {
    match frame(deliveries) {
        ServerFrame::Page(page) => page,
        other => panic!("no page but {other:?}"),
    }
}

/// First and last seq given, `from..=to` covered, and the head.
fn shape(page: &Page) -> (Option<(u64, u64)>, u64, u64, u64) {
    let seqs: Vec<u64> = page.entries.iter().map(|entry| entry.seq.0).collect();
    assert!(seqs.windows(2).all(|pair| pair[0] + 1 == pair[1]), "rising and without a hole: {seqs:?}");
    (seqs.first().copied().zip(seqs.last().copied()), page.from.0, page.to.0, page.head.0)
}

/// DESIGN 6.5, FENCE D1.
#[test]
fn d1_a_page_never_reaches_past_the_told_head() {
    let stand = Stand::new();
    let id = direct("alice", "bob");
    stand.log(&id, 30, 20);
    let read = |from, to| shape(&page(stand.answers("bob", Request::Fetch(fetch(&id, from, to, 0, false)))));
    assert_eq!(read(1, 0), (Some((1, 20)), 1, 20, 20), "zero means the head");
    assert_eq!(read(15, 99), (Some((15, 20)), 15, 20, 20));
    assert_eq!(read(21, 99), (None, 21, 20, 20), "nothing there yet");
    let sent = store::Cursor::default();
    let (head, last) = (Seq(25), NOW);
    let view = View {
        head,
        counted: 23,
        floor: Seq(1),
        last,
        retention_seconds: 0,
        sent,
        is_room: false,
        who: Who::Member,
    };
    let loaded = stand.answers_at(NOW, "bob", Request::Fetch(fetch(&id, 15, 0, 0, false)), Some(view));
    assert_eq!(shape(&page(loaded)), (Some((15, 25)), 15, 25, 25), "an owner knows a newer head");
}

#[test]
fn a_page_covers_what_it_gives_from_the_end_that_was_asked() {
    let stand = Stand::new();
    let id = direct("alice", "bob");
    stand.log(&id, 30, 30);
    let read = |from, to, limit, backwards| {
        shape(&page(stand.answers("bob", Request::Fetch(fetch(&id, from, to, limit, backwards)))))
    };
    assert_eq!(read(1, 0, 10, false), (Some((1, 10)), 1, 10, 30));
    assert_eq!(read(1, 0, 10, true), (Some((21, 30)), 21, 30, 30));
    assert_eq!(read(5, 8, 10, true), (Some((5, 8)), 5, 8, 30), "the whole interval fits");
    assert_eq!(read(0, 3, 0, false), (Some((1, 3)), 1, 3, 30), "zero is taken as one");
}

#[test]
fn a_page_has_fifty_entries_unless_asked_and_two_hundred_at_most() {
    let id = direct("alice", "bob");
    assert_eq!(page::limit(&fetch(&id, 1, 0, 0, false)), limits::PAGE_ENTRIES_DEFAULT);
    assert_eq!(page::limit(&fetch(&id, 1, 0, u32::MAX, false)), limits::PAGE_ENTRIES_MAX);
    let stand = Stand::new();
    stand.log(&id, 300, 300);
    let read =
        |limit| page(stand.answers("bob", Request::Fetch(fetch(&id, 1, 0, limit, false)))).entries.len();
    assert_eq!((read(0), read(7), read(1_000)), (50, 7, 200));
}

#[test]
fn a_member_reads_from_the_own_floor_on() {
    let stand = Stand::new();
    let team = stand.group("team", &[("alice", 1), ("bob", 12)]);
    stand.log(&team, 20, 20);
    let read = |name| shape(&page(stand.answers(name, Request::Fetch(fetch(&team, 1, 0, 0, false)))));
    assert_eq!(read("alice"), (Some((1, 20)), 1, 20, 20));
    assert_eq!(read("bob"), (Some((12, 20)), 12, 20, 20));
    let below = page(stand.answers("bob", Request::Fetch(fetch(&team, 1, 11, 0, false))));
    assert!(below.entries.is_empty() && below.to < below.from, "all of it is below the floor");
}

#[test]
fn strangers_read_nothing() {
    let stand = Stand::new();
    let (id, team) = (direct("alice", "bob"), stand.group("team", &[("alice", 1)]));
    stand.log(&id, 5, 5);
    stand.log(&team, 5, 5);
    let read = |id: &ConversationId| Request::Fetch(fetch(id, 1, 0, 0, false));
    assert_eq!(stand.refused("eve", read(&id)), Code::Forbidden);
    assert_eq!(stand.refused("eve", read(&team)), Code::Forbidden);
    assert_eq!(stand.refused("eve", read(&group("none"))), Code::NotFound);
}

#[test]
fn a_service_reads_groups_it_is_no_member_of() {
    let stand = Stand::new();
    let team = stand.group("team", &[("alice", 12)]);
    stand.log(&team, 20, 20);
    let asks = command("svc", Source::ServerApi, Request::Fetch(fetch(&team, 1, 0, 0, false)));
    let told = Stand::now(answer(stand.store.clone(), asks, None, at(NOW)));
    assert_eq!(shape(&page(told)), (Some((1, 20)), 1, 20, 20));
}

#[test]
fn a_conversation_that_nobody_wrote_to_is_empty() {
    let stand = Stand::new();
    let told = stand.answers("alice", Request::Fetch(fetch(&direct("alice", "bob"), 1, 0, 0, false)));
    assert_eq!(shape(&page(told)), (None, 1, 0, 0));
}

#[test]
fn a_page_that_cannot_be_read_is_refused_and_not_empty() {
    let stand = Stand::new();
    let id = direct("alice", "bob");
    stand.log(&id, 5, 5);
    stand.breaks(Op::Page);
    assert_eq!(stand.refused("bob", Request::Fetch(fetch(&id, 1, 0, 0, false))), Code::Unavailable);
}

/// Entry `n` was made `n` seconds after the beginning; entries are kept for ten seconds.
#[test]
fn a_page_begins_after_what_is_no_longer_kept() {
    let stand = Stand::new();
    let id = direct("alice", "bob");
    stand.log_in_time(&id, 30);
    let read = |at: u64, from, to, limit, backwards| {
        let fetch = Request::Fetch(fetch(&id, from, to, limit, backwards));
        shape(&page(stand.answers_at(NOW.plus_ms(at * 1_000), "bob", fetch, None)))
    };
    assert_eq!(read(11, 1, 0, 5, false), (Some((1, 5)), 1, 5, 30), "just so");
    assert_eq!(read(12, 1, 0, 5, false), (Some((2, 6)), 2, 6, 30));
    assert_eq!(read(30, 1, 0, 5, false), (Some((20, 24)), 20, 24, 30), "not page after page of nothing");
    assert_eq!(read(30, 1, 25, 10, true), (Some((20, 25)), 20, 25, 30));
    assert_eq!(read(30, 22, 25, 10, true), (Some((22, 25)), 22, 25, 30));
    assert_eq!(read(30, 3, 19, 10, true), (None, 20, 19, 30), "all of it is gone");
    assert_eq!(read(30, 3, 19, 10, false), (None, 20, 19, 30));
    assert_eq!(read(99, 1, 0, 10, true), (None, 31, 30, 30), "all there is");
    let versions = |at: u64, seq| {
        let position = Request::Versions(Position { conversation: id.clone(), seq: Seq(seq) });
        frame(stand.answers_at(NOW.plus_ms(at * 1_000), "bob", position, None))
    };
    assert!(matches!(versions(30, 20), ServerFrame::Versions(_)));
    assert!(matches!(versions(31, 20), ServerFrame::Nack(nack) if nack.code == Code::NotFound));
}
