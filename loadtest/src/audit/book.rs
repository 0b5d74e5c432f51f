//! The book as bytes, and the books of several processes as one.
//!
//! ```text
//! sent · settled · deliveries · for each message that something is known of: messages skipped · seq · deliveries << 2 | acked << 1 | refused
//! ```
//!
//! All are LEB128: a message takes some four bytes.

use super::{Audit, Findings, Record};

impl Audit {
    /// The book and what was found on the way, for another process to add.
    pub fn to_bytes(&self) -> (Findings, Vec<u8>) {
        let mut bytes = Vec::with_capacity(32);
        for count in [self.sent, self.settled, self.deliveries] {
            put(&mut bytes, count);
        }
        let mut next = 0;
        for (number, record) in self.records.iter().enumerate() {
            if *record == Record::default() {
                continue;
            }
            put(&mut bytes, (number - next) as u64);
            put(&mut bytes, u64::from(record.seq));
            let flags = u64::from(record.acked) << 1 | u64::from(record.refused);
            put(&mut bytes, u64::from(record.deliveries) << 2 | flags);
            next = number + 1;
        }
        (self.faults, bytes)
    }

    /// Adds the book of another process: the same as if one had heard all. `None`: these are not the bytes of a book as
    /// long as this one.
    pub fn merge(&mut self, faults: &Findings, mut bytes: &[u8]) -> Option<()> {
        for count in [&mut self.sent, &mut self.settled, &mut self.deliveries] {
            *count += take(&mut bytes)?;
        }
        self.faults.duplicated += faults.duplicated;
        self.faults.reordered += faults.reordered;
        self.faults.extra += faults.extra;
        let mut next = 0;
        while !bytes.is_empty() {
            let number = usize::try_from(take(&mut bytes)?).ok()?.checked_add(next)?;
            let seq = u32::try_from(take(&mut bytes)?).ok()?;
            let rest = take(&mut bytes)?;
            let (acked, refused) = (rest & 2 != 0, rest & 1 != 0);
            let deliveries = u32::try_from(rest >> 2).ok()?;
            let own = self.records.get_mut(number)?;
            next = number + 1;
            if own.seq == 0 {
                own.seq = seq;
            }
            if seq != 0 && own.seq != seq {
                // Stored twice: what was heard of the second place is heard twice, and does not count as delivered.
                self.faults.duplicated += u64::from(acked) + u64::from(deliveries);
                self.deliveries -= u64::from(deliveries).min(self.deliveries);
                continue;
            }
            own.deliveries += deliveries;
            own.acked |= acked;
            own.refused |= refused;
        }
        Some(())
    }
}

fn put(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _};

    use super::super::{Audit, Findings};
    use crate::ledger::Mark;

    fn merged(messages: u64, parts: &[Audit]) -> Audit {
        let mut whole = Audit::new(messages);
        for part in parts {
            let (faults, bytes) = part.to_bytes();
            whole.merge(&faults, &bytes).expect("a book of that length");
        }
        whole
    }

    #[test]
    fn two_processes_make_one_book() {
        // One sent messages 0 and 1 and received 0; the other received 1 at another seq, and 0 not at all.
        let (mut one, mut other) = (Audit::new(3), Audit::new(3));
        one.sent();
        one.sent();
        one.acked(0, 1);
        one.acked(1, 2);
        one.delivered(0, 1, Mark::New, true);
        other.delivered(1, 7, Mark::New, false);
        let findings = merged(3, &[one, other]).findings(|_| 1);
        assert_eq!((findings.acked, findings.delivered, findings.lost), (2, 1, 1));
        assert_eq!((findings.duplicated, findings.reordered), (1, 1));
    }

    #[test]
    fn whoever_hears_what_the_sum_is_what_one_would_have_heard() {
        for seed in 0..200 {
            let mut random = rand::rngs::StdRng::seed_from_u64(seed);
            let mut whole = Audit::new(50);
            let mut parts: Vec<Audit> = (0..3).map(|_| Audit::new(50)).collect();
            for number in 0..50 {
                let (sender, seq) = (random.random_range(0..3), number + 1);
                let refused = random.random_ratio(1, 10);
                for audit in [&mut whole, &mut parts[sender]] {
                    audit.sent();
                    if refused {
                        audit.refused(number);
                    } else {
                        assert!(audit.acked(number, seq));
                    }
                }
                // Each of seven devices belongs to one process; some miss it, hear it again or behind another.
                for device in 0..7 {
                    let (heard, in_order) = (random.random_ratio(9, 10), random.random_ratio(19, 20));
                    let mark = if random.random_ratio(1, 20) { Mark::Again } else { Mark::New };
                    for audit in [&mut whole, &mut parts[device % 3]] {
                        if heard && !refused {
                            audit.delivered(number, seq, mark, in_order);
                        }
                    }
                }
            }
            assert_eq!(merged(50, &parts).findings(|_| 7), whole.findings(|_| 7), "seed {seed}");
            assert_eq!(merged(50, &parts).expected(|_| 7), whole.expected(|_| 7), "seed {seed}");
        }
    }

    #[test]
    fn bytes_of_something_else_are_refused() {
        let (faults, bytes) = {
            let mut audit = Audit::new(9);
            audit.acked(8, 300);
            audit.to_bytes()
        };
        assert!(Audit::new(8).merge(&faults, &bytes).is_none(), "a longer book");
        assert!(Audit::new(9).merge(&faults, &bytes[..bytes.len() - 1]).is_none(), "cut short");
        assert!(Audit::new(9).merge(&Findings::default(), &[0x80; 20]).is_none(), "no number");
    }
}
