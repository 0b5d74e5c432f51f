//! The client's side of the opening handshake (RFC 6455 §4.1), without io: a request to write, an answer to judge.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proto::Encoding;
use sha1::{Digest as _, Sha1};

use crate::{ConnectError, ServerUrl};

/// The most bytes of an answer before its empty line.
pub const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// RFC 6455 §1.3: what the server appends to the key before it hashes it.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// One upgrade, from request to answer.
#[derive(Debug)]
pub struct Upgrade {
    key: String,
    /// What the server must choose; `None`: nothing is offered.
    subprotocol: Option<&'static str>,
}

impl Upgrade {
    /// Draws a fresh key. `encoding` decides the subprotocol that the server must choose.
    pub fn new(encoding: Encoding) -> Self {
        Self::offering(Some(encoding.subprotocol()))
    }

    /// As [`Self::new`], for a server with another subprotocol or none.
    pub fn offering(subprotocol: Option<&'static str>) -> Self {
        Self { key: STANDARD.encode(rand::random::<[u8; 16]>()), subprotocol }
    }

    /// The request, with `token` as bearer among the subprotocols. With a cursor the answer of a `sync` comes without one.
    pub fn request(&self, url: &ServerUrl, token: &str, resume: Option<&str>) -> Vec<u8> {
        let bearer = format!("bearer.{token}");
        let Some(cursor) = resume else { return self.request_with(url, &[&bearer]) };
        let sign = if url.path.contains('?') { '&' } else { '?' };
        let path = format!("{}{sign}resume={}", url.path, utf8_percent_encode(cursor, NON_ALPHANUMERIC));
        self.request_with(&ServerUrl { path, ..url.clone() }, &[&bearer])
    }

    /// The request, with `others` offered behind the subprotocol.
    pub fn request_with(&self, url: &ServerUrl, others: &[&str]) -> Vec<u8> {
        let offered: Vec<&str> = self.subprotocol.iter().chain(others).copied().collect();
        let offer = match offered[..] {
            [] => String::new(),
            _ => format!("Sec-WebSocket-Protocol: {}\r\n", offered.join(", ")),
        };
        format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: {}\r\n{offer}\r\n",
            url.path,
            url.authority(),
            self.key,
        )
        .into_bytes()
    }

    /// Judges the bytes received so far: `None` while the answer is not whole, then how many bytes it took; what
    /// follows is already WebSocket.
    pub fn answer(&self, received: &[u8]) -> Result<Option<usize>, ConnectError> {
        let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") else {
            if received.len() > ANSWER_BYTES_MAX {
                return Err(ConnectError::Handshake(format!(
                    "more than {ANSWER_BYTES_MAX} bytes of headers"
                )));
            }
            return Ok(None);
        };
        let head = std::str::from_utf8(&received[..end])
            .map_err(|_| ConnectError::Handshake("headers that are not UTF-8".to_owned()))?;
        self.judge(head)?;
        Ok(Some(end + 4))
    }

    fn judge(&self, head: &str) -> Result<(), ConnectError> {
        let mut lines = head.split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.strip_prefix("HTTP/1.1 "))
            .and_then(|rest| rest.get(..3)?.parse::<u16>().ok())
            .ok_or_else(|| ConnectError::Handshake("no HTTP/1.1 status line".to_owned()))?;
        if status != 101 {
            return Err(ConnectError::Status(status));
        }
        let (mut upgrade, mut connection, mut accept) = (false, false, false);
        let mut subprotocol = self.subprotocol.is_none();
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "upgrade" => upgrade = value.eq_ignore_ascii_case("websocket"),
                "connection" => {
                    connection = value.split(',').any(|token| token.trim().eq_ignore_ascii_case("upgrade"));
                }
                "sec-websocket-accept" => accept = value == expected_accept(&self.key),
                "sec-websocket-protocol" => subprotocol = Some(value) == self.subprotocol,
                "sec-websocket-extensions" => {
                    return Err(ConnectError::Handshake("an extension that was not asked for".to_owned()));
                }
                _ => {}
            }
        }
        let checks = [
            (upgrade, "Upgrade"),
            (connection, "Connection"),
            (accept, "Sec-WebSocket-Accept"),
            (subprotocol, "Sec-WebSocket-Protocol"),
        ];
        match checks.iter().find(|(good, _)| !good) {
            Some((_, header)) => Err(ConnectError::Handshake(format!("{header} is missing or wrong"))),
            None => Ok(()),
        }
    }
}

/// What a server must answer to `key` (RFC 6455 §4.2.2).
pub fn expected_accept(key: &str) -> String {
    STANDARD.encode(Sha1::digest(format!("{key}{GUID}").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upgrade() -> Upgrade {
        Upgrade { key: "dGhlIHNhbXBsZSBub25jZQ==".to_owned(), subprotocol: Some("tidegate.v1.json") }
    }

    const GOOD: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: tidegate.v1.json\r\n\r\n";

    #[test]
    fn accepts_the_rfc_example_and_leaves_what_follows() {
        let bytes = format!("{GOOD}\u{1}rest");
        for cut in 0..GOOD.len() {
            assert_eq!(upgrade().answer(&bytes.as_bytes()[..cut]).expect("no error while incomplete"), None);
        }
        assert_eq!(upgrade().answer(bytes.as_bytes()).expect("good"), Some(GOOD.len()));
    }

    #[test]
    fn refuses_every_wrong_header() {
        let wrong = [
            GOOD.replace("s3p", "S3p"),
            GOOD.replace("Upgrade: websocket", "Upgrade: h2c"),
            GOOD.replace("keep-alive, Upgrade", "close"),
            GOOD.replace("tidegate.v1.json", "tidegate.v1.proto"),
            GOOD.replace("Upgrade: websocket", "Upgrade: websocket\r\nSec-WebSocket-Extensions: x"),
            GOOD.replace("HTTP/1.1", "HTTP/2"),
        ];
        for answer in wrong {
            assert!(
                matches!(upgrade().answer(answer.as_bytes()), Err(ConnectError::Handshake(_))),
                "{answer}"
            );
        }
        let status = upgrade().answer(b"HTTP/1.1 503 Busy\r\n\r\n");
        assert!(matches!(status, Err(ConnectError::Status(503))));
        assert!(matches!(
            upgrade().answer(&vec![b'x'; ANSWER_BYTES_MAX + 1]),
            Err(ConnectError::Handshake(_))
        ));
    }

    #[test]
    fn without_a_subprotocol_the_server_must_not_choose_one() {
        let plain = Upgrade { subprotocol: None, ..upgrade() };
        let url = ServerUrl::parse("ws://localhost:81/x").expect("good");
        let text = String::from_utf8(plain.request_with(&url, &[])).expect("UTF-8");
        assert!(
            text.starts_with("GET /x ") && !text.contains("Protocol") && text.ends_with("\r\n\r\n"),
            "{text}"
        );
        assert!(plain.answer(GOOD.as_bytes()).is_err());
        let answer = GOOD.replace("Sec-WebSocket-Protocol: tidegate.v1.json\r\n", "");
        assert_eq!(plain.answer(answer.as_bytes()).expect("good"), Some(answer.len()));
    }

    #[test]
    fn the_request_names_both_subprotocols() {
        let url = ServerUrl::parse("ws://localhost:81").expect("good");
        let text = String::from_utf8(upgrade().request(&url, "a.b.c", None)).expect("UTF-8");
        assert!(text.starts_with("GET /ws HTTP/1.1\r\nHost: localhost:81\r\n"), "{text}");
        assert!(text.contains("\r\nSec-WebSocket-Protocol: tidegate.v1.json, bearer.a.b.c\r\n"), "{text}");
    }

    #[test]
    fn the_request_shows_a_cursor_behind_what_the_url_asks_for() {
        let asked = |url: &str, cursor: &str| {
            let url = ServerUrl::parse(url).expect("good");
            String::from_utf8(upgrade().request(&url, "t", Some(cursor))).expect("UTF-8")
        };
        assert!(asked("ws://localhost:81", "").starts_with("GET /ws?resume= HTTP/1.1\r\n"));
        assert!(
            asked("ws://localhost:81/ws?a=b", "c/+").starts_with("GET /ws?a=b&resume=c%2F%2B HTTP/1.1\r\n")
        );
    }
}
