//! Logins: families of refresh tokens, of which only the newest is good.

use std::ops::ControlFlow;

use proto::{LoginId, Timestamp, UserId};

use crate::call::{Call, Op};
use crate::engine::key::{KeyParts, Kind};
use crate::engine::view::{Direction, after_prefix};
use crate::engine::{Key, Reader, Table, Tx, View, Writer};
use crate::store::Engine;
use crate::{Store, StoreError};

/// One sign-in of a user, and the hash of its newest refresh token.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// Which.
    pub login: LoginId,
    /// Whose.
    pub user: UserId,
    /// What the client called its device.
    pub device: String,
    /// Where it came from.
    pub address: String,
    /// Hash of the only refresh token that is good.
    pub refresh_hash: [u8; 32],
    /// When it began.
    pub created: Timestamp,
    /// When its token was last exchanged.
    pub last_used: Timestamp,
    /// After this it is gone. Each exchange starts the time between `last_used` and this again.
    pub expires: Timestamp,
}

impl std::fmt::Debug for Login {
    /// Hashes of tokens are secret: never shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login")
            .field("login", &self.login)
            .field("user", &self.user)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// How exchanging a refresh token ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Rotation {
    /// The token was good; the next one is now the only good one.
    Rotated(Login),
    /// The token was exchanged before (or never was one): someone else may have it, so the login has ended.
    Reused(Login),
    /// There is no such login, or its time is over.
    Gone,
}

impl Store {
    /// Stores a login; the very same again changes nothing.
    pub async fn create_login(&self, login: Login) -> Result<(), StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.create_login(login).await,
            Engine::Tables(tables) => tables,
        };
        tables
            .write(Call::new(Op::CreateLogin), move |tx| {
                tx.put(Table::State, of_user_key(&login.user, &login.login), bytes::Bytes::new());
                tx.put(Table::State, login_key(&login.login), encode(&login));
                Ok(())
            })
            .await
    }

    /// Exchanges the presented refresh token for the next, both given as hashes. Of two exchanges of one token at most
    /// one succeeds; the other ends the login.
    pub async fn rotate_login(
        &self,
        login: &LoginId,
        presented: [u8; 32],
        next: [u8; 32],
        now: Timestamp,
    ) -> Result<Rotation, StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.rotate_login(login, presented, next, now).await,
            Engine::Tables(tables) => tables,
        };
        let login = login.clone();
        tables.write(Call::new(Op::RotateLogin), move |tx| rotate(tx, &login, presented, next, now)).await
    }

    /// Ends a login and gives what it was; `None` if there was none.
    pub async fn end_login(&self, login: &LoginId) -> Result<Option<Login>, StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.end_login(login).await,
            Engine::Tables(tables) => tables,
        };
        let login = login.clone();
        tables
            .write(Call::new(Op::EndLogin), move |tx| {
                let stored = tx.get(Table::State, &login_key(&login))?;
                let ended = stored.map(|value| decode(&login, value)).transpose()?;
                if let Some(ended) = &ended {
                    delete(tx, ended);
                }
                Ok(ended)
            })
            .await
    }

    /// The logins of a user, in order of their ids; also those whose time is over and that nobody ended.
    pub async fn logins(&self, user: &UserId) -> Result<Vec<Login>, StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return cql.logins(user).await,
            Engine::Tables(tables) => tables,
        };
        let user = user.clone();
        tables.read(Call::new(Op::Logins), move |view| read_all(view, &user)).await
    }
}

pub(super) fn read(view: &dyn View, login: &LoginId) -> Result<Option<Login>, StoreError> {
    view.get(Table::State, &login_key(login))?.map(|value| decode(login, value)).transpose()
}

fn rotate(
    tx: &mut Tx<'_>,
    login: &LoginId,
    presented: [u8; 32],
    next: [u8; 32],
    now: Timestamp,
) -> Result<Rotation, StoreError> {
    let key = login_key(login);
    let Some(stored) = tx.get(Table::State, &key)? else { return Ok(Rotation::Gone) };
    let stored = decode(login, stored)?;
    if now >= stored.expires {
        delete(tx, &stored);
        return Ok(Rotation::Gone);
    }
    if stored.refresh_hash != presented {
        delete(tx, &stored);
        return Ok(Rotation::Reused(stored));
    }
    let lifetime_ms = stored.expires.0.saturating_sub(stored.last_used.0);
    let rotated = Login { refresh_hash: next, last_used: now, expires: now.plus_ms(lifetime_ms), ..stored };
    tx.put(Table::State, key, encode(&rotated));
    Ok(Rotation::Rotated(rotated))
}

fn delete(tx: &mut Tx<'_>, login: &Login) {
    tx.delete(Table::State, login_key(&login.login));
    tx.delete(Table::State, of_user_key(&login.user, &login.login));
}

fn read_all(view: &dyn View, user: &UserId) -> Result<Vec<Login>, StoreError> {
    let prefix = Key::of(Kind::LoginOfUser).text(user.as_str());
    let mut ids = Vec::new();
    view.scan(Table::State, &prefix, &after_prefix(&prefix), Direction::Forward, &mut |key, _| {
        let id = KeyParts::after(key, prefix.len()).text().and_then(|text| LoginId::parse(text).ok());
        ids.push(id.ok_or_else(|| StoreError::corrupt("login of user"))?);
        Ok(ControlFlow::Continue(()))
    })?;
    let mut logins = Vec::with_capacity(ids.len());
    for id in ids {
        if let Some(value) = view.get(Table::State, &login_key(&id))? {
            logins.push(decode(&id, value)?);
        }
    }
    Ok(logins)
}

fn encode(login: &Login) -> bytes::Bytes {
    Writer::default()
        .text(login.user.as_str())
        .text(&login.device)
        .text(&login.address)
        .raw(&login.refresh_hash)
        .number(login.created.0)
        .number(login.last_used.0)
        .number(login.expires.0)
        .finish()
}

/// Reads the value of a row.
pub(crate) fn decode(login: &LoginId, value: bytes::Bytes) -> Result<Login, StoreError> {
    let mut value = Reader::new("login", value);
    Ok(Login {
        login: login.clone(),
        user: value.id(UserId::parse)?,
        device: value.text()?,
        address: value.text()?,
        refresh_hash: value.raw()?,
        created: Timestamp(value.number()?),
        last_used: Timestamp(value.number()?),
        expires: Timestamp(value.number()?),
    })
}

fn login_key(login: &LoginId) -> Key {
    Key::of(Kind::Login).text(login.as_str())
}

fn of_user_key(user: &UserId, login: &LoginId) -> Key {
    Key::of(Kind::LoginOfUser).text(user.as_str()).text(login.as_str())
}
