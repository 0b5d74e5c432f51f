//! Makes an account, and logs it in.

use auth::passwords;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use proto::{Code, MessageId, UserId};
use serde::Deserialize;
use store::{Account, AccountStatus, Creation};
use utoipa::ToSchema;

use crate::caller::Address;
use crate::extract::JsonBody;
use crate::logins::Tokens;
use crate::problem::{Problem, ProblemBody};
use crate::{App, Registration, Shared, now, profile};

/// User ids that are tried before giving up; two accounts of one millisecond share one once in four million times.
const ID_TRIES: usize = 4;

/// A new account.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Register {
    /// 1 to 64 letters, digits and `. _ - | @ : + = ~`; capitals make no difference.
    #[schema(example = "alice")]
    username: String,
    /// As long as the server asks for, at most 256 bytes.
    #[schema(example = "123456", format = Password)]
    password: String,
    /// What others see; the username if absent.
    #[schema(example = "Alice")]
    nickname: Option<String>,
    /// Only its owner sees it.
    #[schema(example = "alice@example.org")]
    email: Option<String>,
    /// A name for the device that logs in.
    #[serde(alias = "deviceName", alias = "device_name")]
    #[schema(example = "phone")]
    device: Option<String>,
}

/// An account to be made, as it was asked for.
pub(crate) struct NewAccount {
    /// Under this id; one is made up if absent.
    pub(crate) user: Option<UserId>,
    pub(crate) username: String,
    pub(crate) credential: Credential,
    pub(crate) nickname: Option<String>,
    pub(crate) email: Option<String>,
}

/// With what its owner will log in.
pub(crate) enum Credential {
    Password(String),
    /// With the password of which another backend made this hash.
    Imported(String),
    /// Nobody can log in with a password.
    None,
}

/// Make an account and log in.
#[utoipa::path(
    post, path = "/api/v1/auth/register", tag = "accounts", request_body = Register, security(()),
    responses(
        (status = 201, description = "The account exists and is logged in.", body = Tokens),
        (status = "default", description = "409 `CONFLICT`: the username is taken. 403 `FORBIDDEN`: accounts are not made here. 429 `RATE`: too many are made from this address.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn register(
    State(app): State<App>,
    Address(address): Address,
    JsonBody(body): JsonBody<Register>,
) -> Result<(StatusCode, Json<Tokens>), Problem> {
    if app.config.registration == Registration::Closed || app.elsewhere.is_some() {
        return Err(Problem::new(Code::Forbidden, "accounts are not made here"));
    }
    app.backoff.admit_registration(address).await?;
    let Register { username, password, nickname, email, device } = body;
    let new =
        NewAccount { user: None, username, credential: Credential::Password(password), nickname, email };
    let account = Box::pin(app.make_account(new)).await?;
    let tokens = app.begin_login(&account.user, device.as_deref(), address).await?;
    Ok((StatusCode::CREATED, Json(tokens)))
}

fn taken() -> Problem {
    Problem::new(Code::Conflict, "username: taken")
}

pub(super) fn check_password(field: &str, password: &str, chars_min: usize) -> Result<(), Problem> {
    if password.len() > passwords::PASSWORD_BYTES_MAX {
        return Err(Problem::field(field, format!("at most {} bytes", passwords::PASSWORD_BYTES_MAX)));
    }
    if password.chars().count() < chars_min {
        return Err(Problem::field(field, format!("at least {chars_min} characters")));
    }
    Ok(())
}

impl Shared {
    /// Makes an account of what was asked for.
    pub(crate) async fn make_account(&self, new: NewAccount) -> Result<Account, Problem> {
        let username = profile::username(&new.username)?;
        let nickname = match new.nickname.as_deref().filter(|text| !text.is_empty()) {
            Some(text) => profile::nickname(text)?,
            None => new.username,
        };
        let email = new.email.as_deref().filter(|text| !text.is_empty()).map(profile::email).transpose()?;
        match &new.credential {
            Credential::Password(password) => {
                check_password("password", password, self.config.password_chars_min)?;
            }
            Credential::Imported(hash) if !passwords::check_imported(hash) => {
                return Err(Problem::field(
                    "password_hash",
                    format!("must be {}", passwords::IMPORTED_ALLOWED),
                ));
            }
            Credential::Imported(_) | Credential::None => {}
        }
        if self.store.account_by_username(&username).await?.is_some() {
            return Err(taken());
        }
        let password_hash = match new.credential {
            Credential::Password(password) => self.hash(password).await?,
            Credential::Imported(hash) => hash,
            // Of a word that nobody knows: a login without a password is refused after the same work as any other.
            Credential::None => self.hash(format!("{:032x}", rand::random::<u128>())).await?,
        };
        let account = Account {
            user: new.user.clone().unwrap_or_else(fresh_user_id),
            username,
            nickname,
            email,
            password_hash,
            status: AccountStatus::Active,
            created: now(),
            details: store::AccountDetails::default(),
        };
        self.create(account, new.user.as_ref()).await
    }

    /// Hashes a password when its turn comes.
    pub(super) async fn hash(&self, password: String) -> Result<String, Problem> {
        let hashed = self.hashes.run(move || passwords::hash(&password)).await?;
        hashed.map_err(|error| {
            tracing::error!(%error, "hashing a password failed");
            Problem::new(Code::Internal, "the password could not be hashed")
        })
    }

    /// Stores an account, if need be under another user id, unless that was chosen.
    async fn create(&self, mut account: Account, chosen: Option<&UserId>) -> Result<Account, Problem> {
        for _ in 0..ID_TRIES {
            match self.store.create_account(account.clone()).await? {
                Creation::Created => return Ok(account),
                Creation::NameTaken if self.store.account_by_username(&account.username).await?.is_some() => {
                    return Err(taken());
                }
                Creation::NameTaken if chosen.is_some() => {
                    return Err(Problem::new(Code::Conflict, "user_id: taken"));
                }
                Creation::NameTaken => account.user = fresh_user_id(),
            }
        }
        Err(Problem::new(Code::Internal, "no free user id was found"))
    }
}

/// A snowflake without a leased worker number: that and the sequence are random, and the store refuses an id that is
/// taken.
fn fresh_user_id() -> UserId {
    let id = MessageId::from_parts(now(), rand::random(), rand::random());
    UserId::parse(&id.to_string()).unwrap_or_else(|_| unreachable!("digits are in the alphabet of ids"))
}
