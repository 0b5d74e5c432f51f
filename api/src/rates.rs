//! What one user may ask for over HTTP: so many calls a second that change something, and so many that read, as gateways limit what
//! all sockets of a user ask for. The generic cell rate algorithm (ITU-T I.371): a rate with a burst in one number.
//!
//! **Guarantees.** A call that is refused says when it would be admitted. Services are not limited: what they may do is in their
//! scopes.
//!
//! **Does not** know what other processes, or sockets, served: each counts for itself.
//!
//! **Limits.** [`USERS_MAX`] users who have not rested; the calls of more are not counted.

use std::sync::{Mutex, PoisonError};

use axum::extract::MatchedPath;
use hashbrown::HashMap;
use http::Method;
use http::request::Parts;
use proto::{Code, UserId};
use tokio::time::Instant;

use crate::caller::Caller;
use crate::config::UserRates;
use crate::metrics::RateMetrics;
use crate::problem::Problem;

/// Users whose calls are counted. Each has shown a token.
const USERS_MAX: usize = 65_536;
/// A table smaller than this is not looked through for those who have rested.
const SWEEP_MIN: usize = 1_024;

/// See the module.
pub(crate) struct Rates {
    limits: UserRates,
    begun: Instant,
    users: Mutex<Users>,
    metrics: RateMetrics,
}

struct Users {
    /// When the next write and the next read of each are due, in microseconds.
    next_us: HashMap<UserId, [u64; 2]>,
    /// With so many it is time to look for those who have rested.
    sweep_at: usize,
}

/// What a call costs others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Write,
    Read,
}

/// The call was counted: its caller may be asked for more than once.
#[derive(Clone, Copy)]
struct Admitted;

impl Class {
    /// To say how far one has read, or that one types, is no more than reading.
    fn of(method: &Method, path: &str) -> Self {
        let marks = ["/read", "/confirm", "/delivered", "/typing"];
        let is_mark = marks.iter().any(|mark| path.ends_with(mark));
        if is_mark || matches!(*method, Method::GET | Method::HEAD) { Self::Read } else { Self::Write }
    }
}

impl Rates {
    pub(crate) fn new(limits: UserRates) -> Self {
        let users = Mutex::new(Users { next_us: HashMap::new(), sweep_at: SWEEP_MIN });
        Self { limits, begun: Instant::now(), users, metrics: RateMetrics::new() }
    }

    /// Counts the call, once.
    pub(crate) fn admit(&self, parts: &mut Parts, caller: &Caller) -> Result<(), Problem> {
        if caller.is_service() || parts.extensions.insert(Admitted).is_some() {
            return Ok(());
        }
        let path = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
        let class = Class::of(&parts.method, path);
        let now_us = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.take(&caller.0.user, class, now_us).map_err(|retry_after_ms| {
            self.metrics.refused(class == Class::Write).increment(1);
            Problem::new(Code::Rate, "too many calls a second").retry_after_ms(retry_after_ms)
        })
    }

    /// Or after how many milliseconds.
    fn take(&self, user: &UserId, class: Class, now_us: u64) -> Result<(), u32> {
        let limit = match class {
            Class::Write => self.limits.writes,
            Class::Read => self.limits.reads,
        };
        let interval_us = 1_000_000 / u64::from(limit.per_second.max(1));
        let tolerance_us = interval_us * u64::from(limit.burst.saturating_sub(1));
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        users.sweep(now_us);
        self.metrics.users.set(users.next_us.len() as f64);
        if users.next_us.len() >= USERS_MAX && !users.next_us.contains_key(user) {
            return Ok(());
        }
        let next_us = &mut users.next_us.entry(user.clone()).or_default()[class as usize];
        let early_us = next_us.saturating_sub(now_us);
        if early_us <= tolerance_us {
            *next_us = (*next_us).max(now_us) + interval_us;
            return Ok(());
        }
        Err(u32::try_from((early_us - tolerance_us).div_ceil(1_000)).unwrap_or(u32::MAX))
    }
}

impl Users {
    /// Forgets who has rested. Its cost is spread over those who came since the last time.
    fn sweep(&mut self, now_us: u64) {
        if self.next_us.len() < self.sweep_at {
            return;
        }
        self.next_us.retain(|_, next_us| next_us.iter().any(|next| *next > now_us));
        self.next_us.shrink_to(2 * self.next_us.len());
        self.sweep_at = (2 * self.next_us.len()).clamp(SWEEP_MIN, USERS_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RateLimit;

    fn rates() -> Rates {
        let writes = RateLimit { per_second: 10, burst: 2 };
        Rates::new(UserRates { writes, reads: RateLimit { per_second: 100, burst: 1 } })
    }

    fn user(name: &str) -> UserId {
        UserId::parse(name).unwrap()
    }

    #[test]
    fn a_burst_passes_then_the_rate_and_the_advice_is_enough() {
        let (rates, alice) = (rates(), user("alice"));
        for _ in 0..2 {
            assert_eq!(rates.take(&alice, Class::Write, 0), Ok(()));
        }
        assert_eq!(rates.take(&alice, Class::Write, 0), Err(100));
        assert_eq!(rates.take(&alice, Class::Read, 0), Ok(()), "reads are counted for themselves");
        assert_eq!(rates.take(&user("bob"), Class::Write, 0), Ok(()), "and others, too");
        assert_eq!(rates.take(&alice, Class::Write, 100_000), Ok(()));
    }

    #[test]
    fn who_has_rested_is_forgotten() {
        let rates = rates();
        for n in 0..SWEEP_MIN {
            rates.take(&user(&format!("user{n}")), Class::Read, 0).unwrap();
        }
        rates.take(&user("late"), Class::Read, 1_000_000).unwrap();
        assert_eq!(rates.users.lock().unwrap().next_us.len(), 1);
    }

    #[test]
    fn what_changes_nothing_for_others_is_a_read() {
        let of = |method, path| Class::of(&method, path);
        assert_eq!(of(Method::GET, "/api/v1/groups"), Class::Read);
        assert_eq!(of(Method::POST, "/api/v1/conversations/{conversation}/read"), Class::Read);
        assert_eq!(of(Method::POST, "/api/v1/conversations/{conversation}/delivered"), Class::Read);
        assert_eq!(of(Method::POST, "/api/v1/typing"), Class::Read);
        assert_eq!(of(Method::POST, "/api/v1/messages"), Class::Write);
        assert_eq!(of(Method::DELETE, "/api/v1/groups/{group_id}"), Class::Write);
    }
}
