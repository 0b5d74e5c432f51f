//! Tickets: a word that opens one socket, once, within seconds. For clients that can put nothing but a URL into a
//! handshake, so that no token needs to stand in one.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use auth::{Identity, Scopes};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lifecycle::wall_clock_ms;
use proto::{Code, LoginId, UserId};
use serde::{Deserialize, Serialize};
use store::{Away, Ephemeral};
use tokio::time::Instant;

use crate::metrics::TicketMetrics;
use crate::problem::Problem;

/// The tickets that are out. Cloning gives another handle to the same ones. Who gave one out and who redeems it may be
/// different processes, when these share the [`Ephemeral`].
#[derive(Clone)]
pub struct Tickets(Arc<Desk>);

struct Desk {
    ephemeral: Ephemeral,
    /// When those end that were given out here, in order.
    ends: Mutex<VecDeque<Instant>>,
    max: usize,
    ttl: Duration,
    metrics: TicketMetrics,
}

/// What a ticket stands for.
#[derive(Serialize, Deserialize)]
struct Content {
    user: String,
    login: Option<String>,
    expires: u64,
    scopes: String,
}

impl Tickets {
    /// Gives out at most `max` at a time, each good for `ttl`.
    pub fn new(ephemeral: Ephemeral, max: usize, ttl: Duration) -> Self {
        Self(Arc::new(Desk { ephemeral, ends: Mutex::default(), max, ttl, metrics: TicketMetrics::new() }))
    }

    /// Gives out a ticket for the identity.
    pub(crate) async fn issue(&self, identity: &Identity) -> Result<String, Problem> {
        let secret: [u8; 32] = rand::random();
        self.0.make_room()?;
        let content = serde_json::to_vec(&Content::of(identity)).unwrap_or_default();
        match self.0.ephemeral.put_ticket(secret, content, self.0.ttl).await {
            Ok(()) => Ok(URL_SAFE_NO_PAD.encode(secret)),
            Err(Away) => {
                let words =
                    "no tickets are given out at the moment; send the token as a subprotocol, or in `hello`";
                Err(Problem::new(Code::Unavailable, words))
            }
        }
    }

    /// Takes a ticket: whose it is, the first time, within its time; `None` otherwise, also when the token that it
    /// was made with has ended since.
    ///
    /// # Errors
    /// When nobody can know.
    pub async fn redeem(&self, ticket: &str) -> Result<Option<Identity>, Away> {
        let decoded = URL_SAFE_NO_PAD.decode(ticket).ok();
        let Some(secret) = decoded.and_then(|bytes| bytes.try_into().ok()) else { return Ok(None) };
        let content = self.0.ephemeral.take_ticket(&secret).await?;
        let identity =
            content.and_then(|content| serde_json::from_slice::<Content>(&content).ok()?.identity());
        Ok(identity.filter(|identity| identity.expires > wall_clock_ms() / 1_000))
    }
}

impl Desk {
    /// Redeemed ones keep their place until their time is over: who redeems them may be elsewhere.
    fn make_room(&self) -> Result<(), Problem> {
        let now = Instant::now();
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        while ends.front().is_some_and(|end| *end <= now) {
            ends.pop_front();
        }
        if ends.len() >= self.max {
            return Err(Problem::new(Code::Busy, "too many tickets are out"));
        }
        ends.push_back(now + self.ttl);
        self.metrics.outstanding.set(f64::from(u32::try_from(ends.len()).unwrap_or(u32::MAX)));
        Ok(())
    }
}

impl Content {
    fn of(identity: &Identity) -> Self {
        Self {
            user: identity.user.to_string(),
            login: identity.login.as_ref().map(ToString::to_string),
            expires: identity.expires,
            scopes: identity.scopes.as_str().to_owned(),
        }
    }

    fn identity(self) -> Option<Identity> {
        Some(Identity {
            user: UserId::parse(&self.user).ok()?,
            login: self.login.map(|login| LoginId::parse(&login)).transpose().ok()?,
            expires: self.expires,
            scopes: Scopes::new(&self.scopes),
        })
    }
}

#[cfg(test)]
mod tests {
    use store::{LocalConfig, Others, PresenceConfig};

    use super::*;

    fn tickets(max: usize, others: Others) -> Tickets {
        let second = Duration::from_secs(1);
        let presence = PresenceConfig {
            writes_per_second: 100,
            devices_max: 100,
            beat: second,
            silent_after: second * 3,
            retention: second * 60,
        };
        let ephemeral = Ephemeral::local(LocalConfig { presence, attempts_max: 100, others });
        Tickets::new(ephemeral, max, Duration::from_secs(30))
    }

    fn identity(expires: u64) -> Identity {
        let (user, login) = (UserId::parse("alice").unwrap(), LoginId::parse("login-1").unwrap());
        Identity { user, login: Some(login), expires, scopes: Scopes::new("server") }
    }

    fn valid() -> Identity {
        identity(wall_clock_ms() / 1_000 + 60)
    }

    #[tokio::test(start_paused = true)]
    async fn ticket_opens_once_and_only_in_time() {
        let tickets = tickets(10, Others::None);
        let (first, second) =
            (tickets.issue(&valid()).await.unwrap(), tickets.issue(&valid()).await.unwrap());
        assert_ne!(first, second);
        let redeemed = tickets.redeem(&first).await.unwrap().unwrap();
        assert_eq!(redeemed, Identity { expires: redeemed.expires, ..valid() });
        assert_eq!(tickets.redeem(&first).await, Ok(None));
        assert_eq!(tickets.redeem("nonsense").await, Ok(None));
        tokio::time::advance(Duration::from_secs(30)).await;
        assert_eq!(tickets.redeem(&second).await, Ok(None));
    }

    #[tokio::test]
    async fn ticket_does_not_outlive_its_token() {
        let tickets = tickets(10, Others::None);
        let ticket = tickets.issue(&identity(wall_clock_ms() / 1_000)).await.unwrap();
        assert_eq!(tickets.redeem(&ticket).await, Ok(None));
    }

    #[tokio::test(start_paused = true)]
    async fn number_of_tickets_is_bounded_until_they_end() {
        let tickets = tickets(2, Others::None);
        let first = tickets.issue(&valid()).await.unwrap();
        tickets.issue(&valid()).await.unwrap();
        assert_eq!(tickets.issue(&valid()).await.unwrap_err().code(), Code::Busy);
        tickets.redeem(&first).await.unwrap().unwrap();
        assert_eq!(tickets.issue(&valid()).await.unwrap_err().code(), Code::Busy);
        tokio::time::advance(Duration::from_secs(30)).await;
        tickets.issue(&valid()).await.unwrap();
    }

    #[tokio::test]
    async fn none_is_given_out_that_could_not_be_redeemed() {
        let tickets = tickets(2, Others::Maybe);
        assert_eq!(tickets.issue(&valid()).await.unwrap_err().code(), Code::Unavailable);
    }
}
