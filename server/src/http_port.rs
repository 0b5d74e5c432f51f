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

use anyhow::Context as _;
use gateway::proxy::{TrustedProxies, read_preface};
use gateway::tls::Pace;
use gateway::{HttpFallback, Peer, SOCKET_PATHS, TlsPort};
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use lifecycle::Tasks;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::front::{PublicPorts, cannot_listen, listen_at};
use crate::upgrade::{Inheritance, still_at};

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
    /// For a request's head, and before it for the handshake of TLS.
    pub(crate) head_timeout: Duration,
    /// Where TLS is spoken, if it is.
    pub(crate) tls: Option<TlsPort>,
}

/// How connections speak that come by a listener.
#[derive(Clone, Copy)]
enum Door {
    Plain,
    Tls,
}

impl HttpPort {
    /// Listens, and serves until `tasks` drain. Gives the addresses with the ports that were taken, and the listener of the
    /// public one once more.
    pub(crate) async fn listen(
        self,
        address: SocketAddr,
        inheritance: &mut Inheritance,
        tasks: &Tasks,
    ) -> anyhow::Result<(PublicPorts, std::net::TcpListener)> {
        let public = match still_at(inheritance.http.take(), address) {
            Some(listener) => listener,
            None => bind("public", address)?,
        };
        let (door, beside) = match &self.tls {
            None => (Door::Plain, None),
            Some(TlsPort { listen: None, .. }) => (Door::Tls, None),
            Some(TlsPort { listen: Some(own), .. }) => (Door::Plain, Some(bind("tls", *own)?)),
        };
        inheritance.take_over().await?;
        let (address, again) = (public.local_addr()?, public.try_clone()?);
        let public = TcpListener::from_std(public)?;
        let beside = beside.map(TcpListener::from_std).transpose()?;
        let beside = beside.map(|listener| Ok::<_, std::io::Error>((listener.local_addr()?, listener)));
        let beside = beside.transpose()?;
        let tls = match door {
            Door::Tls => Some(address),
            Door::Plain => beside.as_ref().map(|(address, _)| *address),
        };
        let serving = Arc::new(Serving {
            pace: self.tls.as_ref().map(|port| Pace::new(port.handshakes_percent)),
            permits: Arc::new(Semaphore::new(self.connections_max)),
            port: self,
            tasks: tasks.clone(),
        });
        let beside = beside.map(|(_, listener)| (Door::Tls, listener));
        for (door, listener) in [(door, public)].into_iter().chain(beside) {
            let serving = Arc::clone(&serving);
            tasks.spawn("http port", async move {
                tokio::select! {
                    () = Arc::clone(&serving).accept(door, &listener) => {}
                    () = serving.tasks.draining() => {}
                }
            });
        }
        tracing::info!(%address, tls = tls.map(tracing::field::display), "api listens");
        Ok((PublicPorts { address, tls }, again))
    }
}

fn bind(section: &str, address: SocketAddr) -> anyhow::Result<std::net::TcpListener> {
    listen_at(address).with_context(|| cannot_listen(section, address))
}

/// A port that listens.
struct Serving {
    port: HttpPort,
    permits: Arc<Semaphore>,
    /// The turns of TLS handshakes, where there are any.
    pace: Option<Pace>,
    tasks: Tasks,
}

impl Serving {
    async fn accept(self: Arc<Self>, door: Door, listener: &TcpListener) {
        let open = metrics::gauge!("server_http_connections");
        loop {
            let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await else { return };
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "public port could not accept");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let (serving, open) = (Arc::clone(&self), open.clone());
            self.tasks.spawn("http connection", async move {
                open.increment(1.0);
                serving.talk(door, stream, peer).await;
                open.decrement(1.0);
                drop(permit);
            });
        }
    }

    async fn talk(&self, door: Door, mut stream: TcpStream, mut peer: SocketAddr) {
        let head_timeout = self.port.head_timeout;
        if self.port.proxies.speak_first(peer.ip()) {
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
        let (Door::Tls, Some(tls), Some(pace)) = (door, &self.port.tls, &self.pace) else {
            return self.serve(stream, peer).await;
        };
        let shaken = tokio::select! {
            shaken = tls.tls.accept(stream, pace, head_timeout) => shaken,
            () = self.tasks.draining() => None,
        };
        if let Some(stream) = shaken {
            self.serve(Box::new(stream), peer).await;
        }
    }

    async fn serve(&self, stream: impl AsyncRead + AsyncWrite + Unpin, peer: SocketAddr) {
        let service =
            service_fn(|request| async move { Ok::<_, Infallible>(self.answer(request, peer).await) });
        let mut connection = pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(self.port.head_timeout)
                .max_buf_size(HEAD_BYTES_MAX)
                .serve_connection(TokioIo::new(stream), service)
        );
        let served = tokio::select! {
            served = connection.as_mut() => served,
            () = self.tasks.draining() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = served {
            tracing::debug!(%error, "http connection ended early");
        }
    }

    fn answer(&self, mut request: Request<Incoming>, peer: SocketAddr) -> gateway::FallbackFuture {
        let client = self.port.proxies.client(peer.ip(), request.headers()).unwrap_or_else(|| peer.ip());
        request.extensions_mut().insert(Peer(SocketAddr::new(client, peer.port())));
        if SOCKET_PATHS.contains(&request.uri().path()) {
            (self.port.sockets)(request)
        } else {
            (self.port.api)(request)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use bytes::Bytes;
    use client::tls::{TlsLink, Trust};
    use gateway::ResponseBody;
    use gateway::proxy::ToldBy;
    use gateway::tls::{Tls, TlsFiles};
    use http_body_util::{BodyExt as _, Full};

    use super::*;

    fn answering(words: &'static str) -> HttpFallback {
        Arc::new(move |_| {
            let body: ResponseBody = Full::new(Bytes::from_static(words.as_bytes()))
                .map_err(|never| match never {})
                .boxed_unsync();
            Box::pin(std::future::ready(http::Response::new(body)))
        })
    }

    const REQUEST: &[u8] = b"GET /api HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

    fn encrypted(address: SocketAddr, trust: &Trust) -> String {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        let mut link = TlsLink::new(trust, "localhost").unwrap();
        assert_eq!(link.write(&mut stream, REQUEST).unwrap(), REQUEST.len());
        let (mut answer, mut read) = (Vec::new(), [0; 1024]);
        loop {
            match link.read(&mut stream, &mut read).unwrap() {
                0 => return String::from_utf8(answer).unwrap(),
                length => answer.extend_from_slice(&read[..length]),
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_api_alone_speaks_tls_on_its_port_or_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let files = TlsFiles { certificate: folder.path().join("c"), key: folder.path().join("k") };
        std::fs::write(&files.certificate, made.cert.pem()).unwrap();
        std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
        let trust = Trust::file(&files.certificate).unwrap();
        let (any, tasks) = (SocketAddr::from(([127, 0, 0, 1], 0)), Tasks::default());
        for listen in [None, Some(any)] {
            let tls = Tls::open(files.clone()).unwrap();
            let port = HttpPort {
                api: answering("the api"),
                sockets: answering("no sockets"),
                connections_max: 8,
                proxies: TrustedProxies { prefixes: Vec::new(), told_by: ToldBy::XForwardedFor },
                head_timeout: Duration::from_secs(10),
                tls: Some(TlsPort { listen, tls, handshakes_percent: 50 }),
            };
            let (ports, _) = port.listen(any, &mut Inheritance::default(), &tasks).await.unwrap();
            let (public, secure, trust) = (ports.address, ports.tls.unwrap(), trust.clone());
            assert_eq!(public == secure, listen.is_none());
            let asked = tokio::task::spawn_blocking(move || {
                assert!(encrypted(secure, &trust).ends_with("the api"));
                let mut plain = std::net::TcpStream::connect(public).unwrap();
                let (mut answer, _) = (Vec::new(), plain.write_all(REQUEST));
                // A port that speaks TLS resets who does not.
                let _ = plain.read_to_end(&mut answer);
                answer
            });
            assert_eq!(asked.await.unwrap().ends_with(b"the api"), listen.is_some());
        }
        tasks.close(Duration::from_secs(10)).await.unwrap();
    }
}
