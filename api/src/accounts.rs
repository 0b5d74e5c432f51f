//! Changing accounts, each change on top of what others changed meanwhile.

use proto::{Code, UserId};
use store::{Account, Cas, StoreError};

use crate::Shared;
use crate::problem::Problem;

/// How often a change is tried while others change the same account.
const TRIES: usize = 8;

impl Shared {
    /// Changes an account and gives it as it is now; `None` if there is none.
    ///
    /// `change` sees the account as it was read, and again as it is once another change came first, or once nobody knows
    /// whether its own took place; so it may find what it wants to be so already. What it refuses is refused.
    pub(crate) async fn change_account(
        &self,
        user: &UserId,
        change: impl Fn(&mut Account) -> Result<(), Problem>,
    ) -> Result<Option<Account>, Problem> {
        let mut found = self.store.account(user).await?;
        let mut refusal = Problem::new(Code::Busy, "others change this account all the time");
        for _ in 0..TRIES {
            let Some(read) = found else { return Ok(None) };
            let mut changed = read.clone();
            change(&mut changed)?;
            if changed == read {
                return Ok(Some(read));
            }
            found = match self.store.update_account(&read, changed).await {
                Cas::Applied(account) => return Ok(Some(account)),
                Cas::Refused(now) => now,
                Cas::Unknown(error @ StoreError::Unknown(_)) => {
                    refusal = error.into();
                    self.store.account(user).await?
                }
                Cas::Unknown(error) => return Err(error.into()),
            };
        }
        Err(refusal)
    }
}
