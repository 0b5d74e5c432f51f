//! When the last of its recipients had each message: what a group waits for, where `delivery` counts every device alike.

use super::Traffic;
use crate::clock::Nanos;
use crate::latency::Latencies;

/// By message: microseconds from due until the last delivery so far. Of several processes each has the last of its own
/// connections, and the last of all is the largest of those: four bytes a message lose nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LastDevice(Vec<u32>);

impl LastDevice {
    pub(super) fn new(messages: u64) -> Self {
        Self(vec![0; usize::try_from(messages).unwrap_or(usize::MAX)])
    }

    /// A device received message `number`.
    pub(super) fn delivered(&mut self, number: u64, latency: Nanos) {
        let place = usize::try_from(number).ok().and_then(|number| self.0.get_mut(number));
        if let Some(last) = place {
            *last = (*last).max(u32::try_from(latency / 1000).unwrap_or(u32::MAX));
        }
    }

    pub(super) fn merge(&mut self, other: &[u32]) {
        for (own, other) in self.0.iter_mut().zip(other) {
            *own = (*own).max(*other);
        }
    }

    /// Of the messages that count.
    pub(super) fn latencies(&self, counts: impl Fn(u64) -> bool) -> Latencies {
        let mut latencies = Latencies::default();
        for (number, micros) in self.0.iter().enumerate() {
            if counts(number as u64) {
                latencies.record(u64::from(*micros) * 1000);
            }
        }
        latencies
    }
}

impl Traffic {
    /// From due until the last recipient had it, of measured messages that all of them got; `None`: nobody asked.
    pub(super) fn last_device(&self) -> Option<Latencies> {
        let (last, schedule) = (self.last.as_ref()?, self.schedule.as_ref()?);
        Some(last.latencies(|number| {
            schedule.is_measured(number)
                && self.audit.deliveries_of(number) >= self.topology.recipients(number)
        }))
    }

    /// For another process to add.
    pub fn last_micros(&self) -> Vec<u32> {
        self.last.as_ref().map(|last| last.0.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MILLISECOND;

    #[test]
    fn the_last_of_all_processes_counts_and_what_does_not_count_is_left_out() {
        let (mut one, mut other) = (LastDevice::new(3), LastDevice::new(3));
        for (number, latency) in [(0, 5), (0, 9), (1, 7), (2, 900)] {
            one.delivered(number, latency * MILLISECOND);
        }
        for (number, latency) in [(0, 8), (1, 30)] {
            other.delivered(number, latency * MILLISECOND);
        }
        other.delivered(7, MILLISECOND);
        one.merge(&other.0);
        let last = one.latencies(|number| number < 2);
        assert_eq!(last.count(), 2);
        assert!((last.max_seconds() - 0.030).abs() < 0.0001, "{}", last.max_seconds());
        assert!((last.quantile_seconds(0.5) - 0.009).abs() < 0.0001, "{}", last.quantile_seconds(0.5));
    }
}
