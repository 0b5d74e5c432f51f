//! The store that is copied from: a directory that no process has open.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lifecycle::Tasks;
use rand::RngExt as _;
use uuid::Uuid;

use super::CopyError;
use super::decode::{log_row, state_row};
use super::row::Row;
use crate::engine::key::Kind;
use crate::engine::view::{Direction, after_prefix};
use crate::engine::{Key, Table, View};
use crate::{Embedded, EmbeddedConfig, Ownership, StoreError};

/// Rows in one chunk.
const CHUNK_ROWS: usize = 1_000;
/// Bytes of values after which a chunk ends.
const CHUNK_BYTES: usize = 2 << 20;
/// The file that gives a directory its identity, so that a copy goes on only with the source that it began with.
const ID_FILE: &str = "COPY";

/// A part of the source that is read in the order of its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Entries and their dedupe rows.
    Log,
    /// One kind of rows of the state table.
    State(Kind),
}

impl Part {
    /// What is copied, in this order; the place of each is part of a copy's mark.
    pub(super) const COPIED: [Self; 18] = [
        Self::Log,
        Self::State(Kind::Index),
        Self::State(Kind::Register),
        Self::State(Kind::Owner),
        Self::State(Kind::Touched),
        Self::State(Kind::Member),
        Self::State(Kind::Group),
        Self::State(Kind::Cursor),
        Self::State(Kind::InboxOrder),
        Self::State(Kind::Head),
        Self::State(Kind::Account),
        Self::State(Kind::Login),
        Self::State(Kind::Worker),
        Self::State(Kind::Overlay),
        Self::State(Kind::Relation),
        Self::State(Kind::Mention),
        Self::State(Kind::Setting),
        Self::State(Kind::Confirmation),
    ];

    /// What follows from the others, and is compared with them.
    pub(super) const DERIVED: [Self; 4] = [
        Self::State(Kind::GroupOfUser),
        Self::State(Kind::Username),
        Self::State(Kind::Nickname),
        Self::State(Kind::LoginOfUser),
    ];

    /// For people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Log => "entries",
            Self::State(Kind::Index) => "index rows",
            Self::State(Kind::Register) => "registers",
            Self::State(Kind::Owner) => "partitions",
            Self::State(Kind::Touched) => "touched marks",
            Self::State(Kind::Member) => "members",
            Self::State(Kind::Group) => "groups",
            Self::State(Kind::Cursor) => "cursors",
            Self::State(Kind::InboxOrder) => "inbox rows",
            Self::State(Kind::Head) => "heads",
            Self::State(Kind::Overlay) => "overlays",
            Self::State(Kind::Confirmation) => "confirmations",
            Self::State(Kind::Mention) => "mentions",
            Self::State(Kind::Setting) => "settings",
            Self::State(Kind::Account) => "accounts",
            Self::State(Kind::Login) => "logins",
            Self::State(Kind::Worker) => "worker leases",
            Self::State(Kind::Relation) => "relations",
            Self::State(_) => "rows",
        }
    }

    fn table(self) -> Table {
        match self {
            Self::Log => Table::Log,
            Self::State(_) => Table::State,
        }
    }

    fn begin(self) -> Vec<u8> {
        match self {
            Self::Log => Vec::new(),
            Self::State(kind) => Key::of(kind).into(),
        }
    }

    fn end(self) -> Vec<u8> {
        match self {
            // Past every key: after the four bytes of its hash comes a letter.
            Self::Log => vec![u8::MAX; 5],
            Self::State(kind) => after_prefix(&Key::of(kind)),
        }
    }
}

/// Some rows of a part.
pub(crate) struct Chunk {
    pub(crate) rows: Vec<Row>,
    /// The key of the last one; `None` if there was no row after the key that was given.
    pub(crate) last: Option<Vec<u8>>,
}

/// The store, opened and locked.
pub(crate) struct Source {
    embedded: Arc<Embedded>,
    id: Uuid,
}

impl Source {
    /// Opens a store's directory. Blocks.
    pub(super) fn open(path: &Path, tasks: &Tasks) -> Result<Self, CopyError> {
        if !path.join("FORMAT").exists() && !path.join("db").exists() {
            return Err(CopyError::NoSource { path: path.to_owned() });
        }
        let config = EmbeddedConfig {
            path: path.to_owned(),
            group_commit_records_max: 1,
            group_commit_interval: Duration::ZERO,
            queue_records_max: 16,
            reader_threads: 1,
            read_queue_max: 16,
            cache_bytes: 16 << 20,
            memtable_bytes: 16 << 20,
            journal_bytes_max: 1 << 30,
        };
        let embedded = Embedded::open(&config, tasks).map_err(CopyError::Source)?;
        let id = identity(path).map_err(|(path, source)| CopyError::Identity { path, source })?;
        Ok(Self { embedded, id })
    }

    /// What tells this directory from every other.
    pub(super) fn id(&self) -> Uuid {
        self.id
    }

    /// Ends its threads and unlocks the directory.
    pub(super) async fn close(&self) {
        self.embedded.close().await;
    }

    /// The rows of a part after a key.
    pub(super) async fn chunk(&self, part: Part, after: Option<Vec<u8>>) -> Result<Chunk, StoreError> {
        self.embedded.read(move |view| read_chunk(view, part, after)).await
    }
}

fn read_chunk(view: &dyn View, part: Part, after: Option<Vec<u8>>) -> Result<Chunk, StoreError> {
    // The smallest key after one is that with a zero byte more.
    let from = after.map_or_else(|| part.begin(), |key| [key.as_slice(), &[0]].concat());
    let mut chunk = Chunk { rows: Vec::new(), last: None };
    let mut bytes = 0;
    view.scan(part.table(), &from, &part.end(), Direction::Forward, &mut |key, value| {
        let row = match part {
            Part::Log => log_row(key, value)?,
            Part::State(kind) => state_row(view, kind, key, value.clone())?,
        };
        bytes += value.len();
        chunk.rows.push(unowned(row));
        chunk.last = Some(key.to_vec());
        let full = chunk.rows.len() >= CHUNK_ROWS || bytes >= CHUNK_BYTES;
        Ok(if full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(chunk)
}

/// Owners stay behind: theirs was the process that had the directory, and it is gone. The epoch goes along, so that
/// whoever claims the partition in the cluster has a larger one than every entry.
fn unowned(row: Row) -> Row {
    match row {
        Row::Owner { partition, ownership } => {
            Row::Owner { partition, ownership: Ownership { owner: None, ..ownership } }
        }
        row => row,
    }
}

/// Reads the identity of a directory, or gives it one.
fn identity(dir: &Path) -> Result<Uuid, (PathBuf, io::Error)> {
    let path = dir.join(ID_FILE);
    let failed = |error| (path.clone(), error);
    match fs::read_to_string(&path) {
        Ok(text) => Uuid::parse_str(text.trim())
            .map_err(|_| failed(io::Error::new(io::ErrorKind::InvalidData, "it does not hold an identity"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let id = Uuid::from_u128(rand::rng().random());
            let fresh = dir.join("COPY.new");
            let write = || -> io::Result<()> {
                let mut file = File::create(&fresh)?;
                writeln!(file, "{id}")?;
                file.sync_all()?;
                fs::rename(&fresh, &path)?;
                File::open(dir)?.sync_all()
            };
            write().map(|()| id).map_err(failed)
        }
        Err(error) => Err(failed(error)),
    }
}
