//! A request for a socket that lies whole in the kernel's buffer, as nearly all do. hyper's buffers and its own write are
//! most of what opening a socket costs otherwise, which counts when everybody comes back at once.
//!
//! **Guarantees.** What is not plainly such a request stays where it is, for hyper to answer.

use std::mem::MaybeUninit;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderName, HeaderValue, Request, Response, Version};
use tokio::io::ReadBuf;
use tokio::net::TcpStream;

use crate::handshake::SOCKET_PATHS;

/// The longest head that is looked for; browsers with cookies may send more.
const HEAD_BYTES_MAX: usize = 2 * 1024;
/// Headers in it.
const HEADERS_MAX: usize = 32;

/// A request's head, still unread.
pub(super) struct Head {
    pub(super) request: Request<()>,
    bytes: usize,
}

/// Completes with the first bytes; `None` when they are something else.
pub(super) fn poll_head(stream: &TcpStream, cx: &mut Context<'_>) -> Poll<Option<Head>> {
    let mut bytes = [MaybeUninit::uninit(); HEAD_BYTES_MAX];
    let mut bytes = ReadBuf::uninit(&mut bytes);
    // A connection that broke breaks for hyper too, which has the words for it.
    let seen = ready!(stream.poll_peek(cx, &mut bytes)).is_ok();
    Poll::Ready(if seen { parse(bytes.filled()) } else { None })
}

impl Head {
    /// Takes the head off the socket; what follows it stays there.
    pub(super) fn consume(&self, stream: &TcpStream) -> std::io::Result<()> {
        let mut bytes = [0; HEAD_BYTES_MAX];
        let mut left = self.bytes;
        while left > 0 {
            left -= stream.try_read(&mut bytes[..left])?;
        }
        Ok(())
    }
}

/// The answer as it goes over the wire (RFC 9112 section 4).
pub(super) fn written(response: &Response<()>) -> Bytes {
    let mut head = Vec::with_capacity(256);
    head.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\n");
    for (name, value) in response.headers() {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            head.extend_from_slice(part);
        }
    }
    head.extend_from_slice(b"\r\n");
    head.into()
}

fn parse(bytes: &[u8]) -> Option<Head> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut headers);
    let Ok(httparse::Status::Complete(length)) = parsed.parse(bytes) else { return None };
    let (path, version) = (parsed.path?, parsed.version?);
    if parsed.method? != "GET" || version != 1 || !is_socket(path) {
        return None;
    }
    let mut request = Request::builder().uri(path).version(Version::HTTP_11).body(()).ok()?;
    for header in &*parsed.headers {
        let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
        // A body would lie between this and the first frame.
        if name == CONTENT_LENGTH || name == TRANSFER_ENCODING {
            return None;
        }
        request.headers_mut().append(name, HeaderValue::from_bytes(header.value).ok()?);
    }
    Some(Head { request, bytes: length })
}

fn is_socket(path: &str) -> bool {
    SOCKET_PATHS.contains(&path.split_once('?').map_or(path, |(path, _)| path))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPENING: &str = "GET /ws?userId=u1 HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\n\r\n";

    #[test]
    fn a_whole_request_for_a_socket_is_taken_up_to_its_end() {
        let head = parse(format!("{OPENING}\u{1}frames").as_bytes()).unwrap();
        assert_eq!(head.bytes, OPENING.len());
        assert_eq!(head.request.uri().query(), Some("userId=u1"));
        assert_eq!(head.request.headers()["upgrade"], "websocket");
    }

    #[test]
    fn everything_else_is_left_to_hyper() {
        let half = &OPENING[..OPENING.len() - 2];
        let others = [
            "",
            half,
            &OPENING.replace("/ws", "/wsx"),
            &OPENING.replace("/ws", "http://here/ws"),
            &OPENING.replace("GET", "POST"),
            &OPENING.replace("1.1", "1.0"),
            &OPENING.replace("Host: here", "Content-Length: 3"),
            &OPENING.replace("Host: here", "Transfer-Encoding: chunked"),
            &OPENING.replace("Host: here", "not a header"),
        ];
        for other in others {
            assert!(parse(other.as_bytes()).is_none(), "{other:?}");
        }
    }

    #[test]
    fn the_answer_is_a_head_without_a_body() {
        let mut response = Response::new(());
        response.headers_mut().insert("upgrade", HeaderValue::from_static("websocket"));
        assert_eq!(
            written(&response),
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n".as_bytes()
        );
    }
}
