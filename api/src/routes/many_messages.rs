//! One message to several users, for services: each gets it in a conversation of their own, and each has a result.

use std::collections::HashSet;

use axum::Json;
use futures_util::future::join_all;
use proto::UserId;
use proto::client_frame::{Recipient, Send};
use serde::Serialize;
use utoipa::ToSchema;

use super::groups::user_id;
use super::messages::{SentMessage, store};
use crate::App;
use crate::caller::Asker;
use crate::numbers::IdText;
use crate::problem::{Problem, ProblemBody};

/// Users in one call.
const USERS_MAX: usize = 100;

/// What came of a message to several users.
#[derive(Serialize, ToSchema)]
pub(crate) struct SentToMany {
    /// In the order asked.
    results: Vec<SentToOne>,
    /// How many of them were sent.
    sent: usize,
}

/// What came of a message to one of several users.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "user": "bob",
    "message": {
        "conversation": "d.alice.bob", "seq": "1", "message_id": "231894619234304", "time": "1790000000000",
        "client_message_id": "01890a5d-ac96-774b-bcce-b302099a8057"
    },
    "problem": null
}))]
pub(crate) struct SentToOne {
    /// Whom.
    #[schema(example = "bob")]
    user: String,
    /// The message that is durable; `null` if it is not.
    message: Option<SentMessage>,
    /// Why it is not; `null` if it is. With `retry_after_ms`, the same call with the same key helps, and is no second message
    /// to the others.
    #[schema(value_type = Option<ProblemBody>)]
    problem: Option<Problem>,
}

/// Whom it is for: nobody twice, and nothing but them.
pub(super) fn recipients(users: &[IdText], to: [Option<&str>; 2]) -> Result<Vec<UserId>, Problem> {
    if let Some(other) = to.into_iter().flatten().next() {
        return Err(Problem::field(other, "only one of conversation, to_user, to_users is allowed"));
    }
    if users.is_empty() || users.len() > USERS_MAX {
        return Err(Problem::field("to_users", format!("1 to {USERS_MAX} are allowed")));
    }
    let mut seen = HashSet::new();
    let read = |(at, id): (usize, &IdText)| {
        let field = format!("to_users[{at}]");
        let user = user_id(&field, &id.0)?;
        if seen.insert(user.clone()) { Ok(user) } else { Err(Problem::field(&field, "was named before")) }
    };
    users.iter().enumerate().map(read).collect()
}

/// Sends to all of them at the same time, so that together they take no longer than one may. One key serves all: it is
/// remembered by each conversation.
pub(super) async fn send_to_each(app: &App, asker: &Asker, send: Send, users: Vec<UserId>) -> SentToMany {
    let each = users.into_iter().map(|user| {
        let send = Send { to: Recipient::User(user.clone()), ..send.clone() };
        async move {
            let (message, problem) = match store(app, asker, send).await {
                Ok((_, Json(message))) => (Some(message), None),
                Err(problem) => (None, Some(problem)),
            };
            SentToOne { user: user.to_string(), message, problem }
        }
    });
    let results = join_all(each).await;
    SentToMany { sent: results.iter().filter(|result| result.message.is_some()).count(), results }
}
