//! The one connection to Redis, shared by everything in the process.
//!
//! The library's own manager makes callers wait while it connects, and its connections live on the runtime of whoever asked
//! first, which here may be a shard's. So this one is connected by one task of the main runtime, and whoever asks while it is
//! away is told so at once.
//!
//! **Limits.** `requests_max` requests at a time, each for `timeout`. Above it, and beyond it: [`Away`].

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, Pipeline, RedisError};
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, sleep, timeout};

use crate::ephemeral::Away;
use crate::ephemeral::config::{RedisConfig, RedisUrlError};
use crate::ephemeral::meters::RedisMetrics;

/// The pauses between attempts to connect: the first, doubled up to the longest, and jittered.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

pub(super) struct Link {
    client: Client,
    current: RwLock<Option<MultiplexedConnection>>,
    permits: Semaphore,
    timeout: Duration,
    /// Somebody got no answer.
    doubt: Notify,
    metrics: RedisMetrics,
}

impl Link {
    pub(super) fn new(config: &RedisConfig) -> Result<Self, RedisUrlError> {
        // The library asks rustls for the process's own provider, and panics without one: with several compiled in there is none
        // until one is chosen. Somebody may have chosen before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self {
            client: Client::open(config.connection_info()?).map_err(|_| RedisUrlError)?,
            current: RwLock::default(),
            permits: Semaphore::new(config.requests_max),
            timeout: config.timeout,
            doubt: Notify::new(),
            metrics: RedisMetrics::new(),
        })
    }

    pub(super) fn is_up(&self) -> bool {
        self.current.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Completes when somebody got no answer since it was last asked.
    pub(super) async fn doubted(&self) {
        self.doubt.notified().await;
    }

    /// Tries until there is a connection on which `greeting` is answered; gives that answer.
    pub(super) async fn connect<T: FromRedisValue>(&self, greeting: impl Fn() -> Pipeline) -> T {
        let (mut pause, began, mut told) = (PAUSE_FIRST, Instant::now(), false);
        loop {
            match self.greet(&greeting()).await {
                Ok((connection, answer)) => {
                    self.set(Some(connection));
                    tracing::info!(after_ms = millis(began.elapsed()), "redis is connected");
                    return answer;
                }
                Err(error) if !told => {
                    told = true;
                    let error = words(&error);
                    tracing::warn!(error, "redis is away: presence is unknown, limits count per process");
                }
                Err(error) => tracing::debug!(error = words(&error), "redis is still away"),
            }
            sleep(pause.mul_f64(rand::random_range(0.5..1.0))).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn greet<T: FromRedisValue>(
        &self,
        greeting: &Pipeline,
    ) -> Result<(MultiplexedConnection, T), RedisError> {
        let settings = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(Some(self.timeout));
        let mut connection = self.client.get_multiplexed_async_connection_with_config(&settings).await?;
        let answer = greeting.query_async(&mut connection).await?;
        Ok((connection, answer))
    }

    /// There is no connection any more, as somebody found out who asked for a sign of life.
    pub(super) fn give_up(&self) {
        self.set(None);
    }

    /// Asks one thing.
    pub(super) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Away> {
        self.limited(async |mut connection| command.query_async(&mut connection).await).await
    }

    /// Asks several things at once.
    pub(super) async fn run<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, Away> {
        self.limited(async |mut connection| commands.query_async(&mut connection).await).await
    }

    /// The same for what must be said whatever else is under way; for one task alone.
    pub(super) async fn insist<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, Away> {
        let connection = self.connection()?;
        self.timed(async { commands.query_async(&mut { connection }).await }).await
    }

    fn connection(&self) -> Result<MultiplexedConnection, Away> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or(Away)
    }

    async fn limited<T>(
        &self,
        ask: impl AsyncFnOnce(MultiplexedConnection) -> Result<T, RedisError>,
    ) -> Result<T, Away> {
        let connection = self.connection()?;
        let Ok(_permit) = self.permits.try_acquire() else {
            self.metrics.refused.increment(1);
            return Err(Away);
        };
        self.timed(ask(connection)).await
    }

    async fn timed<T>(&self, ask: impl Future<Output = Result<T, RedisError>>) -> Result<T, Away> {
        let began = Instant::now();
        let under_way = UnderWay::new(&self.metrics.requests);
        let answer = timeout(self.timeout, ask).await;
        drop(under_way);
        self.metrics.seconds.record(began.elapsed());
        match answer {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => {
                if error.is_unrecoverable_error() || error.is_timeout() {
                    self.doubt.notify_one();
                }
                tracing::debug!(error = words(&error), "redis did not do what it was asked");
            }
            Err(_) => self.doubt.notify_one(),
        }
        self.metrics.failures.increment(1);
        Err(Away)
    }

    fn set(&self, connection: Option<MultiplexedConnection>) {
        self.metrics.connected.set(if connection.is_some() { 1.0 } else { 0.0 });
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = connection;
    }
}

/// Counts a request until it is answered, or nobody wants the answer any more.
struct UnderWay<'a>(&'a metrics::Gauge);

impl<'a> UnderWay<'a> {
    fn new(requests: &'a metrics::Gauge) -> Self {
        requests.increment(1.0);
        Self(requests)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// What kind of error it is. Its own words may hold what was sent.
fn words(error: &RedisError) -> String {
    match error.code() {
        Some(code) => code.to_owned(),
        None => format!("{:?}", error.kind()),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
