//! Conditional writes whose outcome must be known.

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
        let mut sent = 0;
        loop {
            match self.conditional(statement, &values).await.map(|judged| judged.applied()) {
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
}
