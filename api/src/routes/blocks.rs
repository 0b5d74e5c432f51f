//! Those whom one blocks. They are not told; their direct messages and requests are refused, and one is offline for them.

use axum::Json;
use axum::extract::State;
use proto::ContactRequest;
use serde::Deserialize;
use utoipa::ToSchema;

use super::friends::other;
use crate::App;
use crate::caller::Caller;
use crate::contacts::{ContactBody, ContactList};
use crate::extract::{JsonBody, PathOf, QueryOf};
use crate::numbers::IdText;
use crate::paging::{List, Paging};
use crate::problem::{Problem, ProblemBody};

/// Whom to block.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Block {
    /// The other.
    #[serde(alias = "userId")]
    #[schema(value_type = String, example = "mallory")]
    user_id: IdText,
}

/// Those whom one blocks.
#[utoipa::path(
    get, path = "/api/v1/blocks", tag = "contacts", params(Paging),
    responses(
        (status = 200, description = "Some of them.", body = ContactList),
        (status = "default", description = "A problem.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn list_blocks(
    State(app): State<App>,
    caller: Caller,
    QueryOf(paging): QueryOf<Paging>,
) -> Result<Json<ContactList>, Problem> {
    let is_blocked = |contact: &proto::Contact| contact.blocked;
    app.contacts(&caller.0.user, List::Blocks, &paging, is_blocked).await.map(Json)
}

/// Block a user. A friendship stays, and is as it was once the block ends.
#[utoipa::path(
    post, path = "/api/v1/blocks", tag = "contacts", request_body = Block,
    responses(
        (status = 200, description = "Blocked.", body = ContactBody),
        (status = "default", description = "A problem.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn block(
    State(app): State<App>,
    caller: Caller,
    JsonBody(body): JsonBody<Block>,
) -> Result<Json<ContactBody>, Problem> {
    let user = other("user_id", &body.user_id.0)?;
    app.change_contact(&caller, user, ContactRequest::Block).await.map(Json)
}

/// Block a user no longer.
#[utoipa::path(
    delete, path = "/api/v1/blocks/{user_id}", tag = "contacts",
    params(("user_id" = String, Path, description = "Whom.", example = "mallory")),
    responses(
        (status = 200, description = "Not blocked.", body = ContactBody),
        (status = "default", description = "A problem.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn unblock(
    State(app): State<App>,
    caller: Caller,
    PathOf(user): PathOf<String>,
) -> Result<Json<ContactBody>, Problem> {
    app.change_contact(&caller, other("user_id", &user)?, ContactRequest::Unblock).await.map(Json)
}
