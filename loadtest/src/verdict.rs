//! How a run ended, as an exit code and in words.

use crate::figures::Figures;
use crate::require::Requirement;

/// The worst thing that was found decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Exit code 0.
    Good,
    /// Exit code 1: figures are not as required.
    Missed(Vec<String>),
    /// Exit code 2: this program could not keep its schedule, so its latencies say nothing about the server.
    Behind(String),
    /// Exit code 3: acknowledged messages were lost, doubled, out of order, or strange ones came.
    Faults(Vec<String>),
}

impl Verdict {
    /// For the shell.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Missed(_) => 1,
            Self::Behind(_) => 2,
            Self::Faults(_) => 3,
        }
    }

    /// In words.
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Good => {
                vec!["good: every acknowledged message reached every device once and in order".to_owned()]
            }
            Self::Missed(what) => what.iter().map(|one| format!("required, but missed: {one}")).collect(),
            Self::Behind(what) => vec![format!(
                "no verdict: {what}; the generator could not keep its schedule, so latencies are not reported. \
                 Lower the rate, or give it more processor time."
            )],
            Self::Faults(what) => what.iter().map(|one| format!("audit failed: {one}")).collect(),
        }
    }

    /// Of two, the worse; of two alike, both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Faults(mut one), Self::Faults(other)) => {
                one.extend(other);
                Self::Faults(one)
            }
            (Self::Missed(mut one), Self::Missed(other)) => {
                one.extend(other);
                Self::Missed(one)
            }
            (one, other) if one.exit_code() >= other.exit_code() => one,
            (_, other) => other,
        }
    }

    /// What the requirements say.
    pub fn of_requirements(requirements: &[Requirement], figures: &Figures) -> Self {
        let missed: Vec<String> = requirements.iter().filter_map(|one| one.check(figures)).collect();
        if missed.is_empty() { Self::Good } else { Self::Missed(missed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_decides() {
        let faults = || Verdict::Faults(vec!["lost".to_owned()]);
        let behind = || Verdict::Behind("late".to_owned());
        assert_eq!(Verdict::Good.and(behind()).exit_code(), 2);
        assert_eq!(behind().and(faults()).exit_code(), 3);
        assert_eq!(faults().and(Verdict::Missed(vec![])).exit_code(), 3);
        assert_eq!(faults().and(faults()).lines().len(), 2);
        assert_eq!(Verdict::Good.and(Verdict::Good).exit_code(), 0);
    }
}
