//! The last word: when the world has come to rest, one more message is said, and nobody hears of it, because its events are
//! lost; in some worlds its router dies as well, at once, before its first probe, or while it is stopped in order. Whoever
//! stays connected must have it soon all the same: from the head that is told again after an entry, when a partition is given
//! back, and after a load (DESIGN 6.8). While a world comes to rest this does not show, because devices connect anew.

use std::time::Duration;

use bus::faulty::{Loss, Lost};
use lifecycle::sim::note;
use proto::{ConversationId, Epoch, Partition, Seq};
use tokio::time::Instant;

use super::{World, locked};
use crate::plan::LastWord;

/// Late writes may still end an incarnation, and what it held goes to others. Then other conversations were told for the last
/// time: routers have room for few, and whoever takes over loads those first that were not.
const CALM: Duration = Duration::from_secs(6);
/// After the message that loads the conversation.
const LOADED: Duration = Duration::from_millis(300);
/// A program's message that is not carried out by then never is.
const WITHIN: Duration = Duration::from_secs(10);
/// Everybody has heard of the head after an entry for the first time, or of the one after that.
const PROBED: Duration = Duration::from_secs(2);
const PROBED_AGAIN: Duration = Duration::from_secs(7);
/// What is lost with its router is taken over, loaded and told by the next.
const TAKEN_OVER: Duration = Duration::from_secs(8);
/// Devices that come anew are told everything.
const LISTED: Duration = Duration::from_secs(3);

/// How far it is.
#[derive(Clone, Copy)]
pub enum Phase {
    /// Until then nothing is said.
    Calm(Instant),
    /// The message that loads the conversation is said.
    Loaded(Instant),
    /// The last word is said, and its router is about to go.
    Doomed {
        /// When it was said.
        at: Instant,
        /// When the router goes.
        goes: Instant,
        /// Who owned its conversation.
        owner: Option<(u64, Epoch)>,
    },
    /// The last word is said.
    Said {
        /// When.
        at: Instant,
        /// Who owned its conversation.
        owner: Option<(u64, Epoch)>,
        /// Everybody has it by then.
        until: Instant,
    },
    /// Devices that come anew see what is in the lists.
    Listed {
        /// When it was said.
        at: Instant,
        /// Everybody has it by then.
        until: Instant,
    },
}

impl World {
    pub(super) fn begin_last_word(&mut self) {
        note(|| "all is at rest".to_owned());
        self.last_word = Some(Phase::Calm(Instant::now() + CALM));
    }

    /// `true` at the end.
    pub(super) fn hear_last_word(&mut self, phase: Phase) -> Result<bool, String> {
        let Some(kind) = self.plan.last_word else { return Ok(true) };
        let now = Instant::now();
        let conversation = self.conversation_of_last_word();
        self.last_word = Some(match phase {
            Phase::Calm(until) if now >= until => {
                self.say_somewhere(&conversation, WITHIN);
                Phase::Loaded(now + LOADED)
            }
            Phase::Loaded(until) if now >= until => self.say_last_word(kind, &conversation),
            Phase::Doomed { at, goes, owner } if now >= goes => {
                self.end_owner(kind, owner);
                Phase::Said { at, owner, until: now + TAKEN_OVER }
            }
            Phase::Said { at, until, .. } if kind.ends_its_router() && now >= until => {
                if let Some(lagging) = self.lagging(&conversation, at) {
                    return Err(lagging);
                }
                // Of what was not told by then they hear now, with the lists of those who come anew.
                self.look_anew();
                Phase::Listed { at, until: now + LISTED }
            }
            Phase::Said { at, owner, until } if !kind.ends_its_router() => {
                let is_told = locked(&self.record).newest(&conversation) > Seq::ZERO;
                let is_replaced = self.owner_of(&conversation) != owner;
                match self.lagging(&conversation, at) {
                    // What was never told, as by a broken rule, nobody can have.
                    None if now >= until || (is_told && now > at + LOADED) => return Ok(true),
                    // What the one before told when it gave it back may be lost, too.
                    Some(_) if is_replaced && kind != LastWord::EventsLost => return Ok(true),
                    Some(_) if is_replaced && now < at + TAKEN_OVER => phase,
                    Some(lagging) if now >= until => return Err(lagging),
                    _ => phase,
                }
            }
            Phase::Listed { at, until } if now >= until => {
                return self.lagging(&conversation, at).map_or(Ok(true), Err);
            }
            _ => phase,
        });
        Ok(false)
    }

    fn say_last_word(&mut self, kind: LastWord, conversation: &ConversationId) -> Phase {
        let (at, owner) = (Instant::now(), self.owner_of(conversation));
        note(|| format!("the last word in {conversation}: {kind:?}"));
        let lose = |until, of| self.surroundings.network.lose(Loss { until, of });
        let told = match kind {
            LastWord::AllLost(pause) => {
                lose(at + pause, Lost::Told);
                Phase::Said { at, owner, until: at + PROBED_AGAIN }
            }
            LastWord::EventsLost => {
                lose(at + WITHIN, Lost::Events);
                Phase::Said { at, owner, until: at + PROBED }
            }
            LastWord::RouterDies(after, _) | LastWord::RouterStops(after, _) => {
                lose(at + WITHIN, Lost::Events);
                Phase::Doomed { at, goes: at + after, owner }
            }
        };
        self.say_somewhere(conversation, WITHIN);
        told
    }

    /// The end of who owned the conversation of the last word when that was said.
    fn end_owner(&mut self, kind: LastWord, owner: Option<(u64, Epoch)>) {
        let process = owner.map(|(process, _)| process);
        for host in self.hosts.iter_mut().filter(|host| process.is_some() && host.number() == process) {
            match kind {
                LastWord::RouterDies(_, effects) => host.crash_after(effects),
                LastWord::RouterStops(_, effects) => {
                    host.restart();
                    host.crash_after(effects);
                }
                LastWord::EventsLost | LastWord::AllLost(_) => {}
            }
        }
    }

    fn conversation_of_last_word(&self) -> ConversationId {
        let at = self.plan.seed % self.conversations.len() as u64;
        self.conversations[at as usize].clone()
    }

    fn owner_of(&self, conversation: &ConversationId) -> Option<(u64, Epoch)> {
        self.surroundings.store.owner(Partition::of(conversation))
    }

    /// Whoever is connected since then, and was in the conversation, and does not have all of it.
    fn lagging(&self, conversation: &ConversationId, since: Instant) -> Option<String> {
        let record = locked(&self.record);
        let head = record.newest(conversation);
        if record.is_old(conversation, head.next(), self.now()) {
            return None;
        }
        let stayed = self.devices.iter().filter(|d| d.connected_since().is_some_and(|then| then < since));
        for device in stayed {
            let last = device.read.get(conversation).and_then(|read| read.last()).map(|entry| entry.seq);
            if last.is_some_and(|last| last < head) {
                let (user, ms) = (&device.user, since.elapsed().as_millis());
                let last = last.unwrap_or(Seq::ZERO);
                return Some(format!(
                    "{user} stayed connected, and after {ms} ms has {last} of {head} of {conversation}"
                ));
            }
        }
        None
    }
}
