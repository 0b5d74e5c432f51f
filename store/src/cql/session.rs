//! The driver's session: how it connects, routes, repeats and gives up.

use std::sync::Arc;
use std::time::Duration;

use scylla::client::PoolSize;
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::policies::load_balancing::DefaultPolicy;
use scylla::policies::retry::{DefaultRetryPolicy, FallthroughRetryPolicy};
use scylla::policies::timestamp_generator::MonotonicTimestampGenerator;
use scylla::statement::batch::{Batch, BatchType};
use scylla::statement::prepared::PreparedStatement;
use scylla::statement::unprepared::Statement;
use scylla::statement::{Consistency, SerialConsistency};

use super::config::CqlConfig;
use super::error::CqlError;
use super::keyspace::Keyspace;
use super::{refusal, tls};

/// How many copies must answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Levels {
    /// Plain reads, plain writes, and the commit of conditional ones.
    pub(super) plain: Consistency,
    /// The agreement of conditional writes.
    pub(super) serial: SerialConsistency,
    /// Reads that complete an agreement first.
    pub(super) serial_read: Consistency,
}

impl Levels {
    /// One data centre: its own majority. Several: the majority of all copies, because a router may come back in
    /// another one than where it died.
    pub(super) fn of(config: &CqlConfig) -> Self {
        if config.replication.is_wide() {
            Self {
                plain: Consistency::Quorum,
                serial: SerialConsistency::Serial,
                serial_read: Consistency::Serial,
            }
        } else {
            Self {
                plain: Consistency::LocalQuorum,
                serial: SerialConsistency::LocalSerial,
                serial_read: Consistency::LocalSerial,
            }
        }
    }
}

/// Connects. No keyspace is in use: statements name theirs.
pub(super) async fn connect(config: &CqlConfig) -> Result<Session, CqlError> {
    if config.nodes.is_empty() {
        return Err(CqlError::Config("no nodes".to_owned()));
    }
    let levels = Levels::of(config);
    let mut routing = DefaultPolicy::builder().token_aware(true);
    if let Some(near) = config.local_datacenter.as_ref().or(config.replication.only_datacenter()) {
        routing = routing.prefer_datacenter(near.clone()).permit_dc_failover(config.replication.is_wide());
    }
    // No speculative execution: a write that is under way twice may arrive long after its caller gave up.
    let profile = ExecutionProfile::builder()
        .consistency(levels.plain)
        .serial_consistency(Some(levels.serial))
        .request_timeout(Some(config.request_timeout))
        .load_balancing_policy(routing.build())
        .retry_policy(Arc::new(DefaultRetryPolicy::new()))
        .build();
    let mut builder = SessionBuilder::new()
        .known_nodes(&config.nodes)
        .default_execution_profile_handle(profile.into_handle())
        .connection_timeout(config.connect_timeout)
        .pool_size(PoolSize::PerShard(config.connections))
        .tcp_nodelay(true)
        // A node that hangs is left soon after a request to it has timed out: until then, repetitions may go there again.
        .keepalive_interval(Duration::from_secs(2))
        .keepalive_timeout(config.request_timeout)
        .timestamp_generator(Arc::new(MonotonicTimestampGenerator::new().without_warnings()))
        .keyspaces_to_fetch([config.keyspace.clone()])
        // DDL waits for agreement where it is used, and says which statement did not get it.
        .schema_agreement_timeout(Duration::from_secs(30))
        .tls_context(config.tls.as_ref().map(tls::client).transpose().map_err(CqlError::Config)?);
    if let Some(credentials) = &config.credentials {
        builder = builder.user(&credentials.user, &credentials.password);
    }
    Box::pin(builder.build()).await.map_err(|error| refusal::of(error, config))
}

/// Prepares statements, each with the levels and the answer to failure that its kind needs.
pub(super) struct Preparer<'a> {
    session: &'a Session,
    keyspace: &'a Keyspace,
    levels: Levels,
}

impl<'a> Preparer<'a> {
    /// For tables of a keyspace, whose name the texts of statements need not have.
    pub(super) fn new(session: &'a Session, keyspace: &'a Keyspace, levels: Levels) -> Self {
        Self { session, keyspace, levels }
    }

    /// A read at quorum; repeated by the driver where that can help.
    pub(super) async fn read(&self, text: &str) -> Result<PreparedStatement, CqlError> {
        let mut statement = self.prepare(text).await?;
        statement.set_is_idempotent(true);
        Ok(statement)
    }

    /// A read at quorum that is answered in pages of so many rows.
    pub(super) async fn paged_read(&self, text: &str, rows: i32) -> Result<PreparedStatement, CqlError> {
        let mut statement = self.read(text).await?;
        statement.set_page_size(rows);
        Ok(statement)
    }

    /// A read that completes what conditional writes left unfinished. Never repeated by the driver.
    pub(super) async fn serial_read(&self, text: &str) -> Result<PreparedStatement, CqlError> {
        let mut statement = self.prepare(text).await?;
        statement.set_consistency(self.levels.serial_read);
        statement.set_retry_policy(Some(Arc::new(FallthroughRetryPolicy::new())));
        Ok(statement)
    }

    /// A plain write, of which a second one changes nothing; repeated by the driver where that can help.
    pub(super) async fn write(&self, text: &str) -> Result<PreparedStatement, CqlError> {
        let mut statement = self.prepare(text).await?;
        statement.set_is_idempotent(true);
        Ok(statement)
    }

    /// A conditional write. Never repeated by the driver: only its caller can say what an unknown end means.
    pub(super) async fn conditional(&self, text: &str) -> Result<PreparedStatement, CqlError> {
        let mut statement = self.prepare(text).await?;
        statement.set_is_idempotent(false);
        statement.set_serial_consistency(Some(self.levels.serial));
        statement.set_retry_policy(Some(Arc::new(FallthroughRetryPolicy::new())));
        Ok(statement)
    }

    async fn prepare(&self, text: &str) -> Result<PreparedStatement, CqlError> {
        let text = self.keyspace.statement(text);
        let mut statement = Statement::new(text.as_str());
        statement.set_consistency(self.levels.plain);
        Box::pin(self.session.prepare(statement))
            .await
            .map_err(|source| CqlError::Prepare { statement: text, source })
    }
}

/// One prepared write, `times` in a batch of a single partition: atomic on each copy, without a batch log.
pub(super) fn batch_of(statement: &PreparedStatement, times: usize) -> Batch {
    let mut batch = Batch::new_with_statements(BatchType::Unlogged, vec![statement.clone().into(); times]);
    batch.set_is_idempotent(true);
    if let Some(level) = statement.get_consistency() {
        batch.set_consistency(level);
    }
    batch
}
