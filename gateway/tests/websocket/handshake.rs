//! RFC 6455 section 4.2: which requests open a socket, and what answers them.

use gateway::websocket::handshake::{self, HandshakeError, Request};
use http::header::{
    ALLOW, CONNECTION, HOST, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};

/// The request of section 1.3.
fn example() -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (HOST, "server.example.com"),
        (UPGRADE, "websocket"),
        (CONNECTION, "Upgrade"),
        (SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ=="),
        (SEC_WEBSOCKET_PROTOCOL, "chat, superchat"),
        (SEC_WEBSOCKET_VERSION, "13"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
}

fn check(headers: &HeaderMap) -> Result<Request, HandshakeError> {
    handshake::check(&Method::GET, Version::HTTP_11, headers)
}

fn check_with(name: HeaderName, value: &'static str) -> Result<Request, HandshakeError> {
    let mut headers = example();
    headers.insert(name, HeaderValue::from_static(value));
    check(&headers)
}

fn check_without(name: HeaderName) -> Result<Request, HandshakeError> {
    let mut headers = example();
    headers.remove(name);
    check(&headers)
}

fn check_doubled(name: HeaderName) -> Result<Request, HandshakeError> {
    let mut headers = example();
    let value = headers[&name].clone();
    headers.append(name, value);
    check(&headers)
}

#[test]
fn section_1_3_the_example_is_answered_as_there() {
    let response = check(&example()).unwrap().switching_protocols(Some("chat"));
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(response.headers()[SEC_WEBSOCKET_ACCEPT], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_eq!(response.headers()[UPGRADE], "websocket");
    assert_eq!(response.headers()[CONNECTION], "Upgrade");
    assert_eq!(response.headers()[SEC_WEBSOCKET_PROTOCOL], "chat");
}

#[test]
fn section_4_2_2_no_subprotocol_is_named_when_none_was_chosen() {
    let response = check(&example()).unwrap().switching_protocols(None);
    assert!(!response.headers().contains_key(SEC_WEBSOCKET_PROTOCOL));
}

#[test]
fn section_4_2_1_browsers_and_proxies_write_the_upgrade_in_many_ways() {
    for (name, value) in [
        (UPGRADE, "WebSocket"),
        (UPGRADE, "h2c, websocket"),
        (CONNECTION, "keep-alive, Upgrade"),
        (CONNECTION, "upgrade"),
        (CONNECTION, "keep-alive,\tUPGRADE"),
    ] {
        assert!(check_with(name.clone(), value).is_ok(), "{name}: {value}");
    }
    let mut headers = example();
    headers.insert(CONNECTION, HeaderValue::from_static("keep-alive"));
    headers.append(CONNECTION, HeaderValue::from_static("Upgrade"));
    assert!(check(&headers).is_ok(), "in two headers");
}

#[test]
fn section_4_2_1_another_method_or_version_of_http_is_refused() {
    let post = handshake::check(&Method::POST, Version::HTTP_11, &example()).unwrap_err();
    assert_eq!(post, HandshakeError::NotGet);
    assert_eq!(post.response().status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(post.response().headers()[ALLOW], "GET");
    let old = handshake::check(&Method::GET, Version::HTTP_10, &example()).unwrap_err();
    assert_eq!(old, HandshakeError::NotHttp11);
    assert_eq!(old.response().status(), StatusCode::BAD_REQUEST);
}

#[test]
fn section_4_2_1_a_request_without_an_upgrade_is_told_to_upgrade() {
    for refused in [
        check_without(UPGRADE),
        check_without(CONNECTION),
        check_with(UPGRADE, "h2c"),
        check_with(UPGRADE, "websocketx"),
        check_with(CONNECTION, "keep-alive"),
    ] {
        assert_eq!(refused, Err(HandshakeError::NotUpgrade));
    }
    let response = HandshakeError::NotUpgrade.response();
    assert_eq!(response.status(), StatusCode::UPGRADE_REQUIRED);
    assert_eq!(response.headers()[UPGRADE], "websocket");
}

#[test]
fn section_4_4_another_version_is_refused_with_ours() {
    for refused in [
        check_without(SEC_WEBSOCKET_VERSION),
        check_with(SEC_WEBSOCKET_VERSION, "8"),
        check_with(SEC_WEBSOCKET_VERSION, "13, 8"),
        check_with(SEC_WEBSOCKET_VERSION, "013"),
        check_doubled(SEC_WEBSOCKET_VERSION),
    ] {
        assert_eq!(refused, Err(HandshakeError::Version));
    }
    let response = HandshakeError::Version.response();
    assert_eq!(response.status(), StatusCode::UPGRADE_REQUIRED);
    assert_eq!(response.headers()[SEC_WEBSOCKET_VERSION], "13");
}

#[test]
fn section_4_2_1_the_key_is_16_bytes_in_base64() {
    for refused in [
        check_without(SEC_WEBSOCKET_KEY),
        check_doubled(SEC_WEBSOCKET_KEY),
        check_with(SEC_WEBSOCKET_KEY, ""),
        check_with(SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ"), // no padding
        check_with(SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25j"),   // 15 bytes
        check_with(SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZSE="), // 17 bytes
        check_with(SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZ!=="),
    ] {
        assert_eq!(refused, Err(HandshakeError::Key));
    }
    assert_eq!(HandshakeError::Key.response().status(), StatusCode::BAD_REQUEST);
}

#[test]
fn section_4_2_1_there_is_one_host() {
    assert_eq!(check_without(HOST), Err(HandshakeError::Host));
    assert_eq!(check_doubled(HOST), Err(HandshakeError::Host));
}

#[test]
fn section_11_3_4_subprotocols_are_read_in_order_over_all_headers() {
    let mut headers = HeaderMap::new();
    assert_eq!(handshake::subprotocols(&headers), Ok(vec![]));
    headers.append(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("tidegate.v1.json,bearer.a-b_c.d"));
    headers.append(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(" third\t, fourth "));
    let expected = vec!["tidegate.v1.json", "bearer.a-b_c.d", "third", "fourth"];
    assert_eq!(handshake::subprotocols(&headers), Ok(expected));
}

#[test]
fn section_11_3_4_every_byte_of_a_subprotocol_is_one_of_a_token() {
    const OTHERS: &[u8] = b"!#$%&'*+-.^_`|~";
    for byte in b'!'..=b'~' {
        // A comma separates.
        let is_token = byte.is_ascii_alphanumeric() || OTHERS.contains(&byte) || byte == b',';
        let mut headers = HeaderMap::new();
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_bytes(&[b'a', byte, b'b']).unwrap());
        assert_eq!(handshake::subprotocols(&headers).is_ok(), is_token, "{:?}", char::from(byte));
    }
}

#[test]
fn section_11_3_4_what_is_no_token_is_no_subprotocol() {
    for value in ["", "a,,b", "a,", "a b", "a;b", "\"a\"", "a=b", "caf\u{e9}"] {
        let mut headers = HeaderMap::new();
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        assert_eq!(handshake::subprotocols(&headers), Err(HandshakeError::Subprotocols), "{value:?}");
    }
    assert_eq!(HandshakeError::Subprotocols.response().status(), StatusCode::BAD_REQUEST);
}
