//! Every order of what two users may do ends in one of the documented states, and neither sees what is not theirs.

use std::collections::{BTreeMap, VecDeque};

use proto::{Body, ClientMessageId, MessageId};

use super::*;

const START: Timestamp = Timestamp(1_790_000_000_000);
const RULES: ContactRules = ContactRules { request_ttl_ms: 1_000_000_000, ..ContactRules::OPEN };

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn requests() -> Vec<ContactRequest> {
    vec![
        ContactRequest::Apply("hi".into()),
        ContactRequest::Accept,
        ContactRequest::Reject,
        ContactRequest::Remove,
        ContactRequest::Block,
        ContactRequest::Unblock,
        ContactRequest::Remark("al".into()),
    ]
}

/// A pair with its log, as its owner keeps it.
#[derive(Clone)]
struct World {
    pair: Pair,
    log: Vec<Entry>,
    rules: ContactRules,
}

impl World {
    fn new() -> Self {
        Self::under(RULES)
    }

    fn under(rules: ContactRules) -> Self {
        Self { pair: Pair::new(&user("alice"), &user("bob")), log: Vec::new(), rules }
    }

    fn does_at(&mut self, now: Timestamp, name: &str, request: &ContactRequest) -> Result<[bool; 2], Code> {
        let change = self.pair.decide(&user(name), request, now, self.rules).map_err(|(code, _)| code)?;
        let Some(change) = change else { return Ok([false; 2]) };
        let seq = Seq(self.log.len() as u64 + 1);
        let entry = Entry {
            seq,
            message_id: MessageId(seq.0),
            sender: user(name),
            time: now,
            counted: 0,
            client_message_id: ClientMessageId([0; 16]),
            body: Body::system(change),
        };
        let changed = self.pair.apply(&entry);
        self.log.push(entry);
        Ok(changed)
    }

    fn does(&mut self, name: &str, request: &ContactRequest) -> Result<[bool; 2], Code> {
        self.does_at(START.plus_ms(self.log.len() as u64), name, request)
    }

    fn contact(&self, name: &str) -> &Contact {
        &self.pair.side_of(&user(name)).unwrap().contact
    }

    /// `friends`, `alice asks`, `bob asks` or `strangers`, with who blocks.
    fn state(&self) -> (String, [bool; 2], [bool; 2]) {
        let (alice, bob) = (self.contact("alice"), self.contact("bob"));
        assert_eq!(alice.friend_since, bob.friend_since, "both are friends or neither");
        assert_eq!(alice.outgoing, bob.incoming, "what one asks the other is asked");
        assert_eq!(alice.incoming, bob.outgoing);
        assert!(alice.outgoing.is_none() || bob.outgoing.is_none(), "two requests are a friendship");
        let asks = alice.outgoing.is_some() || bob.outgoing.is_some();
        assert!(!(alice.friend_since.is_some() && asks), "friends ask for nothing");
        let named = [!alice.remark.is_empty(), !bob.remark.is_empty()];
        assert!(alice.friend_since.is_some() || named == [false; 2], "only friends have names");
        let [one, other] = [("alice", "bob"), ("bob", "alice")].map(|(name, other)| {
            let side = self.pair.side_of(&user(name)).unwrap();
            assert_eq!(side.blocked_by, self.contact(other).blocked, "{name} is blocked as {other} blocks");
            side.contact.blocked
        });
        let word = match (alice.friend_since, &alice.outgoing, &bob.outgoing) {
            (Some(_), ..) => "friends",
            (None, Some(_), _) => "alice asks",
            (None, None, Some(_)) => "bob asks",
            (None, None, None) => "strangers",
        };
        (word.to_owned(), [one, other], named)
    }
}

#[test]
fn all_interleavings_end_in_documented_states() {
    let mut seen = BTreeMap::from([(World::new().state(), World::new())]);
    let mut open = VecDeque::from([World::new()]);
    while let Some(world) = open.pop_front() {
        for name in ["alice", "bob"] {
            for request in requests() {
                let mut next = world.clone();
                let before = next.state();
                let done = next.does(name, &request);
                if done.is_err() {
                    assert_eq!(next.state(), before, "{name} {request:?}: a refusal changes nothing");
                    continue;
                }
                // The same again changes nothing and is no error.
                let after = next.state();
                let entries = next.log.len();
                assert_eq!(next.does(name, &request), Ok([false; 2]), "{name} {request:?} from {before:?}");
                assert_eq!((next.state(), next.log.len()), (after.clone(), entries));
                if let std::collections::btree_map::Entry::Vacant(place) = seen.entry(after) {
                    place.insert(next.clone());
                    open.push_back(next);
                }
            }
        }
    }
    // strangers, one asks, the other asks: each with 4 ways of blocking; friends: also with 4 ways of naming.
    assert_eq!(seen.len(), 3 * 4 + 4 * 4, "{:?}", seen.keys().collect::<Vec<_>>());
}

#[test]
fn what_one_does_for_oneself_changes_nothing_that_the_other_sees() {
    let mut world = World::new();
    world.does("alice", &ContactRequest::Apply("hi".into())).unwrap();
    world.does("bob", &ContactRequest::Accept).unwrap();
    let seen = world.contact("alice").clone();
    for request in [
        ContactRequest::Remark("al".into()),
        ContactRequest::Block,
        ContactRequest::Unblock,
        ContactRequest::Block,
    ] {
        assert_eq!(world.does("bob", &request), Ok([false, true]), "{request:?}");
        assert_eq!(*world.contact("alice"), seen, "{request:?}: not even a version or a time");
    }
}

#[test]
fn two_who_ask_each_other_are_friends_once() {
    let mut world = World::new();
    assert_eq!(world.does("alice", &ContactRequest::Apply("hi".into())), Ok([true, true]));
    assert_eq!(world.does("bob", &ContactRequest::Apply("hello".into())), Ok([true, true]));
    assert_eq!(world.state().0, "friends");
    assert_eq!(world.log.len(), 2);
}

#[test]
fn a_block_stops_requests_and_messages_and_its_end_restores_all() {
    let mut world = World::new();
    world.does("alice", &ContactRequest::Apply("hi".into())).unwrap();
    world.does("bob", &ContactRequest::Accept).unwrap();
    world.does("bob", &ContactRequest::Block).unwrap();
    let regard = world.pair.regard();
    for is_first in [true, false] {
        let refused = regard.may_send(is_first, Source::Client, RULES).unwrap_err();
        assert_eq!(refused.0, Code::Blocked);
        assert!(regard.may_send(is_first, Source::ServerApi, RULES).is_ok());
    }
    world.does("alice", &ContactRequest::Remove).unwrap();
    assert_eq!(world.does("alice", &ContactRequest::Apply("please".into())), Err(Code::Blocked));
    world.does("bob", &ContactRequest::Unblock).unwrap();
    assert!(world.pair.regard().may_send(true, Source::Client, RULES).is_ok());
    assert_eq!(world.does("alice", &ContactRequest::Apply("please".into())), Ok([true, true]));
}

#[test]
fn friends_only_refuses_strangers() {
    let mut world = World::new();
    let rules = ContactRules { friends_only: true, ..RULES };
    let refused = |world: &World| world.pair.regard().may_send(true, Source::Client, rules).err();
    assert_eq!(refused(&world).map(|(code, _)| code), Some(Code::NotFriends));
    world.does("bob", &ContactRequest::Apply(String::new())).unwrap();
    assert!(refused(&world).is_some(), "a request is no friendship");
    world.does("alice", &ContactRequest::Accept).unwrap();
    assert!(refused(&world).is_none());
    world.does("bob", &ContactRequest::Remove).unwrap();
    assert!(refused(&world).is_some());
}

#[test]
fn requests_end_by_themselves() {
    let mut world = World::new();
    world.does("alice", &ContactRequest::Apply("hi".into())).unwrap();
    let late = START.plus_ms(RULES.request_ttl_ms);
    assert_eq!(world.does_at(late, "bob", &ContactRequest::Accept), Err(Code::NotFound));
    assert!(is_nothing(&shown(world.contact("bob").clone(), late)));
    assert_eq!(world.does_at(late, "alice", &ContactRequest::Apply("again".into())), Ok([true, true]));
    assert_eq!(world.does_at(late, "bob", &ContactRequest::Accept), Ok([true, true]));
    assert_eq!(world.state().0, "friends");
}

#[test]
fn remarks_and_notes_are_bounded_in_characters() {
    let mut world = World::new();
    assert_eq!(world.does("alice", &ContactRequest::Apply("é".repeat(201))), Err(Code::BadField));
    assert_eq!(world.does("alice", &ContactRequest::Remark("x".into())), Err(Code::NotFound));
    world.does("alice", &ContactRequest::Apply("é".repeat(200))).unwrap();
    world.does("bob", &ContactRequest::Accept).unwrap();
    assert_eq!(world.does("alice", &ContactRequest::Remark("é".repeat(51))), Err(Code::BadField));
    assert_eq!(world.does("alice", &ContactRequest::Remark("é".repeat(50))), Ok([true, false]));
}

#[test]
fn sides_that_were_written_at_different_entries_come_together_again() {
    let mut world = World::new();
    let mut snapshots = vec![world.pair.rows()];
    for (name, request) in [
        ("alice", ContactRequest::Apply("hi".into())),
        ("bob", ContactRequest::Reject),
        ("bob", ContactRequest::Apply("well".into())),
        ("alice", ContactRequest::Accept),
        ("alice", ContactRequest::Remark("b".into())),
        ("bob", ContactRequest::Block),
        ("alice", ContactRequest::Remove),
        ("bob", ContactRequest::Unblock),
    ] {
        world.does(name, &request).unwrap();
        snapshots.push(world.pair.rows());
    }
    let (alice, bob) = (user("alice"), user("bob"));
    for one in &snapshots {
        for other in &snapshots {
            let rows = [Some(one[0].clone()), Some(other[1].clone())];
            let mut pair = Pair::from_projection(&alice, &bob, rows);
            for entry in &world.log {
                pair.apply(entry);
            }
            assert_eq!(pair.rows(), world.pair.rows());
        }
    }
}

#[test]
fn what_was_read_while_a_block_was_written_is_older_than_the_block() {
    let mut world = World::new();
    world.does("alice", &ContactRequest::Apply("hi".into())).unwrap();
    let before = world.pair.rows();
    world.does("bob", &ContactRequest::Block).unwrap();
    let [one, other] = world.pair.rows();
    let told = world.pair.regard();
    // The side of who blocks was read before it was written, the other side after.
    let read = Regard::of_rows(&[Some(one.clone()), Some(before[1].clone())]);
    assert_eq!((read.blocks, read.watermark), ([false; 2], before[1].watermark));
    assert!(read.watermark < told.watermark, "it must not replace what was told");
    assert_eq!(Regard::of_rows(&[Some(one.clone()), Some(other)]), told);
    assert_eq!(Regard::of_rows(&[Some(one), None]).watermark, Seq::ZERO);
}

#[test]
fn nobody_is_their_own_contact() {
    let pair = Pair::new(&user("alice"), &user("alice"));
    let refused = pair.decide(&user("alice"), &ContactRequest::Block, START, RULES).unwrap_err();
    assert_eq!(refused.0, Code::BadField);
}

#[test]
fn an_untold_rejection_leaves_the_request_open_for_who_asked() {
    let mut world = World::under(ContactRules { rejections_told: false, ..RULES });
    world.does("alice", &ContactRequest::Apply("hi".into())).unwrap();
    let seen = world.contact("alice").clone();
    assert_eq!(world.does("bob", &ContactRequest::Reject), Ok([false, true]));
    assert_eq!(*world.contact("alice"), seen, "not even a version or a time");
    assert!(is_nothing(world.contact("bob")));
    assert_eq!(world.does("alice", &ContactRequest::Apply("again".into())), Ok([false; 2]), "it is open");
    assert_eq!(world.does("bob", &ContactRequest::Accept), Err(Code::NotFound));
    let late = START.plus_ms(RULES.request_ttl_ms);
    assert!(is_nothing(&shown(world.contact("alice").clone(), late)));
    assert_eq!(world.does_at(late, "alice", &ContactRequest::Apply("again".into())), Ok([true, true]));

    // Who rejected may ask, too; both ask, so they are friends as soon as either says so.
    world.does_at(late, "bob", &ContactRequest::Reject).unwrap();
    assert_eq!(world.does_at(late, "bob", &ContactRequest::Apply("well".into())), Ok([true, true]));
    assert_eq!(world.does_at(late, "alice", &ContactRequest::Accept), Ok([true, true]));
    assert_eq!(world.state().0, "friends");
}

#[test]
fn a_removal_for_one_is_not_told_and_ends_what_friends_may() {
    let rules = ContactRules { friends_only: true, removal: Removal::One, ..RULES };
    for (again, by) in [("alice", "bob"), ("bob", "alice")] {
        let mut world = World::under(rules);
        world.does("alice", &ContactRequest::Apply("hi".into())).unwrap();
        world.does("bob", &ContactRequest::Accept).unwrap();
        let seen = world.contact("bob").clone();
        assert_eq!(world.does("alice", &ContactRequest::Remove), Ok([true, false]));
        assert_eq!(world.does("alice", &ContactRequest::Remove), Ok([false; 2]));
        assert_eq!(*world.contact("bob"), seen, "not even a version or a time");
        assert!(
            is_nothing(world.contact("alice")) && !world.pair.side_of(&user("bob")).unwrap().is_friendship()
        );
        let [one, other] = world.pair.rows();
        for regard in [world.pair.regard(), Regard::of_rows(&[Some(one), Some(other)])] {
            for is_first in [true, false] {
                let refused = regard.may_send(is_first, Source::Client, rules).unwrap_err();
                assert_eq!(refused.0, Code::NotFriends);
            }
        }
        // Either asks again, and the other accepts.
        assert_eq!(world.does(again, &ContactRequest::Apply("again".into())), Ok([true, true]));
        assert!(world.pair.regard().may_send(true, Source::Client, rules).is_err());
        assert_eq!(world.does(by, &ContactRequest::Accept), Ok([true, true]));
        assert_eq!(world.state().0, "friends");
        assert!(world.pair.regard().may_send(false, Source::Client, rules).is_ok());
        // One after the other ends it: nothing is left.
        world.does("alice", &ContactRequest::Remove).unwrap();
        assert_eq!(world.does("bob", &ContactRequest::Remove), Ok([false, true]));
        assert_eq!(world.state().0, "strangers");
        assert!(world.pair.rows().iter().all(|side| !side.left_by));
    }
}

#[test]
fn under_every_policy_the_same_again_changes_nothing_and_a_friendship_is_of_both() {
    for (rejections_told, removal) in [(true, Removal::One), (false, Removal::Both), (false, Removal::One)] {
        let start = World::under(ContactRules { rejections_told, removal, ..RULES });
        let key = |world: &World| {
            world.pair.rows().map(|side| {
                let contact = &side.contact;
                let asked = [contact.incoming.is_some(), contact.outgoing.is_some()];
                let named = !contact.remark.is_empty();
                (contact.friend_since.is_some(), side.left_by, asked, contact.blocked, side.blocked_by, named)
            })
        };
        let (mut seen, mut open) = (std::collections::BTreeSet::from([key(&start)]), vec![start]);
        while let Some(world) = open.pop() {
            for (name, request) in
                ["alice", "bob"].into_iter().flat_map(|name| requests().into_iter().map(move |r| (name, r)))
            {
                let mut next = world.clone();
                if next.does(name, &request).is_err() {
                    continue;
                }
                let [alice, bob] = next.pair.rows();
                assert_eq!(alice.is_friendship(), bob.is_friendship(), "{name} {request:?}");
                assert!(!alice.left_by || !bob.left_by, "who left has no friend to be left by");
                assert!(!alice.left_by || alice.contact.friend_since.is_some());
                let after = key(&next);
                assert_eq!(next.does(name, &request), Ok([false; 2]), "{name} {request:?}");
                assert_eq!(key(&next), after);
                if seen.insert(after) {
                    open.push(next);
                }
            }
        }
    }
}
