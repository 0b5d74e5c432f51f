//! Finding accounts by how their nicknames begin.
//!
//! ```text
//! row of the new nickname ─► account (conditional) ─► row of the old nickname deleted
//! ```
//!
//! So after a crash, or a change that lost to another, a row may be left whose account is called otherwise; whoever finds
//! one asks the account. That a deletion which is late takes nothing away that a later change wrote is a matter of
//! timestamps: each row is written and deleted with the time at which the account, as it was read, was written by its
//! condition. Such times only grow, and what a change writes is above all that changes before it wrote or deleted.

use std::sync::Arc;

use proto::UserId;
use scylla::statement::prepared::PreparedStatement;

use super::Cql;
use super::error::CqlError;
use super::session::Preparer;
use crate::call::{Call, Op};
use crate::identity::findable;
use crate::{Account, NICKNAME_CHARS_MIN, StoreError};

/// Rows in one answer.
const PAGE_ROWS: i32 = 100;

/// Writes a row.
pub(super) const WRITE: &str =
    "INSERT INTO nickname_search (beginning, nickname, user_id) VALUES (?, ?, ?) USING TIMESTAMP ?";

/// The statements of this family.
pub(super) struct NicknameSearchStatements {
    find: PreparedStatement,
    write: PreparedStatement,
    delete: PreparedStatement,
}

/// When the row of an account was written, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(pub(super) i64);

impl Version {
    /// Before an account was ever written.
    pub(super) const FIRST: Self = Self(0);

    /// The timestamp of what a change writes, or deletes, that begins from this version.
    fn next(self) -> i64 {
        self.0.saturating_add(1)
    }
}

impl NicknameSearchStatements {
    pub(super) async fn prepare(preparer: &Preparer<'_>) -> Result<Self, CqlError> {
        const FIND: &str = "SELECT nickname, user_id FROM nickname_search \
            WHERE beginning = ? AND nickname >= ? AND nickname < ? LIMIT ?";
        const DELETE: &str = "DELETE FROM nickname_search USING TIMESTAMP ? \
            WHERE beginning = ? AND nickname = ? AND user_id = ?";
        Ok(Self {
            find: preparer.paged_read(FIND, PAGE_ROWS).await?,
            write: preparer.write(WRITE).await?,
            delete: preparer.write(DELETE).await?,
        })
    }
}

impl Cql {
    /// At most `limit` accounts whose folded nicknames begin so, which is with at least [`NICKNAME_CHARS_MIN`] characters.
    pub(crate) async fn accounts_by_nickname(
        self: &Arc<Self>,
        folded: &str,
        limit: usize,
    ) -> Result<Vec<Account>, StoreError> {
        // No character comes after this one, in whatever text.
        let end = format!("{folded}\u{10ffff}");
        let values = (beginning(folded), folded, end, i32::try_from(limit).unwrap_or(i32::MAX));
        let found = self.all::<(String, String)>(&self.statements.nickname_search.find, values);
        let found = self.read(Call::new(Op::Account), found).await?;
        let users = found.iter().map(|(_, user)| UserId::parse(user));
        let users =
            users.collect::<Result<Vec<_>, _>>().map_err(|_| StoreError::corrupt("nickname_search"))?;
        let accounts =
            futures_util::future::try_join_all(users.iter().map(|user| self.account(user))).await?;
        let called = found.into_iter().map(|(nickname, _)| nickname);
        let accounts = accounts.into_iter().zip(called).filter_map(|(account, nickname)| {
            account.filter(|account| findable(&account.nickname) == Some(nickname))
        });
        Ok(accounts.collect())
    }

    /// Lets an account be found by a nickname that it is about to have.
    pub(super) async fn make_nickname_findable(
        &self,
        user: &UserId,
        nickname: &str,
        read: Version,
    ) -> Result<(), StoreError> {
        let Some(folded) = findable(nickname) else { return Ok(()) };
        let values = (beginning(&folded), folded.as_str(), user.as_str(), read.next());
        self.execute(&self.statements.nickname_search.write, values).await
    }

    /// Forgets a nickname that an account had when it was read, and has no longer. Where that fails, the row is stale.
    pub(super) async fn forget_nickname(&self, old: &Account, new: &Account, read: Version) {
        let (before, now) = (findable(&old.nickname), findable(&new.nickname));
        let Some(folded) = before.filter(|before| now.as_ref() != Some(before)) else { return };
        let values = (read.next(), beginning(&folded), folded.as_str(), old.user.as_str());
        if let Err(error) = self.execute(&self.statements.nickname_search.delete, values).await {
            tracing::debug!(%error, "an old nickname stays in the search");
        }
    }
}

/// The partition of a folded nickname.
pub(super) fn beginning(folded: &str) -> &str {
    let end = folded.char_indices().nth(NICKNAME_CHARS_MIN).map_or(folded.len(), |(at, _)| at);
    &folded[..end]
}
