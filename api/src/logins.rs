//! Logins: begun with a password, kept up with refresh tokens, ended.

use auth::{RefreshToken, Scopes};
use proto::{Code, LoginId, UserId};
use serde::Serialize;
use std::net::IpAddr;
use store::{AccountStatus, Login, Rotation};
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::{Shared, metrics, now};

/// Characters of a device's name that are kept.
const DEVICE_CHARS_MAX: usize = 64;

/// Proof of a login.
#[derive(Serialize, ToSchema)]
#[schema(as = Tokens)]
pub(crate) struct Tokens {
    /// Who logged in.
    #[schema(example = "231894619234304")]
    user_id: String,
    /// For the `Authorization` header and for sockets.
    #[schema(example = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.…")]
    access_token: String,
    /// For `POST /api/v1/auth/refresh`, once: the answer has the next one.
    #[schema(example = "k3Zb0mWq8vY1xN5cR7tUaQ.…")]
    refresh_token: String,
    /// Seconds until the access token ends.
    #[schema(example = 900)]
    expires_in: u64,
}

impl Shared {
    /// Begins a login.
    pub(crate) async fn begin_login(
        &self,
        user: &UserId,
        device: Option<&str>,
        address: Option<IpAddr>,
    ) -> Result<Tokens, Problem> {
        let token = RefreshToken::for_new_login();
        let now = now();
        let ttl_ms = u64::try_from(self.config.refresh_ttl.as_millis()).unwrap_or(u64::MAX);
        let login = Login {
            login: token.login.clone(),
            user: user.clone(),
            device: device.unwrap_or_default().chars().take(DEVICE_CHARS_MAX).collect(),
            address: address.map(|address| address.to_string()).unwrap_or_default(),
            refresh_hash: token.digest(),
            created: now,
            last_used: now,
            expires: now.plus_ms(ttl_ms),
        };
        self.store.create_login(login).await?;
        Ok(self.tokens(user, &token))
    }

    /// Exchanges a refresh token. One that was exchanged before ends its login: somebody else may have it.
    pub(crate) async fn refresh_login(&self, presented: &str) -> Result<Tokens, Problem> {
        let (login, next) = self.rotate(presented).await?;
        let account = self.store.account(&login.user).await?;
        if account.is_none_or(|account| account.status == AccountStatus::Disabled) {
            self.end_login(&login.user, &login.login).await?;
            return Err(Problem::new(Code::Forbidden, "the account is disabled"));
        }
        Ok(self.tokens(&login.user, &next))
    }

    /// Ends the login that a refresh token belongs to.
    pub(crate) async fn end_login_of(&self, presented: &str) -> Result<(), Problem> {
        let (login, _) = self.rotate(presented).await?;
        self.end_login(&login.user, &login.login).await
    }

    /// Ends a login of the user and closes its sockets. One that has ended already stays so; one of another user is left
    /// alone, since other issuers choose the `sid` of their tokens as they like.
    pub(crate) async fn end_login(&self, user: &UserId, login: &LoginId) -> Result<(), Problem> {
        if self.store.logins(user).await?.iter().any(|own| own.login == *login) {
            self.store.end_login(login).await?;
        }
        self.standings.forget(user);
        self.commands.revoke(user, Some(login.clone()));
        Ok(())
    }

    /// Ends every login of the user and closes every socket.
    pub(crate) async fn end_all_logins(&self, user: &UserId) -> Result<(), Problem> {
        for login in self.store.logins(user).await? {
            self.store.end_login(&login.login).await?;
            // By name, so that gateways know it when it is shown again.
            self.commands.revoke(user, Some(login.login));
        }
        self.standings.forget(user);
        self.commands.revoke(user, None);
        Ok(())
    }

    /// Ends every login of the user but one, each with its sockets.
    pub(crate) async fn end_other_logins(
        &self,
        user: &UserId,
        keep: Option<&LoginId>,
    ) -> Result<(), Problem> {
        let logins = self.store.logins(user).await?;
        for login in logins.into_iter().filter(|login| Some(&login.login) != keep) {
            self.store.end_login(&login.login).await?;
            self.commands.revoke(user, Some(login.login));
        }
        self.standings.forget(user);
        Ok(())
    }

    async fn rotate(&self, presented: &str) -> Result<(Login, RefreshToken), Problem> {
        let gone = || {
            metrics::refresh("gone");
            Problem::new(Code::Unauthenticated, "the refresh token is not good (any more); log in again")
        };
        let token = RefreshToken::parse(presented).ok_or_else(gone)?;
        let next = RefreshToken::next_of(token.login.clone());
        match self.store.rotate_login(&token.login, token.digest(), next.digest(), now()).await? {
            Rotation::Rotated(login) => {
                metrics::refresh("ok");
                Ok((login, next))
            }
            Rotation::Reused(login) => {
                metrics::refresh("reused");
                tracing::info!(user = %login.user, "a refresh token was used twice, its login is ended");
                self.standings.forget(&login.user);
                self.commands.revoke(&login.user, Some(login.login));
                Err(Problem::new(Code::Unauthenticated, "the refresh token was used before; log in again"))
            }
            Rotation::Gone => Err(gone()),
        }
    }

    fn tokens(&self, user: &UserId, refresh: &RefreshToken) -> Tokens {
        let expires_in = self.config.access_ttl.as_secs();
        let seconds = now().0 / 1_000;
        let scopes = Scopes::default();
        Tokens {
            user_id: user.to_string(),
            access_token: self.issuer.issue(user, Some(&refresh.login), &scopes, seconds, expires_in),
            refresh_token: refresh.text(),
            expires_in,
        }
    }
}
