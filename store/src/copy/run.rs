//! The run of a copy: part by part, chunk by chunk, then the comparison.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lifecycle::Tasks;

use super::source::{Chunk, Part, Source};
use super::tally::Tally;
use super::{Compared, CopyError};
use crate::cql::{CopyMark, CopyTarget};
use crate::{Cql, StoreError};

/// How often a chunk is written before the run is given up.
const ATTEMPTS: u32 = 6;
/// The first pause between two of them; each is twice as long.
const PAUSE: Duration = Duration::from_millis(250);
/// Rows read back between two calls of whoever watches.
const COMPARED_ROWS: u64 = 10_000;

/// What a run is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Writing the rows of a part.
    Copy,
    /// Reading the source for the comparison.
    ReadSource,
    /// Reading the target for the comparison.
    ReadTarget,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyProgress {
    /// At what.
    pub step: Step,
    /// What is being written or read, in plural.
    pub rows: &'static str,
    /// So many rows of all kinds in this step, earlier runs included.
    pub done: u64,
}

/// What a copy came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyReport {
    /// Each kind of rows on both sides; all are the same.
    pub compared: Vec<Compared>,
    /// Whether an earlier run was gone on with.
    pub resumed: bool,
}

/// Copies the store in a directory to a cluster, or goes on with a copy that was interrupted. `watch` is told of every
/// chunk and may stop the run there.
///
/// `to` must have been made by [`Cql::connect_to_copy`].
pub async fn copy(
    from: &Path,
    to: &Arc<Cql>,
    tasks: &Tasks,
    mut watch: impl FnMut(CopyProgress) -> ControlFlow<()>,
) -> Result<CopyReport, CopyError> {
    let (path, threads) = (from.to_owned(), tasks.clone());
    let opened = tokio::task::spawn_blocking(move || Source::open(&path, &threads)).await;
    let source = opened.map_err(|ended| CopyError::Read(StoreError::Unavailable(ended.to_string())))??;
    let outcome = Box::pin(run(&source, to, &mut watch)).await;
    source.close().await;
    outcome
}

async fn run(
    source: &Source,
    to: &Arc<Cql>,
    watch: &mut impl FnMut(CopyProgress) -> ControlFlow<()>,
) -> Result<CopyReport, CopyError> {
    let target = Box::pin(CopyTarget::prepare(to)).await?;
    let (mut mark, resumed) = begin(source, &target).await?;
    while let Some(part) = Part::COPIED.get(usize::from(mark.part)) {
        let chunk = source.chunk(*part, mark.after.take()).await.map_err(CopyError::Read)?;
        put(&target, &chunk).await?;
        mark.rows += chunk.rows.len() as u64;
        mark.part += u8::from(chunk.last.is_none());
        mark.after = chunk.last;
        mark.step += 1;
        target.set_mark(&mark).await.map_err(CopyError::Target)?;
        let progress = CopyProgress { step: Step::Copy, rows: part.name(), done: mark.rows };
        if watch(progress).is_break() {
            return Err(CopyError::Stopped);
        }
    }
    let compared = compare(source, &target, watch).await?;
    if compared.iter().any(|kind| !kind.same) {
        return Err(CopyError::Differs(compared));
    }
    mark.step += 1;
    mark.complete = true;
    target.set_mark(&mark).await.map_err(CopyError::Target)?;
    Ok(CopyReport { compared, resumed })
}

/// Where to begin: at the beginning of an empty keyspace, or where an earlier run stopped.
async fn begin(source: &Source, target: &CopyTarget) -> Result<(CopyMark, bool), CopyError> {
    let earlier = match target.source().await.map_err(CopyError::Target)? {
        Some(id) if id == source.id() => true,
        Some(_) => return Err(CopyError::OtherSource),
        None => false,
    };
    if !earlier {
        if let Some(table) = target.table_with_rows().await.map_err(CopyError::Target)? {
            return Err(CopyError::NotEmpty { table });
        }
        if target.begin(source.id()).await.map_err(CopyError::Target)? != source.id() {
            return Err(CopyError::OtherSource);
        }
    }
    let mark = target.mark().await.map_err(CopyError::Target)?.unwrap_or_default();
    if mark.complete {
        return Err(CopyError::Complete);
    }
    let resumed = mark.step > 0;
    Ok((mark, resumed))
}

/// Writes a chunk; a cluster that is away for a moment is waited for.
async fn put(target: &CopyTarget, chunk: &Chunk) -> Result<(), CopyError> {
    let mut attempt = 0;
    loop {
        match target.put(&chunk.rows).await {
            Ok(()) => return Ok(()),
            Err(StoreError::Unavailable(text) | StoreError::Unknown(text)) if attempt + 1 < ATTEMPTS => {
                tracing::warn!(reason = %text, "some rows could not be written, trying again");
                tokio::time::sleep(PAUSE * 2_u32.pow(attempt)).await;
                attempt += 1;
            }
            Err(error) => return Err(CopyError::Target(error)),
        }
    }
}

/// Reads everything on both sides.
async fn compare(
    source: &Source,
    target: &CopyTarget,
    watch: &mut impl FnMut(CopyProgress) -> ControlFlow<()>,
) -> Result<Vec<Compared>, CopyError> {
    let (mut here, mut there) = (Tally::default(), Tally::default());
    let mut done = 0;
    for part in Part::COPIED.into_iter().chain(Part::DERIVED) {
        let mut after = None;
        loop {
            let chunk = source.chunk(part, after).await.map_err(CopyError::Read)?;
            chunk.rows.iter().for_each(|row| here.add(row));
            done += chunk.rows.len() as u64;
            let progress = CopyProgress { step: Step::ReadSource, rows: part.name(), done };
            if watch(progress).is_break() {
                return Err(CopyError::Stopped);
            }
            after = chunk.last;
            if after.is_none() {
                break;
            }
        }
    }
    done = 0;
    let mut stopped = false;
    let read = target.each_row(|row| {
        there.add(&row);
        done += 1;
        let progress = CopyProgress { step: Step::ReadTarget, rows: row.kind().name(), done };
        stopped = done % COMPARED_ROWS == 0 && watch(progress).is_break();
        if stopped { Err(StoreError::Unavailable("stopped".to_owned())) } else { Ok(()) }
    });
    match read.await {
        Err(_) if stopped => Err(CopyError::Stopped),
        Err(error) => Err(CopyError::Target(error)),
        Ok(()) => Ok(here.compare(&there)),
    }
}
