//! Typing, for clients without a socket.

use axum::extract::State;
use http::StatusCode;
use proto::{ClientFrame, Code, Request};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::caller::Caller;
use crate::extract::JsonBody;
use crate::numbers::IdText;
use crate::problem::{Problem, ProblemBody};
use crate::{App, frames};

/// Where one types: exactly one of the two.
#[derive(Deserialize, ToSchema)]
pub(crate) struct TypingNow {
    /// In a conversation …
    conversation: Option<String>,
    /// … or to a user, by id.
    #[serde(alias = "toUser")]
    #[schema(value_type = Option<String>, example = "bob")]
    to_user: Option<IdText>,
}

/// Say that one is typing: told to who is there, kept nowhere. Say it again every few seconds, as long as it lasts.
#[utoipa::path(
    post, path = "/api/v1/typing", tag = "conversations", request_body = TypingNow,
    responses(
        (status = 204, description = "Told to the others."),
        (status = "default", description = "403 `FORBIDDEN`: not a member.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn typing(
    State(app): State<App>,
    caller: Caller,
    JsonBody(body): JsonBody<TypingNow>,
) -> Result<StatusCode, Problem> {
    let mut typing = json!({});
    if let Some(conversation) = body.conversation {
        typing["conversation"] = json!(conversation);
    }
    if let Some(user) = body.to_user {
        typing["to_user"] = json!(user.0);
    }
    let ClientFrame::Typing(to) = frames::read(&json!({ "typing": typing }))? else {
        return Err(Problem::new(Code::BadFrame, "not typing"));
    };
    app.commands.ask(&caller.asker(), Request::Typing(to)).await?;
    Ok(StatusCode::NO_CONTENT)
}
