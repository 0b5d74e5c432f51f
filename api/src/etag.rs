//! Tags of answers (RFC 9110 §8.8.3): whoever has an answer and asks again sends its tag, and hears 304 if it is still the same.
//!
//! **Guarantees.** A tag is made of the bytes of the answer, so the same tag is the same answer, whoever of several processes gives it. Only
//! answers that are large, or asked for again and again, have one; they may be kept by whoever asked and nobody else, and must be
//! asked about before they are used.
//!
//! **Does not** save the server the work of finding the answer, only the way of its bytes.

use axum::body::{Body, to_bytes};
use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use proto::Code;
use sha2::{Digest as _, Sha256};

use crate::problem::Problem;

/// Bytes of the hash that a tag has: two answers of a client have the same tag once in 2^96.
const TAG_BYTES: usize = 12;

/// Whether answers of this path have a tag.
pub(crate) fn has_tag(method: &Method, path: &str) -> bool {
    let tagged = [
        "/api/v1/blocks",
        "/api/v1/conversations",
        "/api/v1/conversations/badge",
        "/api/v1/conversations/{conversation}/pins",
        "/api/v1/conversations/{conversation}/settings",
        "/api/v1/friends",
        "/api/v1/friends/requests",
        "/api/v1/groups",
        "/api/v1/groups/{group_id}",
        "/api/v1/groups/{group_id}/members",
        "/api/v1/invitations",
        "/api/v1/rooms/{room_id}",
        "/api/v1/users/me",
        "/api/v1/users/me/sessions",
        "/api/v1/users/{user_id}",
    ];
    method == Method::GET && tagged.contains(&path)
}

/// Gives an answer its tag, or says that nothing has changed.
pub(crate) async fn tagged(request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    if !has_tag(request.method(), path) {
        return next.run(request).await;
    }
    let known = request.headers().get_all(IF_NONE_MATCH).iter().cloned().collect();
    let response = next.run(request).await;
    if response.status() == StatusCode::OK { with_tag(response, known).await } else { response }
}

async fn with_tag(response: Response, known: Vec<HeaderValue>) -> Response {
    let (mut parts, body) = response.into_parts();
    // The whole of it is in memory already.
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return Problem::new(Code::Internal, "the answer could not be written").into_response();
    };
    let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&Sha256::digest(&body)[..TAG_BYTES]));
    let is_known = known.iter().any(|value| names(value, &tag));
    describe(&mut parts.headers, &tag);
    if is_known {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(CONTENT_TYPE);
        parts.headers.remove(CONTENT_LENGTH);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(body))
}

fn describe(headers: &mut HeaderMap, tag: &str) {
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(ETAG, tag);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.append(VARY, HeaderValue::from_static("authorization"));
}

/// Whether an `If-None-Match` names the tag; weakly, as it is compared (RFC 9110 §13.1.2).
fn names(value: &HeaderValue, tag: &str) -> bool {
    let Ok(value) = value.to_str() else { return false };
    value.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::names;

    #[test]
    fn tags_are_compared_as_the_standard_says() {
        let is_named = |value: &'static str| names(&HeaderValue::from_static(value), "\"abc\"");
        for value in ["\"abc\"", "W/\"abc\"", "*", "\"x\", \"abc\"", "\"x\",W/\"abc\" , \"y\""] {
            assert!(is_named(value), "{value}");
        }
        for value in ["", "abc", "\"ABC\"", "\"abcd\"", "w/\"abc\""] {
            assert!(!is_named(value), "{value}");
        }
    }
}
