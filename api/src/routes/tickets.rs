//! Tickets for sockets.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;
use crate::caller::Caller;
use crate::problem::{Problem, ProblemBody};

/// Opens one socket.
#[derive(Serialize, ToSchema)]
pub(crate) struct Ticket {
    /// For `/ws?ticket=…`.
    #[schema(example = "Yk3d0mWq8vY1xN5cR7tUaQk3Zb0mWq8vY1xN5cR7tUY")]
    ticket: String,
    /// Seconds until it ends.
    #[schema(example = 30)]
    expires_in: u64,
}

/// Get a ticket: it opens one WebSocket, once, within seconds, where a token cannot be sent in a header.
#[utoipa::path(
    post, path = "/api/v1/tickets", tag = "sockets",
    responses(
        (status = 201, description = "Connect to `/ws?ticket=…`.", body = Ticket),
        (status = "default", description = "A problem.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn issue_ticket(
    State(app): State<App>,
    caller: Caller,
) -> Result<(StatusCode, Json<Ticket>), Problem> {
    let ticket = app.tickets.issue(&caller.0).await?;
    let expires_in = app.config.ticket_ttl.as_secs();
    Ok((StatusCode::CREATED, Json(Ticket { ticket, expires_in })))
}
