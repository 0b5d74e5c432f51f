//! Sending statements and reading their answers. For the families of calls; each does so inside [`Cql::read`] or
//! [`Cql::write`].
//!
//! The driver's futures take four kilobytes; boxed here, so that those made of them stay small.

use std::ops::ControlFlow;

use scylla::deserialize::row::DeserializeRow;
use scylla::response::query_result::QueryResult;
use scylla::response::{PagingState, PagingStateResponse};
use scylla::serialize::batch::BatchValues;
use scylla::serialize::row::SerializeRow;
use scylla::statement::batch::Batch;
use scylla::statement::prepared::PreparedStatement;
use scylla::value::{CqlValue, Row};

use super::{Cql, error};
use crate::StoreError;

impl Cql {
    /// A plain write.
    pub(super) async fn execute(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<(), StoreError> {
        let done = Box::pin(self.session.execute_unpaged(statement, values)).await;
        done.map(drop).map_err(|failure| error::of_write(&failure))
    }

    /// Plain writes of one partition, all or nothing.
    pub(super) async fn execute_batch(
        &self,
        batch: &Batch,
        values: impl BatchValues,
    ) -> Result<(), StoreError> {
        let done = Box::pin(self.session.batch(batch, values)).await;
        done.map(drop).map_err(|failure| error::of_write(&failure))
    }

    /// A conditional write.
    pub(super) async fn conditional(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<Judged, StoreError> {
        let done = Box::pin(self.session.execute_unpaged(statement, values)).await;
        let answer = done.map_err(|failure| error::of_conditional(&failure))?;
        // It took place or not, but which of them cannot be read.
        Judged::read(answer).ok_or_else(|| {
            StoreError::Unknown(format!("the answer to `{}` has no `[applied]`", statement.get_statement()))
        })
    }

    /// The first row of an answer of few.
    pub(super) async fn first<R: for<'r> DeserializeRow<'r, 'r>>(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<Option<R>, StoreError> {
        let answer = Box::pin(self.session.execute_unpaged(statement, values)).await;
        first_of(answer.map_err(|failure| error::of_read(&failure))?).map_err(|()| corrupt(statement))
    }

    /// Gives rows to `on_row`, page after page of the statement's size, until it breaks or there are no more.
    pub(super) async fn each<R: for<'r> DeserializeRow<'r, 'r>>(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
        mut on_row: impl FnMut(R) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        let mut from = PagingState::start();
        loop {
            let page = Box::pin(self.session.execute_single_page(statement, &values, from)).await;
            let (answer, next) = page.map_err(|failure| error::of_read(&failure))?;
            let rows = answer.into_rows_result().map_err(|_| corrupt(statement))?;
            for row in rows.rows::<R>().map_err(|_| corrupt(statement))? {
                if on_row(row.map_err(|_| corrupt(statement))?)?.is_break() {
                    return Ok(());
                }
            }
            match next {
                PagingStateResponse::HasMorePages { state } => from = state,
                PagingStateResponse::NoMorePages => return Ok(()),
            }
        }
    }

    /// All rows.
    pub(super) async fn all<R: for<'r> DeserializeRow<'r, 'r>>(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<Vec<R>, StoreError> {
        let mut rows = Vec::new();
        self.each(statement, values, |row| {
            rows.push(row);
            Ok(ControlFlow::Continue(()))
        })
        .await?;
        Ok(rows)
    }
}

/// The answer to a conditional write. Which columns of the row come with it, and with which content where it was
/// applied, differs between servers and statements: so they are looked up by name, and any may be missing.
pub(super) struct Judged {
    applied: bool,
    columns: Vec<(String, CqlValue)>,
}

impl Judged {
    fn read(answer: QueryResult) -> Option<Self> {
        let rows = answer.into_rows_result().ok()?;
        let names: Vec<String> = rows.column_specs().iter().map(|column| column.name().to_owned()).collect();
        let values = rows.first_row::<Row>().ok()?.columns;
        let columns: Vec<(String, CqlValue)> =
            names.into_iter().zip(values).filter_map(|(name, value)| Some((name, value?))).collect();
        let applied = columns.iter().find(|(name, _)| name == "[applied]")?.1.as_boolean()?;
        Some(Self { applied, columns })
    }

    /// Whether the condition held.
    pub(super) fn applied(&self) -> bool {
        self.applied
    }

    /// A column of the row as it was found; `None` if it came with none, or with another type.
    pub(super) fn column<T>(&self, name: &str, read: impl FnOnce(&CqlValue) -> Option<T>) -> Option<T> {
        self.columns.iter().find(|(column, _)| column == name).and_then(|(_, value)| read(value))
    }
}

fn first_of<R: for<'r> DeserializeRow<'r, 'r>>(answer: QueryResult) -> Result<Option<R>, ()> {
    answer.into_rows_result().map_err(drop)?.maybe_first_row::<R>().map_err(drop)
}

/// A row that is not of the shape that this program wrote.
fn corrupt(statement: &PreparedStatement) -> StoreError {
    StoreError::Corrupt(format!("an answer to `{}`", statement.get_statement()))
}
