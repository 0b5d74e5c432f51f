//! Ordered rows in memory, and writes that are still on their way to them.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use bytes::Bytes;

use crate::StoreError;
use crate::engine::view::{Direction, OnRow};
use crate::engine::{Changes, Table, Tx, View};

/// A write that was sent, timed out, and may arrive any time later.
pub(super) type Late = Box<dyn FnOnce(&mut Tables) + Send>;

/// All rows.
#[derive(Default)]
pub(super) struct Tables {
    rows: BTreeMap<(Table, Vec<u8>), Bytes>,
    late: VecDeque<Late>,
}

impl Tables {
    /// Runs one transaction; nothing of it stays if it fails.
    pub(super) fn apply<T>(
        &mut self,
        write: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let none = Changes::new();
        let mut tx = Tx::new(&*self, &none);
        let answer = write(&mut tx)?;
        for (key, value) in tx.into_changes() {
            match value {
                Some(value) => self.rows.insert(key, value),
                None => self.rows.remove(&key),
            };
        }
        Ok(answer)
    }

    /// Keeps a write on its way.
    pub(super) fn send_late(&mut self, late: Late) {
        self.late.push_back(late);
    }

    /// How many are on their way.
    pub(super) fn late(&self) -> usize {
        self.late.len()
    }

    /// Lets each write on its way arrive for which `arrives` says so.
    pub(super) fn deliver_late(&mut self, mut arrives: impl FnMut() -> bool) -> usize {
        let mut delivered = 0;
        for late in std::mem::take(&mut self.late) {
            if arrives() {
                late(self);
                delivered += 1;
            } else {
                self.late.push_back(late);
            }
        }
        delivered
    }
}

impl View for Tables {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        Ok(self.rows.get(&(table, key.to_vec())).cloned())
    }

    fn scan(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        direction: Direction,
        on_row: OnRow<'_>,
    ) -> Result<(), StoreError> {
        if from >= to {
            return Ok(());
        }
        let bounds = (Bound::Included((table, from.to_vec())), Bound::Excluded((table, to.to_vec())));
        let mut rows = self.rows.range(bounds);
        while let Some(((_, key), value)) = match direction {
            Direction::Forward => rows.next(),
            Direction::Backward => rows.next_back(),
        } {
            if on_row(key, value)?.is_break() {
                break;
            }
        }
        Ok(())
    }
}
