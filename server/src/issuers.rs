//! Whose tokens are trusted: our own, and those of the configured issuers, whose key sets are fetched again and again.
//!
//! **Guarantees.** A key set that cannot be fetched leaves the last one in force. An unknown key makes it be fetched early, at
//! most once in [`UNKNOWN_KEY_PAUSE`], however many such tokens come.
//!
//! **Limits.** A key set has at most [`JWKS_BYTES_MAX`] bytes and [`FETCH_TIMEOUT`] to arrive.

use std::time::Duration;

use auth::{Issuer, SharedVerifier, Trust, Verifier, VerifyingKey};
use lifecycle::Tasks;
use tokio::time::Instant;

/// Bytes of a key set.
const JWKS_BYTES_MAX: u64 = 1 << 20;
/// For one fetch of a key set, from name look-up to last byte.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two fetches that unknown keys asked for.
const UNKNOWN_KEY_PAUSE: Duration = Duration::from_secs(30);
/// How often it is looked whether a fetch is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// An issuer besides ourselves.
#[derive(Clone, Debug)]
pub(crate) struct TrustedIssuer {
    pub(crate) trust: Trust,
    pub(crate) keys: IssuerKeys,
}

/// Where an issuer's keys come from.
#[derive(Clone, Debug)]
pub(crate) enum IssuerKeys {
    /// From the configuration.
    Fixed(Vec<VerifyingKey>),
    /// From a JWKS document at this URL.
    Jwks(String),
}

/// Everyone whose tokens are trusted, and their keys as they are known now.
pub(crate) struct Issuers {
    own: Option<Issuer>,
    leeway: Duration,
    refresh: Duration,
    trusted: Vec<(TrustedIssuer, Vec<VerifyingKey>)>,
}

impl Issuers {
    /// Ours, if there is a key for it, and the given ones; key sets are empty until [`Self::fetch`].
    pub(crate) fn new(
        own: Option<Issuer>,
        leeway: Duration,
        refresh: Duration,
        trusted: &[TrustedIssuer],
    ) -> Self {
        let with_keys = |issuer: &TrustedIssuer| match &issuer.keys {
            IssuerKeys::Fixed(keys) => (issuer.clone(), keys.clone()),
            IssuerKeys::Jwks(_) => (issuer.clone(), Vec::new()),
        };
        Self { own, leeway, refresh, trusted: trusted.iter().map(with_keys).collect() }
    }

    /// The verifier of what is known now.
    pub(crate) fn verifier(&self) -> Verifier {
        let nobody = Verifier::new(self.leeway.as_secs());
        let own = match &self.own {
            Some(own) => own.trusted_by(nobody),
            None => nobody,
        };
        self.trusted
            .iter()
            .fold(own, |verifier, (issuer, keys)| verifier.trusting(issuer.trust.clone(), keys.clone()))
    }

    /// Fetches every key set once. One that fails is logged and keeps its keys.
    pub(crate) async fn fetch(&mut self) {
        for (issuer, keys) in &mut self.trusted {
            let IssuerKeys::Jwks(url) = &issuer.keys else { continue };
            let url = url.clone();
            match tokio::task::spawn_blocking(move || fetch_key_set(&url)).await {
                Ok(Ok(fetched)) => {
                    tracing::debug!(issuer = issuer.trust.issuer, keys = fetched.len(), "key set fetched");
                    metrics::counter!("server_key_sets_fetched_total").increment(1);
                    *keys = fetched;
                }
                Ok(Err(error)) => {
                    metrics::counter!("server_key_set_failures_total").increment(1);
                    let error = format!("{error:#}");
                    tracing::warn!(
                        issuer = issuer.trust.issuer,
                        error,
                        "key set could not be fetched, the last one stays"
                    );
                }
                Err(error) => tracing::warn!(%error, "fetching a key set was interrupted"),
            }
        }
    }

    /// Keeps the verifier up to date until the drain; does nothing when no issuer publishes a key set.
    pub(crate) fn keep_fresh(mut self, verifier: SharedVerifier, tasks: &Tasks) {
        if !self.trusted.iter().any(|(issuer, _)| matches!(issuer.keys, IssuerKeys::Jwks(_))) {
            return;
        }
        let own = tasks.clone();
        tasks.spawn("key sets", async move {
            let (mut fetched, mut unknown) = (Instant::now(), verifier.unknown_keys());
            loop {
                tokio::select! {
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                    () = own.draining() => return,
                }
                let asked = verifier.unknown_keys() != unknown && fetched.elapsed() >= UNKNOWN_KEY_PAUSE;
                if asked || fetched.elapsed() >= self.refresh {
                    unknown = verifier.unknown_keys();
                    self.fetch().await;
                    verifier.replace(self.verifier());
                    fetched = Instant::now();
                }
            }
        });
    }
}

fn fetch_key_set(url: &str) -> anyhow::Result<Vec<VerifyingKey>> {
    let agent = ureq::Agent::new_with_config(
        ureq::Agent::config_builder().timeout_global(Some(FETCH_TIMEOUT)).max_redirects(3).build(),
    );
    let mut response = agent.get(url).header("accept", "application/json").call()?;
    let document = response.body_mut().with_config().limit(JWKS_BYTES_MAX).read_to_string()?;
    Ok(VerifyingKey::jwks(&document)?)
}
