//! The OpenAPI document, made from the handlers, and the page that shows it.

mod bodies;
mod examples;
mod headers;
mod statuses;

use auth::Scope;
use axum::Router;
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method};
use serde_json::{Value, json};
use utoipa::openapi::PathItem;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::App;
use crate::scopes::Access;

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
        (name = "rooms", description = "Live rooms, which sockets join."),
        (name = "conversations", description = "The list, history, read marks."),
        (name = "messages", description = "Sending, for other services and simple clients."),
        (name = "services", description = "For other services alone, whose tokens have scopes."),
        (name = "sockets", description = "Tickets that open a WebSocket.")
    ),
    security(("token" = [])),
    modifiers(&Tokens)
)]
pub(crate) struct Document;

struct Tokens;

impl Modify for Tokens {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
        let scopes: Vec<String> =
            Scope::ALL.iter().map(|scope| format!("`{scope}`: {}", scope.meaning())).collect();
        let words = format!("A token of a service, by its scopes.\n\n{}", scopes.join("\n\n"));
        let scheme =
            HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").description(Some(words));
        components.add_security_scheme("service", SecurityScheme::Http(scheme.build()));
    }
}

pub(crate) fn document() -> String {
    let mut document = crate::routes::described().into_openapi();
    for (path, item) in &mut document.paths.paths {
        say_scopes(path, item);
    }
    whole(serde_json::to_value(document).unwrap_or_default()).to_string()
}

/// With everything that is the same for many operations.
fn whole(mut document: Value) -> Value {
    bodies::add(&mut document);
    let schemas = document["components"]["schemas"].clone();
    for (path, item) in document["paths"].as_object_mut().into_iter().flatten() {
        for (method, value) in item.as_object_mut().into_iter().flatten() {
            let Ok(method) = method.to_uppercase().parse() else { continue };
            let mut operation = Operation { method, path, value };
            headers::add(&mut operation);
            statuses::add(&mut operation);
            examples::add(&mut operation, &schemas);
        }
    }
    document
}

/// An operation of the document, as JSON.
struct Operation<'a> {
    method: Method,
    path: &'a str,
    value: &'a mut Value,
}

impl Operation<'_> {
    fn add_parameter(&mut self, parameter: Value) {
        match &mut self.value["parameters"] {
            Value::Array(all) => all.push(parameter),
            none => *none = json!([parameter]),
        }
    }

    fn responses(&mut self) -> &mut Value {
        &mut self.value["responses"]
    }

    /// The answers of 2xx.
    fn successes(&mut self) -> impl Iterator<Item = &mut Value> {
        let all = self.responses().as_object_mut().into_iter().flatten();
        all.filter(|(status, _)| status.starts_with('2')).map(|(_, answer)| answer)
    }
}

/// Says at each operation what a service needs for it.
fn say_scopes(path: &str, item: &mut PathItem) {
    let operations = [
        (Method::GET, &mut item.get),
        (Method::POST, &mut item.post),
        (Method::PUT, &mut item.put),
        (Method::PATCH, &mut item.patch),
        (Method::DELETE, &mut item.delete),
    ];
    for (method, operation) in operations {
        let Some(operation) = operation else { continue };
        let by_service = |scope: Scope| SecurityRequirement::new("service", [scope.name()]);
        let (scope, ways) = match Access::to(&method, path) {
            Access::Users => continue,
            Access::Both(scope) => {
                (scope, vec![SecurityRequirement::new("token", [""; 0]), by_service(scope)])
            }
            Access::Services(scope) => (scope, vec![by_service(scope)]),
        };
        operation.security = Some(ways);
        let words = operation.description.take().unwrap_or_default();
        operation.description =
            Some(format!("{words}\n\nA service needs the scope `{scope}`.").trim().to_owned());
    }
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
