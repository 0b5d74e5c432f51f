//! Finding accounts by how their usernames begin.
//!
//! A row is a function of a name and its owner, which never change once the name is claimed; so it may be written any
//! number of times, and one that a crash left unwritten is written with the next change of the account.

use std::sync::Arc;

use proto::UserId;
use scylla::statement::prepared::PreparedStatement;

use super::Cql;
use super::error::CqlError;
use super::session::Preparer;
use crate::call::{Call, Op};
use crate::identity::SEARCH_CHARS_MIN;
use crate::{Account, StoreError};

/// Rows in one answer.
const PAGE_ROWS: i32 = 100;

/// The statements of this family.
pub(super) struct UsernameSearchStatements {
    find: PreparedStatement,
    write: PreparedStatement,
}

impl UsernameSearchStatements {
    pub(super) async fn prepare(preparer: &Preparer<'_>) -> Result<Self, CqlError> {
        const FIND: &str = "SELECT user_id FROM username_search \
            WHERE beginning = ? AND username >= ? AND username < ? LIMIT ?";
        const WRITE: &str = "INSERT INTO username_search (beginning, username, user_id) VALUES (?, ?, ?)";
        Ok(Self { find: preparer.paged_read(FIND, PAGE_ROWS).await?, write: preparer.write(WRITE).await? })
    }
}

impl Cql {
    /// At most `limit` accounts whose usernames begin so, which is with at least [`SEARCH_CHARS_MIN`] characters.
    pub(crate) async fn accounts_by_prefix(
        self: &Arc<Self>,
        prefix: &str,
        limit: usize,
    ) -> Result<Vec<Account>, StoreError> {
        // No character comes after this one, in whatever text.
        let end = format!("{prefix}\u{10ffff}");
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        let values = (beginning(prefix), prefix, end, limit);
        let found = self.all::<(String,)>(&self.statements.username_search.find, values);
        let found = self.read(Call::new(Op::Account), found).await?;
        let users =
            found.iter().map(|(user,)| UserId::parse(user).map_err(|_| StoreError::corrupt("username")));
        let users = users.collect::<Result<Vec<_>, _>>()?;
        let accounts = users.iter().map(|user| self.account(user));
        let accounts = futures_util::future::try_join_all(accounts).await?;
        Ok(accounts.into_iter().flatten().collect())
    }

    /// Lets an account be found.
    pub(super) async fn make_findable(&self, user: &UserId, username: &str) -> Result<(), StoreError> {
        let values = (beginning(username), username, user.as_str());
        self.execute(&self.statements.username_search.write, values).await
    }
}

fn beginning(username: &str) -> &str {
    let end = username.char_indices().nth(SEARCH_CHARS_MIN).map_or(username.len(), |(at, _)| at);
    &username[..end]
}
