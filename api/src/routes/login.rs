//! Logs in with a password, which is checked against an account here or by another system.

use auth::passwords;
use axum::Json;
use axum::extract::State;
use proto::Code;
use serde::Deserialize;
use store::{Account, AccountStatus};
use utoipa::ToSchema;

use crate::caller::Address;
use crate::elsewhere::{Elsewhere, LoginAttempt};
use crate::extract::JsonBody;
use crate::logins::Tokens;
use crate::problem::{Problem, ProblemBody};
use crate::{App, Shared, metrics, profile};

/// Of a name that another system knows, for counting its failures.
const NAME_CHARS_MAX: usize = 256;

/// Name and password.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Login {
    /// Capitals make no difference.
    #[schema(example = "alice")]
    username: String,
    /// As it was given when the account was made.
    #[schema(example = "123456", format = Password)]
    password: String,
    /// A name for the device that logs in.
    #[serde(alias = "deviceName", alias = "device_name")]
    #[schema(example = "laptop")]
    device: Option<String>,
}

/// Log in.
#[utoipa::path(
    post, path = "/api/v1/auth/login", tag = "accounts", request_body = Login, security(()),
    responses(
        (status = 200, description = "Logged in.", body = Tokens),
        (status = "default", description = "401 `BAD_CREDENTIALS`; 403 `FORBIDDEN`: the account is disabled; 429 `RATE` after too many failures.",
            body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(crate) async fn login(
    State(app): State<App>,
    Address(address): Address,
    JsonBody(body): JsonBody<Login>,
) -> Result<Json<Tokens>, Problem> {
    let Login { username, password, device } = body;
    let name = match &app.elsewhere {
        // A name that no account can have takes the same way as one that none has.
        None => profile::username(&username).unwrap_or_else(|_| "?".to_owned()),
        Some(_) => username.to_lowercase().chars().take(NAME_CHARS_MAX).collect(),
    };
    app.backoff.admit(&name, address).await.inspect_err(|_| metrics::login("backoff"))?;
    let found = match app.elsewhere.clone() {
        None => app.account_of(&name, password).await,
        Some(elsewhere) => {
            let attempt = LoginAttempt { username, password, device: device.clone(), address };
            app.account_elsewhere(&elsewhere, attempt).await
        }
    };
    let found = match found {
        Ok(found) => found,
        // What was not even tried has not failed.
        Err(problem) => {
            app.backoff.not_tried(&name).await;
            metrics::login("unchecked");
            return Err(problem);
        }
    };
    let Some(account) = found else {
        app.backoff.failed(address).await;
        metrics::login("wrong");
        return Err(Problem::new(Code::BadCredentials, "wrong username or password"));
    };
    app.backoff.succeeded(&name).await;
    if account.status == AccountStatus::Disabled {
        metrics::login("disabled");
        return Err(Problem::new(Code::Forbidden, "the account is disabled"));
    }
    metrics::login("ok");
    app.begin_login(&account.user, device.as_deref(), address).await.map(Json)
}

impl Shared {
    /// The account of that name, if the password is its own.
    async fn account_of(&self, username: &str, password: String) -> Result<Option<Account>, Problem> {
        let account = self.store.account_by_username(username).await?;
        let hash = account.as_ref().map(|account| account.password_hash.clone());
        let tried = password.clone();
        let right = self.hashes.run(move || passwords::verify(&tried, hash.as_deref())).await?;
        let account = account.filter(|_| right);
        if let Some(account) = &account {
            // Rare, and large: not in every login's future.
            Box::pin(self.replace_imported_hash(account, password)).await;
        }
        Ok(account)
    }

    /// The account of whom the other system knows.
    async fn account_elsewhere(
        &self,
        elsewhere: &Elsewhere,
        attempt: LoginAttempt,
    ) -> Result<Option<Account>, Problem> {
        if attempt.password.len() > passwords::PASSWORD_BYTES_MAX {
            return Ok(None);
        }
        let typed = attempt.username.clone();
        match elsewhere.ask(attempt).await? {
            Some(known) => self.account_of_known(known, typed).await.map(Some),
            None => Ok(None),
        }
    }

    /// Where a password was right by another backend's hash, one of ours takes its place. Otherwise it stays for the next
    /// login, and this one goes on.
    async fn replace_imported_hash(&self, account: &Account, password: String) {
        if !passwords::is_to_be_replaced(&password, &account.password_hash) {
            return;
        }
        let replaced = async {
            let hash = self.hash(password).await?;
            let change = |now: &mut Account| {
                // A password that was changed meanwhile is the newer one.
                if now.password_hash == account.password_hash {
                    now.password_hash.clone_from(&hash);
                }
                Ok(())
            };
            self.change_account(&account.user, change).await
        };
        if let Err(problem) = replaced.await {
            tracing::warn!(user = %account.user, code = ?problem.code(), "an imported password hash was not replaced");
        }
    }
}
