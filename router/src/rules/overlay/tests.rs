//! What a log makes of its messages, change by change.

use proto::body::MessageTarget;
use proto::{ClientMessageId, MessageId, Timestamp};

use super::*;

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn entry(seq: u64, sender: &str, body: Body) -> Entry {
    Entry {
        seq: Seq(seq),
        message_id: MessageId(seq * 7),
        sender: user(sender),
        time: Timestamp(seq * 10),
        counted: 1,
        client_message_id: ClientMessageId([0; 16]),
        body,
    }
}

fn change(seq: u64, sender: &str, change: &Change) -> Entry {
    entry(seq, sender, Body::change(MessageTarget { seq: Seq(1), message_id: None }, change))
}

fn edit(seq: u64, text: &str) -> Entry {
    change(seq, "alice", &Change::Edit(Some(Body::text(text))))
}

fn react(seq: u64, sender: &str, reaction: &str, remove: bool) -> Entry {
    change(seq, sender, &Change::React { reaction: reaction.to_owned(), remove })
}

/// The state of message 1 after these, each twice.
fn fold(entries: &[Entry]) -> State {
    let mut state = State::of(Seq(1));
    for entry in entries.iter().flat_map(|entry| [entry, entry]) {
        let laid = lay(entry, &state, &Pins::default());
        state = State::clone(laid.states.last().unwrap());
        assert_eq!(State::decode(&state.encode()).unwrap(), state);
    }
    state
}

#[test]
fn an_edited_message_says_what_its_last_version_says() {
    let state = fold(&[edit(2, "two"), edit(3, "three")]);
    let mut message = entry(1, "alice", Body::text("one"));
    state.present(&mut message);
    assert_eq!(message.body, Body::text("three"));
    assert_eq!(state.shown_to(&user("bob")).edited, Some((vec![Seq(2), Seq(3)], Timestamp(30))));
    assert_eq!(state.edits(), 2);
}

#[test]
fn a_recalled_message_keeps_nothing_and_neither_do_its_versions() {
    let recall = change(9, "olga", &Change::Recall);
    let history = [edit(2, "two"), react(3, "bob", "+1", false), edit(4, "four"), recall.clone()];
    let state = fold(&history);
    let shown = state.shown_to(&user("bob"));
    assert_eq!(shown.recalled, Some((user("olga"), Timestamp(90))));
    assert_eq!((shown.edited, shown.reactions.len(), &state.body), (None, 0, &None));
    let mut message = entry(1, "alice", Body::text("one"));
    state.present(&mut message);
    assert!(message.body.encoded().is_empty());
    // Again, as after a crash: the entries that edited it are hidden again.
    let laid = lay(&recall, &state, &Pins::default());
    let hidden: Vec<u64> = laid.states.iter().map(|state| state.shown.seq.0).collect();
    assert_eq!(hidden, [2, 4, 1]);
    let mut version = edit(2, "two");
    laid.states[0].present(&mut version);
    let (target, change) = version.body.as_change().unwrap();
    assert_eq!((target.seq, change), (Seq(1), Change::Edit(None)));
    // Nothing brings it back.
    let late = fold(&[&history[..], &[edit(10, "ten"), react(11, "bob", "x", false)]].concat());
    assert_eq!(late, state);
}

#[test]
fn reactions_are_counted_once_for_each_user() {
    let state = fold(&[
        react(2, "bob", "+1", false),
        react(3, "carol", "+1", false),
        react(4, "bob", "+1", false),
        react(5, "bob", "x", false),
        react(6, "bob", "y", true),
        react(7, "bob", "x", true),
    ]);
    let shown = state.shown_to(&user("bob"));
    let all: Vec<_> = shown.reactions.iter().map(|r| (r.reaction.as_str(), r.count, r.mine)).collect();
    assert_eq!(all, [("+1", 2, true)]);
    assert!(!state.shown_to(&user("dave")).reactions[0].mine);
    let all = fold(&[react(2, "bob", "+1", false), react(3, "bob", "+1", true)]);
    assert!(all.shown.reactions.is_empty());
}

#[test]
fn kinds_and_numbers_of_reactions_are_bounded() {
    let kinds: Vec<Entry> = (0..20).map(|n| react(n + 2, "bob", &n.to_string(), false)).collect();
    let state = fold(&kinds);
    assert!(!state.has_room_for(&user("carol"), "more"));
    assert!(state.has_room_for(&user("carol"), "7"));
    assert!(state.has_room_for(&user("bob"), "7"), "has it already");
    let many: Vec<Entry> = (0..500).map(|n| react(n + 2, &format!("u{n}"), "+1", false)).collect();
    let state = fold(&many);
    assert!(!state.has_room_for(&user("bob"), "+1"));
    assert!(state.has_room_for(&user("u3"), "+1"));
    assert_eq!(state.shown_to(&user("u499")).reactions[0].users.len(), 20);
    assert!(state.shown_to(&user("u499")).reactions[0].mine);
}

#[test]
fn pins_rise_and_go_with_a_recall() {
    let mut pins = Pins::default();
    let target = |seq: u64| MessageTarget { seq: Seq(seq), message_id: None };
    let mut step = |seq: u64, of: u64, change: Change| {
        let entry = entry(seq, "alice", Body::change(target(of), &change));
        let laid = lay(&entry, &State::of(Seq(of)), &pins);
        let changed = laid.pins.is_some();
        pins = laid.pins.map_or_else(|| pins.clone(), |pins| Pins::clone(&pins));
        assert_eq!(Pins::decode(pins.watermark, &pins.encode()), pins);
        (changed, pins.seqs.iter().map(|seq| seq.0).collect::<Vec<_>>())
    };
    assert_eq!(step(10, 5, Change::Pin { remove: false }), (true, vec![5]));
    assert_eq!(step(11, 3, Change::Pin { remove: false }), (true, vec![3, 5]));
    assert_eq!(step(10, 5, Change::Pin { remove: false }), (false, vec![3, 5]), "applied before");
    assert_eq!(step(12, 4, Change::Recall), (false, vec![3, 5]), "not pinned");
    assert_eq!(step(13, 3, Change::Recall), (true, vec![5]));
    assert_eq!(step(14, 5, Change::Pin { remove: true }), (true, vec![]));
    assert_eq!(step(15, 5, Change::Pin { remove: true }), (false, vec![]));
}

#[test]
fn messages_lay_nothing() {
    let laid = lay(&entry(2, "alice", Body::text("hi")), &State::of(Seq(1)), &Pins::default());
    assert!(laid.states.is_empty() && laid.pins.is_none());
    assert!(State::decode(&Bytes::from_static(&[0, 0, 0, 9, 1])).is_err());
}
