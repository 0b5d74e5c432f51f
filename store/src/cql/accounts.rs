//! Accounts: one for each username and for each user id, out of conditional writes that each concern one row.
//!
//! ```text
//! account(user) entered, not made ─► username(name) → user claimed ─► account(user) made
//! ```
//!
//! The claim decides: from then on the account exists, whoever completes it, and before it does not. A claim is never
//! taken back, so a name can be stuck only with an account that exists. What was entered and lost its name is deleted;
//! after a crash it stays as a row that nobody can see, and that gives way to whoever uses that user id.

use std::sync::Arc;

use proto::{Timestamp, UserId};
use scylla::DeserializeRow;
use scylla::statement::prepared::PreparedStatement;

use super::Cql;
use super::decide::{Decision, ROUNDS};
use super::error::CqlError;
use super::nickname_search::Version;
use super::session::Preparer;
use super::several::partly;
use crate::call::{Call, Op};
use crate::engine::{Reader, Writer};
use crate::identity::{decode_details, encode_details};
use crate::{Account, AccountDetails, AccountStatus, Cas, Creation, Level, StoreError};

/// The statements of this family.
pub(super) struct AccountStatements {
    read: PreparedStatement,
    read_serial: PreparedStatement,
    enter: PreparedStatement,
    withdraw: PreparedStatement,
    complete: PreparedStatement,
    update: PreparedStatement,
    username: PreparedStatement,
    username_serial: PreparedStatement,
    claim: PreparedStatement,
}

impl AccountStatements {
    pub(super) async fn prepare(preparer: &Preparer<'_>) -> Result<Self, CqlError> {
        const READ: &str = "SELECT username, nickname, email, password_hash, active, created, made, details, \
            WRITETIME(nickname) AS written FROM account WHERE user_id = ?";
        const ENTER: &str = "INSERT INTO account \
            (user_id, username, nickname, email, password_hash, active, created, details) \
            VALUES (?, ?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS";
        const WITHDRAW: &str = "DELETE FROM account WHERE user_id = ? IF username = ? AND made = null";
        const COMPLETE: &str = "UPDATE account SET made = true WHERE user_id = ? IF username = ?";
        const UPDATE: &str = "UPDATE account SET nickname = ?, email = ?, password_hash = ?, active = ?, details = ?, \
            made = true WHERE user_id = ? \
            IF username = ? AND nickname = ? AND email = ? AND password_hash = ? AND active = ? AND details = ?";
        const USERNAME: &str = "SELECT user_id FROM username WHERE username = ?";
        const CLAIM: &str = "INSERT INTO username (username, user_id) VALUES (?, ?) IF NOT EXISTS";
        Ok(Self {
            read: preparer.read(READ).await?,
            read_serial: preparer.serial_read(READ).await?,
            enter: preparer.conditional(ENTER).await?,
            withdraw: preparer.conditional(WITHDRAW).await?,
            complete: preparer.conditional(COMPLETE).await?,
            update: preparer.conditional(UPDATE).await?,
            username: preparer.read(USERNAME).await?,
            username_serial: preparer.serial_read(USERNAME).await?,
            claim: preparer.conditional(CLAIM).await?,
        })
    }
}

/// The columns of an account.
#[derive(DeserializeRow)]
pub(super) struct Columns {
    pub(super) username: String,
    pub(super) nickname: String,
    pub(super) email: Option<String>,
    pub(super) password_hash: String,
    pub(super) active: bool,
    pub(super) created: i64,
    pub(super) made: Option<bool>,
    pub(super) details: Option<Vec<u8>>,
    /// When the row was written, in microseconds.
    pub(super) written: Option<i64>,
}

/// An account, and whether it is known to have its name.
pub(super) struct Entered {
    pub(super) account: Account,
    made: bool,
    /// As they are written; rows of before have none.
    details: Option<Vec<u8>>,
    version: Version,
}

impl Cql {
    pub(crate) async fn create_account(self: &Arc<Self>, account: Account) -> Result<Creation, StoreError> {
        self.write(Call::new(Op::CreateAccount), move |cql| async move { cql.make_account(&account).await })
            .await
    }

    pub(crate) async fn account_by_username(&self, username: &str) -> Result<Option<Account>, StoreError> {
        let read = async {
            let Some(user) = self.name_owner(username, Level::Quorum).await? else { return Ok(None) };
            let entered = self.entered(&user, Level::Quorum).await?;
            Ok(entered.map(|entered| entered.account).filter(|account| account.username == username))
        };
        self.read(Call::new(Op::Account), read).await
    }

    pub(crate) async fn account(&self, user: &UserId) -> Result<Option<Account>, StoreError> {
        self.read(Call::new(Op::Account), self.existing(user)).await
    }

    pub(crate) async fn update_account(self: &Arc<Self>, read: &Account, new: Account) -> Cas<Account> {
        let read = read.clone();
        let replaced = self.write(Call::new(Op::UpdateAccount), move |cql| {
            Box::pin(async move { cql.replace_account(&read, new).await })
        });
        Cas::of(replaced.await)
    }

    async fn replace_account(
        &self,
        read: &Account,
        new: Account,
    ) -> Result<Result<Account, Option<Account>>, StoreError> {
        let stored = self.existing_row(&read.user, Level::Quorum).await?;
        let mut decision = Decision::Refused;
        if let Some(stored) = stored.filter(|stored| stored.account == *read) {
            self.make_findable(&read.user, &read.username).await?;
            self.make_nickname_findable(&read.user, &new.nickname, stored.version).await?;
            decision = self.send_update(&stored, &new).await?;
            if decision == Decision::Applied {
                self.forget_nickname(read, &new, stored.version).await;
                return Ok(Ok(new));
            }
        }
        let now = self.existing_row(&read.user, Level::Serial).await.map_err(partly)?;
        let now = now.map(|stored| stored.account);
        match decision {
            Decision::RefusedLater if now.as_ref() == Some(&new) => Ok(Ok(new)),
            // The earlier sending may have taken place, and another change after it.
            Decision::RefusedLater => Err(StoreError::Unknown("an account changes under a write".to_owned())),
            Decision::Refused | Decision::Applied => Ok(Err(now)),
        }
    }

    /// Replaces a row, if each of its cells is as it was read. A cell that is not there is bound as null, which equals
    /// only such a one.
    async fn send_update(&self, stored: &Entered, new: &Account) -> Result<Decision, StoreError> {
        let (old, details) = (&stored.account, written(&new.details));
        let values = (
            new.nickname.as_str(),
            new.email.as_deref(),
            new.password_hash.as_str(),
            new.status == AccountStatus::Active,
            details.written(),
            old.user.as_str(),
            old.username.as_str(),
            old.nickname.as_str(),
            old.email.as_deref(),
            old.password_hash.as_str(),
            old.status == AccountStatus::Active,
            stored.details.as_deref(),
        );
        self.decide(&self.statements.accounts.update, values).await
    }

    async fn existing(&self, user: &UserId) -> Result<Option<Account>, StoreError> {
        Ok(self.existing_row(user, Level::Quorum).await?.map(|entered| entered.account))
    }

    /// The row of an account, once it has its name.
    async fn existing_row(&self, user: &UserId, level: Level) -> Result<Option<Entered>, StoreError> {
        let Some(entered) = self.entered(user, level).await? else { return Ok(None) };
        let exists =
            entered.made || self.name_owner(&entered.account.username, level).await?.as_ref() == Some(user);
        Ok(exists.then_some(entered))
    }

    async fn make_account(&self, account: &Account) -> Result<Creation, StoreError> {
        let (user, name) = (&account.user, account.username.as_str());
        // Most names that are taken were taken long ago: nothing need be written to see it.
        if self.name_owner(name, Level::Quorum).await?.is_some_and(|owner| owner != *user) {
            return Ok(Creation::NameTaken);
        }
        self.claim_name(account).await.map_err(partly)
    }

    async fn claim_name(&self, account: &Account) -> Result<Creation, StoreError> {
        let (user, name) = (&account.user, account.username.as_str());
        if !self.enter(account).await? {
            return Ok(Creation::NameTaken);
        }
        let statements = &self.statements.accounts;
        let claim = self.decide(&statements.claim, (name, user.as_str())).await?;
        if claim != Decision::Applied && self.name_owner(name, Level::Serial).await?.as_ref() != Some(user) {
            self.withdraw(user, name).await?;
            return Ok(Creation::NameTaken);
        }
        self.make_findable(user, name).await?;
        self.make_nickname_findable(user, &account.nickname, Version::FIRST).await?;
        // Refused only if the account is gone, which one that has its name never is.
        let _ = self.decide(&statements.complete, (user.as_str(), name)).await?;
        Ok(Creation::Created)
    }

    /// Deletes what was entered and lost its name; refused if someone did so before.
    async fn withdraw(&self, user: &UserId, name: &str) -> Result<(), StoreError> {
        self.decide(&self.statements.accounts.withdraw, (user.as_str(), name)).await.map(drop)
    }

    /// Enters an account under its user id; `false` if the id is taken.
    async fn enter(&self, account: &Account) -> Result<bool, StoreError> {
        let statements = &self.statements.accounts;
        let user = &account.user;
        let details = written(&account.details);
        for _ in 0..ROUNDS {
            let values = (
                user.as_str(),
                account.username.as_str(),
                account.nickname.as_str(),
                account.email.as_deref(),
                account.password_hash.as_str(),
                account.status == AccountStatus::Active,
                account.created.0.cast_signed(),
                details.written(),
            );
            if self.decide(&statements.enter, values).await? == Decision::Applied {
                return Ok(true);
            }
            let Some(stored) = self.entered(user, Level::Serial).await? else { continue };
            if stored.account == *account {
                return Ok(true);
            }
            let owner = self.name_owner(&stored.account.username, Level::Serial).await?;
            if stored.made || owner.is_none_or(|owner| owner == *user) {
                return Ok(false);
            }
            // What is there lost its name to another, for ever.
            self.withdraw(user, &stored.account.username).await?;
        }
        Err(StoreError::Unknown("an account under this user id comes and goes".to_owned()))
    }

    async fn entered(&self, user: &UserId, level: Level) -> Result<Option<Entered>, StoreError> {
        let statement = match level {
            Level::Quorum => &self.statements.accounts.read,
            Level::Serial => &self.statements.accounts.read_serial,
        };
        let row = self.first::<Columns>(statement, (user.as_str(),)).await?;
        row.map(|columns| decode(user, columns)).transpose()
    }

    async fn name_owner(&self, username: &str, level: Level) -> Result<Option<UserId>, StoreError> {
        if username.is_empty() {
            // No key of a partition is empty.
            return Ok(None);
        }
        let statement = match level {
            Level::Quorum => &self.statements.accounts.username,
            Level::Serial => &self.statements.accounts.username_serial,
        };
        let row = self.first::<(String,)>(statement, (username,)).await?;
        row.map(|(user,)| UserId::parse(&user).map_err(|_| StoreError::corrupt("username"))).transpose()
    }
}

/// The value of the column.
pub(super) fn written(details: &AccountDetails) -> Writer {
    let mut value = Writer::default();
    encode_details(details, &mut value);
    value
}

/// Reads a row. One of before has no details.
pub(super) fn decode(user: &UserId, columns: Columns) -> Result<Entered, StoreError> {
    let details = columns.details.clone().unwrap_or_default();
    let account = Account {
        user: user.clone(),
        username: columns.username,
        nickname: columns.nickname,
        email: columns.email,
        password_hash: columns.password_hash,
        status: if columns.active { AccountStatus::Active } else { AccountStatus::Disabled },
        created: Timestamp(columns.created.cast_unsigned()),
        details: decode_details(&mut Reader::new("account", details.into()))?,
    };
    let version = Version(columns.written.unwrap_or(0));
    Ok(Entered { account, made: columns.made == Some(true), details: columns.details, version })
}
