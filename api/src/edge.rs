//! What every request passes: size, time, metrics, headers; and what answers where no route does.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue, Method};
use proto::Code;
use tokio::time::Instant;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::problem::Problem;
use crate::{App, etag, idempotency, metrics};

pub(crate) fn around(routes: Router, app: &App) -> Router {
    let config = &app.config;
    let router = routes
        .layer(from_fn(etag::tagged))
        .layer(from_fn_with_state(Arc::clone(app), idempotency::once))
        // What is not an operation has neither tags nor keys.
        .fallback(no_such_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(config.body_bytes_max))
        .layer(from_fn_with_state(config.request_timeout, in_time))
        .layer(from_fn(with_headers))
        .layer(from_fn(counted));
    match cors(&config.cors_origins) {
        Some(layer) => router.layer(layer),
        None => router,
    }
}

pub(crate) fn elsewhere(words: &'static str) -> Router {
    let answer = move || async move { Problem::new(Code::NotFound, words) };
    Router::new().fallback(answer).layer(from_fn(with_headers)).layer(from_fn(counted))
}

async fn no_such_path() -> Problem {
    Problem::new(Code::NotFound, "there is nothing at this path; /docs lists what there is")
}

async fn wrong_method() -> Problem {
    Problem::wrong_method()
}

async fn in_time(State(timeout): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(Code::Unavailable, "the request took too long").into_response(),
    }
}

/// Answers are private and have the type that they say, unless the handler said otherwise.
async fn with_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

async fn counted(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = known(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    metrics::answered(route, method, response.status().as_u16(), started.elapsed().as_secs_f64());
    response
}

/// Methods are the client's words: only known ones become labels.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Only for the listed origins, and without cookies: tokens travel in a header.
fn cors(origins: &[String]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let origins = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    Some(
        CorsLayer::new()
            .allow_origin(AllowOrigin::list(origins))
            .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
            .allow_headers([
                AUTHORIZATION,
                CONTENT_TYPE,
                IF_NONE_MATCH,
                HeaderName::from_static(idempotency::HEADER),
            ])
            .expose_headers([ETAG, RETRY_AFTER, HeaderName::from_static(idempotency::REPLAYED)])
            .max_age(Duration::from_secs(3_600)),
    )
}
