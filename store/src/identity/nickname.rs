//! Finding accounts by how their nicknames begin.
//!
//! ```text
//! (folded nickname, user) → user     one row for each account, beside it
//! ```
//!
//! A row may be stale where it cannot be written together with its account. So whoever reads one asks the account.

use std::ops::ControlFlow;

use proto::UserId;

use super::account::{Account, read};
use crate::call::{Call, Op};
use crate::engine::key::Kind;
use crate::engine::view::{Direction, after_prefix};
use crate::engine::{Key, Reader, Table, Tx, View, Writer};
use crate::store::Engine;
use crate::{Store, StoreError};

/// Characters of a nickname that a search needs: many names of Chinese, Japanese and Korean have two.
pub const NICKNAME_CHARS_MIN: usize = 2;

impl Store {
    /// At most `limit` accounts whose nicknames begin so, whatever the capitals, in order of folded nicknames and user ids.
    /// A beginning of fewer than [`NICKNAME_CHARS_MIN`] characters finds none.
    pub async fn accounts_by_nickname(
        &self,
        beginning: &str,
        limit: usize,
    ) -> Result<Vec<Account>, StoreError> {
        let Some(folded) = findable(beginning).filter(|_| limit > 0) else { return Ok(Vec::new()) };
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.accounts_by_nickname(&folded, limit).await,
            Engine::Tables(tables) => tables,
        };
        tables.read(Call::new(Op::Account), move |view| read_from(view, &folded, limit)).await
    }
}

/// The form in which nicknames are compared; `None` for one that is too short to be found. Folded character by character, so
/// that the form of a beginning is the beginning of the form.
pub(crate) fn findable(nickname: &str) -> Option<String> {
    let folded: String = nickname.chars().flat_map(char::to_lowercase).collect();
    (nickname.chars().count() >= NICKNAME_CHARS_MIN).then_some(folded)
}

/// Moves the row of an account to where its nickname is now.
pub(super) fn write(tx: &mut Tx<'_>, before: Option<&Account>, now: &Account) {
    if let Some((key, _)) = before.and_then(row) {
        tx.delete(Table::State, key);
    }
    if let Some((key, value)) = row(now) {
        tx.put(Table::State, key, value);
    }
}

/// The row of an account.
pub(crate) fn row(account: &Account) -> Option<(Key, bytes::Bytes)> {
    let folded = findable(&account.nickname)?;
    // The user ends the key, and is in the value: so a nickname may hold anything.
    let key = beginning_key(&folded).raw(&[0]).raw(account.user.as_str().as_bytes());
    Some((key, Writer::default().text(account.user.as_str()).finish()))
}

/// Reads a row: the folded nickname, and whose it is.
pub(crate) fn decode(key: &[u8], value: bytes::Bytes) -> Result<(String, UserId), StoreError> {
    let user = Reader::new("nickname", value).id(UserId::parse)?;
    let folded = key.get(1..).and_then(|rest| rest.strip_suffix(user.as_str().as_bytes()));
    let folded = folded.and_then(|rest| std::str::from_utf8(rest.strip_suffix(&[0])?).ok());
    Ok((folded.ok_or_else(|| StoreError::corrupt("nickname"))?.to_owned(), user))
}

fn read_from(view: &dyn View, folded: &str, limit: usize) -> Result<Vec<Account>, StoreError> {
    let mut found = Vec::new();
    let from = beginning_key(folded);
    view.scan(Table::State, &from, &after_prefix(&from), Direction::Forward, &mut |_, user| {
        if found.len() == limit {
            return Ok(ControlFlow::Break(()));
        }
        let user = Reader::new("nickname", user.clone()).id(UserId::parse)?;
        found.extend(read(view, &user)?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

fn beginning_key(folded: &str) -> Key {
    Key::of(Kind::Nickname).raw(folded.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_a_beginning_is_the_beginning_of_the_form() {
        for name in ["Älice Ω", "ΣΟΦΟΣ", "İstanbul", "王伟"] {
            let whole = findable(name).unwrap();
            for (at, _) in name.char_indices() {
                if let Some(beginning) = findable(&name[..at]) {
                    assert!(whole.starts_with(&beginning), "{name} {at}");
                }
            }
        }
        assert_eq!(findable("王"), None);
        assert_eq!(findable(""), None);
    }
}
