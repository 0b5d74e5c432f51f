//! A request for a socket that comes whole, as nearly all do. hyper's buffers and its own write are most of what opening a
//! socket costs otherwise, which counts when everybody comes back at once.
//!
//! **Guarantees.** What is not plainly such a request is for hyper to answer, from its first byte on.

use std::io::Read as _;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderName, HeaderValue, Request, Response, Uri, Version};
use socket2::SockRef;
use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::net::TcpStream;

use crate::handshake::SOCKET_PATHS;

/// The longest head that is looked for; browsers with cookies may send more.
const HEAD_BYTES_MAX: usize = 2 * 1024;
/// Headers in it.
const HEADERS_MAX: usize = 32;

/// A request's head.
pub(super) struct Head {
    pub(super) request: Request<()>,
    /// Its length: what follows is the socket's.
    pub(super) bytes: usize,
}

/// The first bytes, if they are there: who was accepted late in a storm has sent them by then. The runtime would ask for them
/// only after another turn of its epoll.
pub(super) fn first_now(stream: &TcpStream) -> Option<Bytes> {
    let mut bytes = [0; HEAD_BYTES_MAX];
    let length = (&*SockRef::from(stream)).read(&mut bytes).ok()?;
    // An end is for whoever waits to find again.
    (length > 0).then(|| Bytes::copy_from_slice(&bytes[..length]))
}

/// Completes with the first bytes; with none at the end of the stream.
pub(super) fn poll_first(stream: &mut TcpStream, cx: &mut Context<'_>) -> Poll<Bytes> {
    let mut bytes = [MaybeUninit::uninit(); HEAD_BYTES_MAX];
    let mut bytes = ReadBuf::uninit(&mut bytes);
    // A connection that broke breaks for hyper too, which has the words for it.
    let _ended_or_broken = ready!(Pin::new(stream).poll_read(cx, &mut bytes));
    Poll::Ready(Bytes::copy_from_slice(bytes.filled()))
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

/// The request for a socket that was said; `None` for anything else.
pub(super) fn parse(said: &Bytes) -> Option<Head> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut headers);
    let Ok(httparse::Status::Complete(bytes)) = parsed.parse(said) else { return None };
    let (path, version) = (parsed.path?, parsed.version?);
    if parsed.method? != "GET" || version != 1 || !is_socket(path) {
        return None;
    }
    let uri = Uri::from_maybe_shared(said.slice_ref(path.as_bytes())).ok()?;
    let mut request = Request::builder().uri(uri).version(Version::HTTP_11).body(()).ok()?;
    for header in &*parsed.headers {
        let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
        // A body would lie between this and the first frame.
        if name == CONTENT_LENGTH || name == TRANSFER_ENCODING {
            return None;
        }
        let value = HeaderValue::from_maybe_shared(said.slice_ref(header.value)).ok()?;
        request.headers_mut().append(name, value);
    }
    Some(Head { request, bytes })
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
        let head = parse(&Bytes::from(format!("{OPENING}\u{1}frames"))).unwrap();
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
            assert!(parse(&Bytes::copy_from_slice(other.as_bytes())).is_none(), "{other:?}");
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
