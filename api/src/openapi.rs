//! The OpenAPI document, made from the handlers, and the page that shows it.

use axum::Router;
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::App;

/// What the handlers do not say themselves.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tidegate",
        description = "The HTTP side of the chat: accounts, contacts, groups, conversations, history. Live messages come over the \
            WebSocket at `/ws`.\n\nNumbers of 64 bits are texts; both are understood. Member names are snake_case; \
            camelCase is understood. What is not a success is a problem (RFC 9457) with a code."
    ),
    tags(
        (name = "accounts", description = "Register, log in, stay logged in, log out."),
        (name = "users", description = "Oneself and others."),
        (name = "contacts", description = "Friends, requests, blocks."),
        (name = "groups", description = "Groups and their members."),
        (name = "conversations", description = "The list, history, read marks."),
        (name = "messages", description = "Sending, for other services and simple clients."),
        (name = "services", description = "For other services, whose tokens have the scope `server`."),
        (name = "sockets", description = "Tickets that open a WebSocket.")
    ),
    security(("token" = [])),
    modifiers(&Token)
)]
pub(crate) struct Document;

struct Token;

impl Modify for Token {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

pub(crate) fn document() -> String {
    let document = crate::routes::described().into_openapi();
    document.to_json().unwrap_or_else(|_| unreachable!("texts, lists and maps are JSON"))
}

/// `/openapi.json`, the page at `/docs`, and the path where such pages are looked for.
pub(crate) fn routes() -> Router<App> {
    let document = Bytes::from(document());
    let json = move || {
        let document = document.clone();
        async move { ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], document).into_response() }
    };
    Router::new()
        .route("/openapi.json", get(json))
        .route("/swagger/index.html", get(|| async { Redirect::permanent("/docs/") }))
        .merge(SwaggerUi::new("/docs").config(Config::from("/openapi.json")))
}
