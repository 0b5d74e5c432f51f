//! The admin port: `/metrics`, `/live` and `/ready`, for a Prometheus server and whoever starts and stops the process.
//!
//! **Guarantees.** Answers until the very end of the drain, so that `/ready` shows every phase.
//!
//! **Does not** ask who is asking: it listens on loopback unless configured otherwise.
//!
//! **Limits.** [`CONNECTIONS_MAX`] connections; more wait in the kernel's backlog.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use lifecycle::{MetricsPage, Phase, Phases, Tasks};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::health::Health;

/// Connections served at a time.
const CONNECTIONS_MAX: usize = 32;
/// How long a request may take to arrive.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to rest after the system refused to accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the admin port shows.
#[derive(Clone)]
pub(crate) struct Admin {
    pub(crate) phases: Phases,
    pub(crate) metrics: MetricsPage,
    pub(crate) health: Health,
}

impl Admin {
    /// Serves until `tasks` drain.
    pub(crate) fn serve(self, listener: TcpListener, tasks: &Tasks) {
        let own = tasks.clone();
        tasks.spawn("admin port", async move {
            let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
            loop {
                let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
                let stream = tokio::select! {
                    accepted = listener.accept() => accepted,
                    () = own.draining() => return,
                };
                match stream {
                    Ok((stream, _)) => {
                        let (admin, tasks) = (self.clone(), own.clone());
                        own.spawn("admin connection", async move {
                            admin.connection(stream, &tasks).await;
                            drop(permit);
                        });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "admin port could not accept");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        });
    }

    async fn connection(&self, stream: TcpStream, tasks: &Tasks) {
        let open = metrics::gauge!("server_admin_connections");
        open.increment(1.0);
        self.talk(stream, tasks).await;
        open.decrement(1.0);
    }

    async fn talk(&self, stream: TcpStream, tasks: &Tasks) {
        let service = service_fn(|request| async move { Ok::<_, Infallible>(self.answer(&request).await) });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service);
        tokio::select! {
            ended = connection => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "admin connection ended early");
                }
            }
            () = tasks.draining() => {}
        }
    }

    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        match request.uri().path() {
            "/live" => text(StatusCode::OK, "text/plain", "alive\n".into()),
            "/ready" => self.ready().await,
            "/metrics" => {
                let page = self.metrics.clone();
                match tokio::task::spawn_blocking(move || page.render()).await {
                    Ok(page) => text(StatusCode::OK, "text/plain; version=0.0.4", page),
                    Err(_) => {
                        text(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", "rendering failed\n".into())
                    }
                }
            }
            _ => text(StatusCode::NOT_FOUND, "text/plain", "here are /metrics, /live and /ready\n".into()),
        }
    }
}

impl Admin {
    /// Ready means that what this process does for others works: its phase, and what its roles stand on.
    async fn ready(&self) -> Response<Full<Bytes>> {
        let phase = self.phases.now();
        let missing = if phase == Phase::Ready { self.health.missing().await } else { Vec::new() };
        let status = match phase == Phase::Ready && missing.is_empty() {
            true => StatusCode::OK,
            false => StatusCode::SERVICE_UNAVAILABLE,
        };
        let words = if missing.is_empty() { phase.name().to_owned() } else { missing.join("\n") };
        text(status, "text/plain", format!("{words}\n"))
    }
}

fn text(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    response
}
