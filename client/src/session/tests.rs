//! One session over several sockets, with the test as the server.

use std::time::Duration;

use proto::client_frame::AckMode;
use proto::server_frame::{Ack, Event, Head, Limits, Overlay, Pong};
use proto::{
    Body, ClientMessageId, Code, ConversationId, Entry, MessageId, NodeId, Seq, SessionRef, Timestamp,
};
use rand::SeedableRng as _;

use super::*;
use crate::TokenSource;

fn user(name: &str) -> UserId {
    UserId::parse(name).expect("a user id")
}

fn dm(peer: &str) -> ConversationId {
    ConversationId::direct(&user("me"), &user(peer))
}

fn welcome() -> Welcome {
    Welcome {
        session: SessionRef { node: NodeId(1), session: 1 },
        user: user("me"),
        ping_ms: 20_000,
        limits: Limits {
            frame_bytes: 65_536,
            body_bytes: 32_768,
            unanswered: 8,
            commands_per_second: 100,
            page_entries: 50,
        },
        server_time: Timestamp(1),
        auth_expires: 0,
    }
}

fn session(start_at: StartAt) -> (Session, Instant) {
    let mut config = ClientConfig::new("ws://unused", TokenSource::fixed("unused"));
    config.start_at = start_at;
    let now = Instant::now();
    let mut session = Session::new(config, StdRng::seed_from_u64(3), now);
    session.connected(&welcome(), now);
    (session, now)
}

fn frames(session: &mut Session, now: Instant) -> Vec<ClientFrame> {
    session.poll(now);
    std::iter::from_fn(|| session.next_frame()).collect()
}

fn state(peer: &str, head: u64) -> ConversationState {
    ConversationState {
        conversation: dm(peer),
        head: Seq(head),
        unread: 0,
        read_seq: Seq::ZERO,
        last: None,
        name: None,
        peer: Some(user(peer)),
        time: Timestamp(1),
        left: false,
        settings: None,
        mention_unread: 0,
        retention_seconds: 0,
        confirm_seqs: Vec::new(),
        invitation: None,
    }
}

fn delta(conversations: Vec<ConversationState>, cursor: &str, more: bool) -> ServerFrame {
    ServerFrame::Delta(Delta { conversations, cursor: cursor.to_owned(), more, ..Delta::default() })
}

fn entry(seq: u64) -> Entry {
    Entry {
        seq: Seq(seq),
        message_id: MessageId(seq),
        sender: user("bob"),
        time: Timestamp(seq),
        counted: seq,
        client_message_id: ClientMessageId([0; 16]),
        body: Body::text("hi"),
    }
}

fn event(peer: &str, seq: u64) -> ServerFrame {
    ServerFrame::Event(Event { conversation: dm(peer), entry: entry(seq) })
}

fn events(session: &mut Session, now: Instant) -> Vec<u64> {
    std::iter::from_fn(|| session.next_notice(now))
        .filter_map(|notice| match notice {
            Notice::Event(event) => Some(event.entry.seq.0),
            _ => None,
        })
        .collect()
}

fn page(peer: &str, from: u64, to: u64) -> ServerFrame {
    let entries = (from..=to).map(entry).collect();
    let (from, to) = (Seq(from), Seq(to));
    ServerFrame::Page(Page { conversation: dm(peer), from, to, entries, head: to, overlays: Vec::new() })
}

fn fetched(frames: &[ClientFrame]) -> Vec<(u64, u64)> {
    let intervals = frames.iter().filter_map(|frame| match frame {
        ClientFrame::Fetch(fetch) => Some((fetch.from.0, fetch.to.0)),
        _ => None,
    });
    intervals.collect()
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_showed_the_cursor_needs_no_sync_but_waits_for_its_answer() {
    let (mut session, now) = session(StartAt::Head);
    assert_eq!(session.resume(), Some(""));
    session.resumed(now);
    assert_eq!(frames(&mut session, now), []);
    session.frame(delta(vec![], "c1", false), now);
    assert_eq!(session.resume(), Some("c1"));
    // Nobody answers the next one: it is asked for again.
    session.disconnected(now);
    session.connected(&welcome(), now);
    session.resumed(now);
    let late = session.next_due().max(now + Duration::from_secs(60));
    assert!(
        frames(&mut session, late).contains(&ClientFrame::Sync(Sync { cursor: "c1".into(), open: vec![] }))
    );
    // What is held must be asked for too.
    session.frame(event("bob", 8), late);
    session.frame(delta(vec![state("bob", 7)], "c2", false), late);
    assert_eq!(session.resume(), None);
}

#[tokio::test(start_paused = true)]
async fn starting_at_the_head_shows_only_what_comes_after() {
    let (mut session, now) = session(StartAt::Head);
    assert_eq!(frames(&mut session, now), [ClientFrame::Sync(Sync::default())]);
    session.frame(event("bob", 8), now);
    session.frame(delta(vec![state("bob", 7)], "c1", true), now);
    let open = vec![Position { conversation: dm("bob"), seq: Seq(8) }];
    assert_eq!(frames(&mut session, now), [ClientFrame::Sync(Sync { cursor: "c1".into(), open })]);
    session.frame(delta(vec![], "c2", false), now);
    assert_eq!(events(&mut session, now), [8]);
}

#[tokio::test(start_paused = true)]
async fn starting_at_the_beginning_fetches_the_whole_log() {
    let (mut session, now) = session(StartAt::Beginning);
    frames(&mut session, now);
    session.frame(delta(vec![state("bob", 3)], "c", false), now);
    assert_eq!(fetched(&frames(&mut session, now)), [(1, 0)]);
    session.frame(page("bob", 1, 3), now);
    assert_eq!(events(&mut session, now), [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn what_became_of_a_fetched_message_is_told_right_after_it() {
    let (mut session, now) = session(StartAt::Beginning);
    frames(&mut session, now);
    session.frame(delta(vec![state("bob", 3)], "c", false), now);
    frames(&mut session, now);
    let overlay = Overlay { seq: Seq(2), changed: Seq(3), ..Overlay::default() };
    let ServerFrame::Page(mut page) = page("bob", 1, 3) else { unreachable!("a page") };
    page.overlays = vec![overlay.clone()];
    session.frame(ServerFrame::Page(page), now);
    let notices: Vec<Notice> = std::iter::from_fn(|| session.next_notice(now))
        .filter(|notice| !matches!(notice, Notice::Conversation(_)))
        .collect();
    let told = |seq| Notice::Event(Event { conversation: dm("bob"), entry: entry(seq) });
    let overlaid = Notice::Overlay(dm("bob"), Box::new(overlay));
    assert_eq!(notices, [told(1), told(2), overlaid, told(3)]);
    assert!(!session.has_notice());
}

#[tokio::test(start_paused = true)]
async fn after_a_new_socket_what_was_missed_is_fetched_and_the_fetch_in_flight_is_repeated() {
    let (mut session, now) = session(StartAt::Head);
    frames(&mut session, now);
    session.frame(delta(vec![state("bob", 2), state("carol", 2)], "c1", false), now);
    session.disconnected(now);
    session.connected(&welcome(), now);
    let sent = frames(&mut session, now);
    assert!(matches!(&sent[..], [ClientFrame::Sync(sync)] if sync.cursor == "c1" && sync.open.len() == 2));
    session.frame(delta(vec![state("bob", 4)], "c2", false), now);
    assert_eq!(fetched(&frames(&mut session, now)), [(3, 0)]);
    session.disconnected(now);
    session.connected(&welcome(), now);
    assert_eq!(fetched(&frames(&mut session, now)), [(3, 0)]);
    session.frame(page("bob", 3, 4), now);
    assert_eq!(events(&mut session, now), [3, 4]);
}

#[tokio::test(start_paused = true)]
async fn too_long_starts_the_cursor_again_but_no_conversation() {
    let (mut session, now) = session(StartAt::Head);
    frames(&mut session, now);
    session.frame(delta(vec![state("bob", 2)], "old", false), now);
    session.frame(ServerFrame::Resync, now);
    frames(&mut session, now);
    session.frame(ServerFrame::TooLong, now);
    let sent = frames(&mut session, now);
    assert!(matches!(&sent[..], [ClientFrame::Sync(sync)] if sync.cursor.is_empty()), "{sent:?}");
    session.frame(delta(vec![state("bob", 3)], "new", false), now);
    assert_eq!(fetched(&frames(&mut session, now)), [(3, 0)], "the place in the log was kept");
}

#[tokio::test(start_paused = true)]
async fn a_refused_fetch_of_the_application_is_told_and_a_busy_one_is_repeated() {
    let (mut session, now) = session(StartAt::Head);
    frames(&mut session, now);
    session.frame(delta(vec![], "c", false), now);
    let fetch = Fetch { conversation: dm("bob"), from: Seq(1), to: Seq::ZERO, limit: 0, backwards: false };
    let (asked, mut answer) = oneshot::channel();
    session.ask(Ask::Fetch(fetch, asked));
    assert_eq!(fetched(&frames(&mut session, now)), [(1, 0)]);
    session.frame(ServerFrame::Nack(Nack::of("fetch", Code::Busy, "later")), now);
    assert!(answer.try_recv().is_err(), "not told");
    let later = now + Duration::from_secs(1);
    assert_eq!(fetched(&frames(&mut session, later)), [(1, 0)]);
    session.frame(ServerFrame::Nack(Nack::of("fetch", Code::Forbidden, "no")), later);
    let refused = Refused::Code { code: Code::Forbidden, message: "no".into() };
    assert_eq!(answer.await.expect("told"), Err(refused));
}

fn asks_page(session: &mut Session, peer: &str, from: u64) {
    let fetch = Fetch { conversation: dm(peer), from: Seq(from), to: Seq(from), limit: 0, backwards: false };
    session.ask(Ask::Fetch(fetch, oneshot::channel().0));
}

/// An application that asks for one page after the other keeps no message of now from its reader.
#[tokio::test(start_paused = true)]
async fn what_is_missing_takes_turns_with_what_the_application_asks() {
    let (mut session, now) = session(StartAt::Head);
    frames(&mut session, now);
    session.frame(delta(vec![state("bob", 3)], "c", false), now);
    (1..=3).for_each(|from| asks_page(&mut session, "carol", from));
    assert_eq!(fetched(&frames(&mut session, now)), [(1, 1)]);
    session.frame(event("bob", 5), now);
    let now = now + Duration::from_millis(500);
    session.frame(page("carol", 1, 1), now);
    assert_eq!(fetched(&frames(&mut session, now)), [(4, 4)], "what is missing");
    session.frame(page("bob", 4, 4), now);
    assert_eq!(events(&mut session, now), [4, 5]);
    session.frame(event("bob", 7), now);
    let now = now + Duration::from_millis(500);
    assert_eq!(fetched(&frames(&mut session, now)), [(2, 2)], "then what was asked, though more is missing");
    session.frame(page("carol", 2, 2), now);
    assert_eq!(fetched(&frames(&mut session, now)), [(6, 6)]);
    session.frame(page("bob", 6, 6), now);
    assert_eq!(fetched(&frames(&mut session, now)), [(3, 3)]);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_nobody_answers_keeps_no_message_from_the_reader() {
    let (mut session, now) = session(StartAt::Head);
    frames(&mut session, now);
    session.frame(delta(vec![state("bob", 3)], "c", false), now);
    asks_page(&mut session, "carol", 1);
    frames(&mut session, now);
    session.frame(event("bob", 5), now);
    let now = now + Duration::from_secs(10);
    assert_eq!(fetched(&frames(&mut session, now)), [(4, 4)], "before the page is asked for again");
    session.frame(page("bob", 4, 4), now);
    assert_eq!(fetched(&frames(&mut session, now)), [(1, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_page_is_asked_for_again_soon_and_then_ever_more_seldom() {
    let (mut session, start) = session(StartAt::Head);
    frames(&mut session, start);
    session.frame(delta(vec![state("bob", 3)], "c", false), start);
    session.frame(ServerFrame::Head(Head::of(dm("bob"), Seq(4))), start);
    let mut asked_at = start + session.config.gap_wait;
    assert_eq!(fetched(&frames(&mut session, asked_at)), [(4, 0)]);
    let mut waits = Vec::new();
    for most in [2, 4, 8, 10, 10, 10, 10] {
        let again = session.next_due();
        waits.push(again - asked_at);
        assert!((2_000..=most * 1_000).contains(&(again - asked_at).as_millis()), "{waits:?}");
        assert_eq!(fetched(&frames(&mut session, again - Duration::from_millis(1))), []);
        assert_eq!(fetched(&frames(&mut session, again)), [(4, 0)]);
        asked_at = again;
    }
    assert!(waits.iter().any(|wait| wait.as_secs() >= 4), "{waits:?}");
    session.frame(page("bob", 4, 4), asked_at);
    assert_eq!(events(&mut session, asked_at), [4]);
}

#[tokio::test(start_paused = true)]
async fn a_second_answer_to_one_fetch_is_not_the_answer_to_the_next() {
    let (mut session, now) = session(StartAt::Head);
    frames(&mut session, now);
    session.frame(delta(vec![], "c", false), now);
    let mut ask = |from, to| {
        let (asked, answer) = oneshot::channel();
        let fetch =
            Fetch { conversation: dm("bob"), from: Seq(from), to: Seq(to), limit: 0, backwards: false };
        session.ask(Ask::Fetch(fetch, asked));
        answer
    };
    let (mut first, mut second) = (ask(1, 2), ask(3, 4));
    frames(&mut session, now);
    let later = session.next_due();
    assert_eq!(fetched(&frames(&mut session, later)), [(1, 2)], "again");
    session.frame(page("bob", 1, 2), later);
    assert!(first.try_recv().is_ok());
    assert_eq!(fetched(&frames(&mut session, later)), [(3, 4)]);
    session.frame(page("bob", 1, 2), later);
    assert!(second.try_recv().is_err(), "that was the other answer to the first");
    session.frame(page("bob", 3, 4), later);
    assert_eq!(second.try_recv().expect("answered").map(|page| page.from), Ok(Seq(3)));
}

#[tokio::test(start_paused = true)]
async fn heads_in_pongs_reveal_a_lost_tail_and_pings_leave_in_silence() {
    let (mut session, now) = session(StartAt::Head);
    frames(&mut session, now);
    session.frame(delta(vec![state("bob", 2)], "c", false), now);
    assert_eq!(session.next_due(), now + Duration::from_secs(20));
    let later = now + Duration::from_secs(20);
    assert_eq!(frames(&mut session, later), [ClientFrame::Ping]);
    let heads = vec![Head::of(dm("bob"), Seq(3))];
    session.frame(ServerFrame::Pong(Pong { heads, server_time: Timestamp(1) }), later);
    assert_eq!(fetched(&frames(&mut session, later + Duration::from_millis(500))), [(3, 0)]);
    assert!(!session.is_dead(later + Duration::from_secs(49)));
    assert!(session.is_dead(later + Duration::from_secs(51)));
}

#[tokio::test(start_paused = true)]
async fn sends_keep_within_the_servers_window() {
    let (mut session, now) = session(StartAt::Head);
    frames(&mut session, now);
    for id in 0..20 {
        let (done, _answer) = oneshot::channel();
        let id = ClientMessageId([id; 16]);
        let to = Recipient::User(user("bob"));
        let outgoing = Outgoing { id, to, body: Body::text("hi"), ack: AckMode::Persisted, done };
        session.ask(Ask::Send(Box::new(outgoing)));
    }
    assert_eq!(frames(&mut session, now).len(), 6, "8 unanswered are allowed, 2 are kept for fetch and sync");
    let ack = Ack {
        client_message_id: ClientMessageId([0; 16]),
        conversation: dm("bob"),
        seq: Seq(1),
        message_id: MessageId(1),
        time: Timestamp(1),
    };
    session.frame(ServerFrame::Ack(ack), now);
    assert_eq!(frames(&mut session, now).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_server_can_ask_for_a_token_and_for_a_pause() {
    let (mut session, now) = session(StartAt::Head);
    assert_eq!(session.frame(ServerFrame::AuthExpiring(1), now), Reaction::RefreshToken);
    assert_eq!(session.frame(ServerFrame::Goaway(70), now), Reaction::Reconnect { after_ms: 70 });
}

#[test]
fn what_was_asked_about_presence_is_asked_again_on_the_next_socket() {
    use proto::presence::{Activity, PresenceAsk};
    let (mut session, now) = session(StartAt::Head);
    frames(&mut session, now);
    let asks = [
        PresenceAsk::Subscribe(vec![user("bob"), user("carol")]),
        PresenceAsk::Unsubscribe(vec![user("bob")]),
        PresenceAsk::Report(Activity::Away),
    ];
    for ask in asks {
        session.ask(Ask::Presence(ask.clone()));
        assert_eq!(frames(&mut session, now), [ClientFrame::Presence(ask)]);
    }
    session.disconnected(now);
    session.connected(&welcome(), now);
    let again = frames(&mut session, now);
    let about = again.into_iter().filter(|frame| matches!(frame, ClientFrame::Presence(_)));
    let expected = [PresenceAsk::Subscribe(vec![user("carol")]), PresenceAsk::Report(Activity::Away)];
    assert_eq!(about.collect::<Vec<_>>(), expected.map(ClientFrame::Presence));
}

fn lobby() -> proto::GroupId {
    proto::GroupId::parse("lobby").expect("a group id")
}

fn room(joined: bool, head: u64) -> ServerFrame {
    ServerFrame::Room(Room { room: lobby(), joined, history: joined, head: Seq(head) })
}

fn joins(session: &mut Session) -> oneshot::Receiver<Result<Room, Refused>> {
    let (done, answer) = oneshot::channel();
    session.ask(Ask::JoinRoom(lobby(), done));
    answer
}

fn about_rooms(session: &mut Session, now: Instant) -> Vec<ClientFrame> {
    let is_it = |frame: &ClientFrame| matches!(frame, ClientFrame::JoinRoom(_) | ClientFrame::LeaveRoom(_));
    frames(session, now).into_iter().filter(is_it).collect()
}

#[tokio::test(start_paused = true)]
async fn a_room_is_entered_again_on_the_next_socket_until_it_is_left() {
    let (mut session, now) = session(StartAt::Head);
    let mut answer = joins(&mut session);
    assert_eq!(about_rooms(&mut session, now), [ClientFrame::JoinRoom(lobby())]);
    session.frame(room(true, 4), now);
    assert_eq!(answer.try_recv().expect("answered").map(|room| room.head), Ok(Seq(4)));
    let conversation = ConversationId::group(&lobby());
    session.frame(ServerFrame::Event(Event { conversation, entry: entry(5) }), now);
    let told: Vec<_> = std::iter::from_fn(|| session.next_notice(now)).collect();
    let [Notice::Room(_), Notice::Event(event)] = &told[..] else { panic!("{told:?}") };
    assert_eq!(event.entry.seq, Seq(5), "what was said before is nobody's gap");

    session.disconnected(now);
    session.connected(&welcome(), now);
    assert_eq!(about_rooms(&mut session, now), [ClientFrame::JoinRoom(lobby())]);
    let late = now + session.config.read_timeout * 2;
    assert_eq!(about_rooms(&mut session, late), [ClientFrame::JoinRoom(lobby())], "nobody answered");
    session.frame(room(true, 6), late);
    session.ask(Ask::LeaveRoom(lobby()));
    assert_eq!(about_rooms(&mut session, late), [ClientFrame::LeaveRoom(lobby())]);
    session.frame(room(false, 0), late);
    session.disconnected(late);
    session.connected(&welcome(), late);
    assert_eq!(about_rooms(&mut session, late), []);
}

#[tokio::test(start_paused = true)]
async fn a_room_that_is_refused_for_now_is_asked_for_again() {
    let (mut session, now) = session(StartAt::Head);
    let mut answer = joins(&mut session);
    about_rooms(&mut session, now);
    session.frame(ServerFrame::Nack(Nack::of("join_room", Code::Busy, "later").retry_after_ms(500)), now);
    assert_eq!(about_rooms(&mut session, now + Duration::from_millis(400)), []);
    let later = now + Duration::from_secs(30);
    assert_eq!(about_rooms(&mut session, later), [ClientFrame::JoinRoom(lobby())]);
    session.frame(ServerFrame::Nack(Nack::of("join_room", Code::NotFound, "no such room")), later);
    let refused = answer.try_recv().expect("answered");
    assert!(matches!(refused, Err(Refused::Code { code: Code::NotFound, .. })), "{refused:?}");
    session.disconnected(later);
    session.connected(&welcome(), later);
    assert_eq!(about_rooms(&mut session, later), [], "nobody wants it any more");
}
