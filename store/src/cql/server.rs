//! Which server this is, and whether its settings break the argument of FENCE.md.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use scylla::client::session::Session;
use scylla::cluster::{Node, NodeAddr};
use scylla::errors::{DbError, ExecutionError, RequestAttemptError};
use scylla::policies::load_balancing::{NodeIdentifier, SingleTargetLoadBalancingPolicy};
use scylla::response::query_result::QueryRowsResult;
use scylla::statement::unprepared::Statement;

use super::config::{CqlConfig, Replication};
use super::error::CqlError;

/// The kind of a cluster's nodes, as far as tables are made differently for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Server {
    /// Apache Cassandra, by its major version.
    Cassandra(u32),
    /// ScyllaDB, by its version: major and minor. Numbers from 2018 on are years.
    Scylla(u32, u32),
}

impl Server {
    /// Asks the node that answers first; a cluster is of one kind.
    pub(super) async fn detect(session: &Session) -> Result<Self, CqlError> {
        const SCYLLA: &str = "SELECT version FROM system.versions WHERE key = 'local'";
        const CASSANDRA: &str = "SELECT release_version FROM system.local WHERE key = 'local'";
        // Only ScyllaDB has the table.
        match Box::pin(session.query_unpaged(SCYLLA, ())).await {
            Ok(answer) => {
                let version = text_of(answer.into_rows_result().ok());
                let (major, minor) = numbers(&version.unwrap_or_default());
                return Ok(Self::Scylla(major, minor));
            }
            Err(ExecutionError::LastAttemptError(RequestAttemptError::DbError(DbError::Invalid, _))) => {}
            Err(source) => return Err(CqlError::Statement { statement: SCYLLA.to_owned(), source }),
        }
        let answer = Box::pin(session.query_unpaged(CASSANDRA, ())).await;
        let answer =
            answer.map_err(|source| CqlError::Statement { statement: CASSANDRA.to_owned(), source })?;
        let version = text_of(answer.into_rows_result().ok()).ok_or(CqlError::Answer(CASSANDRA))?;
        Ok(Self::Cassandra(numbers(&version).0))
    }

    /// What `CREATE KEYSPACE` must say besides the replication. Conditional writes are not for tables of tablets
    /// (ScyllaDB 6 and 2024.2 make those by default; before, there is no such word).
    pub(super) fn keyspace_options(&self) -> &'static str {
        match self {
            Self::Scylla(2024, minor) if *minor < 2 => "",
            Self::Scylla(major, _) if *major >= 6 => " AND tablets = {'enabled': false}",
            _ => "",
        }
    }

    /// Says loudly of each node at which a write can be acknowledged before it is on disk. Each answers for itself.
    pub(super) async fn check_commit_logs(&self, session: &Session) {
        let state = session.get_cluster_state();
        let nodes = state.get_nodes_info().iter().filter(|node| node.is_connected());
        let answers = join_all(nodes.map(|node| self.commit_log(session, node))).await;
        for (node, sync) in answers {
            match sync.as_deref() {
                Some("batch") => {}
                // As safe: an acknowledgement waits for the next sync there, too.
                Some("group") if matches!(self, Self::Cassandra(_)) => {}
                Some(other) => tracing::warn!(
                    %node,
                    commitlog_sync = other,
                    "a node of the cluster acknowledges writes before they are on disk: a power failure can lose \
                     acknowledged messages, set `commitlog_sync: batch` on every node"
                ),
                None => tracing::info!(
                    %node,
                    "a node of the cluster does not show `commitlog_sync`: make sure that it is `batch` on every node"
                ),
            }
        }
    }

    /// The setting of a node as it says itself; `None` where that cannot be read.
    async fn commit_log(&self, session: &Session, node: &Node) -> (NodeAddr, Option<String>) {
        let mut statement = Statement::new(match self {
            Self::Cassandra(_) => "SELECT value FROM system_views.settings WHERE name = 'commitlog_sync'",
            Self::Scylla(..) => "SELECT value FROM system.config WHERE name = 'commitlog_sync'",
        });
        let only = SingleTargetLoadBalancingPolicy::new(NodeIdentifier::HostId(node.host_id), None);
        let profile = session.get_default_execution_profile_handle().pointee_to_builder();
        statement
            .set_execution_profile_handle(Some(profile.load_balancing_policy(only).build().into_handle()));
        let answer = Box::pin(session.query_unpaged(statement, ())).await;
        let value = answer.ok().and_then(|answer| text_of(answer.into_rows_result().ok()));
        // ScyllaDB shows values as JSON.
        (node.address, value.map(|value| value.trim_matches('"').to_owned()))
    }
}

/// Refuses a keyspace that is not replicated as configured. `false`: there is no such keyspace.
pub(super) async fn check_replication(session: &Session, config: &CqlConfig) -> Result<bool, CqlError> {
    const STATEMENT: &str = "SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ?";
    if let Replication::Simple(_) = config.replication {
        let state = session.get_cluster_state();
        let centres: BTreeSet<_> =
            state.get_nodes_info().iter().filter_map(|node| node.datacenter.clone()).collect();
        if centres.len() > 1 {
            return Err(CqlError::SimpleAcrossDatacenters(centres.len()));
        }
    }
    let answer = Box::pin(session.query_unpaged(STATEMENT, (&config.keyspace,))).await;
    let answer = answer.map_err(|source| CqlError::Statement { statement: STATEMENT.to_owned(), source })?;
    let rows = answer.into_rows_result().map_err(|_| CqlError::Answer(STATEMENT))?;
    let row =
        rows.maybe_first_row::<(BTreeMap<String, String>,)>().map_err(|_| CqlError::Answer(STATEMENT))?;
    let Some((options,)) = row else { return Ok(false) };
    let found = Replication::found(options);
    if found.as_ref() == Some(&config.replication) {
        return Ok(true);
    }
    let (keyspace, configured) = (config.keyspace.clone(), config.replication.clone());
    Err(CqlError::Replication { keyspace, configured, found })
}

/// The first column of the first row.
fn text_of(rows: Option<QueryRowsResult>) -> Option<String> {
    rows?.maybe_first_row::<(Option<String>,)>().ok()?.and_then(|(text,)| text)
}

/// Major and minor of a version; zero where there is no number.
fn numbers(version: &str) -> (u32, u32) {
    let mut parts = version.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tablets_are_switched_off_where_they_exist() {
        let on = [Server::Scylla(6, 0), Server::Scylla(2024, 2), Server::Scylla(2025, 1)];
        let off = [Server::Scylla(5, 4), Server::Scylla(2024, 1), Server::Cassandra(5)];
        assert!(on.iter().all(|server| server.keyspace_options().contains("tablets")));
        assert!(off.iter().all(|server| server.keyspace_options().is_empty()));
        assert_eq!(numbers("2025.1.2-0.20250422"), (2025, 1));
        assert_eq!(numbers("5.0.5"), (5, 0));
        assert_eq!(numbers(""), (0, 0));
    }
}
