//! What the driver's errors allow to conclude.
//!
//! The one question is whether a write that was not confirmed can be known never to take place. Only an error of
//! before anything was sent, or the server's answer that it understood nothing of it, says so. An `UNAVAILABLE` does
//! not: a server may answer it to a conditional write whose value was accepted already, and the driver sends plain
//! writes again, so that the last error says nothing of the first try.

use scylla::errors::{DbError, ExecutionError, NewSessionError, PrepareError, RequestAttemptError};
use thiserror::Error;

use super::config::Replication;
use crate::StoreError;

/// Why there is no connection to a cluster, or no use in one.
#[derive(Debug, Error)]
pub enum CqlError {
    /// The configuration's fault; a retry does not help.
    #[error("the configuration of the CQL store: {0}")]
    Config(String),
    /// The cluster's fault, or the network's; a retry can help.
    #[error("no connection to the cluster")]
    Connect(#[source] Box<NewSessionError>),
    /// The cluster is there and the settings do not lead in; a retry does not help.
    #[error("the cluster lets this process not in: {advice}")]
    Refused {
        /// What to look at.
        advice: String,
        /// What the driver says.
        #[source]
        source: Box<NewSessionError>,
    },
    /// A statement at the start failed; a retry can help.
    #[error("the cluster refused `{statement}`")]
    Statement {
        /// The beginning of it.
        statement: String,
        /// What the driver says.
        #[source]
        source: ExecutionError,
    },
    /// A statement could not be prepared: most likely a table is not as expected.
    #[error("the cluster could not prepare `{statement}`")]
    Prepare {
        /// The statement.
        statement: String,
        /// What the driver says.
        #[source]
        source: PrepareError,
    },
    /// An answer had another shape than expected.
    #[error("the cluster's answer to `{0}` has an unexpected shape")]
    Answer(&'static str),
    /// Rows that a version of the schema needs could not be written; a retry can help.
    #[error("rows that the schema needs could not be written; run this again")]
    Rows(#[source] StoreError),
    /// The keyspace, or some of its tables, does not exist.
    #[error(
        "keyspace `{keyspace}` has schema {found} and this program needs {needed}: run `tidegate migrate`"
    )]
    NotMigrated {
        /// Its name.
        keyspace: String,
        /// The newest version that is there; 0 for none.
        found: u32,
        /// The version that this program needs.
        needed: u32,
    },
    /// The keyspace belongs to a newer program.
    #[error(
        "keyspace `{keyspace}` has schema {found}, newer than the {known} of this program: run a newer program"
    )]
    NewerSchema {
        /// Its name.
        keyspace: String,
        /// The newest version that is there.
        found: u32,
        /// The newest version that this program knows.
        known: u32,
    },
    /// A copy into the keyspace was not completed: what is there must not be served.
    #[error(
        "keyspace `{keyspace}` holds an unfinished copy: run `tidegate copy` again, it goes on where it stopped"
    )]
    HalfCopied {
        /// Its name.
        keyspace: String,
    },
    /// The keyspace is replicated otherwise than configured. Routers that read and write at different levels could
    /// miss each other's writes, so none starts: change the configuration, or the keyspace with all routers stopped.
    #[error("keyspace `{keyspace}` is replicated as {found:?}, configured is {configured:?}")]
    Replication {
        /// Its name.
        keyspace: String,
        /// What the configuration says.
        configured: Replication,
        /// What the cluster says; `None` for a strategy that this program does not know.
        found: Option<Replication>,
    },
    /// Copies placed without regard to data centres, in a cluster of several: local quorums would not meet.
    #[error("the cluster has {0} data centres: simple replication allows one, name them in `replication`")]
    SimpleAcrossDatacenters(usize),
    /// Another program was migrating the keyspace all the time that this one waited.
    #[error("schema version {0} is being made by another program that does not end")]
    MigrationHeld(u32),
}

/// What is known of a plain write that failed. The driver sends those again, so the last try says little of the first.
pub(super) fn of_write(error: &ExecutionError) -> StoreError {
    let text = error.to_string();
    if never_sent(error) { StoreError::Unavailable(text) } else { StoreError::Unknown(text) }
}

/// What is known of a conditional write that failed. It was sent at most once.
pub(super) fn of_conditional(error: &ExecutionError) -> StoreError {
    let text = error.to_string();
    let never = never_sent(error)
        || match error {
            ExecutionError::ConnectionPoolError(_) => true,
            ExecutionError::LastAttemptError(RequestAttemptError::DbError(answer, _)) => {
                not_understood(answer)
            }
            _ => false,
        };
    if never { StoreError::Unavailable(text) } else { StoreError::Unknown(text) }
}

/// A read changes nothing, whatever happened to it.
pub(super) fn of_read(error: &ExecutionError) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

fn never_sent(error: &ExecutionError) -> bool {
    match error {
        ExecutionError::BadQuery(_) | ExecutionError::EmptyPlan | ExecutionError::PrepareError(_) => true,
        ExecutionError::LastAttemptError(last) => matches!(
            last,
            RequestAttemptError::SerializationError(_) | RequestAttemptError::CqlRequestSerialization(_)
        ),
        _ => false,
    }
}

fn not_understood(answer: &DbError) -> bool {
    matches!(
        answer,
        DbError::SyntaxError
            | DbError::Invalid
            | DbError::Unauthorized
            | DbError::AuthenticationError
            | DbError::ConfigError
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use scylla::errors::WriteType;
    use scylla::statement::Consistency;

    use super::*;

    fn db(error: DbError) -> ExecutionError {
        ExecutionError::LastAttemptError(RequestAttemptError::DbError(error, String::new()))
    }

    #[test]
    fn only_what_cannot_have_happened_is_known_not_to_have() {
        let unknown = [
            ExecutionError::RequestTimeout(Duration::from_secs(3)),
            db(DbError::Unavailable { consistency: Consistency::Quorum, required: 2, alive: 1 }),
            db(DbError::Overloaded),
            db(DbError::ServerError),
            db(DbError::WriteTimeout {
                consistency: Consistency::Quorum,
                received: 0,
                required: 2,
                write_type: WriteType::Cas,
            }),
        ];
        for error in unknown {
            assert!(matches!(of_write(&error), StoreError::Unknown(_)), "{error}");
            assert!(matches!(of_conditional(&error), StoreError::Unknown(_)), "{error}");
            assert!(matches!(of_read(&error), StoreError::Unavailable(_)), "{error}");
        }
        for error in [ExecutionError::EmptyPlan, db(DbError::Invalid), db(DbError::Unauthorized)] {
            assert!(matches!(of_conditional(&error), StoreError::Unavailable(_)), "{error}");
        }
        assert!(matches!(of_write(&ExecutionError::EmptyPlan), StoreError::Unavailable(_)));
        let again = of_write(&db(DbError::Invalid));
        assert!(matches!(again, StoreError::Unknown(_)), "an earlier try may have taken place");
    }
}
