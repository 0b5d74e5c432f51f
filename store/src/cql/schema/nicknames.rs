//! What version 11 needs beside its table: the rows of accounts that were made before.

use std::time::Duration;

use scylla::client::session::Session;
use scylla::response::{PagingState, PagingStateResponse};
use scylla::statement::prepared::PreparedStatement;
use tokio::time::Instant;

use crate::StoreError;
use crate::cql::error::{self, CqlError};
use crate::cql::keyspace::Keyspace;
use crate::cql::nickname_search::{WRITE, beginning};
use crate::cql::session::{Levels, Preparer};
use crate::cql::several;
use crate::identity::findable;

/// The version whose table it is.
pub(super) const VERSION: u32 = 11;

/// Accounts in one answer.
const PAGE_ROWS: i32 = 500;
/// How often a claim is renewed.
const RENEWAL: Duration = Duration::from_secs(10);

/// A row is written with the time of its account, as `cql/nickname_search.rs` says.
const READ: &str = "SELECT user_id, nickname, WRITETIME(nickname) FROM account";

/// Lets every account be found by its nickname. May be repeated, and by several at once. `renew` is called now and then.
pub(super) async fn fill(
    session: &Session,
    keyspace: &Keyspace,
    levels: Levels,
    renew: impl AsyncFn(),
) -> Result<(), CqlError> {
    let preparer = Preparer::new(session, keyspace, levels);
    let (read, write) = (preparer.paged_read(READ, PAGE_ROWS).await?, preparer.write(WRITE).await?);
    let (mut from, mut renewed) = (PagingState::start(), Instant::now());
    loop {
        let page = Box::pin(session.execute_single_page(&read, (), from)).await;
        let (answer, next) =
            page.map_err(|source| CqlError::Statement { statement: READ.to_owned(), source })?;
        let rows = answer.into_rows_result().map_err(|_| CqlError::Answer(READ))?;
        let rows =
            rows.rows::<(String, Option<String>, Option<i64>)>().map_err(|_| CqlError::Answer(READ))?;
        let rows = rows.collect::<Result<Vec<_>, _>>().map_err(|_| CqlError::Answer(READ))?;
        let found = rows.into_iter().filter_map(|(user, nickname, written)| {
            Some(Found { user, folded: findable(&nickname?)?, written: written? })
        });
        let writes = found.map(|found| Box::pin(write_row(session, &write, found)));
        several::writes(writes.collect()).await.map_err(CqlError::Rows)?;
        if renewed.elapsed() > RENEWAL {
            renewed = Instant::now();
            renew().await;
        }
        match next {
            PagingStateResponse::HasMorePages { state } => from = state,
            PagingStateResponse::NoMorePages => return Ok(()),
        }
    }
}

/// An account.
struct Found {
    user: String,
    folded: String,
    /// When, in microseconds.
    written: i64,
}

async fn write_row(session: &Session, write: &PreparedStatement, found: Found) -> Result<(), StoreError> {
    let Found { user, folded, written } = &found;
    let values = (beginning(folded), folded, user, written);
    let done = Box::pin(session.execute_unpaged(write, values)).await;
    done.map(drop).map_err(|failure| error::of_write(&failure))
}
