//! Tickets: a word that opens one socket, once, within seconds. For clients that can put nothing but a URL into a
//! handshake, so that no token needs to stand in one.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use auth::Identity;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hashbrown::HashMap;
use lifecycle::wall_clock_ms;
use proto::Code;
use tokio::time::Instant;

use crate::metrics::TicketMetrics;
use crate::problem::Problem;

/// The tickets that are out. Cloning gives another handle to the same ones; a gateway of the same process redeems
/// them.
#[derive(Clone)]
pub struct Tickets(Arc<Desk>);

struct Desk {
    table: Mutex<Table>,
    max: usize,
    ttl: Duration,
    metrics: TicketMetrics,
}

#[derive(Default)]
struct Table {
    identities: HashMap<[u8; 32], Identity>,
    /// In the order they were given out, which is the order in which they end.
    ends: VecDeque<(Instant, [u8; 32])>,
}

impl Tickets {
    pub(crate) fn new(max: usize, ttl: Duration) -> Self {
        Self(Arc::new(Desk { table: Mutex::default(), max, ttl, metrics: TicketMetrics::new() }))
    }

    /// Gives out a ticket for the identity.
    pub(crate) fn issue(&self, identity: Identity) -> Result<String, Problem> {
        let secret: [u8; 32] = rand::random();
        let now = Instant::now();
        let mut table = self.0.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.forget_ended(now);
        // Redeemed ones keep their place in the order until their time is over, so that is what is bounded.
        if table.ends.len() >= self.0.max {
            return Err(Problem::new(Code::Busy, "too many tickets are out"));
        }
        table.ends.push_back((now + self.0.ttl, secret));
        table.identities.insert(secret, identity);
        self.0.metrics.outstanding.set(count(table.identities.len()));
        Ok(URL_SAFE_NO_PAD.encode(secret))
    }

    /// Takes a ticket: whose it is, the first time, within its time; `None` otherwise, also when the token that it
    /// was made with has ended since.
    pub fn redeem(&self, ticket: &str) -> Option<Identity> {
        let secret: [u8; 32] = URL_SAFE_NO_PAD.decode(ticket).ok()?.try_into().ok()?;
        let mut table = self.0.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.forget_ended(Instant::now());
        let identity = table.identities.remove(&secret)?;
        self.0.metrics.outstanding.set(count(table.identities.len()));
        (identity.expires > wall_clock_ms() / 1_000).then_some(identity)
    }
}

impl Table {
    fn forget_ended(&mut self, now: Instant) {
        while let Some((end, secret)) = self.ends.front() {
            if *end > now {
                break;
            }
            self.identities.remove(secret);
            self.ends.pop_front();
        }
    }
}

fn count(tickets: usize) -> f64 {
    f64::from(u32::try_from(tickets).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::{Code, Duration, Identity, Tickets, wall_clock_ms};
    use auth::Scopes;
    use proto::UserId;

    fn identity(expires: u64) -> Identity {
        let user = UserId::parse("alice").unwrap();
        Identity { user, login: None, expires, scopes: Scopes::default() }
    }

    fn valid() -> Identity {
        identity(wall_clock_ms() / 1_000 + 60)
    }

    #[tokio::test(start_paused = true)]
    async fn ticket_opens_once_and_only_in_time() {
        let tickets = Tickets::new(10, Duration::from_secs(30));
        let (first, second) = (tickets.issue(valid()).unwrap(), tickets.issue(valid()).unwrap());
        assert_ne!(first, second);
        assert_eq!(tickets.redeem(&first).unwrap().user.as_str(), "alice");
        assert_eq!(tickets.redeem(&first), None);
        assert_eq!(tickets.redeem("nonsense"), None);
        tokio::time::advance(Duration::from_secs(30)).await;
        assert_eq!(tickets.redeem(&second), None);
    }

    #[tokio::test]
    async fn ticket_does_not_outlive_its_token() {
        let tickets = Tickets::new(10, Duration::from_secs(30));
        let ticket = tickets.issue(identity(wall_clock_ms() / 1_000)).unwrap();
        assert_eq!(tickets.redeem(&ticket), None);
    }

    #[tokio::test(start_paused = true)]
    async fn number_of_tickets_is_bounded_until_they_end() {
        let tickets = Tickets::new(2, Duration::from_secs(30));
        let first = tickets.issue(valid()).unwrap();
        tickets.issue(valid()).unwrap();
        assert_eq!(tickets.issue(valid()).unwrap_err().code(), Code::Busy);
        tickets.redeem(&first).unwrap();
        assert_eq!(tickets.issue(valid()).unwrap_err().code(), Code::Busy);
        tokio::time::advance(Duration::from_secs(30)).await;
        tickets.issue(valid()).unwrap();
    }
}
