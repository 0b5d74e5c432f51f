//! Reading ordered tables of bytes.

use std::ops::ControlFlow;

use bytes::Bytes;

use crate::StoreError;

/// The tables. Few, because each costs an engine memory and files; kinds of rows differ by their key's first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Table {
    /// Entries of the log and their dedupe rows: write-once, read in ranges.
    Log,
    /// Everything else: small rows that change.
    State,
}

/// Receives one row of a scan and says whether to go on.
pub(crate) type OnRow<'a> = &'a mut dyn FnMut(&[u8], &Bytes) -> Result<ControlFlow<()>, StoreError>;

/// Which way a scan goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Rising keys.
    Forward,
    /// Falling keys.
    Backward,
}

/// A readable state of all tables. May block on the disk: never used on an async worker.
pub(crate) trait View {
    /// The value at a key.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError>;

    /// All rows with `from <= key < to`, in order, until `on_row` breaks.
    fn scan(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        direction: Direction,
        on_row: OnRow<'_>,
    ) -> Result<(), StoreError>;
}

/// The first key after every key that begins with `prefix`, whose first byte is never 0xff.
pub(crate) fn after_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            break;
        }
    }
    end
}
