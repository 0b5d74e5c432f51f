//! Watches by themselves: sessions, users and ticks made up.

use proto::Timestamp;

use super::*;

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn key(slot: u32) -> SessionKey {
    SessionKey { slot, generation: 1 }
}

fn at(name: &str, state: PresenceState) -> UserPresence {
    UserPresence { state, ..UserPresence::never(user(name)) }
}

fn online(name: &str) -> UserPresence {
    at(name, PresenceState::Online)
}

const NOW: (Tick, Tick) = (Tick(10), Tick(20));
const LATER: (Tick, Tick) = (Tick(20), Tick(30));

/// Asks, and is answered with these.
fn see(watches: &mut Watches, session: u32, shown: &[UserPresence], hidden: &[&str]) -> Answered {
    let (round, ..) = watches.ask(key(session)).unwrap();
    let hidden = hidden.iter().map(|name| user(name)).collect();
    watches.answered(key(session), PresenceSeen { round, shown: shown.to_vec(), hidden }, NOW)
}

/// A session that sees a user who is online, after the quiet time.
fn watching(session: u32, name: &str) -> Watches {
    let mut watches = Watches::default();
    watches.subscribe(key(session), &[user(name)], 10).unwrap();
    see(&mut watches, session, &[online(name)], &[]);
    watches
}

fn told(tell: &Tell) -> Vec<u32> {
    tell.sessions.iter().map(|key| key.slot).collect()
}

#[test]
fn nothing_is_told_before_the_router_has_said_that_it_may_be() {
    let mut watches = Watches::default();
    assert_eq!(
        watches.subscribe(key(1), &[user("bob"), user("carol")], 10),
        Ok(vec![user("bob"), user("carol")])
    );
    let early = watches.heard(online("bob"), NOW.0, NOW.1);
    assert_eq!(told(&early), [0_u32; 0]);
    let answered = see(&mut watches, 1, &[online("bob")], &["carol"]);
    assert_eq!(answered.snapshot, [online("bob"), UserPresence::never(user("carol"))]);
    assert!(answered.settled);
    let left = UserPresence { last_seen: Some(Timestamp(5)), ..UserPresence::never(user("bob")) };
    assert_eq!(told(&watches.heard(left, LATER.0, LATER.1)), [1]);
    assert_eq!(told(&watches.heard(online("carol"), LATER.0, LATER.1)), [0_u32; 0], "she is hidden");
}

#[test]
fn a_set_has_a_bound_and_is_refused_whole() {
    let mut watches = Watches::default();
    watches.subscribe(key(1), &[user("a"), user("b"), user("a")], 2).unwrap();
    assert_eq!(watches.subscribe(key(1), &[user("b"), user("c")], 2), Err(TooMany));
    assert_eq!((watches.len(), watches.watchers(&user("c")).len()), (2, 0));
    watches.subscribe(key(1), &[user("b"), user("a")], 2).expect("those are watched already");
    watches.subscribe(key(2), &[user("c")], 2).expect("each session has its own");
    assert_eq!(watches.unsubscribe(key(1), &[user("b"), user("c")]), [user("b")]);
    watches.subscribe(key(1), &[user("c")], 2).expect("there is room again");
    assert_eq!(watches.forget(key(2)), [] as [UserId; 0], "another one still watches");
    let mut gone = watches.forget(key(1));
    gone.sort();
    assert_eq!(gone, [user("a"), user("c")]);
    assert_eq!((watches.len(), watches.users.len(), watches.sessions.len()), (0, 0, 0));
}

#[test]
fn who_comes_and_goes_quickly_is_told_once_in_an_interval_and_not_at_all_when_it_is_as_before() {
    let mut watches = watching(1, "bob");
    let left = UserPresence::never(user("bob"));
    let first = watches.heard(left.clone(), LATER.0, LATER.1);
    assert_eq!((told(&first), first.presence), (vec![1], Some(left.clone())));
    let quiet = Tick(21);
    let later = watches.heard(online("bob"), quiet, Tick(31));
    assert_eq!((told(&later), &later.later), (vec![], &Some((LATER.1, user("bob")))));
    for state in [left.clone(), online("bob"), left.clone(), online("bob")] {
        assert_eq!(
            watches.heard(state, quiet, Tick(31)),
            Tell::default(),
            "somebody comes back to it already"
        );
    }
    assert_eq!(watches.after_quiet(&user("bob"), Tick(29), Tick(39)), Tell::default(), "too early");
    let last = watches.after_quiet(&user("bob"), Tick(30), Tick(40));
    assert_eq!((told(&last), last.presence), (vec![1], Some(online("bob"))));

    watches.heard(left, Tick(31), Tick(41));
    watches.heard(online("bob"), Tick(32), Tick(42));
    assert_eq!(watches.after_quiet(&user("bob"), Tick(40), Tick(50)), Tell::default(), "it is as it was");
}

#[test]
fn what_may_be_hidden_by_now_is_not_told_until_it_is_known() {
    let mut watches = watching(1, "bob");
    let (old_round, ..) = watches.ask(key(1)).unwrap();
    assert!(watches.doubt(key(1), &user("bob")));
    let left = UserPresence::never(user("bob"));
    assert_eq!(told(&watches.heard(left.clone(), LATER.0, LATER.1)), [0_u32; 0]);
    let stale = PresenceSeen { round: old_round, shown: vec![online("bob")], hidden: vec![] };
    let stale = watches.answered(key(1), stale, LATER);
    assert_eq!((stale.snapshot, stale.settled), (vec![], false), "it was asked before");
    let hidden = see(&mut watches, 1, &[], &["bob"]);
    assert_eq!((hidden.snapshot, hidden.settled), (vec![left], true));
    assert_eq!(told(&watches.heard(online("bob"), Tick(50), Tick(60))), [0_u32; 0]);

    watches.doubt(key(1), &user("bob"));
    let shown = see(&mut watches, 1, &[online("bob")], &[]);
    assert_eq!(shown.snapshot, [online("bob")]);
    assert!(!watches.doubt(key(2), &user("bob")) && !watches.doubt(key(1), &user("carol")));
}

#[test]
fn an_answer_is_news_for_others_and_older_than_what_the_bus_brought_meanwhile() {
    let mut watches = watching(1, "bob");
    watches.subscribe(key(2), &[user("bob")], 10).unwrap();
    let away = at("bob", PresenceState::Away);
    let (round, users, _) = watches.ask(key(2)).unwrap();
    assert_eq!(users, [user("bob")]);
    let seen = |round, shown| PresenceSeen { round, shown: vec![shown], hidden: vec![] };
    let answered = watches.answered(key(2), seen(round, away.clone()), LATER);
    assert_eq!(answered.snapshot, std::slice::from_ref(&away));
    assert_eq!(answered.news.iter().map(told).collect::<Vec<_>>(), [vec![1]], "not twice for who asked");

    watches.subscribe(key(3), &[user("bob")], 10).unwrap();
    let (round, ..) = watches.ask(key(3)).unwrap();
    watches.heard(online("bob"), Tick(40), Tick(50));
    let answered = watches.answered(key(3), seen(round, away), (Tick(41), Tick(51)));
    assert_eq!((answered.snapshot, answered.news), (vec![online("bob")], vec![]));
}

#[test]
fn only_what_is_not_answered_is_asked_again_and_all_of_it_when_everything_is() {
    let mut watches = watching(1, "bob");
    watches.subscribe(key(1), &[user("carol")], 10).unwrap();
    let (_, users, tries) = watches.ask(key(1)).unwrap();
    assert_eq!((users, tries), (vec![user("carol")], 0));
    let (_, users, tries) = watches.ask(key(1)).unwrap();
    assert_eq!((users, tries), (vec![user("carol")], 1), "it was not answered");
    let answered = see(&mut watches, 1, &[at("carol", PresenceState::Unknown)], &[]);
    assert!(answered.unknown && answered.settled);
    let (round, users, tries) = watches.ask(key(1)).unwrap();
    assert_eq!((users.len(), tries), (2, 0), "as nothing is awaited");
    // Nothing has changed, so nothing is said.
    let shown = vec![online("bob"), at("carol", PresenceState::Unknown)];
    let renewed = watches.answered(key(1), PresenceSeen { round, shown, hidden: vec![] }, LATER);
    assert_eq!((renewed.snapshot, renewed.news.iter().flat_map(told).count()), (vec![], 0));
}

#[test]
fn what_did_not_fit_a_mailbox_is_asked_about_and_told_again() {
    let mut watches = watching(1, "bob");
    watches.missed(key(1), &user("bob"));
    let answered = see(&mut watches, 1, &[online("bob")], &[]);
    assert_eq!(answered.snapshot, [online("bob")]);
}
