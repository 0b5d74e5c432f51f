//! The page: the files of `web/`, built into the program.
//!
//! **Guarantees.** Whatever the page is made to show, the browser loads and runs nothing that is not served here
//! (Content-Security-Policy), does not guess types, and shows it in no other site's frame.

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode};

/// One file of the page.
struct File {
    path: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
}

/// Every file of `web/` but its tests, by the path at which it is served; made by `build.rs`.
const FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/page_files.rs"));

/// Headers of every file.
static HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    // The files belong to the program that serves them: ask again after an upgrade.
    (header::CACHE_CONTROL, "no-cache"),
];

/// The answer to a request for a file of the page; `None` when there is no such file.
pub(crate) fn answer(method: &Method, path: &str) -> Option<Response<Bytes>> {
    let file = FILES.iter().find(|file| file.path == path)?;
    if method != Method::GET && method != Method::HEAD {
        let mut refused = Response::new(Bytes::new());
        *refused.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        refused.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return Some(refused);
    }
    let mut response = Response::new(Bytes::from_static(file.bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type));
    for (name, value) in &HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Some(response)
}
