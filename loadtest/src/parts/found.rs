//! What a part found, whole: nothing is rounded on the way to the lead.

use std::collections::BTreeMap;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::audit::Findings;
use crate::clock::Nanos;
use crate::course::Course;
use crate::engine::Ramp;
use crate::latency::Latencies;
use crate::server_process::Usage;
use crate::traffic::Aside;

/// See the module.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Found {
    /// How the opening went.
    pub ramp: Ramp,
    /// Second by second.
    pub course: Course,
    /// What happened beside messages.
    pub aside: Aside,
    /// By message, where somebody asked: microseconds from due until the last of this part's recipients had it.
    pub last_micros: Vec<u32>,
    /// What the audit found on the way.
    pub faults: Findings,
    /// The audit's book, as bytes.
    #[serde(skip)]
    pub book: Vec<u8>,
    /// What this part used.
    pub generator: Usage,
    /// Seconds in which it was used.
    pub used_seconds: f64,
    /// Messages that could not even wait.
    pub unsent: u64,
    /// Sockets that the server closed.
    pub closed: u64,
    /// Sockets that could not be opened.
    pub failed: u64,
    /// Why, for example.
    pub reasons: Vec<String>,
    /// Refusals of openings, each of which was repeated.
    pub openings_refused: u64,
    /// What this scenario counts besides.
    pub extras: Extras,
}

/// What one scenario counts beside messages, by name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Extras {
    /// Added up.
    pub counts: BTreeMap<String, u64>,
    /// Merged.
    pub latencies: BTreeMap<String, Latencies>,
    /// When something began: of all parts, the first.
    pub began: Option<Nanos>,
    /// When it ended: of all parts, the last.
    pub ended: Option<Nanos>,
}

impl Extras {
    /// With a count.
    #[must_use]
    pub fn count(mut self, name: &str, count: u64) -> Self {
        *self.counts.entry(name.to_owned()).or_default() += count;
        self
    }

    /// With latencies.
    #[must_use]
    pub fn latencies(mut self, name: &str, latencies: &Latencies) -> Self {
        self.latencies.entry(name.to_owned()).or_default().merge(latencies);
        self
    }

    /// A count.
    pub fn get(&self, name: &str) -> u64 {
        self.counts.get(name).copied().unwrap_or(0)
    }

    /// Latencies.
    pub fn get_latencies(&self, name: &str) -> Latencies {
        self.latencies.get(name).cloned().unwrap_or_default()
    }

    /// Adds those of another part.
    pub fn merge(&mut self, other: &Self) {
        for (name, count) in &other.counts {
            *self.counts.entry(name.clone()).or_default() += count;
        }
        for (name, latencies) in &other.latencies {
            self.latencies.entry(name.clone()).or_default().merge(latencies);
        }
        self.began = self.began.into_iter().chain(other.began).min();
        self.ended = self.ended.into_iter().chain(other.ended).max();
    }
}

impl Found {
    /// Adds what is beside messages, course and book.
    pub(super) fn add(&mut self, other: Self) {
        self.ramp.merge(&other.ramp);
        self.closed += other.closed;
        self.failed += other.failed;
        self.reasons.extend(other.reasons);
        self.openings_refused += other.openings_refused;
        self.extras.merge(&other.extras);
    }

    /// Length of the JSON · JSON · book.
    pub(super) fn encode(&self, bytes: &mut Vec<u8>) -> anyhow::Result<()> {
        let json = serde_json::to_vec(self).context("what was found")?;
        bytes.extend_from_slice(&(json.len() as u64).to_be_bytes());
        bytes.extend_from_slice(&json);
        bytes.extend_from_slice(&self.book);
        Ok(())
    }

    pub(super) fn decode(bytes: &[u8]) -> anyhow::Result<Self> {
        let cut = || "what a part found is cut short";
        let (length, rest) = bytes.split_first_chunk().with_context(cut)?;
        let length = usize::try_from(u64::from_be_bytes(*length))?;
        let (json, book) = rest.split_at_checked(length).with_context(cut)?;
        let mut found: Self = serde_json::from_slice(json).context("what a part found")?;
        found.book = book.to_vec();
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MILLISECOND;

    #[test]
    fn what_was_found_arrives_whole() {
        let mut latencies = Latencies::default();
        for micros in (1..3_000_000).step_by(977) {
            latencies.record(micros * 1000);
        }
        let mut found = Found { book: vec![1, 2, 3], unsent: 4, last_micros: vec![7, 0], ..Found::default() };
        found.extras = Extras::default().count("drops", 7).latencies("reopen", &latencies);
        found.aside.refusals.insert("BUSY".into(), 3);
        found.course.acked(5 * MILLISECOND);
        let mut bytes = Vec::new();
        found.encode(&mut bytes).expect("bytes");
        let again = Found::decode(&bytes).expect("the same");
        assert_eq!(again.last_micros, [7, 0]);
        assert_eq!((&again.book, again.unsent, again.extras.get("drops")), (&found.book, 4, 7));
        assert_eq!(again.extras.get_latencies("reopen").buckets(), latencies.buckets());
        assert_eq!(again.aside.refusals, found.aside.refusals);
        assert!(Found::decode(&bytes[..20]).is_err());
    }

    #[test]
    fn counts_add_up_and_the_whole_lasts_from_the_first_to_the_last() {
        let part = |began, ended| Extras { began: Some(began), ended: Some(ended), ..Extras::default() };
        let mut whole = Extras::default();
        for one in [part(5, 9).count("opened", 2), part(4, 7).count("opened", 3)] {
            whole.merge(&one);
        }
        assert_eq!((whole.began, whole.ended, whole.get("opened")), (Some(4), Some(9), 5));
    }
}
