//! The version of stored data, and how older ones become the present one.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::path::Path;

use proto::UserId;

use super::data_dir::OpenError;
use super::tables::Fjall;
use crate::StoreError;
use crate::engine::key::{KeyParts, Kind};
use crate::engine::view::{Direction, after_prefix};
use crate::engine::{Key, Table, View as _};
use crate::identity::{decode_account, nickname_row};

/// What this version of the program writes.
pub(super) const FORMAT: u32 = 2;

/// What the file says before the number.
const NAME: &str = "tidegate-store ";

/// The format of a directory; `None` if none is named.
pub(super) fn read(dir: &Path) -> Result<Option<u32>, OpenError> {
    let path = dir.join("FORMAT");
    match fs::read_to_string(&path) {
        Ok(text) => {
            let number = text.trim_end().strip_prefix(NAME).and_then(|number| number.parse().ok());
            number.map(Some).ok_or(OpenError::Format { path })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(OpenError::Format { path }),
        Err(source) => Err(OpenError::Path { path, source }),
    }
}

/// Names the format of a directory, so that it is there after a crash or as before.
pub(super) fn write(dir: &Path, version: u32) -> Result<(), OpenError> {
    let path = dir.join("FORMAT");
    let fresh = dir.join("FORMAT.new");
    let replace = || -> io::Result<()> {
        let mut file = File::create(&fresh)?;
        writeln!(file, "{NAME}{version}")?;
        file.sync_all()?;
        fs::rename(&fresh, &path)?;
        File::open(dir)?.sync_all()
    };
    replace().map_err(|source| OpenError::Path { path: path.clone(), source })
}

/// Turns the rows of format `from` into those of the next. Runs again after a crash, so it must not mind rows that are
/// in the next format already.
pub(super) fn migrate(tables: &Fjall, from: u32) -> Result<(), OpenError> {
    match from {
        // The rows are those of format 1; only the file that names the format was missing.
        0 => tables.sync().map_err(OpenError::from),
        // From format 2 on accounts are found by their nicknames.
        1 => enter_nicknames(tables),
        _ => unreachable!("every format below the present one has its step"),
    }
}

/// Writes the row by which each account is found. Some at a time, so that it takes no more memory for many.
fn enter_nicknames(tables: &Fjall) -> Result<(), OpenError> {
    const AT_ONCE: usize = 1_000;
    let accounts = Key::of(Kind::Account);
    let (mut from, end) = (accounts.to_vec(), after_prefix(&accounts));
    loop {
        let (mut rows, mut last) = (Vec::with_capacity(AT_ONCE), None);
        let read = tables.scan(Table::State, &from, &end, Direction::Forward, &mut |key, value| {
            let user = KeyParts::after(key, 1).text().and_then(|user| UserId::parse(user).ok());
            let user = user.ok_or_else(|| StoreError::corrupt("account"))?;
            rows.extend(nickname_row(&decode_account(&user, value.clone())?));
            last = Some(key.to_vec());
            Ok(if rows.len() < AT_ONCE { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        });
        read.map_err(OpenError::Rows)?;
        let mut batch = tables.batch(rows.len());
        for (key, value) in rows {
            batch.insert(tables.keyspace(Table::State), Vec::from(key), value.to_vec());
        }
        batch.commit()?;
        match last {
            // The smallest key after one is that with a zero byte more.
            Some(key) => from = [key.as_slice(), &[0]].concat(),
            None => return Ok(()),
        }
    }
}
