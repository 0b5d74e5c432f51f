//! The directory of an embedded store: one process at a time, one format.
//!
//! ```text
//! <path>/LOCK      locked by the process that has the store open
//! <path>/FORMAT    the version of what is in db
//! <path>/db/       fjall's files
//! ```

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::EmbeddedConfig;
use super::format::{self, FORMAT};
use super::tables::Fjall;
use crate::StoreError;

/// Why a store could not be opened. All but `Io` and `Storage` need a person.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process has it.
    #[error(
        "{path} is in use by another process; stop that one, or give this one another data directory",
        path = path.display()
    )]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// A newer version of this program wrote it.
    #[error(
        "{path} has format {found}, but this version knows formats up to {FORMAT}; use the version that wrote it, or \
         a newer one",
        path = path.display()
    )]
    Newer {
        /// The directory.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// The format file holds something else.
    #[error("{path} does not name a format; restore the directory from a backup", path = path.display())]
    Format {
        /// The format file.
        path: PathBuf,
    },
    /// The file system refused something.
    #[error("cannot use {path}", path = path.display())]
    Path {
        /// What was to be used.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A thread could not be started.
    #[error("cannot start a thread")]
    Io(#[from] io::Error),
    /// The storage engine refused its files.
    #[error("the storage engine cannot open its files")]
    Storage(#[from] fjall::Error),
    /// A row could not be read.
    #[error("a row cannot be read")]
    Rows(#[source] StoreError),
}

/// A directory that this process has locked.
pub(super) struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes the directory if it is missing, and locks it.
    pub(super) fn lock(path: &Path) -> Result<Self, OpenError> {
        make(path)?;
        let file = path.join("LOCK");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&file)
            .map_err(|source| OpenError::Path { path: file.clone(), source })?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(OpenError::Locked { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => Err(OpenError::Path { path: file, source }),
        }
    }

    /// Opens the tables, in the present format.
    pub(super) fn open_tables(&self, config: &EmbeddedConfig) -> Result<Fjall, OpenError> {
        let db = self.path.join("db");
        let found = match format::read(&self.path)? {
            Some(found) => found,
            // Before formats had numbers there was no file.
            None if db.exists() => 0,
            None => FORMAT,
        };
        if found > FORMAT {
            return Err(OpenError::Newer { path: self.path.clone(), found });
        }
        if !db.exists() {
            format::write(&self.path, FORMAT)?;
            make(&db)?;
        }
        let tables = Fjall::open(&db, config)?;
        for version in found..FORMAT {
            format::migrate(&tables, version)?;
            format::write(&self.path, version + 1)?;
            tracing::info!(from = version, to = version + 1, "data directory migrated");
        }
        Ok(tables)
    }
}

/// Makes a directory that only its owner may enter; one that exists is left as it is.
fn make(path: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::Path { path: path.to_owned(), source };
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made.map_err(failed),
    }
}
