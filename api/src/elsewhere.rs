//! Logins that another system decides: it is asked who somebody is, and its users get accounts here when they first come.
//!
//! **Guarantees.** Only so many questions are under way at once; more are refused with `BUSY`. Without an answer that makes
//! sense nobody is let in, and nobody is told that their password was wrong.

use std::net::IpAddr;
use std::sync::Arc;

use proto::{Code, UserId};
use store::Account;
use tokio::sync::Semaphore;

use crate::Shared;
use crate::problem::Problem;
use crate::profile;
use crate::routes::register::{Credential, NewAccount};

/// Somebody wants to log in.
#[derive(Clone)]
pub struct LoginAttempt {
    /// As it was typed.
    pub username: String,
    /// As it was typed.
    pub password: String,
    /// What the device calls itself.
    pub device: Option<String>,
    /// Where it is.
    pub address: Option<IpAddr>,
}

/// Who it is, as the other system says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownUser {
    /// The `sub` of the tokens.
    pub user: UserId,
    /// What others find the user by; what was typed if absent. Of a new account only.
    pub username: Option<String>,
    /// What others see; the username if absent, or if it cannot be one here. Of a new account only.
    pub nickname: Option<String>,
}

/// There was no answer, or none that makes sense; for the log.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoAnswer(pub String);

/// Asks the other system; `None`: name or password are wrong. Blocks, and has a time-out of its own.
pub type AskElsewhere = dyn Fn(&LoginAttempt) -> Result<Option<KnownUser>, NoAnswer> + Send + Sync;

/// A system that decides who logs in.
#[derive(Clone)]
pub struct Elsewhere {
    ask: Arc<AskElsewhere>,
    places: Arc<Semaphore>,
}

impl Elsewhere {
    /// So many questions at once.
    pub fn new(ask: Arc<AskElsewhere>, at_once: usize) -> Self {
        Self { ask, places: Arc::new(Semaphore::new(at_once)) }
    }

    /// Who it is; `None`: name or password are wrong.
    pub(crate) async fn ask(&self, attempt: LoginAttempt) -> Result<Option<KnownUser>, Problem> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| Problem::new(Code::Busy, "too many logins are being checked"))?;
        let ask = Arc::clone(&self.ask);
        let asked = tokio::task::spawn_blocking(move || {
            let _place = place;
            ask(&attempt)
        });
        let answer = asked.await.unwrap_or_else(|error| Err(NoAnswer(error.to_string())));
        answer.map_err(|error| {
            tracing::warn!(%error, "the system that decides about logins gave no answer");
            Problem::new(Code::Unavailable, "logins cannot be checked at the moment")
        })
    }
}

impl Shared {
    /// The account of a user of the other system; made when there is none. Of a name that is taken here or cannot be one the
    /// user's id takes the place; a nickname that cannot be one is left out, for nobody stays outside for what others see of them.
    pub(crate) async fn account_of_known(&self, known: KnownUser, typed: String) -> Result<Account, Problem> {
        if let Some(account) = self.store.account(&known.user).await? {
            return Ok(account);
        }
        let username = known.username.unwrap_or(typed);
        let nickname = known.nickname.filter(|text| !text.is_empty());
        let nickname = nickname.filter(|nickname| match profile::nickname(nickname) {
            Ok(_) => true,
            Err(problem) => {
                let rule = problem.body().detail;
                tracing::info!(user = %known.user, rule, "a nickname from elsewhere is left out");
                false
            }
        });
        let new = |username: String| NewAccount {
            user: Some(known.user.clone()),
            username,
            credential: Credential::None,
            nickname: nickname.clone(),
            email: None,
        };
        match Box::pin(self.make_account(new(username))).await {
            Ok(account) => Ok(account),
            Err(problem) if !matches!(problem.code(), Code::Conflict | Code::BadField) => Err(problem),
            // The same user may have come twice in the same moment.
            Err(_) => match self.store.account(&known.user).await? {
                Some(account) => Ok(account),
                None => Box::pin(self.make_account(new(known.user.to_string()))).await,
            },
        }
    }
}
