//! Conditional writes whose outcome must be known.

use std::future::Future;
use std::time::Duration;

use scylla::serialize::row::SerializeRow;
use scylla::statement::prepared::PreparedStatement;

use super::Cql;
use super::several::partly;
use crate::StoreError;

/// How often a call looks again at a row that others change under its hands.
pub(super) const ROUNDS: usize = 16;
/// How often one conditional write is sent.
const SENDINGS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(20);

/// How a conditional write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Decision {
    /// It took place.
    Applied,
    /// It did not.
    Refused,
    /// Sent again after an unknown outcome, it did not take place; the earlier sending may have. What is there says
    /// which, since nobody else writes the same.
    RefusedLater,
}

impl Cql {
    /// Sends a conditional write until its outcome is known. Only for those that may take place twice.
    ///
    /// Sending it again is what resolves an unknown outcome: the agreement on the second completes the first, or keeps
    /// it from ever taking place (unless a server is still at work on it, which is why callers judge by what they then
    /// read).
    pub(super) async fn decide(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<Decision, StoreError> {
        let send = || async { self.conditional(statement, &values).await.map(|judged| judged.applied()) };
        until_known(send).await
    }
}

async fn until_known<F>(send: impl Fn() -> F) -> Result<Decision, StoreError>
where
    F: Future<Output = Result<bool, StoreError>>,
{
    let mut sent = 0;
    loop {
        match send().await {
            Ok(true) => return Ok(Decision::Applied),
            Ok(false) if sent == 0 => return Ok(Decision::Refused),
            Ok(false) => return Ok(Decision::RefusedLater),
            Err(StoreError::Unknown(_)) if sent + 1 < SENDINGS => {
                tokio::time::sleep(PAUSE * 2_u32.pow(sent)).await;
                sent += 1;
            }
            Err(error) => return Err(if sent == 0 { error } else { partly(error) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// What comes of a write whose sendings end like this.
    async fn decided(outcomes: Vec<Result<bool, StoreError>>) -> Result<Decision, StoreError> {
        let outcomes = RefCell::new(outcomes.into_iter());
        let decision =
            until_known(|| async { outcomes.borrow_mut().next().expect("not sent so often") }).await;
        assert_eq!(outcomes.borrow().len(), 0, "each of these is sent");
        decision
    }

    fn unknown() -> Result<bool, StoreError> {
        Err(StoreError::Unknown("timed out".to_owned()))
    }

    fn away() -> Result<bool, StoreError> {
        Err(StoreError::Unavailable("away".to_owned()))
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_outcome_is_resolved_by_sending_again() {
        assert_eq!(decided(vec![Ok(true)]).await, Ok(Decision::Applied));
        assert_eq!(decided(vec![Ok(false)]).await, Ok(Decision::Refused));
        assert_eq!(decided(vec![unknown(), Ok(true)]).await, Ok(Decision::Applied));
        assert_eq!(decided(vec![unknown(), unknown(), Ok(false)]).await, Ok(Decision::RefusedLater));
    }

    #[tokio::test(start_paused = true)]
    async fn what_stays_unknown_is_never_called_undone() {
        assert_eq!(decided(vec![away()]).await, Err(StoreError::Unavailable("away".to_owned())));
        assert_eq!(decided(vec![unknown(), away()]).await, Err(StoreError::Unknown("away".to_owned())));
        let always = vec![unknown(), unknown(), unknown(), unknown()];
        assert_eq!(decided(always).await, Err(StoreError::Unknown("timed out".to_owned())));
    }
}
