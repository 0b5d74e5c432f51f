//! The writer thread: collects requests while the last sync runs, then commits them together.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::group::{Group, Marks, Work};
use super::{EmbeddedConfig, Inside, count};
use crate::metrics::Metrics;

/// From how many requests at once more are worth waiting for.
const COMPANY: usize = 4;

/// What the thread needs.
pub(super) struct Writer {
    requests: mpsc::Receiver<Work>,
    records_max: usize,
    interval: Duration,
    last: Instant,
    metrics: Arc<Metrics>,
}

impl Writer {
    pub(super) fn new(
        config: &EmbeddedConfig,
        requests: mpsc::Receiver<Work>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let records_max = config.group_commit_records_max.max(1);
        Self { requests, records_max, interval: config.group_commit_interval, last: Instant::now(), metrics }
    }

    /// Commits until the store closes.
    pub(super) fn run(mut self, inside: &Inside, mut marks: Marks) {
        let mut received = Vec::with_capacity(self.records_max);
        while self.collect(&mut received) {
            let mut waiting = received.drain(..);
            while waiting.len() > 0 {
                let mut group = Group::new(&inside.tables, &mut marks, waiting.len());
                while !group.is_full() {
                    match waiting.next() {
                        Some(Work::Append(batch, reply)) => group.append(batch, reply),
                        Some(Work::Transaction(transaction)) => group.transaction(transaction),
                        Some(Work::Close) => self.requests.close(),
                        None => break,
                    }
                }
                commit(group, &self.metrics);
            }
        }
    }

    /// Waits for requests and takes as many as there are; `false` once there will be none.
    fn collect(&mut self, received: &mut Vec<Work>) -> bool {
        if self.requests.blocking_recv_many(received, self.records_max) == 0 {
            return false;
        }
        if (COMPANY..self.records_max).contains(&received.len()) {
            self.wait_for_company(received);
        }
        self.last = Instant::now();
        self.metrics.queue_requests.set(count(self.requests.len()));
        true
    }

    /// When several came at once, waits until the interval since the last commit began is over, and takes what came meanwhile.
    fn wait_for_company(&mut self, received: &mut Vec<Work>) {
        let rest = self.interval.saturating_sub(self.last.elapsed());
        if rest.is_zero() {
            return;
        }
        std::thread::sleep(rest);
        while received.len() < self.records_max {
            match self.requests.try_recv() {
                Ok(work) => received.push(work),
                Err(_) => break,
            }
        }
    }
}

/// Writes one group and counts it.
fn commit(group: Group<'_>, metrics: &Metrics) {
    let begun = Instant::now();
    let records = group.commit();
    metrics.commits.increment(1);
    metrics.commit_records.record(count(records));
    metrics.sync_seconds.record(begun.elapsed().as_secs_f64());
}
