//! The version of stored data, and how older ones become the present one.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use super::data_dir::OpenError;
use super::tables::Fjall;

/// What this version of the program writes.
pub(super) const FORMAT: u32 = 1;

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
        _ => unreachable!("every format below the present one has its step"),
    }
}
