//! The engine of a cluster: a log on ScyllaDB or Apache Cassandra, shared by any number of processes.
//!
//! ```text
//! Store::<call> ─► Cql::read  ─► a place among the reads  ─► driver ─► quorum
//!               └► Cql::write ─► a place among the writes ─► a task of its own ─► driver ─► quorum
//! ```
//!
//! **Guarantees.** What FENCE.md asks of a store: plain reads and writes at a quorum of the same copies, conditional
//! writes by agreement of them, and of every failed write the honest answer whether it can still take place. Entries,
//! dedupe rows and everything else of one append are one mutation of one partition. A write that began goes on when its
//! caller goes away.
//!
//! **Does not** repeat a conditional write, ever, and no write speculatively. Does not delete a cell of a log, give it a
//! time to live, or write a null to it.
//!
//! **Limits.** `writes_in_flight_max` and `reads_in_flight_max`; past them callers wait in line. A call ends after
//! `request_timeout` for each statement of it.

mod accounts;
mod config;
mod confirmations;
mod copy;
mod cursors;
mod decide;
mod detached;
mod error;
mod execute;
mod faults;
mod groups;
mod heads;
mod inbox;
mod keyspace;
mod leases;
mod log;
mod logins;
mod members;
mod mentions;
mod nickname_search;
mod old_buckets;
mod overlays;
mod ownership;
mod pages;
mod refusal;
mod register;
mod relations;
mod scan;
mod schema;
mod server;
mod session;
mod settings;
mod several;
mod statements;
mod testing;
mod tls;
mod touched;
mod username_search;

use std::future::Future;
use std::sync::Arc;

use lifecycle::Tasks;
use scylla::client::session::Session;
use tokio::sync::Semaphore;
use tokio::time::Instant;

pub use config::{CqlConfig, CqlCredentials, CqlTls, Replication};
pub use error::CqlError;
pub use schema::Migration;
pub use testing::{drop_test_keyspace, test_cluster, test_config};

pub(crate) use copy::{CopyMark, CopyTarget};

use self::detached::Detached;
use self::faults::{Fate, Layer};
use self::keyspace::Keyspace;
use self::server::Server;
use self::session::{Levels, Preparer};
use self::statements::Statements;
use crate::cache::Cache;
use crate::call::{Call, Op};
use crate::metrics::{CqlMetrics, InFlight};
use crate::{Rates, Rule, StoreError};

/// A connection to a cluster.
pub struct Cql {
    session: Session,
    keyspace: Keyspace,
    levels: Levels,
    statements: Statements,
    detached: Detached,
    writes_max: usize,
    reads: Semaphore,
    faults: Layer,
    cache: Cache,
    metrics: CqlMetrics,
}

impl std::fmt::Debug for Cql {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cql").finish_non_exhaustive()
    }
}

impl Cql {
    /// Makes the keyspace and the tables that are missing. Harmless when repeated, and when several programs do it at
    /// once.
    pub async fn migrate(config: &CqlConfig) -> Result<Migration, CqlError> {
        let keyspace = Keyspace::parse(&config.keyspace).map_err(CqlError::Config)?;
        schema::migrate(&session::connect(config).await?, &keyspace, config).await
    }

    /// Connects to a keyspace that was migrated. Writes under way are tasks of `tasks`, on the runtime of this call.
    pub async fn connect(config: &CqlConfig, tasks: &Tasks) -> Result<Arc<Self>, CqlError> {
        let cql = Box::pin(Self::connect_to_copy(config, tasks)).await?;
        if cql.is_half_copied().await? {
            return Err(CqlError::HalfCopied { keyspace: config.keyspace.clone() });
        }
        Ok(cql)
    }

    /// The same for [`crate::copy`], which may find what it began before.
    pub async fn connect_to_copy(config: &CqlConfig, tasks: &Tasks) -> Result<Arc<Self>, CqlError> {
        let keyspace = Keyspace::parse(&config.keyspace).map_err(CqlError::Config)?;
        let session = session::connect(config).await?;
        let exists = server::check_replication(&session, config).await?;
        let found = if exists { schema::check_version(&session, &keyspace).await? } else { 0 };
        if found < schema::known() {
            let keyspace = config.keyspace.clone();
            return Err(CqlError::NotMigrated { keyspace, found, needed: schema::known() });
        }
        Box::pin(Server::detect(&session).await?.check_commit_logs(&session)).await;
        let levels = Levels::of(config);
        let statements = Box::pin(Statements::prepare(&Preparer::new(&session, &keyspace, levels))).await?;
        let metrics = CqlMetrics::new();
        Ok(Arc::new(Self {
            session,
            keyspace,
            levels,
            statements,
            detached: Detached::new(tasks, config.writes_in_flight_max, metrics.writes_in_flight.clone()),
            writes_max: config.writes_in_flight_max,
            reads: Semaphore::new(config.reads_in_flight_max.clamp(1, Semaphore::MAX_PERMITS)),
            faults: Layer::default(),
            cache: Cache::new(usize::try_from(config.pages_bytes).unwrap_or(usize::MAX)),
            metrics,
        }))
    }

    /// Waits for the writes under way; every later call is `Unavailable`.
    pub async fn close(&self) {
        self.detached.close(self.writes_max).await;
        self.reads.close();
    }

    /// For tests: adds a rule, as [`crate::Memory::program`].
    pub fn program(&self, rule: Rule) {
        self.faults.program(rule);
    }

    /// For tests: faults by chance, as [`crate::Memory::program_random`].
    pub fn program_random(&self, seed: u64, rates: Rates) {
        self.faults.program_random(seed, rates);
    }

    /// For tests: takes all rules and random faults away; what is late stays late.
    pub fn heal(&self) {
        self.faults.heal();
    }

    /// For tests: how many rules for one kind of calls are not used up.
    pub fn rules_left(&self, op: Op) -> usize {
        self.faults.rules_left(op)
    }

    /// For tests: how many calls of a kind there were since faults were first programmed.
    pub fn calls(&self, op: Op) -> usize {
        self.faults.calls(op)
    }

    /// For tests: sends all writes that are late, in the order in which they were asked for; says how many.
    pub async fn deliver_late(&self) -> usize {
        self.faults.deliver_late().await
    }

    /// Pages in memory.
    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Runs a call that changes nothing.
    async fn read<T>(
        &self,
        call: Call,
        read: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let drawn = self.faults.draw(&call).await;
        drawn.before.wait().await;
        if drawn.fault.is_some() {
            return Err(faults::injected(call.op));
        }
        let answer = self.read_now(read).await;
        drawn.after.wait().await;
        answer
    }

    /// The same without faults.
    async fn read_now<T>(&self, read: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let _place = self.reads.acquire().await.map_err(|_| closed())?;
        let _in_flight = InFlight::new(&self.metrics.reads_in_flight);
        let begun = Instant::now();
        let answer = read.await;
        self.metrics.read_seconds.record(begun.elapsed().as_secs_f64());
        self.metrics.count(answer.as_ref().err());
        answer
    }

    /// Runs a call that writes, in a task of its own.
    async fn write<T: Send + 'static, F>(
        self: &Arc<Self>,
        call: Call,
        write: impl FnOnce(Arc<Self>) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let drawn = self.faults.draw(&call).await;
        drawn.before.wait().await;
        let write = write(Arc::clone(self));
        let answer = match faults::fate(drawn.fault.as_ref(), call.op) {
            Fate::Never(error) => return Err(error),
            Fate::Late(error) => {
                self.faults.keep(Box::pin(async move { drop(write.await) }));
                return Err(error);
            }
            Fate::Sent(instead) => {
                let begun = Instant::now();
                let answer = self.detached.run(write).await;
                self.metrics.write_seconds.record(begun.elapsed().as_secs_f64());
                self.metrics.count(answer.as_ref().err());
                instead.map_or(answer, Err)
            }
        };
        drawn.after.wait().await;
        answer
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}
