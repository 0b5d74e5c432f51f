//! Friends, and those who ask to be.

use axum::Json;
use axum::extract::State;
use proto::{ContactRequest, UserId};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::App;
use crate::caller::Caller;
use crate::contacts::{ContactBody, ContactList};
use crate::extract::{JsonBody, PathOf, QueryOf};
use crate::numbers::IdText;
use crate::paging::{List, Paging};
use crate::problem::{Problem, ProblemBody};

/// Whom to ask.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Apply {
    /// The other.
    #[serde(alias = "userId")]
    #[schema(value_type = String, example = "bob")]
    user_id: IdText,
    /// At most 200 characters.
    #[serde(default)]
    #[schema(example = "we met at the lake")]
    note: String,
}

/// How to call a friend.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ChangeFriend {
    /// At most 50 characters; an empty text takes it away.
    #[schema(example = "Bobby")]
    remark: String,
}

pub(super) fn other(field: &str, text: &str) -> Result<UserId, Problem> {
    UserId::parse(text).map_err(|error| Problem::field(field, error))
}

/// Ask another user to become friends. Who was asked by the other becomes a friend at once; asking again changes nothing.
#[utoipa::path(
    post, path = "/api/v1/friends/apply", tag = "contacts", request_body = Apply,
    responses(
        (status = 200, description = "What the other is now.", body = ContactBody),
        (status = "default", description = "403 `BLOCKED`: one of the two blocks the other.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn apply(
    State(app): State<App>,
    caller: Caller,
    JsonBody(body): JsonBody<Apply>,
) -> Result<Json<ContactBody>, Problem> {
    let user = other("user_id", &body.user_id.0)?;
    app.change_contact(&caller, user, ContactRequest::Apply(body.note)).await.map(Json)
}

/// One's friends.
#[utoipa::path(
    get, path = "/api/v1/friends", tag = "contacts", params(Paging),
    responses(
        (status = 200, description = "Some of them.", body = ContactList),
        (status = "default", description = "A problem.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn list_friends(
    State(app): State<App>,
    caller: Caller,
    QueryOf(paging): QueryOf<Paging>,
) -> Result<Json<ContactList>, Problem> {
    let is_friend = |contact: &proto::Contact| contact.friend_since.is_some();
    app.contacts(&caller.0.user, List::Friends, &paging, is_friend).await.map(Json)
}

/// Open requests, of others and one's own.
#[utoipa::path(
    get, path = "/api/v1/friends/requests", tag = "contacts", params(Paging),
    responses(
        (status = 200, description = "Some of them.", body = ContactList),
        (status = "default", description = "A problem.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn list_requests(
    State(app): State<App>,
    caller: Caller,
    QueryOf(paging): QueryOf<Paging>,
) -> Result<Json<ContactList>, Problem> {
    // Of somebody blocked nothing is heard.
    let asks = |contact: &proto::Contact| {
        (contact.incoming.is_some() && !contact.blocked) || contact.outgoing.is_some()
    };
    app.contacts(&caller.0.user, List::FriendRequests, &paging, asks).await.map(Json)
}

/// Become friends with a user who asked.
#[utoipa::path(
    post, path = "/api/v1/friends/requests/{user_id}/accept", tag = "contacts",
    params(("user_id" = String, Path, description = "Who asked.", example = "bob")),
    responses(
        (status = 200, description = "A friend.", body = ContactBody),
        (status = "default", description = "404 `NOT_FOUND`: this user does not ask, or no longer.",
            body = ProblemBody, content_type = "application/problem+json")
    )
)]
pub(crate) async fn accept(
    State(app): State<App>,
    caller: Caller,
    PathOf(user): PathOf<String>,
) -> Result<Json<ContactBody>, Problem> {
    app.change_contact(&caller, other("user_id", &user)?, ContactRequest::Accept).await.map(Json)
}

/// Turn down a user who asked, who may ask again.
#[utoipa::path(
    post, path = "/api/v1/friends/requests/{user_id}/reject", tag = "contacts",
    params(("user_id" = String, Path, description = "Who asked.", example = "bob")),
    responses(
        (status = 200, description = "The request is gone.", body = ContactBody),
        (status = "default", description = "A problem.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn reject(
    State(app): State<App>,
    caller: Caller,
    PathOf(user): PathOf<String>,
) -> Result<Json<ContactBody>, Problem> {
    app.change_contact(&caller, other("user_id", &user)?, ContactRequest::Reject).await.map(Json)
}

/// Give a friend a name of one's own.
#[utoipa::path(
    patch, path = "/api/v1/friends/{user_id}", tag = "contacts", request_body = ChangeFriend,
    params(("user_id" = String, Path, description = "Whom.", example = "bob")),
    responses(
        (status = 200, description = "The friend, renamed.", body = ContactBody),
        (status = "default", description = "404 `NOT_FOUND`: not a friend.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn change_friend(
    State(app): State<App>,
    caller: Caller,
    PathOf(user): PathOf<String>,
    JsonBody(body): JsonBody<ChangeFriend>,
) -> Result<Json<ContactBody>, Problem> {
    let request = ContactRequest::Remark(body.remark.trim().to_owned());
    app.change_contact(&caller, other("user_id", &user)?, request).await.map(Json)
}

/// End a friendship, for both, or withdraw one's own request.
#[utoipa::path(
    delete, path = "/api/v1/friends/{user_id}", tag = "contacts",
    params(("user_id" = String, Path, description = "Whom.", example = "bob")),
    responses(
        (status = 200, description = "No friend any more.", body = ContactBody),
        (status = "default", description = "A problem.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn remove_friend(
    State(app): State<App>,
    caller: Caller,
    PathOf(user): PathOf<String>,
) -> Result<Json<ContactBody>, Problem> {
    app.change_contact(&caller, other("user_id", &user)?, ContactRequest::Remove).await.map(Json)
}
