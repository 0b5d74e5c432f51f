//! What two users are to each other, for trusted services: whoever lets one do something to the other asks here first.

use axum::Json;
use axum::extract::State;
use proto::UserId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;
use crate::caller::Caller;
use crate::extract::PathOf;
use crate::numbers::Wide;
use crate::problem::{Problem, ProblemBody};

/// What two users are to each other.
#[derive(Serialize, ToSchema)]
#[schema(as = Relation)]
pub(crate) struct RelationBody {
    /// The one.
    #[schema(example = "alice")]
    user: String,
    /// The other.
    #[schema(example = "bob")]
    peer: String,
    /// Since when they are friends, in Unix milliseconds; `null`: they are not.
    #[schema(example = "1790000000123")]
    friend_since: Option<Wide>,
    /// The user blocks the peer.
    blocked: bool,
    /// The peer blocks the user.
    blocked_by: bool,
}

/// Whether two users are friends, and whether one of them blocks the other.
#[utoipa::path(
    get, path = "/api/v1/server/users/{user_id}/relations/{peer}", tag = "services",
    params(
        ("user_id" = String, Path, description = "The one.", example = "alice"),
        ("peer" = String, Path, description = "The other.", example = "bob"),
    ),
    responses(
        (status = 200, description = "What they are; of users who never had to do with each other nothing.", body = RelationBody),
        (status = "default", description = "403 `FORBIDDEN`: not a service with the scope.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn relation(
    State(app): State<App>,
    _: Caller,
    PathOf((user, peer)): PathOf<(String, String)>,
) -> Result<Json<RelationBody>, Problem> {
    let user = UserId::parse(&user).map_err(|error| Problem::field("user_id", error))?;
    let peer = UserId::parse(&peer).map_err(|error| Problem::field("peer", error))?;
    let found = app.store.relations_with(&user, std::slice::from_ref(&peer)).await?.pop().flatten();
    let is = found.as_ref();
    Ok(Json(RelationBody {
        user: user.to_string(),
        peer: peer.to_string(),
        friend_since: is
            .filter(|is| is.is_friendship())
            .and_then(|is| is.contact.friend_since)
            .map(|time| Wide(time.0)),
        blocked: is.is_some_and(|is| is.contact.blocked),
        blocked_by: is.is_some_and(|is| is.blocked_by),
    }))
}
