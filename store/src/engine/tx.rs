//! Changing tables: one transaction reads what it needs and writes all or nothing.

use bytes::Bytes;
use hashbrown::HashMap;

use super::{Table, View};
use crate::StoreError;

/// Changed rows that are not applied yet; `None` is a deletion.
pub(crate) type Changes = HashMap<(Table, Vec<u8>), Option<Bytes>>;

/// One transaction over a view, on top of earlier transactions that will be applied together with it.
///
/// The engines run transactions one at a time, so reading and then writing in one is atomic.
pub(crate) struct Tx<'a> {
    base: &'a dyn View,
    earlier: &'a Changes,
    changes: Changes,
}

impl<'a> Tx<'a> {
    /// Begins one.
    pub(crate) fn new(base: &'a dyn View, earlier: &'a Changes) -> Self {
        Self { base, earlier, changes: Changes::new() }
    }

    /// The value at a key, as this transaction sees it.
    pub(crate) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let key = (table, key.to_vec());
        if let Some(change) = self.changes.get(&key).or_else(|| self.earlier.get(&key)) {
            return Ok(change.clone());
        }
        self.base.get(table, &key.1)
    }

    /// Writes a row.
    pub(crate) fn put(&mut self, table: Table, key: impl Into<Vec<u8>>, value: impl Into<Bytes>) {
        self.changes.insert((table, key.into()), Some(value.into()));
    }

    /// Removes a row.
    pub(crate) fn delete(&mut self, table: Table, key: impl Into<Vec<u8>>) {
        self.changes.insert((table, key.into()), None);
    }

    /// Ends it and gives what it changed.
    pub(crate) fn into_changes(self) -> Changes {
        self.changes
    }
}
