//! Keyspaces for tests, of this crate and of those above it: fresh ones on a real cluster, if there is one.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use lifecycle::{Tasks, wall_clock_ms};
use rand::RngExt as _;
use scylla::client::session::Session;
use scylla::statement::unprepared::Statement;

use super::{Cql, CqlConfig, CqlError, Replication, session};

/// What every test keyspace is called: then the second it was made in, then a random part, in hexadecimal.
const PREFIX: &str = "tidegate_test_";
/// A keyspace of this age has lost its test.
const STALE_SECONDS: u64 = 1_800;
/// Dropping takes its time, more so on a busy cluster.
const DROP_TIMEOUT: Duration = Duration::from_secs(60);
/// The most keyspaces that one test takes away: each takes its time.
const STALE_MAX: usize = 4;

/// The cluster for tests, as `TIDEGATE_TEST_CQL_URL` (`cql://host:port`) names it, with a new name for a keyspace.
///
/// Without the variable: says in one line that `what` is skipped, and gives `None`.
///
/// # Panics
/// Without the variable where `CI` is set: nothing is skipped there.
pub fn test_config(what: &str) -> Option<CqlConfig> {
    let Ok(url) = std::env::var("TIDEGATE_TEST_CQL_URL") else {
        let why = format!("skipped: {what} (set TIDEGATE_TEST_CQL_URL, or cargo xtask services up)");
        assert!(std::env::var_os("CI").is_none(), "{why}");
        #[expect(clippy::print_stdout, reason = "what a test says")]
        {
            println!("{why}");
        }
        return None;
    };
    let seconds = wall_clock_ms() / 1_000;
    Some(CqlConfig {
        nodes: vec![url.trim_start_matches("cql://").trim_end_matches('/').to_owned()],
        keyspace: format!("{PREFIX}{seconds:x}_{:08x}", rand::rng().random::<u32>()),
        replication: Replication::Simple(1),
        local_datacenter: None,
        credentials: None,
        tls: None,
        connect_timeout: Duration::from_secs(10),
        // Other tests keep the cluster busy.
        request_timeout: Duration::from_secs(10),
        connections: NonZeroUsize::MIN,
        pages_bytes: 16 << 20,
        writes_in_flight_max: 256,
        reads_in_flight_max: 256,
    })
}

/// A connection to a fresh keyspace. Takes old test keyspaces away first.
pub async fn test_cluster(config: &CqlConfig, tasks: &Tasks) -> Result<Arc<Cql>, CqlError> {
    take_away_stale(&session::connect(config).await?).await?;
    Cql::migrate(config).await?;
    Box::pin(Cql::connect(config, tasks)).await
}

/// Takes a test keyspace away, at the end of a test that had it for itself. What fails here, a later test takes away.
pub async fn drop_test_keyspace(config: &CqlConfig) -> Result<(), CqlError> {
    drop_keyspace(&session::connect(config).await?, &config.keyspace).await
}

async fn take_away_stale(session: &Session) -> Result<(), CqlError> {
    const STATEMENT: &str = "SELECT keyspace_name FROM system_schema.keyspaces";
    let answer = Box::pin(session.query_unpaged(STATEMENT, ())).await;
    let answer = answer.map_err(|source| CqlError::Statement { statement: STATEMENT.to_owned(), source })?;
    let rows = answer.into_rows_result().map_err(|_| CqlError::Answer(STATEMENT))?;
    let names = rows.rows::<(String,)>().map_err(|_| CqlError::Answer(STATEMENT))?;
    let now = wall_clock_ms() / 1_000;
    let stale = names.flatten().filter(|(name,)| made_at(name).is_some_and(|at| at + STALE_SECONDS < now));
    for (name,) in stale.take(STALE_MAX) {
        // Another test may take the same one away.
        let _ = drop_keyspace(session, &name).await;
    }
    Ok(())
}

async fn drop_keyspace(session: &Session, name: &str) -> Result<(), CqlError> {
    if made_at(name).is_none() {
        return Err(CqlError::Config(format!("`{name}` is not the keyspace of a test")));
    }
    let statement = format!("DROP KEYSPACE IF EXISTS {name}");
    let mut patient = Statement::new(statement.as_str());
    patient.set_request_timeout(Some(DROP_TIMEOUT));
    let dropped = Box::pin(session.query_unpaged(patient, ())).await;
    dropped.map(drop).map_err(|source| CqlError::Statement { statement, source })
}

/// When a test keyspace was made, in Unix seconds; `None` for every other keyspace.
fn made_at(name: &str) -> Option<u64> {
    let (seconds, _) = name.strip_prefix(PREFIX)?.split_once('_')?;
    u64::from_str_radix(seconds, 16).ok()
}
