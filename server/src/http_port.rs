//! The public port of a process that serves the API and holds no sockets.
//!
//! **Guarantees.** A request that has begun when the drain begins is finished; connections without one are closed at once.
//!
//! **Limits.** `api.connections_max` connections; more wait in the kernel's backlog. One request at a time on each. A request's
//! head must come within the time that a gateway gives it too, and fit [`HEAD_BYTES_MAX`].

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use gateway::proxy::{TrustedProxies, read_preface};
use gateway::{HttpFallback, Peer, SOCKET_PATHS};
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use lifecycle::Tasks;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Bytes of a request's head.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// How long to rest after the system refused to accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Who answers there.
pub(crate) struct HttpPort {
    pub(crate) api: HttpFallback,
    /// Answers who wanted a socket.
    pub(crate) sockets: HttpFallback,
    pub(crate) connections_max: usize,
    /// Whose word about a client's address is taken.
    pub(crate) proxies: TrustedProxies,
}

impl HttpPort {
    /// Listens, and serves until `tasks` drain. Gives the address with the port that was taken.
    pub(crate) async fn listen(
        self,
        address: SocketAddr,
        head_timeout: Duration,
        tasks: &Tasks,
    ) -> std::io::Result<SocketAddr> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let permits = Arc::new(Semaphore::new(self.connections_max));
        let own = tasks.clone();
        tasks.spawn("http port", async move {
            tokio::select! {
                () = Arc::new(self).accept(&listener, &permits, head_timeout, &own) => {}
                () = own.draining() => {}
            }
        });
        tracing::info!(%address, "api listens");
        Ok(address)
    }

    async fn accept(
        self: Arc<Self>,
        listener: &TcpListener,
        permits: &Arc<Semaphore>,
        head_timeout: Duration,
        tasks: &Tasks,
    ) {
        let open = metrics::gauge!("server_http_connections");
        loop {
            let Ok(permit) = Arc::clone(permits).acquire_owned().await else { return };
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "public port could not accept");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let (port, own, open) = (Arc::clone(&self), tasks.clone(), open.clone());
            tasks.spawn("http connection", async move {
                open.increment(1.0);
                port.talk(stream, peer, head_timeout, &own).await;
                open.decrement(1.0);
                drop(permit);
            });
        }
    }

    async fn talk(&self, mut stream: TcpStream, mut peer: SocketAddr, head_timeout: Duration, tasks: &Tasks) {
        if self.proxies.speak_first(peer.ip()) {
            match tokio::time::timeout(head_timeout, read_preface(&mut stream)).await {
                Ok(Ok(told)) => peer = told.unwrap_or(peer),
                Ok(Err(error)) => {
                    return tracing::warn!(proxy = %peer, %error, "a trusted proxy does not speak as configured");
                }
                Err(_) => return,
            }
        }
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "connection ended before its first request");
            return;
        }
        let service =
            service_fn(|request| async move { Ok::<_, Infallible>(self.answer(request, peer).await) });
        let mut connection = pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(head_timeout)
                .max_buf_size(HEAD_BYTES_MAX)
                .serve_connection(TokioIo::new(stream), service)
        );
        let served = tokio::select! {
            served = connection.as_mut() => served,
            () = tasks.draining() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = served {
            tracing::debug!(%error, "http connection ended early");
        }
    }

    fn answer(&self, mut request: Request<Incoming>, peer: SocketAddr) -> gateway::FallbackFuture {
        let client = self.proxies.client(peer.ip(), request.headers()).unwrap_or_else(|| peer.ip());
        request.extensions_mut().insert(Peer(SocketAddr::new(client, peer.port())));
        if SOCKET_PATHS.contains(&request.uri().path()) {
            (self.sockets)(request)
        } else {
            (self.api)(request)
        }
    }
}
