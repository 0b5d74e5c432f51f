//! Accounts with unique usernames.

use std::ops::ControlFlow;

use proto::{Timestamp, UserId};

use super::details::{AccountDetails, decode_details, encode_details};
use super::nickname;
use crate::call::{Call, Op};
use crate::engine::key::Kind;
use crate::engine::view::{Direction, after_prefix};
use crate::engine::{Key, Reader, Table, Tx, View, Writer};
use crate::store::Engine;
use crate::{Cas, Store, StoreError};

/// Characters of a username that a search needs.
pub const SEARCH_CHARS_MIN: usize = 3;

/// Whether an account may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountStatus {
    /// It may.
    Active,
    /// It was locked.
    Disabled,
}

/// An account.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// The `sub` of its tokens.
    pub user: UserId,
    /// What its owner signs in with; unique as written, so the caller folds case before.
    pub username: String,
    /// What others see.
    pub nickname: String,
    /// Where to write to.
    pub email: Option<String>,
    /// A PHC string.
    pub password_hash: String,
    /// Whether it may be used.
    pub status: AccountStatus,
    /// When it was made.
    pub created: Timestamp,
    /// What its owner says of themselves.
    pub details: AccountDetails,
}

impl std::fmt::Debug for Account {
    /// Hashes are secret: never shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account")
            .field("user", &self.user)
            .field("status", &self.status)
            .field("created", &self.created)
            .finish_non_exhaustive()
    }
}

/// How making an account ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Creation {
    /// It exists now.
    Created,
    /// Another account has the username, or the user id.
    NameTaken,
}

impl Store {
    /// Makes an account, unless its username or user id is taken. The very same account again is `Created`.
    pub async fn create_account(&self, account: Account) -> Result<Creation, StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.create_account(account).await,
            Engine::Tables(tables) => tables,
        };
        tables.write(Call::new(Op::CreateAccount), move |tx| create(tx, &account)).await
    }

    /// The account that signs in with a username.
    pub async fn account_by_username(&self, username: &str) -> Result<Option<Account>, StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.account_by_username(username).await,
            Engine::Tables(tables) => tables,
        };
        let key = username_key(username);
        tables
            .read(Call::new(Op::Account), move |view| {
                let Some(user) = view.get(Table::State, &key)? else { return Ok(None) };
                let user = Reader::new("username", user).id(UserId::parse)?;
                read(view, &user)
            })
            .await
    }

    /// The account of a user.
    pub async fn account(&self, user: &UserId) -> Result<Option<Account>, StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.account(user).await,
            Engine::Tables(tables) => tables,
        };
        let user = user.clone();
        tables.read(Call::new(Op::Account), move |view| read(view, &user)).await
    }

    /// At most `limit` accounts whose usernames begin so, in order of usernames. A beginning of fewer than
    /// [`SEARCH_CHARS_MIN`] characters finds none.
    pub async fn accounts_by_prefix(&self, prefix: &str, limit: usize) -> Result<Vec<Account>, StoreError> {
        if prefix.chars().count() < SEARCH_CHARS_MIN || limit == 0 {
            return Ok(Vec::new());
        }
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.accounts_by_prefix(prefix, limit).await,
            Engine::Tables(tables) => tables,
        };
        let key = username_key(prefix);
        tables.read(Call::new(Op::Account), move |view| read_from(view, &key, limit)).await
    }

    /// Replaces an account, if it still is what was `read`: all but its username and the time it was made, which never
    /// change. So of two changes at once neither undoes the other: one of them is refused, with the account as it is now.
    pub async fn update_account(&self, read: &Account, new: Account) -> Cas<Account> {
        let Account { user, username, created, .. } = read.clone();
        let new = Account { user, username, created, ..new };
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.update_account(read, new).await,
            Engine::Tables(tables) => tables,
        };
        let read = read.clone();
        Cas::of(tables.write(Call::new(Op::UpdateAccount), move |tx| update(tx, &read, new)).await)
    }
}

fn create(tx: &mut Tx<'_>, account: &Account) -> Result<Creation, StoreError> {
    let (key, name) = (account_key(&account.user), username_key(&account.username));
    let stored = tx.get(Table::State, &key)?;
    if let Some(stored) = &stored {
        let same = decode(&account.user, stored.clone())? == *account;
        return Ok(if same { Creation::Created } else { Creation::NameTaken });
    }
    if tx.get(Table::State, &name)?.is_some() {
        return Ok(Creation::NameTaken);
    }
    nickname::write(tx, None, account);
    tx.put(Table::State, key, encode(account));
    tx.put(Table::State, name, Writer::default().text(account.user.as_str()).finish());
    Ok(Creation::Created)
}

fn update(
    tx: &mut Tx<'_>,
    read: &Account,
    new: Account,
) -> Result<Result<Account, Option<Account>>, StoreError> {
    let key = account_key(&read.user);
    let Some(stored) = tx.get(Table::State, &key)? else { return Ok(Err(None)) };
    let stored = decode(&read.user, stored)?;
    if stored != *read {
        return Ok(Err(Some(stored)));
    }
    nickname::write(tx, Some(&stored), &new);
    tx.put(Table::State, key, encode(&new));
    Ok(Ok(new))
}

pub(super) fn read(view: &dyn View, user: &UserId) -> Result<Option<Account>, StoreError> {
    view.get(Table::State, &account_key(user))?.map(|value| decode(user, value)).transpose()
}

fn read_from(view: &dyn View, prefix: &[u8], limit: usize) -> Result<Vec<Account>, StoreError> {
    let mut found = Vec::new();
    view.scan(Table::State, prefix, &after_prefix(prefix), Direction::Forward, &mut |_, user| {
        if found.len() == limit {
            return Ok(ControlFlow::Break(()));
        }
        let user = Reader::new("username", user.clone()).id(UserId::parse)?;
        found.extend(read(view, &user)?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

fn encode(account: &Account) -> bytes::Bytes {
    let mut value = Writer::default();
    value
        .text(&account.username)
        .text(&account.nickname)
        .flag(account.email.is_some())
        .text(account.email.as_deref().unwrap_or_default())
        .text(&account.password_hash)
        .flag(account.status == AccountStatus::Active)
        .number(account.created.0);
    encode_details(&account.details, &mut value);
    value.finish()
}

/// Reads the value of a row.
pub(crate) fn decode(user: &UserId, value: bytes::Bytes) -> Result<Account, StoreError> {
    let mut value = Reader::new("account", value);
    let (username, nickname) = (value.text()?, value.text()?);
    let (has_email, email) = (value.flag()?, value.text()?);
    Ok(Account {
        user: user.clone(),
        username,
        nickname,
        email: has_email.then_some(email),
        password_hash: value.text()?,
        status: if value.flag()? { AccountStatus::Active } else { AccountStatus::Disabled },
        created: Timestamp(value.number()?),
        details: decode_details(&mut value)?,
    })
}

fn account_key(user: &UserId) -> Key {
    Key::of(Kind::Account).text(user.as_str())
}

/// Usernames may hold anything, so they go last in the key, without an end.
fn username_key(username: &str) -> Key {
    Key::of(Kind::Username).raw(username.as_bytes())
}
