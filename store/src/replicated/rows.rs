//! Rows of one replica, and what a quorum of two sees.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;
use tokio::time::Instant;

use crate::StoreError;
use crate::engine::key::Kind;
use crate::engine::view::{Direction, OnRow};
use crate::engine::{Table, View};

/// A value, and what decides between two of them.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    /// The ballot of a conditional write; 0 for plain ones. The higher one wins.
    pub(super) ballot: u64,
    pub(super) value: Bytes,
    /// When it was written.
    pub(super) sent: Instant,
    /// When it came here.
    pub(super) at: Instant,
}

impl Cell {
    /// Plain cells are write-once but for the fence, whose `true` is the larger value; so nothing depends on the order
    /// of arrival.
    fn is_newer_than(&self, other: &Self) -> bool {
        (self.ballot, &self.value) > (other.ballot, &other.value)
    }
}

/// Ordered rows.
#[derive(Default)]
pub(super) struct Rows {
    log: BTreeMap<Vec<u8>, Cell>,
    state: BTreeMap<Vec<u8>, Cell>,
    dropped: Vec<(Dropped, Instant)>,
}

/// Rows `from <= key < to` of a table that were dropped together.
#[derive(Clone, Debug)]
pub(super) struct Dropped {
    pub(super) table: Table,
    pub(super) from: Vec<u8>,
    pub(super) to: Vec<u8>,
}

impl Rows {
    fn table(&self, table: Table) -> &BTreeMap<Vec<u8>, Cell> {
        match table {
            Table::Log => &self.log,
            Table::State => &self.state,
        }
    }

    fn table_mut(&mut self, table: Table) -> &mut BTreeMap<Vec<u8>, Cell> {
        match table {
            Table::Log => &mut self.log,
            Table::State => &mut self.state,
        }
    }

    /// Rows are dropped by a deletion of this time: those that are there, and those that are still on their way.
    pub(super) fn drop_rows(&mut self, dropped: Dropped, sent: Instant) {
        let rows = self.table_mut(dropped.table);
        let older = |(_, cell): &(&Vec<u8>, &Cell)| cell.sent <= sent;
        let range = (Bound::Included(dropped.from.clone()), Bound::Excluded(dropped.to.clone()));
        let keys: Vec<Vec<u8>> = rows.range(range).filter(older).map(|(key, _)| key.clone()).collect();
        for key in keys {
            rows.remove(&key);
        }
        self.dropped.push((dropped, sent));
    }

    /// Whether a row that was written then was dropped since.
    fn is_dropped(&self, table: Table, key: &[u8], cell: &Cell) -> bool {
        self.dropped.iter().any(|(dropped, sent)| {
            let Dropped { from, to, .. } = dropped;
            dropped.table == table && cell.sent <= *sent && from.as_slice() <= key && key < to.as_slice()
        })
    }

    /// A cell arrives.
    pub(super) fn merge(&mut self, table: Table, key: Vec<u8>, cell: Cell) {
        if self.is_dropped(table, &key, &cell) {
            return;
        }
        let rows = self.table_mut(table);
        if rows.get(&key).is_none_or(|there| cell.is_newer_than(there)) {
            rows.insert(key, cell);
        }
    }

    /// Sets or removes a row, whatever was there.
    pub(super) fn set(&mut self, table: Table, key: Vec<u8>, cell: Option<Cell>) {
        match cell {
            Some(cell) => self.table_mut(table).insert(key, cell),
            None => self.table_mut(table).remove(&key),
        };
    }

    pub(super) fn cell(&self, table: Table, key: &[u8]) -> Option<&Cell> {
        self.table(table).get(key)
    }

    /// Loses everything that came after a moment.
    pub(super) fn lose_since(&mut self, moment: Instant) {
        self.log.retain(|_, cell| cell.at <= moment);
        self.state.retain(|_, cell| cell.at <= moment);
    }

    fn range(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
    ) -> impl DoubleEndedIterator<Item = (&Vec<u8>, &Cell)> {
        self.table(table).range::<[u8], _>((Bound::Included(from), Bound::Excluded(to)))
    }
}

impl View for Rows {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        Ok(self.cell(table, key).map(|cell| cell.value.clone()))
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
        let mut rows = self.range(table, from, to);
        while let Some((key, cell)) = match direction {
            Direction::Forward => rows.next(),
            Direction::Backward => rows.next_back(),
        } {
            if on_row(key, &cell.value)?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// Whether rows with this key are on three replicas; the others, which can be written again from the log, are once.
pub(super) fn is_replicated(table: Table, key: &[u8]) -> bool {
    const KINDS: [u8; 4] =
        [Kind::Incarnation as u8, Kind::Index as u8, Kind::Owner as u8, Kind::Register as u8];
    table == Table::Log || key.first().is_some_and(|kind| KINDS.contains(kind))
}

/// What two replicas say together, and the rows that are there once.
pub(super) struct Quorum<'a> {
    pub(super) one: &'a Rows,
    pub(super) other: &'a Rows,
    pub(super) once: &'a Rows,
}

impl Quorum<'_> {
    /// One of them may not know of a deletion yet.
    fn is_dropped(&self, table: Table, key: &[u8], cell: &Cell) -> bool {
        self.one.is_dropped(table, key, cell) || self.other.is_dropped(table, key, cell)
    }
}

impl View for Quorum<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        if !is_replicated(table, key) {
            return self.once.get(table, key);
        }
        let (one, other) = (self.one.cell(table, key), self.other.cell(table, key));
        let cell = newest(one, other).filter(|cell| !self.is_dropped(table, key, cell));
        Ok(cell.map(|cell| cell.value.clone()))
    }

    fn scan(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        direction: Direction,
        on_row: OnRow<'_>,
    ) -> Result<(), StoreError> {
        if !is_replicated(table, from) {
            return self.once.scan(table, from, to, direction, on_row);
        }
        if from >= to {
            return Ok(());
        }
        let mut rows: BTreeMap<&[u8], &Cell> = BTreeMap::new();
        for (key, cell) in self.one.range(table, from, to).chain(self.other.range(table, from, to)) {
            if self.is_dropped(table, key, cell) {
                continue;
            }
            let there = rows.get(key.as_slice()).copied();
            if let Some(cell) = newest(there, Some(cell)) {
                rows.insert(key, cell);
            }
        }
        let mut rows = rows.into_iter();
        while let Some((key, cell)) = match direction {
            Direction::Forward => rows.next(),
            Direction::Backward => rows.next_back(),
        } {
            if on_row(key, &cell.value)?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

fn newest<'a>(one: Option<&'a Cell>, other: Option<&'a Cell>) -> Option<&'a Cell> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other.is_newer_than(one) { other } else { one }),
        (one, other) => one.or(other),
    }
}
