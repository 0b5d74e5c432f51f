//! Who is online.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use proto::UserId;
use proto::limits::PRESENCE_USERS_MAX;
use proto::presence::PresenceState;
use serde::{Deserialize, Serialize};
use store::{DevicePresence, Presence};
use utoipa::{IntoParams, ToSchema};

use crate::caller::Caller;
use crate::extract::{PathOf, QueryOf};
use crate::numbers::Wide;
use crate::problem::{Problem, ProblemBody};
use crate::{App, Shared, now};

/// Whether somebody is online.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PresenceState)]
pub(crate) enum UserState {
    /// With a session that is used.
    Online,
    /// With sessions, none of which is used.
    Away,
    /// Without.
    Offline,
    /// Nobody knows at the moment.
    Unknown,
}

/// A user, online or not.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserPresence {
    /// Who.
    #[schema(example = "alice")]
    user: String,
    /// Of the devices together.
    state: UserState,
    /// When the user was last active, in Unix milliseconds: when the last device left or went away; `null` while online, and where
    /// it is not known.
    #[schema(example = "1790000000000")]
    last_seen: Option<Wide>,
    /// The devices of which something is known.
    devices: Vec<Device>,
}

/// A device, online or not.
#[derive(Serialize, ToSchema)]
pub(crate) struct Device {
    /// As its client names it.
    #[schema(example = "phone")]
    device: String,
    /// Never `unknown`.
    state: UserState,
    /// Since when it is used, in Unix milliseconds; `null` while it is away or offline, and where it has just left: it may come back in a
    /// moment, and counts as there until then.
    #[schema(example = "1790000000000")]
    online_since: Option<Wide>,
    /// When it left or went away, in Unix milliseconds; `null` while it is online.
    #[schema(example = "1790000000000")]
    last_seen: Option<Wide>,
}

/// About whom to ask.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PresenceOf {
    /// Up to 200 user ids with commas between them.
    #[param(example = "alice,bob")]
    users: String,
}

/// Several users, online or not.
#[derive(Serialize, ToSchema)]
pub(crate) struct PresenceList {
    /// In the order asked.
    users: Vec<UserPresence>,
    /// Always `null`: the list is whole.
    #[schema(example = json!(null))]
    next_cursor: Option<String>,
}

/// Whether a user is online; who leaves and comes back within `presence.grace` always was.
#[utoipa::path(
    get, path = "/api/v1/users/{user_id}/presence", tag = "users",
    params(("user_id" = String, Path, description = "Whom.", example = "alice")),
    responses(
        (status = 200, description = "Online, offline, or unknown.", body = UserPresence),
        (status = "default", description = "A problem.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn user_presence(
    State(app): State<App>,
    caller: Caller,
    PathOf(user): PathOf<String>,
) -> Result<Json<UserPresence>, Problem> {
    let user = UserId::parse(&user).map_err(|error| Problem::field("user_id", error))?;
    let found = app.presence_seen_by(&caller, std::slice::from_ref(&user)).await?.pop();
    Ok(Json(UserPresence::of(user, found.unwrap_or(Presence::Unknown), app.config.presence_grace)))
}

/// Whether several users are online; who leaves and comes back within `presence.grace` always was.
#[utoipa::path(
    get, path = "/api/v1/presence", tag = "users", params(PresenceOf),
    responses(
        (status = 200, description = "Each online, offline, or unknown.", body = PresenceList),
        (status = "default", description = "400 `BAD_FIELD`: more than 200 users, or none.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn presence(
    State(app): State<App>,
    caller: Caller,
    QueryOf(query): QueryOf<PresenceOf>,
) -> Result<Json<PresenceList>, Problem> {
    if query.users.split(',').count() > PRESENCE_USERS_MAX {
        return Err(Problem::field("users", format!("at most {PRESENCE_USERS_MAX} are allowed")));
    }
    let users: Result<Vec<UserId>, _> =
        query.users.split(',').map(|user| UserId::parse(user.trim())).collect();
    let users = users.map_err(|error| Problem::field("users", error))?;
    let found = app.presence_seen_by(&caller, &users).await?;
    let grace = app.config.presence_grace;
    let users = users.into_iter().zip(found).map(|(user, found)| UserPresence::of(user, found, grace));
    Ok(Json(PresenceList { users: users.collect(), next_cursor: None }))
}

impl Shared {
    /// Presence as the caller may see it: who blocks the caller, or lets others see nothing, was never there.
    async fn presence_seen_by(&self, caller: &Caller, users: &[UserId]) -> Result<Vec<Presence>, Problem> {
        let found = self.ephemeral.presence(users).await;
        if caller.is_service() {
            return Ok(found);
        }
        let relations = self.store.relations_with(&caller.0.user, users).await?;
        let accounts = users.iter().map(|user| self.store.account(user));
        let accounts = futures_util::future::try_join_all(accounts).await?;
        let seen = users.iter().zip(found).zip(relations.iter().zip(accounts));
        Ok(seen
            .map(|((user, found), (row, account))| {
                // Users of another issuer have no account here, and hide nothing.
                let audience = account.map(|account| account.details.presence).unwrap_or_default();
                let is_own = *user == caller.0.user;
                if is_own || audience.shows(row.as_ref()) { found } else { Presence::Known(Vec::new()) }
            })
            .collect())
    }
}

impl UserState {
    fn of(state: PresenceState) -> Self {
        match state {
            PresenceState::Unknown => Self::Unknown,
            PresenceState::Offline => Self::Offline,
            PresenceState::Away => Self::Away,
            PresenceState::Online => Self::Online,
        }
    }
}

impl UserPresence {
    /// As a socket that watches the user is told, with its devices by name.
    fn of(user: UserId, found: Presence, grace: Duration) -> Self {
        let told = found.clone().with_grace(now(), grace);
        let devices = match (&told, &found) {
            (Presence::Known(told), Presence::Known(found)) => {
                told.iter().zip(found).map(|(told, found)| Device::of(told, found)).collect()
            }
            _ => Vec::new(),
        };
        let told = told.told(user);
        Self {
            user: told.user.to_string(),
            state: UserState::of(told.state),
            last_seen: told.last_seen.map(|when| Wide(when.0)),
            devices,
        }
    }
}

impl Device {
    /// `found` may have left and be told to be there still.
    fn of(told: &DevicePresence, found: &DevicePresence) -> Self {
        let when = Some(Wide(found.state.since().0));
        Self {
            device: told.device.to_string(),
            state: UserState::of(told.state.word()),
            online_since: when.filter(|_| found.state.word() == PresenceState::Online),
            last_seen: when.filter(|_| told.state.word() != PresenceState::Online),
        }
    }
}
