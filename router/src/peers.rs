//! Who else is there, and which partitions follow from it: a state machine without io.
//!
//! ```text
//! heartbeats ──► live ──silence──► suspect ──fence──► gone        rendezvous over who is live ──► who should own what
//!                  ▲                  │                                                              │
//!                  └──── heard again ─┘                            plan: claim these, give these up ◄┘
//! ```
//!
//! Heartbeats say who should own a partition and whom to suspect. Who may, the store says (FENCE O1): a wrong suspicion
//! costs time, never data.
//!
//! **Guarantees.** Nobody is suspected for a silence in which this incarnation did not hear itself either: not while its
//! own bus is away, not for a time in which it slept, and after either the others get time to come back. Whoever is
//! live is never fenced. Between two views that agree on who is live there is one owner for each partition, and a
//! change of one member moves only that member's partitions.
//!
//! **Does not** decide safety.
//!
//! **Limits.** [`PEERS_MAX`] incarnations; those of more are not heard.

mod ear;
mod peer;
mod rendezvous;

use std::collections::{BTreeMap, VecDeque};

use proto::id::PARTITIONS;
use proto::{Epoch, Heartbeat, Partition};
use store::IncarnationId;

use ear::Ear;
use peer::Peer;

/// Incarnations known at the same time.
pub const PEERS_MAX: usize = 1_024;
/// A worker of the same process is alive as long as the process is; its thread may be starved for a while.
const SIBLING_PATIENCE: u64 = 20;
/// A suspect that nobody had to fence is forgotten after this time.
const FORGET_MS: u64 = 60_000;
/// Losses of a router count for this long.
const LOSSES_MS: u64 = 60_000;
/// A router that was lost again and again waits at most so long for its share.
const STEADY_MS_MAX: u64 = 30_000;
/// A partition that nobody holds goes to the next in line after this time.
const UNHELD_MS: u64 = 2_000;
/// Who left a partition unclaimed is passed over for this time.
const UNABLE_MS: u64 = 30_000;

/// How long everything takes, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct PeerRules {
    /// Between two heartbeats.
    pub beat_ms: u64,
    /// Silence after which an incarnation is suspected.
    pub suspect_ms: u64,
    /// A new incarnation listens for so long before it claims or fences.
    pub listen_ms: u64,
    /// Who is new gets partitions of others after being heard for so long.
    pub steady_ms: u64,
    /// After this incarnation was deaf, others may be silent for so much longer.
    pub grace_ms: u64,
}

/// See the module.
pub struct Peers {
    me: IncarnationId,
    router: u64,
    /// Workers of this process.
    siblings: usize,
    rules: PeerRules,
    ear: Ear,
    peers: BTreeMap<IncarnationId, Peer>,
    /// Fenced or gone by themselves: never heard again.
    gone: VecDeque<IncarnationId>,
    /// Routers of which an incarnation was lost, and when.
    losses: VecDeque<(u64, u64)>,
    /// Since when nobody is heard to hold a partition.
    unheld: Vec<Option<u64>>,
    leaving: bool,
}

/// Whether an incarnation has claimed all that is its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hands {
    /// It has.
    Free,
    /// Not yet: what others leave lying is not for it, too.
    Full,
}

/// What has to be done.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// To be claimed.
    pub claim: Vec<Partition>,
    /// Owned, and to be given back.
    pub give_up: Vec<Partition>,
    /// Somebody else should claim something and has not done so yet: in time the plan may become another.
    pub awaits_others: bool,
}

/// Who a plan reckons with. As long as nothing is heard that changes anything, and the same is owned, a plan that asks for
/// nothing goes on asking for nothing until this is another.
#[derive(Debug, PartialEq, Eq)]
pub struct View {
    is_settled: bool,
    leaving: bool,
    candidates: Vec<IncarnationId>,
    steady: Vec<IncarnationId>,
}

impl Peers {
    /// Nobody was heard yet.
    pub fn new(me: IncarnationId, router: u64, siblings: usize, rules: PeerRules) -> Self {
        Self {
            me,
            router,
            siblings,
            rules,
            ear: Ear::new(2 * rules.beat_ms, rules.suspect_ms),
            peers: BTreeMap::new(),
            gone: VecDeque::new(),
            losses: VecDeque::new(),
            unheld: vec![None; usize::from(PARTITIONS)],
            leaving: false,
        }
    }

    /// A heartbeat came. Whether it changes anything but the time.
    pub fn hear(&mut self, beat: &Heartbeat, now_ms: u64) -> bool {
        let id = IncarnationId(beat.incarnation);
        if id == self.me {
            return self.hear_myself(beat.sent_ms);
        }
        if self.gone.contains(&id) {
            return false;
        }
        if beat.draining && beat.serving.is_empty() {
            if let Some(peer) = self.peers.remove(&id)
                && peer.died_in_office()
            {
                self.lose(peer.router, now_ms);
            }
            self.bury(id);
            return true;
        }
        let ear = self.ear.now(now_ms);
        if let Some(peer) = self.peers.get_mut(&id) {
            return peer.hear(beat, ear);
        }
        if self.peers.len() >= PEERS_MAX {
            return false;
        }
        self.peers.insert(id, Peer::new(beat, ear));
        true
    }

    /// What counts is when it was sent: one from before a sleep says nothing about the time since.
    fn hear_myself(&mut self, sent_ms: u64) -> bool {
        let first = !self.ear.has_heard();
        if self.ear.hear(sent_ms) {
            for peer in self.peers.values_mut() {
                peer.grace_ms = self.rules.grace_ms;
            }
        }
        first
    }

    /// Looks at the clock; gives those that are suspected from now on.
    pub fn tick(&mut self, now_ms: u64) -> Vec<IncarnationId> {
        let (ear, rules, router) = (self.ear.now(now_ms), self.rules, self.router);
        let mut suspects = Vec::new();
        for (id, peer) in &mut self.peers {
            let patience = if peer.router == router { SIBLING_PATIENCE } else { 1 };
            if !peer.is_suspect && peer.silence_ms(ear) >= rules.suspect_ms * patience + peer.grace_ms {
                peer.is_suspect = true;
                suspects.push((*id, peer.router));
            }
        }
        self.peers.retain(|_, peer| !peer.is_suspect || peer.silence_ms(ear) < FORGET_MS);
        while self.losses.front().is_some_and(|(_, at)| at + LOSSES_MS <= ear) {
            self.losses.pop_front();
        }
        for (_, router) in &suspects {
            self.lose(*router, now_ms);
        }
        suspects.into_iter().map(|(id, _)| id).collect()
    }

    /// Commands for a partition come here though another says that it serves it: if that one missed two beats already,
    /// it is suspected now rather than later. Gives whom.
    pub fn doubt(&mut self, partition: Partition, now_ms: u64) -> Option<IncarnationId> {
        let (id, _) = self.holder(partition)?;
        let ear = self.ear.now(now_ms);
        let peer = self.peers.get_mut(&id)?;
        let missed = peer.silence_ms(ear) >= 3 * self.rules.beat_ms + peer.grace_ms;
        if peer.router == self.router || !missed {
            return None;
        }
        peer.is_suspect = true;
        let router = peer.router;
        self.lose(router, now_ms);
        Some(id)
    }

    /// This incarnation wants nothing any more.
    pub fn leave(&mut self) {
        self.leaving = true;
    }

    /// Whether enough was heard to claim anything: oneself, for a while, and the other workers of this process.
    pub fn is_settled(&self, now_ms: u64) -> bool {
        let ear = self.ear.now(now_ms);
        let siblings = 1 + self.peers.values().filter(|peer| peer.router == self.router).count();
        self.ear.is_hearing(now_ms)
            && self.ear.since_deaf(now_ms) >= self.rules.listen_ms
            && (siblings >= self.siblings || ear >= self.rules.suspect_ms.max(self.rules.listen_ms))
    }

    /// Whether this incarnation heard itself lately: then others heard it, too, and had no reason to suspect it.
    pub fn is_heard(&self, now_ms: u64) -> bool {
        self.ear.silence_ms(now_ms).is_some_and(|silence| silence <= self.rules.suspect_ms / 2)
    }

    /// Whether this owner of a partition may be fenced in order to take it: it is suspected, or was never heard by one
    /// who listened long enough.
    pub fn may_fence(&self, other: IncarnationId, now_ms: u64) -> bool {
        other != self.me
            && self.is_settled(now_ms)
            && self.peers.get(&other).is_none_or(|peer| peer.is_suspect)
    }

    /// Its fence is being written: whatever is heard of it from now on, it is dead.
    pub fn bury(&mut self, other: IncarnationId) {
        self.peers.remove(&other);
        if !self.gone.contains(&other) {
            self.gone.push_back(other);
        }
        if self.gone.len() > PEERS_MAX {
            self.gone.pop_front();
        }
    }

    /// Who is heard to hold a partition, if not this incarnation.
    pub fn holder(&self, partition: Partition) -> Option<(IncarnationId, Epoch)> {
        let holds = |(id, peer): (&IncarnationId, &Peer)| peer.epoch(partition).map(|epoch| (*id, epoch));
        self.live().filter_map(holds).max_by_key(|(_, epoch)| *epoch)
    }

    /// Whether routers of other processes are there to take what this one gives up.
    pub fn has_heirs(&self) -> bool {
        self.live().any(|(_, peer)| peer.router != self.router && !peer.draining)
    }

    /// How many others are live.
    pub fn count(&self) -> usize {
        self.live().count()
    }

    fn live(&self) -> impl Iterator<Item = (&IncarnationId, &Peer)> {
        self.peers.iter().filter(|(_, peer)| !peer.is_suspect)
    }

    /// Who a plan of this moment reckons with.
    pub fn view(&self, now_ms: u64) -> View {
        let ear = self.ear.now(now_ms);
        View {
            is_settled: self.is_settled(now_ms),
            leaving: self.leaving,
            candidates: self.candidates(0, ear),
            steady: self.candidates(self.rules.steady_ms, ear),
        }
    }

    /// What to do about these partitions, of which `owns` says whether they are owned.
    pub fn plan(
        &mut self,
        partitions: &[Partition],
        owns: impl Fn(Partition) -> bool,
        hands: Hands,
        now_ms: u64,
    ) -> Plan {
        let mut plan = Plan::default();
        if self.leaving {
            plan.give_up = partitions.iter().copied().filter(|partition| owns(*partition)).collect();
            return plan;
        }
        let View { is_settled, candidates, steady, .. } = self.view(now_ms);
        if !is_settled {
            return plan;
        }
        let ear = self.ear.now(now_ms);
        let held = self.held();
        for partition in partitions {
            let at = usize::from(partition.number());
            let mine = owns(*partition);
            if mine || held[at] {
                self.unheld[at] = None;
            }
            if mine {
                if rendezvous::first(self.me, &steady, *partition) != self.me {
                    plan.give_up.push(*partition);
                }
            } else if !held[at] {
                match self.is_next(*partition, &candidates, hands, ear) {
                    true => plan.claim.push(*partition),
                    false => plan.awaits_others = true,
                }
            }
        }
        plan
    }

    /// Whether a partition that nobody holds is for this incarnation to claim: because it is first in line, or because
    /// those before it left it lying.
    fn is_next(
        &mut self,
        partition: Partition,
        candidates: &[IncarnationId],
        hands: Hands,
        ear: u64,
    ) -> bool {
        let before = rendezvous::before(self.me, candidates, partition);
        let since = *self.unheld[usize::from(partition.number())].get_or_insert(ear);
        if before.is_empty() {
            return true;
        }
        if hands == Hands::Full || ear < since + UNHELD_MS * before.len() as u64 {
            return false;
        }
        for unable in before {
            if let Some(peer) = self.peers.get_mut(&unable) {
                peer.unable_until = ear + UNABLE_MS;
            }
        }
        true
    }

    fn held(&self) -> Vec<bool> {
        let mut held = vec![false; usize::from(PARTITIONS)];
        for (partition, _) in self.live().flat_map(|(_, peer)| &peer.serving) {
            held[usize::from(partition.number())] = true;
        }
        held
    }

    /// Others that partitions may go to: live, not leaving, able, and heard for `steady_ms`; longer after losses.
    fn candidates(&self, steady_ms: u64, ear: u64) -> Vec<IncarnationId> {
        let may = |peer: &Peer| {
            let losses = self.losses.iter().filter(|(router, _)| *router == peer.router).count();
            let steady_ms = match losses {
                0 | 1 => steady_ms,
                more => (self.rules.steady_ms << more.min(10)).min(STEADY_MS_MAX.max(self.rules.steady_ms)),
            };
            !peer.draining && peer.unable_until <= ear && peer.since + steady_ms <= ear
        };
        self.live().filter(|(_, peer)| may(peer)).map(|(id, _)| *id).collect()
    }

    fn lose(&mut self, router: u64, now_ms: u64) {
        if self.losses.len() >= PEERS_MAX {
            self.losses.pop_front();
        }
        self.losses.push_back((router, self.ear.now(now_ms)));
    }
}

#[cfg(test)]
mod tests;
