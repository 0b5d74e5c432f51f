//! Whether a user may go on with a token that is good by itself: logins end and accounts are disabled before tokens do.

use proto::{GroupId, LoginId, UserId};

use super::{account, login};
use crate::call::{Call, Op};
use crate::directory::read_groups_of;
use crate::engine::View;
use crate::store::Engine;
use crate::{Account, AccountStatus, Login, Store, StoreError};

/// How a user stands, with a token of some login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Standing {
    /// Nothing is known against them; who has no account here has nothing that could be.
    Good,
    /// The login has ended, or was never one of this user.
    SignedOut,
    /// The account is disabled.
    Disabled,
}

impl Store {
    /// How a user stands. `login` is that of the token, where this server keeps it.
    pub async fn standing(&self, user: &UserId, login: Option<&LoginId>) -> Result<Standing, StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => return Box::pin(cql.standing(user, login)).await,
            Engine::Tables(tables) => tables,
        };
        let (user, login) = (user.clone(), login.cloned());
        tables.read(Call::new(Op::Account), move |view| read(view, &user, login.as_ref())).await
    }

    /// The groups of a user who connects, and how they stand: in one go, as many may come at once.
    pub async fn arrival(
        &self,
        user: &UserId,
        login: Option<&LoginId>,
    ) -> Result<(Vec<GroupId>, Standing), StoreError> {
        let tables = match self.engine() {
            Engine::Cql(cql) => {
                let groups = Box::pin(cql.groups_of(user));
                return futures_util::try_join!(groups, Box::pin(cql.standing(user, login)));
            }
            Engine::Tables(tables) => tables,
        };
        let (user, login) = (user.clone(), login.cloned());
        tables
            .read(Call::new(Op::GroupsOf), move |view| {
                Ok((read_groups_of(view, &user)?, read(view, &user, login.as_ref())?))
            })
            .await
    }
}

impl Standing {
    /// Of the account that there is, and of the login that was looked for.
    pub(crate) fn of(user: &UserId, account: Option<&Account>, found: Sought<'_>) -> Self {
        match (account, found) {
            (Some(account), _) if account.status == AccountStatus::Disabled => Self::Disabled,
            (_, Sought::For(login)) if login.is_none_or(|login| login.user != *user) => Self::SignedOut,
            _ => Self::Good,
        }
    }
}

/// What was found of a login.
#[derive(Clone, Copy)]
pub(crate) enum Sought<'a> {
    /// None was looked for.
    Nothing,
    /// This one, or none.
    For(Option<&'a Login>),
}

fn read(view: &dyn View, user: &UserId, login: Option<&LoginId>) -> Result<Standing, StoreError> {
    let account = account::read(view, user)?;
    let Some(login) = login else { return Ok(Standing::of(user, account.as_ref(), Sought::Nothing)) };
    let found = login::read(view, login)?;
    Ok(Standing::of(user, account.as_ref(), Sought::For(found.as_ref())))
}
