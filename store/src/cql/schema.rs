//! The tables, made by the program: versions in files, each applied once, whoever comes first.
//!
//! A version is claimed by a conditional write, so that of several programs that start at once one makes it and the
//! others wait. Every statement is also harmless when repeated, so that a claim of a program that died can be taken
//! over; a column that is there already is not added again, which CQL itself cannot be told everywhere. All statements go to one node, the one with the lowest id: nodes of Cassandra that make the same table at the
//! same time make two of one name.

mod nicknames;
pub(super) mod options;

use std::sync::Arc;
use std::time::Duration;

use lifecycle::wall_clock_ms;
use rand::RngExt as _;
use scylla::client::execution_profile::{ExecutionProfile, ExecutionProfileHandle};
use scylla::client::session::Session;
use scylla::errors::{DbError, ExecutionError, RequestAttemptError};
use scylla::policies::load_balancing::{NodeIdentifier, SingleTargetLoadBalancingPolicy};
use scylla::policies::retry::FallthroughRetryPolicy;
use scylla::serialize::row::SerializeRow;
use scylla::statement::unprepared::Statement;
use tokio::time::Instant;
use uuid::Uuid;

use self::options::Use;
use super::config::CqlConfig;
use super::error::CqlError;
use super::keyspace::Keyspace;
use super::server::{Server, check_replication};
use super::session::Levels;

/// What a migration did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    /// The version of the schema that was there; 0 for none.
    pub from: u32,
    /// The version that is there now.
    pub to: u32,
}

/// The versions, from 1 on. A version that was released never changes; what comes later is a new file.
const VERSIONS: &[&str] = &[
    include_str!("schema/0001_log.cql"),
    include_str!("schema/0002_directory.cql"),
    include_str!("schema/0003_copy.cql"),
    include_str!("schema/0004_groups.cql"),
    include_str!("schema/0005_overlays.cql"),
    include_str!("schema/0006_relations.cql"),
    include_str!("schema/0007_details.cql"),
    include_str!("schema/0008_username_search.cql"),
    include_str!("schema/0009_settings.cql"),
    include_str!("schema/0010_confirmations.cql"),
    include_str!("schema/0011_nickname_search.cql"),
];

/// A claim is taken over from a program that has not finished in this time.
const CLAIM_MS: u64 = 60_000;
/// How long another program is waited for.
const WAIT: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_millis(200);
/// How long a keyspace that is listed may not be known.
const LISTED_WAIT: Duration = Duration::from_secs(10);
/// Tables take their time, more so on a busy cluster.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);

const TABLE: &str = "CREATE TABLE IF NOT EXISTS migration \
    (version int PRIMARY KEY, holder uuid, claimed_ms bigint, done boolean)";
const READ: &str = "SELECT holder, claimed_ms, done FROM migration WHERE version = ?";
const CLAIM: &str =
    "INSERT INTO migration (version, holder, claimed_ms, done) VALUES (?, ?, ?, false) IF NOT EXISTS";
const TAKE: &str =
    "UPDATE migration SET holder = ?, claimed_ms = ? WHERE version = ? IF holder = ? AND done = false";
const FINISH: &str = "UPDATE migration SET done = true WHERE version = ? IF holder = ?";

/// The newest version that this program knows.
pub(super) fn known() -> u32 {
    u32::try_from(VERSIONS.len()).unwrap_or(u32::MAX)
}

/// Makes what is missing.
pub(super) async fn migrate(
    session: &Session,
    keyspace: &Keyspace,
    config: &CqlConfig,
) -> Result<Migration, CqlError> {
    let server = Server::detect(session).await?;
    let maker = Maker::new(session, keyspace, Levels::of(config));
    if !check_replication(session, config).await? {
        let (name, replication) = (keyspace.name(), config.replication.cql());
        let options = server.keyspace_options();
        maker
            .run(
                format!("CREATE KEYSPACE IF NOT EXISTS {name} WITH replication = {replication}{options}"),
                (),
            )
            .await?;
        check_replication(session, config).await?;
    }
    maker.make_first().await?;
    let from = check_version(session, keyspace).await?;
    for (version, text) in (1..).zip(VERSIONS) {
        if version > from {
            maker.make(version, &statements(text, &server)).await?;
        }
    }
    Ok(Migration { from, to: known() })
}

/// The newest version that is complete; 0 for none. An error if it is newer than this program.
pub(super) async fn check_version(session: &Session, keyspace: &Keyspace) -> Result<u32, CqlError> {
    const STATEMENT: &str = "SELECT version, done FROM migration";
    let answer = match Box::pin(session.query_unpaged(keyspace.statement(STATEMENT), ())).await {
        Ok(answer) => answer,
        // There is no such table.
        Err(error) if is_of_what_is_not_there(&error) => return Ok(0),
        Err(source) => return Err(CqlError::Statement { statement: STATEMENT.to_owned(), source }),
    };
    let rows = answer.into_rows_result().map_err(|_| CqlError::Answer(STATEMENT))?;
    let mut newest = 0;
    for row in rows.rows::<(i32, Option<bool>)>().map_err(|_| CqlError::Answer(STATEMENT))? {
        let (version, done) = row.map_err(|_| CqlError::Answer(STATEMENT))?;
        let version = version.unsigned_abs();
        // Newer than this program counts as soon as someone began it.
        if done == Some(true) || version > known() {
            newest = newest.max(version);
        }
    }
    if newest > known() {
        let keyspace = keyspace.name().to_owned();
        return Err(CqlError::NewerSchema { keyspace, found: newest, known: known() });
    }
    Ok(newest)
}

/// Whether a server says that a keyspace or a table is not there.
fn is_of_what_is_not_there(error: &ExecutionError) -> bool {
    let ExecutionError::LastAttemptError(RequestAttemptError::DbError(answer, _)) = error else {
        return false;
    };
    matches!(answer, DbError::Invalid | DbError::ConfigError)
}

/// Whether a read may succeed a moment later.
fn is_of_a_busy_cluster(error: &ExecutionError) -> bool {
    let ExecutionError::LastAttemptError(RequestAttemptError::DbError(answer, _)) = error else {
        return matches!(error, ExecutionError::RequestTimeout(_));
    };
    matches!(answer, DbError::ReadTimeout { .. } | DbError::Unavailable { .. } | DbError::Overloaded)
}

/// The statements of a file, with the options that the server understands.
fn statements(text: &str, server: &Server) -> Vec<String> {
    let mut text: String =
        text.lines().filter(|line| !line.trim_start().starts_with("--")).collect::<Vec<_>>().join("\n");
    for (name, kind) in Use::ALL {
        text = text.replace(name, &kind.options(server));
    }
    text.split(';').map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect()
}

/// The table and the column of a statement that adds one.
fn added_column(statement: &str) -> Option<(&str, &str)> {
    let mut words = statement.strip_prefix("ALTER TABLE ")?.split_whitespace();
    let table = words.next()?;
    (words.next()? == "ADD").then_some(())?;
    Some((table, words.next()?))
}

/// Who makes tables: one program, through one node.
struct Maker<'a> {
    session: &'a Session,
    keyspace: &'a Keyspace,
    profile: ExecutionProfileHandle,
    levels: Levels,
    me: Uuid,
}

/// Where a version is.
enum Claim {
    Done,
    Mine,
    Others { holder: Option<Uuid>, since_ms: u64 },
    Nobodys,
}

impl<'a> Maker<'a> {
    fn new(session: &'a Session, keyspace: &'a Keyspace, levels: Levels) -> Self {
        let mut profile = ExecutionProfile::builder()
            .consistency(levels.plain)
            .serial_consistency(Some(levels.serial))
            .request_timeout(Some(STATEMENT_TIMEOUT))
            .retry_policy(Arc::new(FallthroughRetryPolicy::new()));
        let state = session.get_cluster_state();
        let up = state.get_nodes_info().iter().filter(|node| node.is_connected());
        if let Some(first) = up.map(|node| node.host_id).min() {
            let target = SingleTargetLoadBalancingPolicy::new(NodeIdentifier::HostId(first), None);
            profile = profile.load_balancing_policy(target);
        }
        let me = Uuid::from_u128(rand::rng().random());
        Self { session, keyspace, profile: profile.build().into_handle(), levels, me }
    }

    /// Makes the table of versions. A node knows of a keyspace a moment after it lists it.
    async fn make_first(&self) -> Result<(), CqlError> {
        let deadline = Instant::now() + LISTED_WAIT;
        loop {
            match self.run(TABLE, ()).await {
                Err(CqlError::Statement { source, .. })
                    if is_of_what_is_not_there(&source) && Instant::now() < deadline =>
                {
                    tokio::time::sleep(POLL).await;
                }
                ended => return ended,
            }
        }
    }

    /// Makes one version, or waits for whoever does.
    async fn make(&self, version: u32, statements: &[String]) -> Result<(), CqlError> {
        let deadline = Instant::now() + WAIT;
        let number = i32::try_from(version).unwrap_or(i32::MAX);
        while Instant::now() < deadline {
            let now_ms = i64::try_from(wall_clock_ms()).unwrap_or(i64::MAX);
            let claim = match self.claim(number).await {
                Err(CqlError::Statement { source, .. }) if is_of_a_busy_cluster(&source) => {
                    tokio::time::sleep(POLL).await;
                    continue;
                }
                claim => claim?,
            };
            match claim {
                Claim::Done => return Ok(()),
                Claim::Nobodys => self.attempt(CLAIM, (number, self.me, now_ms)).await,
                Claim::Mine => {
                    for statement in statements {
                        if !self.is_column_there(statement).await? {
                            self.run(statement.as_str(), ()).await?;
                        }
                    }
                    if version == nicknames::VERSION {
                        let renew = async || {
                            let now_ms = i64::try_from(wall_clock_ms()).unwrap_or(i64::MAX);
                            self.attempt(TAKE, (self.me, now_ms, number, self.me)).await;
                        };
                        nicknames::fill(self.session, self.keyspace, self.levels, renew).await?;
                    }
                    self.attempt(FINISH, (number, self.me)).await;
                }
                Claim::Others { holder, since_ms } if since_ms + CLAIM_MS < wall_clock_ms() => {
                    tracing::warn!(version, "a migration was begun and not finished: taking it over");
                    self.attempt(TAKE, (self.me, now_ms, number, holder)).await;
                }
                Claim::Others { .. } => tokio::time::sleep(POLL).await,
            }
        }
        Err(CqlError::MigrationHeld(version))
    }

    async fn claim(&self, version: i32) -> Result<Claim, CqlError> {
        let mut read = self.statement(READ);
        read.set_consistency(self.levels.serial_read);
        let answer = Box::pin(self.session.query_unpaged(read, (version,))).await;
        let answer = answer.map_err(|source| CqlError::Statement { statement: READ.to_owned(), source })?;
        let rows = answer.into_rows_result().map_err(|_| CqlError::Answer(READ))?;
        let row = rows
            .maybe_first_row::<(Option<Uuid>, Option<i64>, Option<bool>)>()
            .map_err(|_| CqlError::Answer(READ))?;
        Ok(match row {
            None => Claim::Nobodys,
            Some((_, _, Some(true))) => Claim::Done,
            Some((holder, ..)) if holder == Some(self.me) => Claim::Mine,
            Some((holder, since_ms, _)) => {
                Claim::Others { holder, since_ms: since_ms.unwrap_or(0).unsigned_abs() }
            }
        })
    }

    /// A conditional write, whatever comes of it: what is there is read again afterwards.
    async fn attempt(&self, text: &'static str, values: impl SerializeRow) {
        if let Err(error) = Box::pin(self.session.query_unpaged(self.statement(text), values)).await {
            tracing::debug!(%error, "conditional write of a migration failed");
            tokio::time::sleep(POLL).await;
        }
    }

    /// Whether a statement adds a column that its table has.
    async fn is_column_there(&self, statement: &str) -> Result<bool, CqlError> {
        const COLUMN: &str = "SELECT column_name FROM system_schema.columns \
            WHERE keyspace_name = ? AND table_name = ? AND column_name = ?";
        let Some((table, column)) = added_column(statement) else { return Ok(false) };
        let values = (self.keyspace.name(), table, column);
        let answer = Box::pin(self.session.query_unpaged(self.statement(COLUMN), values)).await;
        let answer = answer.map_err(|source| CqlError::Statement { statement: COLUMN.to_owned(), source })?;
        let rows = answer.into_rows_result().map_err(|_| CqlError::Answer(COLUMN))?;
        let row = rows.maybe_first_row::<(String,)>().map_err(|_| CqlError::Answer(COLUMN))?;
        Ok(row.is_some())
    }

    async fn run(&self, text: impl Into<String>, values: impl SerializeRow) -> Result<(), CqlError> {
        let text = text.into();
        let ran = Box::pin(self.session.query_unpaged(self.statement(&text), values)).await;
        ran.map_err(|source| CqlError::Statement { statement: text.chars().take(80).collect(), source })?;
        Ok(())
    }

    fn statement(&self, text: &str) -> Statement {
        let mut statement = Statement::new(self.keyspace.statement(text));
        statement.set_execution_profile_handle(Some(self.profile.clone()));
        statement
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_becomes_statements_that_may_be_repeated() {
        for server in [Server::Cassandra(5), Server::Scylla(2025, 1)] {
            for text in VERSIONS {
                let statements = statements(text, &server);
                assert!(!statements.is_empty());
                for statement in statements {
                    if added_column(&statement).is_some() {
                        continue;
                    }
                    assert!(statement.contains("IF NOT EXISTS"), "{statement}");
                    assert!(!statement.contains("--") && !statement.contains("{log}"), "{statement}");
                    assert!(statement.contains("compaction"), "{statement}");
                }
            }
        }
    }

    #[test]
    fn a_statement_that_adds_a_column_says_which() {
        assert_eq!(
            added_column("ALTER TABLE group_info ADD settings blob"),
            Some(("group_info", "settings"))
        );
        assert_eq!(added_column("ALTER TABLE group_info DROP settings"), None);
        assert_eq!(added_column("CREATE TABLE IF NOT EXISTS a (b int PRIMARY KEY)"), None);
    }
}
