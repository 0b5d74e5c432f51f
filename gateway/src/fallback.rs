//! Requests that are not for the socket: handed to whoever serves HTTP on the same port.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;

/// The body of an answer.
pub type ResponseBody = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// An answer on its way.
pub type FallbackFuture = Pin<Box<dyn Future<Output = Response<ResponseBody>> + Send>>;

/// Answers every request that is not for the socket. It is called, and its future polled, on a shard's thread:
/// whoever has more to do than a look-up hands it to a runtime of its own. The request's extensions hold a [`Peer`].
pub type HttpFallback = Arc<dyn Fn(Request<Incoming>) -> FallbackFuture + Send + Sync>;

/// Who is on the other side of the connection that a request came over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);
