//! Counts and checksums of rows, for each kind, whatever the order in which the rows come.

use super::row::{Row, RowKind};

/// What was seen of each kind.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Tally([Count; RowKind::ALL.len()]);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
struct Count {
    rows: u64,
    sum: u128,
}

/// A kind of rows, how many there are on both sides, and whether they are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// What they are, in plural.
    pub rows: &'static str,
    /// In the source.
    pub source: u64,
    /// In the target.
    pub target: u64,
    /// The counts and the checksums are equal.
    pub same: bool,
}

impl Tally {
    /// Counts a row.
    pub(super) fn add(&mut self, row: &Row) {
        let count = &mut self.0[row.kind() as usize];
        count.rows += 1;
        count.sum = count.sum.wrapping_add(row.hash().into());
    }

    /// Compares, kind by kind.
    pub(super) fn compare(&self, target: &Self) -> Vec<Compared> {
        let both = RowKind::ALL.into_iter().zip(self.0.iter().zip(&target.0));
        both.map(|(kind, (source, target))| Compared {
            rows: kind.name(),
            source: source.rows,
            target: target.rows,
            same: source == target,
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use proto::{GroupId, UserId};

    use super::*;

    fn row(user: &str) -> Row {
        Row::GroupOfUser { user: UserId::parse(user).unwrap(), group: GroupId::parse("g").unwrap() }
    }

    fn tally(users: &[&str]) -> Tally {
        let mut tally = Tally::default();
        users.iter().for_each(|user| tally.add(&row(user)));
        tally
    }

    #[test]
    fn the_order_does_not_matter_and_each_row_does() {
        let one = tally(&["alice", "bob", "carol"]);
        assert!(one.compare(&tally(&["carol", "alice", "bob"])).iter().all(|kind| kind.same));
        for other in [vec!["alice", "bob"], vec!["alice", "bob", "carl"], vec!["alice", "alice", "carol"]] {
            let differs: Vec<_> = one
                .compare(&tally(&other))
                .into_iter()
                .filter(|kind| !kind.same)
                .map(|kind| kind.rows)
                .collect();
            assert_eq!(differs, ["groups of users"], "{other:?}");
        }
    }
}
