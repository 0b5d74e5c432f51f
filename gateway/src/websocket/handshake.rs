//! The pure part of the opening handshake (RFC 6455 section 4.2): is this a WebSocket request, and what answers it.
//!
//! **Does not** look at `Origin`, tokens or paths; the caller decides about those.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    ALLOW, CONNECTION, HOST, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Version};
use sha1::{Digest as _, Sha1};

/// The version that this server speaks.
const VERSION: &str = "13";
/// Section 1.3.
const ACCEPT_GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A valid handshake request, reduced to what its answer needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The value of `Sec-WebSocket-Accept`.
    accept: HeaderValue,
}

/// Why a request does not open a WebSocket. The words go to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum HandshakeError {
    /// Section 4.2.1, item 1.
    #[error("a websocket is opened with GET")]
    NotGet,
    /// Section 4.2.1, item 1.
    #[error("a websocket is opened with HTTP/1.1")]
    NotHttp11,
    /// Section 4.2.1, item 2.
    #[error("there must be exactly one Host header")]
    Host,
    /// Section 4.2.1, items 3 and 4: an ordinary request came to the socket's path.
    #[error("this is a websocket: send `Upgrade: websocket` and `Connection: Upgrade`")]
    NotUpgrade,
    /// Section 4.2.1, item 6 and section 4.4.
    #[error("only `Sec-WebSocket-Version: 13` is spoken here")]
    Version,
    /// Section 4.2.1, item 5.
    #[error("Sec-WebSocket-Key must be sent once: 16 bytes in base64")]
    Key,
    /// Section 4.2.1, item 8 and section 11.3.4.
    #[error("Sec-WebSocket-Protocol is not a list of tokens separated by commas")]
    Subprotocols,
}

/// Checks a request.
///
/// # Errors
/// The first rule that it breaks; [`HandshakeError::response`] makes the answer.
pub fn check(method: &Method, version: Version, headers: &HeaderMap) -> Result<Request, HandshakeError> {
    if *method != Method::GET {
        return Err(HandshakeError::NotGet);
    }
    if version != Version::HTTP_11 {
        return Err(HandshakeError::NotHttp11);
    }
    if only(headers, &HOST).is_none() {
        return Err(HandshakeError::Host);
    }
    if !lists(headers, &UPGRADE, "websocket") || !lists(headers, &CONNECTION, "upgrade") {
        return Err(HandshakeError::NotUpgrade);
    }
    if only(headers, &SEC_WEBSOCKET_VERSION).is_none_or(|version| version != VERSION) {
        return Err(HandshakeError::Version);
    }
    let key = only(headers, &SEC_WEBSOCKET_KEY).ok_or(HandshakeError::Key)?.as_bytes();
    if STANDARD.decode(key).map_err(|_| HandshakeError::Key)?.len() != 16 {
        return Err(HandshakeError::Key);
    }
    Ok(Request { accept: accept(key) })
}

/// The subprotocols that the client offers, in its order of preference.
///
/// # Errors
/// [`HandshakeError::Subprotocols`] when one is not a token (RFC 9110 section 5.6.2).
pub fn subprotocols(headers: &HeaderMap) -> Result<Vec<&str>, HandshakeError> {
    let mut offered = Vec::new();
    for value in headers.get_all(SEC_WEBSOCKET_PROTOCOL) {
        let list = value.to_str().map_err(|_| HandshakeError::Subprotocols)?;
        for name in list.split(',').map(|name| name.trim_matches([' ', '\t'])) {
            if name.is_empty() || !name.bytes().all(is_token_byte) {
                return Err(HandshakeError::Subprotocols);
            }
            offered.push(name);
        }
    }
    Ok(offered)
}

impl Request {
    /// The answer that opens the socket (section 4.2.2). `subprotocol` must be one that the client offered, or
    /// `None`.
    pub fn switching_protocols(self, subprotocol: Option<&'static str>) -> Response<()> {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(SEC_WEBSOCKET_ACCEPT, self.accept);
        if let Some(subprotocol) = subprotocol {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(subprotocol));
        }
        response
    }
}

impl HandshakeError {
    /// The status of the answer.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::NotGet => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotUpgrade | Self::Version => StatusCode::UPGRADE_REQUIRED,
            Self::NotHttp11 | Self::Host | Self::Key | Self::Subprotocols => StatusCode::BAD_REQUEST,
        }
    }

    /// The answer: its status and the headers that belong to it. The body is the caller's, for which `Display` gives
    /// the words.
    pub fn response(self) -> Response<()> {
        let mut response = Response::new(());
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        if self == Self::NotGet {
            headers.insert(ALLOW, HeaderValue::from_static("GET"));
        }
        if self.status() == StatusCode::UPGRADE_REQUIRED {
            // RFC 9110 section 15.5.22 wants the protocol named; `Upgrade` is hop by hop, so `Connection` names it.
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION));
        }
        response
    }
}

/// The `Sec-WebSocket-Accept` of a key: the base64 of the SHA-1 of the key as sent and the GUID.
fn accept(key: &[u8]) -> HeaderValue {
    let mut text = [0; 28];
    let digest = Sha1::new().chain_update(key).chain_update(ACCEPT_GUID).finalize();
    STANDARD.encode_slice(digest, &mut text).expect("20 bytes are 28 characters");
    HeaderValue::from_bytes(&text).expect("base64 is visible ASCII")
}

/// The header's value, when it is there exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

/// Whether a list header names `token`, in any case.
fn lists(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .any(|item| item.trim_matches([' ', '\t']).eq_ignore_ascii_case(token))
}

/// Some hundred of them are looked at where a handshake carries a token: no search in a list for each.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}
