//! Who on this shard watches whose presence, and what each was told.
//!
//! ```text
//! subscribe ─► New ─asked─► shown ─► Shown ◄──────────────┐
//!                    │                 │ rules may differ │ shown
//!                    └─► hidden        ▼                  │
//!                          │        Suspended ────asked───┤
//!                          ▼           │                  │
//!                        Hidden ◄──────┴────── hidden ◄───┘
//! ```
//!
//! Of each watched user there is one state, the newest heard, whoever brought it; of each watch, whether its session may see
//! it. What changes is told to all who may at once, and then not again before an interval has passed; what is the same again by then was never told.
//!
//! **Guarantees.** Nothing is told of a user to a session before the router said that it may see the user, nor after it was
//! heard that this may have changed, until it said so again. An answer to an older question never counts. Each watch is asked about
//! until it is answered.
//!
//! **Does not** know sockets, clocks or the bus: subjects to subscribe to and frames to send are what its methods give.
//!
//! **Limits.** `max` users for each session, told at [`Watches::subscribe`]. 12 bytes for a watch, and 4 with the user; some 200 for each
//! user that is watched on this shard. A session that watches nobody has nothing here.

use hashbrown::HashMap;
use proto::UserId;
use proto::presence::{PresenceSeen, PresenceState, UserPresence};

use crate::session::SessionKey;
use crate::wheel::Tick;

/// See the module.
#[derive(Default)]
pub(crate) struct Watches {
    index: HashMap<UserId, u32>,
    users: Vec<Option<Watched>>,
    free: Vec<u32>,
    sessions: HashMap<SessionKey, Box<Watching>>,
    /// Of the last question; 0 and 1 are none.
    round: u32,
    watches: usize,
}

/// A user who is watched.
struct Watched {
    user: UserId,
    watchers: Vec<SessionKey>,
    /// The newest state that was heard.
    newest: Option<UserPresence>,
    /// What those who may see it were told last.
    told: Option<UserPresence>,
    /// The last question when `newest` was heard from the bus.
    heard: u32,
    /// Until then nothing more is told.
    quiet_until: Tick,
    /// Somebody comes back to it then.
    queued: bool,
}

/// What a session watches.
struct Watching {
    watches: Vec<Watch>,
    /// When it is asked, or asked again.
    due: Tick,
    /// How often in vain.
    tries: u8,
}

struct Watch {
    at: u32,
    /// The question that its answer is awaited of; [`SETTLED`] for none, [`DUE`] when it is still to be asked.
    awaits: u32,
    sight: Sight,
}

const SETTLED: u32 = 0;
const DUE: u32 = 1;

/// What a session was told of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sight {
    /// Nothing yet, or not what it should have been.
    New,
    /// Its state, and each change of it.
    Shown,
    /// That it is offline, which it may not be.
    Hidden,
    /// Its state, once; whether it still may be told is not known.
    Suspended,
}

/// A session may not watch so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

/// What is to be told now.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tell {
    /// The state.
    pub(crate) presence: Option<UserPresence>,
    /// To whom.
    pub(crate) sessions: Vec<SessionKey>,
    /// What has changed of this user is to be told then, by [`Watches::after_quiet`].
    pub(crate) later: Option<(Tick, UserId)>,
}

/// What came of an answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Answered {
    /// For the session that asked.
    pub(crate) snapshot: Vec<UserPresence>,
    /// For others on this shard who have not heard it.
    pub(crate) news: Vec<Tell>,
    /// Nothing is awaited any more.
    pub(crate) settled: bool,
    /// Of somebody nobody knows anything.
    pub(crate) unknown: bool,
}

impl Watches {
    /// A session wants to be told of users. Gives those whom nobody here watched before; all are to be asked about.
    pub(crate) fn subscribe(
        &mut self,
        key: SessionKey,
        users: &[UserId],
        max: usize,
    ) -> Result<Vec<UserId>, TooMany> {
        let known = self.sessions.get(&key);
        let is_known = |user: &&UserId| {
            let at = self.index.get(*user);
            at.is_some_and(|at| known.is_some_and(|watching| watching.find(*at).is_some()))
        };
        let mut fresh: Vec<&UserId> = users.iter().filter(|user| !is_known(user)).collect();
        fresh.sort_unstable();
        fresh.dedup();
        if known.map_or(0, |watching| watching.watches.len()) + fresh.len() > max {
            return Err(TooMany);
        }
        let mut unwatched = Vec::new();
        for user in users {
            let at = self.place(user, &mut unwatched);
            let watching = self
                .sessions
                .entry(key)
                .or_insert_with(|| Box::new(Watching { watches: Vec::new(), due: Tick::NEVER, tries: 0 }));
            match watching.find(at) {
                // Whoever asks again is told again.
                Some(found) => {
                    let watch = &mut watching.watches[found];
                    (watch.awaits, watch.sight) = (DUE, Sight::New);
                }
                None => {
                    watching.watches.push(Watch { at, awaits: DUE, sight: Sight::New });
                    self.watches += 1;
                    if let Some(watched) = self.users[at as usize].as_mut() {
                        watched.watchers.push(key);
                    }
                }
            }
            watching.tries = 0;
        }
        Ok(unwatched)
    }

    /// A session wants to be told of these no longer. Gives those whom nobody here watches any more.
    pub(crate) fn unsubscribe(&mut self, key: SessionKey, users: &[UserId]) -> Vec<UserId> {
        let Some(watching) = self.sessions.get_mut(&key) else { return Vec::new() };
        let mut gone = Vec::new();
        for user in users {
            let Some(at) = self.index.get(user).copied() else { continue };
            if let Some(found) = watching.find(at) {
                watching.watches.swap_remove(found);
                gone.push(at);
            }
        }
        if watching.watches.is_empty() {
            self.sessions.remove(&key);
        }
        self.leave(key, gone)
    }

    /// The same of everybody.
    pub(crate) fn forget(&mut self, key: SessionKey) -> Vec<UserId> {
        let Some(watching) = self.sessions.remove(&key) else { return Vec::new() };
        let gone = watching.watches.iter().map(|watch| watch.at).collect();
        self.leave(key, gone)
    }

    /// What a session watches.
    pub(crate) fn of(&self, key: SessionKey) -> Vec<UserId> {
        let watching = self.sessions.get(&key);
        let watches = watching.into_iter().flat_map(|watching| &watching.watches);
        watches.filter_map(|watch| self.watched(watch.at).map(|watched| watched.user.clone())).collect()
    }

    /// Sessions that watch a user.
    pub(crate) fn watchers(&self, user: &UserId) -> &[SessionKey] {
        let watched = self.index.get(user).and_then(|at| self.watched(*at));
        watched.map_or(&[], |watched| &watched.watchers)
    }

    /// Watches there are.
    pub(crate) fn len(&self) -> usize {
        self.watches
    }

    /// When the session is to be asked about.
    pub(crate) fn due(&self, key: SessionKey) -> Tick {
        self.sessions.get(&key).map_or(Tick::NEVER, |watching| watching.due)
    }

    /// It is to be asked about then, unless it is sooner anyway.
    pub(crate) fn ask_by(&mut self, key: SessionKey, due: Tick) {
        if let Some(watching) = self.sessions.get_mut(&key) {
            watching.due = watching.due.min(due);
        }
    }

    /// It is to be asked about then.
    pub(crate) fn ask_at(&mut self, key: SessionKey, due: Tick) {
        if let Some(watching) = self.sessions.get_mut(&key) {
            watching.due = due;
        }
    }

    /// A question about everything that a session does not know for sure, or about all that it watches if it is sure of
    /// everything: its number, whom it is about, and how often it was asked in vain.
    pub(crate) fn ask(&mut self, key: SessionKey) -> Option<(u32, Vec<UserId>, u8)> {
        let watching = self.sessions.get_mut(&key)?;
        let tries = watching.tries;
        watching.tries = tries.saturating_add(1);
        self.round = self.round.wrapping_add(1).max(DUE + 1);
        let all = watching.watches.iter().all(|watch| watch.awaits == SETTLED);
        let asked = watching.watches.iter_mut().filter(|watch| all || watch.awaits != SETTLED);
        let mut users = Vec::new();
        for watch in asked {
            watch.awaits = self.round;
            if let Some(watched) = self.users[watch.at as usize].as_ref() {
                users.push(watched.user.clone());
            }
        }
        Some((self.round, users, tries))
    }

    /// The answer to a question of the session.
    pub(crate) fn answered(
        &mut self,
        key: SessionKey,
        seen: PresenceSeen,
        (now, next): (Tick, Tick),
    ) -> Answered {
        let mut answered = Answered::default();
        let round = seen.round;
        for presence in seen.shown {
            let Some(at) = self.index.get(&presence.user).copied() else { continue };
            let Some(before) = self.settle(key, at, round, Sight::Shown) else { continue };
            answered.unknown |= presence.state == PresenceState::Unknown;
            let is_new = before != Sight::Shown;
            // What the bus brought since the question is taken as the newer.
            let newest = match self.watched(at) {
                Some(Watched { newest: Some(newest), heard, .. }) if *heard >= round => newest.clone(),
                _ => {
                    answered.news.push(self.news(presence.clone(), now, next, is_new.then_some(key)));
                    presence
                }
            };
            if is_new {
                answered.snapshot.push(newest);
            }
        }
        for user in seen.hidden {
            let Some(at) = self.index.get(&user).copied() else { continue };
            let Some(before) = self.settle(key, at, round, Sight::Hidden) else { continue };
            if before != Sight::Hidden {
                answered.snapshot.push(UserPresence::never(user));
            }
        }
        if let Some(watching) = self.sessions.get_mut(&key)
            && watching.watches.iter().all(|watch| watch.awaits == SETTLED)
        {
            watching.tries = 0;
            answered.settled = true;
        }
        answered
    }

    /// The bus brought the state of a user.
    pub(crate) fn heard(&mut self, presence: UserPresence, now: Tick, next: Tick) -> Tell {
        let round = self.round;
        if let Some(watched) = self.index.get(&presence.user).and_then(|at| self.users[*at as usize].as_mut())
        {
            watched.heard = round;
        }
        self.news(presence, now, next, None)
    }

    /// The newest state of a user: to be told at once, or at the end of the quiet time. `next` is the end of one that begins
    /// now.
    fn news(&mut self, presence: UserPresence, now: Tick, next: Tick, except: Option<SessionKey>) -> Tell {
        let Some(at) = self.index.get(&presence.user).copied() else { return Tell::default() };
        let Some(watched) = self.users[at as usize].as_mut() else { return Tell::default() };
        watched.newest = Some(presence);
        if watched.quiet_until > now {
            let queued = std::mem::replace(&mut watched.queued, true);
            let later = (!queued).then(|| (watched.quiet_until, watched.user.clone()));
            return Tell { later, ..Tell::default() };
        }
        self.tell(at, next, except)
    }

    /// The quiet time of a user is over: what is to be told by now.
    pub(crate) fn after_quiet(&mut self, user: &UserId, now: Tick, next: Tick) -> Tell {
        let Some(at) = self.index.get(user).copied() else { return Tell::default() };
        match self.users[at as usize].as_mut() {
            // One that was forgotten and is watched again has its own quiet time.
            Some(watched) if watched.queued && watched.quiet_until <= now => {
                watched.queued = false;
                self.tell(at, next, None)
            }
            _ => Tell::default(),
        }
    }

    fn tell(&mut self, at: u32, next: Tick, except: Option<SessionKey>) -> Tell {
        let Some(watched) = self.users[at as usize].as_mut() else { return Tell::default() };
        if watched.told == watched.newest {
            return Tell::default();
        }
        watched.told.clone_from(&watched.newest);
        watched.quiet_until = next;
        let presence = watched.newest.clone();
        let sees = |key: &&SessionKey| {
            let watching = self.sessions.get(*key);
            let watch = watching.and_then(|watching| watching.find(at).map(|found| &watching.watches[found]));
            except != Some(**key) && watch.is_some_and(|watch| watch.sight == Sight::Shown)
        };
        let watchers = self.users[at as usize].iter().flat_map(|watched| &watched.watchers);
        let sessions = watchers.filter(sees).copied().collect();
        Tell { presence, sessions, later: None }
    }

    /// Whether the session may see the user may have changed: it is told nothing of that user before it was asked again.
    /// Tells whether it watches the user at all.
    pub(crate) fn doubt(&mut self, key: SessionKey, user: &UserId) -> bool {
        let Some(at) = self.index.get(user).copied() else { return false };
        let Some(watching) = self.sessions.get_mut(&key) else { return false };
        let Some(found) = watching.find(at) else { return false };
        watching.watches[found].doubt();
        watching.tries = 0;
        true
    }

    /// The same of all that the session watches.
    pub(crate) fn doubt_all(&mut self, key: SessionKey) -> bool {
        let Some(watching) = self.sessions.get_mut(&key) else { return false };
        watching.watches.iter_mut().for_each(Watch::doubt);
        watching.tries = 0;
        true
    }

    /// The session did not get what it was told of the user: it is to be asked about and told again.
    pub(crate) fn missed(&mut self, key: SessionKey, user: &UserId) {
        let Some(at) = self.index.get(user).copied() else { return };
        let Some(watching) = self.sessions.get_mut(&key) else { return };
        if let Some(found) = watching.find(at) {
            let watch = &mut watching.watches[found];
            (watch.awaits, watch.sight) = (DUE, Sight::New);
        }
    }

    /// An answer of that question about a watch; gives what the session was told before. `None` for an answer that does not
    /// count.
    fn settle(&mut self, key: SessionKey, at: u32, round: u32, sight: Sight) -> Option<Sight> {
        let watching = self.sessions.get_mut(&key)?;
        let found = watching.find(at)?;
        let watch = &mut watching.watches[found];
        if watch.awaits != round {
            return None;
        }
        watch.awaits = SETTLED;
        Some(std::mem::replace(&mut watch.sight, sight))
    }

    fn watched(&self, at: u32) -> Option<&Watched> {
        self.users.get(at as usize).and_then(Option::as_ref)
    }

    /// The place of a user; a new one is noted as unwatched.
    fn place(&mut self, user: &UserId, unwatched: &mut Vec<UserId>) -> u32 {
        if let Some(at) = self.index.get(user) {
            return *at;
        }
        let at = self.free.pop().unwrap_or_else(|| {
            self.users.push(None);
            u32::try_from(self.users.len() - 1).unwrap_or(u32::MAX)
        });
        self.users[at as usize] = Some(Watched {
            user: user.clone(),
            watchers: Vec::new(),
            newest: None,
            told: None,
            heard: 0,
            quiet_until: Tick(0),
            queued: false,
        });
        self.index.insert(user.clone(), at);
        unwatched.push(user.clone());
        at
    }

    fn leave(&mut self, key: SessionKey, gone: Vec<u32>) -> Vec<UserId> {
        let mut unwatched = Vec::new();
        for at in gone {
            self.watches -= 1;
            let place = &mut self.users[at as usize];
            let Some(watched) = place else { continue };
            watched.watchers.retain(|other| *other != key);
            if watched.watchers.is_empty()
                && let Some(watched) = place.take()
            {
                self.index.remove(&watched.user);
                self.free.push(at);
                unwatched.push(watched.user);
            }
        }
        if self.watches == 0 {
            // A crowd that left must not keep its tables.
            let round = self.round;
            *self = Self { round, ..Self::default() };
        }
        unwatched
    }
}

impl Watching {
    fn find(&self, at: u32) -> Option<usize> {
        self.watches.iter().position(|watch| watch.at == at)
    }
}

impl Watch {
    fn doubt(&mut self) {
        self.awaits = DUE;
        if self.sight == Sight::Shown {
            self.sight = Sight::Suspended;
        }
    }
}

#[cfg(test)]
mod tests;
