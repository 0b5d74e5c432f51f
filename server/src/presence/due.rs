//! Users whose presence has changed, and when others hear of it: at once, but of who left only after a grace.
//!
//! **Guarantees.** A user is due once for however many changes before; who comes back in time was never away.
//!
//! **Limits.** `users_max` users; of more, changes are forgotten and counted.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use proto::UserId;
use store::PresenceChanges;
use tokio::time::Instant;

/// See the module.
pub(super) struct Due {
    grace: Duration,
    users_max: usize,
    ready: VecDeque<UserId>,
    are_ready: HashSet<UserId>,
    /// Who left, and when that is told.
    left: HashMap<UserId, Instant>,
    /// The same in order, with what is no longer so.
    order: VecDeque<(Instant, UserId)>,
    untold: metrics::Counter,
}

impl Due {
    pub(super) fn new(grace: Duration, users_max: usize) -> Self {
        Self {
            grace,
            users_max,
            ready: VecDeque::new(),
            are_ready: HashSet::new(),
            left: HashMap::new(),
            order: VecDeque::new(),
            untold: metrics::counter!("server_presence_untold_total"),
        }
    }

    pub(super) fn note(&mut self, changes: PresenceChanges, now: Instant) {
        for user in changes.came {
            // What was to be told of the leaving is told with this. If it was the later of the two, it is noted again below.
            self.left.remove(&user);
            self.make_ready(user);
        }
        let due = now + self.grace;
        for user in changes.left {
            if self.order.len() >= self.users_max {
                self.untold.increment(1);
                continue;
            }
            self.left.insert(user.clone(), due);
            self.order.push_back((due, user));
        }
    }

    /// The next user to be told of.
    pub(super) fn next(&mut self, now: Instant) -> Option<UserId> {
        while self.order.front().is_some_and(|(due, _)| *due <= now) {
            let Some((due, user)) = self.order.pop_front() else { break };
            if self.left.get(&user) == Some(&due) {
                self.left.remove(&user);
                self.make_ready(user);
            }
        }
        let user = self.ready.pop_front()?;
        self.are_ready.remove(&user);
        Some(user)
    }

    fn make_ready(&mut self, user: UserId) {
        if self.are_ready.contains(&user) {
            return;
        }
        if self.ready.len() >= self.users_max {
            return self.untold.increment(1);
        }
        self.are_ready.insert(user.clone());
        self.ready.push_back(user);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(names: &[&str]) -> Vec<UserId> {
        names.iter().map(|name| UserId::parse(name).unwrap()).collect()
    }

    fn came(names: &[&str]) -> PresenceChanges {
        PresenceChanges { came: users(names), left: Vec::new() }
    }

    fn left(names: &[&str]) -> PresenceChanges {
        PresenceChanges { came: Vec::new(), left: users(names) }
    }

    fn all(due: &mut Due, now: Instant) -> Vec<UserId> {
        std::iter::from_fn(|| due.next(now)).collect()
    }

    const GRACE: Duration = Duration::from_secs(10);

    #[test]
    fn who_comes_is_told_of_at_once_and_who_leaves_after_the_grace() {
        let (mut due, now) = (Due::new(GRACE, 10), Instant::now());
        due.note(came(&["alice", "bob"]), now);
        due.note(came(&["alice"]), now);
        assert_eq!(all(&mut due, now), users(&["alice", "bob"]));
        due.note(left(&["alice"]), now);
        assert_eq!(all(&mut due, now + GRACE - Duration::from_millis(1)), []);
        assert_eq!(all(&mut due, now + GRACE), users(&["alice"]));
        assert_eq!(all(&mut due, now + GRACE * 2), []);
    }

    #[test]
    fn who_comes_back_in_time_has_not_left_and_who_leaves_again_has_a_grace_again() {
        let (mut due, now) = (Due::new(GRACE, 10), Instant::now());
        due.note(left(&["alice"]), now);
        due.note(came(&["alice"]), now + GRACE / 2);
        assert_eq!(all(&mut due, now + GRACE / 2), users(&["alice"]));
        assert_eq!(all(&mut due, now + GRACE), []);
        due.note(left(&["alice"]), now + GRACE);
        let both = PresenceChanges { came: users(&["alice"]), left: users(&["alice"]) };
        due.note(both, now + GRACE * 3 / 2);
        assert_eq!(all(&mut due, now + GRACE * 2), users(&["alice"]), "she came");
        assert_eq!(all(&mut due, now + GRACE * 5 / 2), users(&["alice"]), "and perhaps left");
    }

    #[test]
    fn there_is_a_bound() {
        let (mut due, now) = (Due::new(GRACE, 2), Instant::now());
        due.note(came(&["a", "b", "c"]), now);
        due.note(left(&["a", "b", "c"]), now);
        assert_eq!(all(&mut due, now), users(&["a", "b"]));
        assert_eq!(all(&mut due, now + GRACE), users(&["a", "b"]));
    }
}
