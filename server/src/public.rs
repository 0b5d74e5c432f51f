//! The public port's HTTP: the page from memory, everything else from the API on the main runtime.
//!
//! ```text
//! gateway shard, or the port of an API alone ──not /ws──► page? ──yes──► answered at once
//!                                                             └──no──► the API's router, on the main runtime
//! ```
//!
//! **Limits.** One request at a time on each connection, so the gateway's bound of connections is a bound here too; the API has
//! its own for what is expensive.

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use gateway::{FallbackFuture, HttpFallback, Peer, ResponseBody};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Body, Incoming};
use lifecycle::Tasks;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tower::{Service, ServiceExt};

use crate::page;

/// Answers requests that are not for a socket: with the page, or by the API.
pub(crate) fn with_page<S, B>(api: S, runtime: Handle, tasks: Tasks) -> HttpFallback
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    Arc::new(move |request| {
        if let Some(answer) = page::answer(request.method(), request.uri().path()) {
            return Box::pin(std::future::ready(answer.map(|bytes| boxed(Full::new(bytes)))));
        }
        on_main_runtime(api.clone(), &runtime, &tasks, request)
    })
}

/// The same where there is no page.
pub(crate) fn without_page<S, B>(api: S, runtime: Handle, tasks: Tasks) -> HttpFallback
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    Arc::new(move |request| on_main_runtime(api.clone(), &runtime, &tasks, request))
}

fn on_main_runtime<S, B>(
    api: S,
    runtime: &Handle,
    tasks: &Tasks,
    mut request: Request<Incoming>,
) -> FallbackFuture
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    if let Some(Peer(address)) = request.extensions().get::<Peer>().copied() {
        request.extensions_mut().insert(api::ClientAddress(address.ip()));
    }
    let (answer, answered) = oneshot::channel();
    // Runs to its end even when the client goes away: half a registration helps nobody.
    tasks.spawn_on(runtime, "http request", async move {
        let Ok(response) = api.oneshot(request).await;
        // The client may be gone.
        let _ = answer.send(response);
    });
    Box::pin(async move {
        match answered.await {
            Ok(response) => response.map(boxed),
            // The request's task panicked; the process drains.
            Err(_) => {
                let mut failed = Response::new(boxed(Empty::new()));
                *failed.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                failed
            }
        }
    })
}

fn boxed<B>(body: B) -> ResponseBody
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    body.map_err(Into::into).boxed_unsync()
}
