//! Logs in with a password.

use auth::passwords;
use axum::Json;
use axum::extract::State;
use proto::Code;
use serde::Deserialize;
use store::{Account, AccountStatus};
use utoipa::ToSchema;

use crate::caller::Address;
use crate::extract::JsonBody;
use crate::logins::Tokens;
use crate::problem::{Problem, ProblemBody};
use crate::{App, Shared, metrics, profile};

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
    // A name that no account can have takes the same way as one that none has.
    let username = profile::username(&body.username).unwrap_or_else(|_| "?".to_owned());
    app.backoff.admit(&username, address).await.inspect_err(|_| metrics::login("backoff"))?;
    let account = app.store.account_by_username(&username).await?;
    let (password, hash) =
        (body.password.clone(), account.as_ref().map(|account| account.password_hash.clone()));
    let right = app.hashes.run(move || passwords::verify(&password, hash.as_deref()));
    // What was not even tried has not failed.
    let right = match right.await {
        Ok(right) => right,
        Err(problem) => {
            app.backoff.succeeded(&username).await;
            return Err(problem);
        }
    };
    let Some(account) = account.filter(|_| right) else {
        app.backoff.failed(address).await;
        metrics::login("wrong");
        return Err(Problem::new(Code::BadCredentials, "wrong username or password"));
    };
    app.backoff.succeeded(&username).await;
    if account.status == AccountStatus::Disabled {
        metrics::login("disabled");
        return Err(Problem::new(Code::Forbidden, "the account is disabled"));
    }
    app.replace_imported_hash(&account, body.password).await;
    metrics::login("ok");
    app.begin_login(&account.user, body.device.as_deref(), address).await.map(Json)
}

impl Shared {
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
