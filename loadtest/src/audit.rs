//! What became of every message: who was told that it is stored, who received it, where, how often.

mod book;

use serde::{Deserialize, Serialize};

use crate::ledger::Mark;

/// One message, in 12 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Record {
    /// Its seq, once anybody said so; 0 before.
    seq: u32,
    /// Devices that received it.
    deliveries: u32,
    acked: bool,
    refused: bool,
}

/// What was found; all zero but `unanswered` and `refused` in a run without fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// Messages acknowledged.
    pub acked: u64,
    /// Deliveries of acknowledged messages to devices that should have them.
    pub delivered: u64,
    /// Deliveries that should have been and were not: acknowledged and not received.
    pub lost: u64,
    /// Received again, stored at two seqs, or acknowledged twice.
    pub duplicated: u64,
    /// Pushed behind a later seq of the same conversation.
    pub reordered: u64,
    /// Received by somebody, but not a message of this run, or by a device that should not have it.
    pub extra: u64,
    /// Sends without an answer: neither stored nor refused, as far as anybody was told.
    pub unanswered: u64,
    /// Sends refused.
    pub refused: u64,
}

impl Findings {
    /// Whether every acknowledged message reached every device once and in order.
    pub fn is_clean(&self) -> bool {
        self.lost == 0 && self.duplicated == 0 && self.reordered == 0 && self.extra == 0
    }
}

/// The book of one run.
#[derive(Debug)]
pub struct Audit {
    records: Vec<Record>,
    sent: u64,
    settled: u64,
    deliveries: u64,
    faults: Findings,
}

impl Audit {
    /// For `messages`.
    pub fn new(messages: u64) -> Self {
        let length = usize::try_from(messages).unwrap_or(usize::MAX);
        Self {
            records: vec![Record::default(); length],
            sent: 0,
            settled: 0,
            deliveries: 0,
            faults: Findings::default(),
        }
    }

    /// The next message left.
    pub fn sent(&mut self) {
        self.sent += 1;
    }

    /// Messages that left.
    pub fn sent_count(&self) -> u64 {
        self.sent
    }

    /// Messages that were acknowledged or refused.
    pub fn settled_count(&self) -> u64 {
        self.settled
    }

    /// Deliveries so far.
    pub fn delivery_count(&self) -> u64 {
        self.deliveries
    }

    /// Whether nothing is on its way, where each message has so many `recipients`; a message that was refused or not
    /// answered counts as far as it was delivered.
    pub fn is_settled(&self, recipients: impl Fn(u64) -> u32) -> bool {
        let complete = |(number, record): (usize, &Record)| {
            !record.acked || record.deliveries >= recipients(number as u64)
        };
        self.settled >= self.sent && self.records.iter().enumerate().all(complete)
    }

    /// Deliveries that the messages acknowledged here should come to, where each has so many `recipients`.
    pub fn expected(&self, recipients: impl Fn(u64) -> u32) -> u64 {
        let acked = self.records.iter().enumerate().filter(|(_, record)| record.acked);
        acked.map(|(number, _)| u64::from(recipients(number as u64))).sum()
    }

    /// Devices that received message `number`.
    pub fn deliveries_of(&self, number: u64) -> u32 {
        let record = usize::try_from(number).ok().and_then(|number| self.records.get(number));
        record.map_or(0, |record| record.deliveries)
    }

    /// Whether message `number` was acknowledged or refused.
    pub fn is_answered(&self, number: u64) -> bool {
        let record = usize::try_from(number).ok().and_then(|number| self.records.get(number));
        record.is_some_and(|record| record.acked || record.refused)
    }

    /// The server says that message `number` is stored at `seq`.
    pub fn acked(&mut self, number: u64, seq: u64) -> bool {
        let Some(record) = self.place(number, seq) else { return false };
        if record.acked {
            self.faults.duplicated += 1;
            return false;
        }
        record.acked = true;
        if !record.refused {
            self.settled += 1;
        }
        true
    }

    /// The server refused message `number`.
    pub fn refused(&mut self, number: u64) {
        if let Some(record) = self.record(number)
            && !record.refused
            && !record.acked
        {
            record.refused = true;
            self.settled += 1;
        }
    }

    /// A device that should have message `number` received it at `seq`; `mark` and `in_order` are what its ledger
    /// says. `true`: count its latency.
    pub fn delivered(&mut self, number: u64, seq: u64, mark: Mark, in_order: bool) -> bool {
        if !in_order {
            self.faults.reordered += 1;
        }
        match mark {
            Mark::Old | Mark::Fetched => return false,
            Mark::Again => {
                self.faults.duplicated += 1;
                return false;
            }
            Mark::New => {}
        }
        let Some(record) = self.place(number, seq) else { return false };
        record.deliveries += 1;
        self.deliveries += 1;
        true
    }

    /// Something was received that should not be there.
    pub fn extra(&mut self) {
        self.faults.extra += 1;
    }

    /// The verdict, where each message has so many `recipients`: devices besides the sender's.
    pub fn findings(&self, recipients: impl Fn(u64) -> u32) -> Findings {
        let mut findings = self.faults;
        for (number, record) in self.records.iter().enumerate() {
            let expected = u64::from(recipients(number as u64));
            let deliveries = u64::from(record.deliveries);
            if record.acked {
                findings.acked += 1;
                findings.delivered += deliveries.min(expected);
                findings.lost += expected.saturating_sub(deliveries);
            }
            findings.refused += u64::from(record.refused);
        }
        findings.unanswered = self.sent - self.settled;
        findings
    }

    fn record(&mut self, number: u64) -> Option<&mut Record> {
        self.records.get_mut(usize::try_from(number).ok()?)
    }

    /// The record, if `seq` does not contradict what was said of it before.
    fn place(&mut self, number: u64, seq: u64) -> Option<&mut Record> {
        // A server that does not say where it put a message says 0.
        let seq = u32::try_from(seq).unwrap_or(u32::MAX);
        let index = usize::try_from(number).ok().filter(|index| *index < self.records.len());
        let Some(index) = index else {
            self.faults.extra += 1;
            return None;
        };
        let record = &mut self.records[index];
        if record.seq == 0 {
            record.seq = seq;
        }
        if record.seq != seq && seq != 0 {
            self.faults.duplicated += 1;
            return None;
        }
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audit() -> Audit {
        let mut audit = Audit::new(3);
        for _ in 0..3 {
            audit.sent();
        }
        audit
    }

    #[test]
    fn a_run_without_fault_is_clean() {
        let mut audit = audit();
        for number in 0..2 {
            assert!(audit.acked(number, number + 1));
            for _ in 0..2 {
                assert!(audit.delivered(number, number + 1, Mark::New, true));
            }
        }
        assert!(!audit.is_settled(|_| 2), "one is not answered");
        audit.refused(2);
        assert!(audit.is_settled(|_| 2));
        let findings = audit.findings(|_| 2);
        assert_eq!((findings.acked, findings.delivered, findings.refused), (2, 4, 1));
        assert!(findings.is_clean());
    }

    #[test]
    fn each_fault_is_told_apart() {
        let mut lost = audit();
        lost.acked(0, 1);
        lost.delivered(0, 1, Mark::New, true);
        assert_eq!((lost.findings(|_| 2).lost, lost.findings(|_| 2).unanswered), (1, 2));

        let mut doubled = audit();
        doubled.delivered(0, 1, Mark::New, true);
        doubled.delivered(0, 1, Mark::Again, true);
        doubled.delivered(0, 2, Mark::New, true);
        doubled.acked(0, 1);
        doubled.acked(0, 1);
        assert_eq!(doubled.findings(|_| 2).duplicated, 3);

        let mut shuffled = audit();
        shuffled.delivered(0, 1, Mark::New, false);
        assert_eq!(shuffled.findings(|_| 2).reordered, 1);

        let mut foreign = audit();
        foreign.delivered(9, 1, Mark::New, true);
        foreign.extra();
        assert_eq!(foreign.findings(|_| 2).extra, 2);
        assert!(!foreign.findings(|_| 2).is_clean());
    }

    #[test]
    fn what_was_not_acknowledged_need_not_arrive() {
        let audit = audit();
        assert!(audit.findings(|_| 2).is_clean());
        assert_eq!(audit.findings(|_| 2).unanswered, 3);
    }
}
