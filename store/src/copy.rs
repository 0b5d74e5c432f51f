//! Moving a store of one process to a cluster.
//!
//! ```text
//! directory (locked) ─► chunk of rows ─► cluster ─► mark: "so far"     again and again, part by part
//! then: all rows of both ─► counts and checksums ─► mark: "complete"
//! ```
//!
//! **Guarantees.**
//! - Everything that the directory keeps is there afterwards, and compared: each kind of rows by count and checksum,
//!   read back from the cluster.
//! - Interrupted at any point, it goes on where it stopped; every write may be repeated.
//! - Fencing holds (FENCE.md): registers and entries keep their epochs, and partitions come without an owner and with
//!   the last epoch, so that whoever claims one has a larger epoch than every entry. Worker numbers stay leased as long
//!   as they were.
//! - A directory that a process has open is refused, and so is a keyspace that has anything in it but an unfinished copy
//!   of this very directory. Nobody can serve an unfinished one: [`crate::Cql::connect`] refuses it.
//!
//! **Does not** change the directory, apart from giving it a file with its identity. Fences are not copied: those who
//! were fenced are gone with their process.
//!
//! **Limits.** Memory for one chunk of rows. If the directory was changed between two runs, the comparison finds it, and
//! only an empty keyspace helps.

mod decode;
pub(crate) mod row;
mod run;
mod source;
mod tally;

use std::io;
use std::path::PathBuf;

use thiserror::Error;

pub use run::{CopyProgress, CopyReport, Step, copy};
pub use tally::Compared;

use crate::{CqlError, OpenError, StoreError};

/// Why a store was not copied.
#[derive(Debug, Error)]
pub enum CopyError {
    /// There is no store in the directory.
    #[error("there is no store in {path}", path = path.display())]
    NoSource {
        /// The directory.
        path: PathBuf,
    },
    /// The directory cannot be opened: most often, a server runs there.
    #[error("the store to copy from cannot be opened")]
    Source(#[source] OpenError),
    /// The directory's identity cannot be read or written.
    #[error("{path} cannot be used", path = path.display())]
    Identity {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The directory's rows cannot be read.
    #[error("the store to copy from cannot be read")]
    Read(#[source] StoreError),
    /// The cluster's fault; run it again, it goes on where it stopped.
    #[error("the cluster cannot be written or read; run this again, it goes on where it stopped")]
    Target(#[source] StoreError),
    /// Statements could not be prepared.
    #[error("the cluster cannot be used")]
    Cql(#[source] Box<CqlError>),
    /// The keyspace belongs to someone else.
    #[error("the keyspace is not empty: its table `{table}` has rows; copy into an empty one")]
    NotEmpty {
        /// A table with rows.
        table: &'static str,
    },
    /// A copy of another directory was begun there.
    #[error("another directory is being copied into this keyspace, or was; copy into an empty one")]
    OtherSource,
    /// This copy was completed before.
    #[error("this directory was copied into this keyspace before, completely; there is nothing to do")]
    Complete,
    /// Both sides differ.
    #[error(
        "source and target differ in: {}; the source was changed while it was copied, or someone else wrote into the \
         target: copy into an empty keyspace",
        names(.0)
    )]
    Differs(Vec<Compared>),
    /// Whoever watched the progress asked to stop; run it again, and it goes on there.
    #[error("stopped; run this again, it goes on where it stopped")]
    Stopped,
}

impl From<CqlError> for CopyError {
    fn from(error: CqlError) -> Self {
        Self::Cql(Box::new(error))
    }
}

fn names(compared: &[Compared]) -> String {
    let differ = compared.iter().filter(|kind| !kind.same);
    let each = differ.map(|kind| format!("{} ({} and {})", kind.rows, kind.source, kind.target));
    each.collect::<Vec<_>>().join(", ")
}
