//! Logins: one row for each, changed by conditional writes on the hash of its refresh token; and where those of a user
//! are, which is a hint.
//!
//! The hash is as good as a version: every exchange brings a new one at random. Both rows have a time to live, which
//! begins again with each exchange: the lifetime of the login and a day, so that it is the login's own `expires` that
//! ends it, by the clock of whoever asks, and not the cluster's.

use std::sync::Arc;

use proto::{LoginId, Timestamp, UserId};
use scylla::DeserializeRow;
use scylla::statement::prepared::PreparedStatement;

use super::Cql;
use super::decide::{Decision, ROUNDS};
use super::error::CqlError;
use super::session::Preparer;
use super::several::{self, partly};
use crate::call::{Call, Op};
use crate::identity::Sought;
use crate::{Level, Login, Rotation, Standing, StoreError};

/// What a row lives longer than its login, in seconds.
const TTL_EXTRA: u64 = 24 * 60 * 60;
/// The longest time to live that CQL knows, in seconds: 20 years.
const TTL_MAX: i32 = 20 * 365 * 24 * 60 * 60;
/// Logins of a user in one answer.
const PAGE_ROWS: i32 = 500;

/// The statements of this family.
pub(super) struct LoginStatements {
    read: PreparedStatement,
    read_serial: PreparedStatement,
    create: PreparedStatement,
    rotate: PreparedStatement,
    end: PreparedStatement,
    of_user: PreparedStatement,
    put_of_user: PreparedStatement,
    remove_of_user: PreparedStatement,
}

impl LoginStatements {
    pub(super) async fn prepare(preparer: &Preparer<'_>) -> Result<Self, CqlError> {
        const READ: &str = "SELECT user_id, device, address, refresh_hash, created, last_used, expires FROM login \
            WHERE login = ?";
        const CREATE: &str = "INSERT INTO login \
            (user_id, device, address, refresh_hash, created, last_used, expires, login) \
            VALUES (?, ?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS USING TTL ?";
        const ROTATE: &str = "UPDATE login USING TTL ? \
            SET user_id = ?, device = ?, address = ?, refresh_hash = ?, created = ?, last_used = ?, expires = ? \
            WHERE login = ? IF refresh_hash = ?";
        Ok(Self {
            read: preparer.read(READ).await?,
            read_serial: preparer.serial_read(READ).await?,
            create: preparer.conditional(CREATE).await?,
            rotate: preparer.conditional(ROTATE).await?,
            end: preparer.conditional("DELETE FROM login WHERE login = ? IF refresh_hash = ?").await?,
            of_user: preparer.paged_read("SELECT login FROM user_login WHERE user_id = ?", PAGE_ROWS).await?,
            put_of_user: preparer
                .write("INSERT INTO user_login (user_id, login) VALUES (?, ?) USING TTL ?")
                .await?,
            remove_of_user: preparer.write("DELETE FROM user_login WHERE user_id = ? AND login = ?").await?,
        })
    }
}

/// The columns of a login.
#[derive(DeserializeRow)]
pub(super) struct Columns {
    pub(super) user_id: String,
    pub(super) device: String,
    pub(super) address: String,
    pub(super) refresh_hash: Vec<u8>,
    pub(super) created: i64,
    pub(super) last_used: i64,
    pub(super) expires: i64,
}

/// How ending a login went.
enum End {
    /// By this call, or by an earlier sending of it.
    Ended,
    /// It was gone already.
    Gone,
    /// Its token was exchanged meanwhile.
    Changed,
}

impl Cql {
    pub(crate) async fn create_login(self: &Arc<Self>, login: Login) -> Result<(), StoreError> {
        self.write(Call::new(Op::CreateLogin), move |cql| async move { cql.send_login(&login).await }).await
    }

    /// The hint first: what is a login is found with its user.
    pub(super) async fn send_login(&self, login: &Login) -> Result<(), StoreError> {
        self.put_of_user(login).await?;
        let values = (
            login.user.as_str(),
            login.device.as_str(),
            login.address.as_str(),
            login.refresh_hash.as_slice(),
            login.created.0.cast_signed(),
            login.last_used.0.cast_signed(),
            login.expires.0.cast_signed(),
            login.login.as_str(),
            ttl_seconds(login),
        );
        // Refused: it is there, and may have gone on since.
        self.decide(&self.statements.logins.create, values).await.map(drop).map_err(partly)
    }

    pub(crate) async fn rotate_login(
        self: &Arc<Self>,
        login: &LoginId,
        presented: [u8; 32],
        next: [u8; 32],
        now: Timestamp,
    ) -> Result<Rotation, StoreError> {
        let login = login.clone();
        self.write(Call::new(Op::RotateLogin), move |cql| async move {
            cql.rotate(&login, presented, next, now).await
        })
        .await
    }

    pub(crate) async fn end_login(self: &Arc<Self>, login: &LoginId) -> Result<Option<Login>, StoreError> {
        let login = login.clone();
        self.write(Call::new(Op::EndLogin), move |cql| async move {
            for _ in 0..ROUNDS {
                let Some(stored) = cql.read_login(&login, Level::Serial).await? else { return Ok(None) };
                match cql.end(&stored).await? {
                    End::Ended => return Ok(Some(stored)),
                    End::Gone => return Ok(None),
                    End::Changed => {}
                }
            }
            Err(busy())
        })
        .await
    }

    pub(crate) async fn logins(&self, user: &UserId) -> Result<Vec<Login>, StoreError> {
        let read = async {
            let ids = self.all::<(String,)>(&self.statements.logins.of_user, (user.as_str(),)).await?;
            let parse =
                |(id,): &(String,)| LoginId::parse(id).map_err(|_| StoreError::corrupt("login of user"));
            let ids: Vec<LoginId> = ids.iter().map(parse).collect::<Result<_, _>>()?;
            let found = ids.iter().map(|id| self.read_login(id, Level::Quorum)).collect();
            Ok(several::reads(found).await?.into_iter().flatten().collect())
        };
        self.read(Call::new(Op::Logins), read).await
    }

    pub(crate) async fn standing(
        &self,
        user: &UserId,
        login: Option<&LoginId>,
    ) -> Result<Standing, StoreError> {
        let Some(login) = login else {
            return Ok(Standing::of(user, self.account(user).await?.as_ref(), Sought::Nothing));
        };
        let found = self.read(Call::new(Op::Logins), self.read_login(login, Level::Quorum));
        let (account, found) = futures_util::try_join!(self.account(user), found)?;
        Ok(Standing::of(user, account.as_ref(), Sought::For(found.as_ref())))
    }

    async fn rotate(
        &self,
        login: &LoginId,
        presented: [u8; 32],
        next: [u8; 32],
        now: Timestamp,
    ) -> Result<Rotation, StoreError> {
        let mut sent = false;
        for _ in 0..ROUNDS {
            let stored = self.read_login(login, Level::Serial).await;
            let Some(stored) = stored.map_err(|error| if sent { partly(error) } else { error })? else {
                return Ok(Rotation::Gone);
            };
            if sent && stored.refresh_hash == next {
                // An earlier sending took place.
                return Ok(Rotation::Rotated(stored));
            }
            let over = now >= stored.expires;
            if over || stored.refresh_hash != presented {
                match self.end(&stored).await? {
                    End::Ended if over => return Ok(Rotation::Gone),
                    End::Ended => return Ok(Rotation::Reused(stored)),
                    End::Gone => return Ok(Rotation::Gone),
                    End::Changed => continue,
                }
            }
            let lifetime_ms = stored.expires.0.saturating_sub(stored.last_used.0);
            let rotated =
                Login { refresh_hash: next, last_used: now, expires: now.plus_ms(lifetime_ms), ..stored };
            // The hint first, so that it never ends before the login.
            self.put_of_user(&rotated).await?;
            sent = true;
            if self.send_rotation(&rotated, presented).await? == Decision::Applied {
                return Ok(Rotation::Rotated(rotated));
            }
        }
        Err(busy())
    }

    async fn send_rotation(&self, rotated: &Login, presented: [u8; 32]) -> Result<Decision, StoreError> {
        let values = (
            ttl_seconds(rotated),
            rotated.user.as_str(),
            rotated.device.as_str(),
            rotated.address.as_str(),
            rotated.refresh_hash.as_slice(),
            rotated.created.0.cast_signed(),
            rotated.last_used.0.cast_signed(),
            rotated.expires.0.cast_signed(),
            rotated.login.as_str(),
            presented.as_slice(),
        );
        self.decide(&self.statements.logins.rotate, values).await
    }

    /// Ends a login as it was read.
    async fn end(&self, login: &Login) -> Result<End, StoreError> {
        let values = (login.login.as_str(), login.refresh_hash.as_slice());
        let decision = self.decide(&self.statements.logins.end, values).await?;
        if decision != Decision::Applied {
            let now = self.read_login(&login.login, Level::Serial).await.map_err(partly)?;
            match (now, decision) {
                (Some(_), _) => return Ok(End::Changed),
                (None, Decision::Refused) => return Ok(End::Gone),
                // By an earlier sending, or by another call: to say so twice is safe, not to say so is not.
                (None, _) => {}
            }
        }
        let hint = (login.user.as_str(), login.login.as_str());
        if let Err(error) = self.execute(&self.statements.logins.remove_of_user, hint).await {
            tracing::debug!(%error, "where an ended login was is not deleted; it ends by itself");
        }
        Ok(End::Ended)
    }

    async fn put_of_user(&self, login: &Login) -> Result<(), StoreError> {
        let values = (login.user.as_str(), login.login.as_str(), ttl_seconds(login));
        self.execute(&self.statements.logins.put_of_user, values).await
    }

    async fn read_login(&self, login: &LoginId, level: Level) -> Result<Option<Login>, StoreError> {
        let statement = match level {
            Level::Quorum => &self.statements.logins.read,
            Level::Serial => &self.statements.logins.read_serial,
        };
        let row = self.first::<Columns>(statement, (login.as_str(),)).await?;
        row.map(|columns| decode(login, columns)).transpose()
    }
}

/// Others changed the row in every round. Nothing of this call took place.
fn busy() -> StoreError {
    StoreError::Unavailable("a login is changed by too many at once".to_owned())
}

fn ttl_seconds(login: &Login) -> i32 {
    let lifetime_ms = login.expires.0.saturating_sub(login.last_used.0);
    i32::try_from(lifetime_ms.div_ceil(1_000) + TTL_EXTRA).unwrap_or(TTL_MAX).min(TTL_MAX)
}

/// Reads a row.
pub(super) fn decode(login: &LoginId, columns: Columns) -> Result<Login, StoreError> {
    let corrupt = || StoreError::corrupt("login");
    Ok(Login {
        login: login.clone(),
        user: UserId::parse(&columns.user_id).map_err(|_| corrupt())?,
        device: columns.device,
        address: columns.address,
        refresh_hash: columns.refresh_hash.try_into().map_err(|_| corrupt())?,
        created: Timestamp(columns.created.cast_unsigned()),
        last_used: Timestamp(columns.last_used.cast_unsigned()),
        expires: Timestamp(columns.expires.cast_unsigned()),
    })
}
