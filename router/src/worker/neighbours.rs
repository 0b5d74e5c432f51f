//! Heartbeats, out and in, and what follows from them within this worker.

use std::sync::Arc;

use proto::{Command, Heartbeat};
use store::mutation::{self, Mutation};

use super::incarnation::Incarnation;
use super::wheel::TICK_MS;
use crate::config::millis;
use crate::ownership::Owner;
use crate::turn::Death;

/// Milliseconds between two looks at commands that came here though others should serve them.
const STRAYS_MS: u64 = 25;
/// For so long, in milliseconds, such a command shows that its partition is awaited.
const AWAITED_MS: u64 = 1_000;

impl Incarnation<'_> {
    /// Takes the heartbeats of this turn, and lets everything happen that follows from them and from silence.
    pub(super) fn look_around(&mut self, beats: &mut Vec<Arc<Heartbeat>>) {
        let now_ms = self.now.steady_ms;
        let mut news = false;
        for beat in beats.drain(..) {
            if beat.incarnation != self.me.0 && self.is_superseded(&beat) {
                self.death = Some(Death::Superseded);
                return;
            }
            let is_new = self.peers.hear(&beat, now_ms);
            // Whoever is new should hear of this one at once.
            self.beat_due |= is_new && beat.incarnation != self.me.0;
            news |= is_new;
        }
        let suspects = self.peers.tick(now_ms);
        for other in suspects {
            tracing::warn!(incarnation = %self.me, %other, "silent, suspected");
            self.metrics.suspicions.increment(1);
            news = true;
        }
        news |= self.doubt_holders();
        if news || self.must_plan() {
            if news {
                self.owners.values_mut().for_each(Owner::hurry);
            }
            self.plan();
            self.metrics.peers.set(self.peers.count() as f64);
        }
        self.forward_kept(news);
    }

    /// Another claims to serve, under a higher epoch, what this incarnation owns: then it was fenced (FENCE O3).
    fn is_superseded(&self, beat: &Heartbeat) -> bool {
        if mutation::is(Mutation::AnswersAsleep) {
            return false;
        }
        beat.serving.iter().any(|(partition, epoch)| {
            let owned = self.owners.get(partition).and_then(Owner::epoch);
            owned.is_some_and(|owned| owned < *epoch)
        })
    }

    /// Tells everyone what it owns, if it is time or if something has changed. What was claimed in this turn is opened
    /// to commands afterwards, so that these are stamped with its epoch.
    pub(super) fn beat(&mut self) {
        let now_ms = self.now.steady_ms;
        let is_time = self.beat_ms.is_none_or(|last| now_ms >= last + millis(self.config.heartbeat_interval));
        if self.beat_due || is_time || !self.opened.is_empty() {
            self.beat_due = false;
            self.beat_ms = Some(now_ms);
            self.bus.beat(Heartbeat {
                router: self.router,
                incarnation: self.me.0,
                serving: self
                    .owners
                    .iter()
                    .filter_map(|(partition, owner)| Some((*partition, owner.held()?)))
                    .collect(),
                draining: self.draining.is_some(),
                sent_ms: now_ms,
            });
        }
        for partition in std::mem::take(&mut self.opened) {
            if self.draining.is_none() && !self.giving.contains_key(&partition) {
                self.queue.add(partition);
            }
        }
    }

    /// The last heartbeat: it owns nothing, and what the store says otherwise may be taken from it at once.
    pub(super) fn say_goodbye(&self) {
        let (router, incarnation) = (self.router, self.me.0);
        self.bus.beat(Heartbeat { router, incarnation, serving: Vec::new(), draining: true, sent_ms: 0 });
    }

    /// Commands for partitions that others are said to hold, though they do not reach these.
    fn doubt_holders(&mut self) -> bool {
        let now_ms = self.now.steady_ms;
        if now_ms < self.strays_ms + STRAYS_MS {
            return false;
        }
        self.strays_ms = now_ms;
        self.awaited.retain(|_, came_ms| *came_ms + AWAITED_MS > now_ms);
        let kept = self.kept.partitions().into_iter().map(|(partition, _)| partition);
        self.awaited.extend(kept.chain(self.queue.take_strays()).map(|partition| (partition, now_ms)));
        let mut any = false;
        for partition in self.awaited.keys() {
            if let Some(other) = self.peers.doubt(*partition, self.now.steady_ms) {
                tracing::warn!(incarnation = %self.me, %other, "commands do not reach it, suspected");
                self.metrics.suspicions.increment(1);
                any = true;
            }
        }
        any
    }

    /// A command for a partition that is not served here.
    pub(super) fn keep(&mut self, command: Command) {
        if self.draining.is_some() && !self.peers.has_heirs() {
            self.refuse(&command, proto::Code::Busy, "nobody serves the partition");
            return;
        }
        if let Err(command) = self.kept.push(command, self.now.steady_ms, self.config.commands_kept_max) {
            self.refuse(&command, proto::Code::Busy, "too many commands wait for an owner");
        }
    }

    /// Those whose partition is served here now are taken; those that another serves are sent there. A heartbeat may be
    /// older than a release, so that without news each is sent once a tick at most.
    fn forward_kept(&mut self, news: bool) {
        if self.kept.is_empty() {
            return;
        }
        let now_ms = self.now.steady_ms;
        let abandoned = self.draining.is_some() && !self.peers.has_heirs();
        for (partition, oldest_ms) in self.kept.partitions() {
            if self.serving.contains_key(&partition) {
                let mut commands = self.kept.take(partition);
                self.dispatch(&mut commands);
            } else if abandoned {
                self.kept.take(partition).into_iter().for_each(|command| self.keep(command));
            } else if (news || now_ms >= oldest_ms + TICK_MS) && self.peers.holder(partition).is_some() {
                for command in self.kept.take(partition) {
                    self.metrics.forwarded.increment(1);
                    if let Err(bus::Busy(command)) = self.bus.send_command(command) {
                        self.keep(*command);
                    }
                }
            }
        }
        let waited_ms = proto::limits::COMMAND_DEADLINE_MS;
        for command in self.kept.expired(self.now.wall, now_ms, waited_ms) {
            self.refuse(&command, proto::Code::Busy, "nobody served the partition in time");
        }
        self.metrics.kept.set(self.kept.len() as f64);
    }
}
