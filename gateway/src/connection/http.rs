//! The HTTP part of a connection: requests, kept alive, until one of them opens a socket.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::farewell::part;
use super::opening::{first_now, parse, poll_first, written};
use super::rewound::Rewound;
use crate::admission::{Admitted, Crowded, Refusing};
use crate::fallback::{Peer, ResponseBody};
use crate::handshake::{Decision, Opening, SOCKET_PATHS, decide, redeemed, too_many};
use crate::metrics::count_handshake;
use crate::proxy::read_preface;
use crate::shard::{Context, Door};
use crate::socket::Socket;

/// hyper's buffer for a request's head; what it cannot hold is answered with 431.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// How long a connection that has asked nothing yet is waited for when its shard is frozen.
pub(crate) const FROZEN_HEAD_PATIENCE: Duration = Duration::from_millis(250);

/// For how long at most a connection stays that is one too many of its address: clients ask at once, and read the answer.
const CROWDED_PATIENCE: Duration = Duration::from_secs(1);

/// A connection that was just accepted.
pub(crate) struct Http {
    pub(crate) context: Rc<Context>,
    pub(crate) door: Door,
    pub(crate) stream: TcpStream,
    pub(crate) peer: SocketAddr,
    pub(crate) admitted: Admitted,
    /// Held until the first request is there.
    pub(crate) handshake: OwnedSemaphorePermit,
    /// Its address has as many connections as it may have.
    pub(crate) crowded: Option<Crowded>,
    /// From the moment at which it was accepted: a task that has not begun is under way too.
    pub(crate) counted: Counted,
}

/// A socket whose handshake is done.
pub(crate) struct Upgraded {
    pub(crate) stream: Socket,
    /// What answers the handshake, if it was not sent yet: it leaves together with the first message.
    pub(crate) answer: Option<Bytes>,
    /// What the client sent behind the handshake without waiting for its answer.
    pub(crate) leftover: Bytes,
    pub(crate) opening: Opening,
    pub(crate) admitted: Admitted,
}

/// What the answers to a connection's requests share.
struct Exchange {
    context: Rc<Context>,
    peer: SocketAddr,
    crowded: Option<Crowded>,
    /// There is one where it is crowded.
    _refusing: Option<Refusing>,
    state: RefCell<State>,
}

struct State {
    handshake: Option<OwnedSemaphorePermit>,
    admitted: Option<Admitted>,
    opened: Option<Opening>,
    /// What was decided about the first request before hyper read it.
    decided: Option<Decision>,
    /// The ticket of a request is being looked at, and may open a socket.
    redeeming: bool,
}

impl State {
    fn of(admitted: Admitted, handshake: OwnedSemaphorePermit) -> RefCell<Self> {
        RefCell::new(Self {
            handshake: Some(handshake),
            admitted: Some(admitted),
            opened: None,
            decided: None,
            redeeming: false,
        })
    }

    /// Whether something was asked, and whether a ticket is being looked at.
    fn under_way(&self) -> (bool, bool) {
        (self.handshake.is_none(), self.redeeming)
    }
}

type AnswerFuture = Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, Infallible>>>>;

/// Counts a connection among those that speak HTTP.
pub(crate) struct Counted(Rc<Context>);

impl Counted {
    pub(crate) fn new(context: &Rc<Context>) -> Self {
        context.requests.set(context.requests.get() + 1);
        Self(Rc::clone(context))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.requests.set(self.0.requests.get() - 1);
    }
}

impl Http {
    /// Lets a proxy that speaks first say whose connection it is.
    async fn hear_proxy(mut self) -> Option<Self> {
        let config = &self.context.config;
        let told = timeout(config.timeouts.handshake, read_preface(&mut self.stream)).await;
        match told {
            Ok(Ok(None)) => {}
            Ok(Ok(Some(client))) => {
                self.peer = client;
                self.crowded = self.admitted.count_address(client.ip()).err();
            }
            Ok(Err(error)) => {
                count_handshake("proxy_malformed");
                tracing::warn!(proxy = %self.peer, %error, "a trusted proxy does not speak as configured");
                return None;
            }
            Err(_) => {
                count_handshake("proxy_silent");
                return None;
            }
        }
        Some(self)
    }

    /// Answers requests; gives the socket once one is opened, or nothing when the connection has ended.
    ///
    /// What only some connections need is boxed: with it each handshake that is waited for would hold 2.4 KiB instead of 1.
    pub(crate) async fn serve(mut self) -> Option<Upgraded> {
        if self.context.config.proxies.speak_first(self.peer.ip()) {
            self = Box::pin(self.hear_proxy()).await?;
        }
        let Self { context, door, stream, peer, admitted, handshake, crowded, counted: _counted } = self;
        let exchange = Exchange::begin(context, door, peer, State::of(admitted, handshake), crowded)?;
        let head_timeout = exchange.head_timeout();
        let mut head_deadline = pin!(sleep_until(Instant::now() + head_timeout));
        let stream = match door {
            Door::Plain => match exchange.open_at_once(stream, head_deadline.as_mut()).await {
                Ok(upgraded) => return upgraded,
                Err(rewound) => rewound,
            },
            Door::Tls => {
                let socket = Box::pin(encrypt(&exchange.context, stream)).await?;
                head_deadline.as_mut().reset(Instant::now() + head_timeout);
                Rewound { said: Bytes::new(), socket }
            }
        };
        Box::pin(exchange.talk(stream, head_timeout, head_deadline)).await
    }
}

/// Who is closed without an answer is counted as if there had been one.
fn unheard(full: Crowded) {
    let _uncalled_for = too_many(full);
}

/// Shakes hands.
async fn encrypt(context: &Context, stream: TcpStream) -> Option<Socket> {
    let (port, pace) = (context.config.tls.as_ref()?, context.pace.as_ref()?);
    tokio::select! {
        shaken = port.tls.accept(stream, pace, context.config.timeouts.handshake) => {
            shaken.map(|stream| Socket::Tls(Box::new(stream)))
        }
        () = context.tasks.draining() => None,
        () = context.freezing() => None,
    }
}

impl Exchange {
    /// `None` for a connection that is closed at once.
    fn begin(
        context: Rc<Context>,
        door: Door,
        peer: SocketAddr,
        state: RefCell<State>,
        crowded: Option<Crowded>,
    ) -> Option<Rc<Self>> {
        let mut refusing = None;
        if let Some(full) = crowded {
            refusing = match door {
                Door::Plain => Refusing::begin(&context.admission, peer.ip()),
                // A handshake costs the server more than the client.
                Door::Tls => None,
            };
            if refusing.is_none() {
                unheard(full);
                return None;
            }
        }
        Some(Rc::new(Self { context, peer, crowded, _refusing: refusing, state }))
    }

    fn head_timeout(&self) -> Duration {
        let timeout = self.context.config.timeouts.handshake;
        if self.crowded.is_some() { timeout.min(CROWDED_PATIENCE) } else { timeout }
    }

    /// Waits for the first bytes, and opens the socket that they ask for. What asks for anything else, or must be refused, is
    /// hyper's, and comes back as it was.
    async fn open_at_once(
        &self,
        mut stream: TcpStream,
        deadline: Pin<&mut Sleep>,
    ) -> Result<Option<Upgraded>, Rewound> {
        let Context { config, authenticator, .. } = &*self.context;
        let mut said = Bytes::new();
        if self.crowded.is_none() && !config.proxies.speak_in_headers(self.peer.ip()) {
            said = self.first_bytes(&mut stream, deadline).await;
        }
        let Some(head) = parse(&said) else {
            return Err(Rewound { said, socket: Socket::Plain(stream) });
        };
        // For hyper nothing was asked yet: a shard that freezes now still waits for the answer, a ticket's among them.
        let refusal = match decide(&head.request, config, authenticator) {
            Decision::Open(response, opening) => match self.admit(*opening) {
                None => {
                    let leftover = said.split_off(head.bytes);
                    return Ok(self.upgraded(Socket::Plain(stream), Some(written(&response)), leftover));
                }
                Some(refusal) => refusal,
            },
            other => other,
        };
        self.state.borrow_mut().decided = Some(refusal);
        Err(Rewound { said, socket: Socket::Plain(stream) })
    }

    /// None where there are none in time.
    async fn first_bytes(&self, stream: &mut TcpStream, deadline: Pin<&mut Sleep>) -> Bytes {
        if let Some(said) = first_now(stream) {
            return said;
        }
        tokio::select! {
            said = poll_fn(|cx| poll_first(stream, cx)) => said,
            () = deadline => Bytes::new(),
            () = self.context.tasks.draining() => Bytes::new(),
            () = self.context.freezing() => Bytes::new(),
        }
    }

    /// Answers by hyper, until a request opens a socket. The first must be there by the deadline.
    async fn talk(
        self: &Rc<Self>,
        stream: Rewound,
        head_timeout: Duration,
        mut head_deadline: Pin<&mut Sleep>,
    ) -> Option<Upgraded> {
        let service = {
            let exchange = Rc::clone(self);
            service_fn(move |request| Exchange::answer(&exchange, request))
        };
        let mut connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head_timeout)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), service);
        let mut draining = pin!(self.context.tasks.draining());
        let mut freezing = pin!(self.context.freezing());
        let mut waited = pin!(async {
            self.context.freezing().await;
            tokio::time::sleep(FROZEN_HEAD_PATIENCE).await;
        });
        let (mut told, mut frozen, mut late) = (false, false, false);
        let served = poll_fn(|cx| {
            loop {
                let (asked, redeeming) = self.state.borrow().under_way();
                late = (!asked || self.crowded.is_some()) && head_deadline.as_mut().poll(cx).is_ready();
                if late {
                    return Poll::Ready(Ok(()));
                }
                frozen = frozen || freezing.as_mut().poll(cx).is_ready();
                let mut cut = || draining.as_mut().poll(cx).is_ready() || waited.as_mut().poll(cx).is_ready();
                // An answer that opens a socket must not say that the connection closes.
                if !told && !redeeming && (asked && frozen || cut()) {
                    told = true;
                    // Who has not asked anything yet (browsers connect in advance) need not be waited for.
                    if !asked {
                        return Poll::Ready(Ok(()));
                    }
                    Pin::new(&mut connection).graceful_shutdown();
                }
                let served = connection.poll_without_shutdown(cx);
                if served.is_ready() || !redeeming || self.state.borrow().redeeming {
                    return served;
                }
            }
        })
        .await;
        if late {
            self.count_late();
            return None;
        }
        if let Err(error) = served {
            if self.state.borrow().handshake.is_some() {
                count_handshake(head_failure(&error));
            }
            tracing::debug!(%error, "http connection ended");
            return None;
        }
        let parts = connection.into_parts();
        if self.crowded.is_some() {
            tokio::select! {
                () = part(parts.io.into_inner()) => {}
                () = head_deadline => {}
                () = self.context.freezing() => {}
            }
            return None;
        }
        self.upgraded(parts.io.into_inner().socket, None, parts.read_buf)
    }

    /// Time is up.
    fn count_late(&self) {
        match self.crowded {
            None => count_handshake("head_timeout"),
            Some(full) if self.state.borrow().handshake.is_some() => unheard(full),
            Some(_) => {}
        }
    }

    /// The socket that was opened, if one was.
    fn upgraded(&self, stream: Socket, answer: Option<Bytes>, leftover: Bytes) -> Option<Upgraded> {
        let mut state = self.state.borrow_mut();
        let (opening, admitted) = (state.opened.take()?, state.admitted.take()?);
        Some(Upgraded { stream, answer, leftover, opening, admitted })
    }

    fn answer(self: &Rc<Self>, mut request: Request<Incoming>) -> AnswerFuture {
        self.state.borrow_mut().handshake = None;
        let config = &self.context.config;
        let client = config.proxies.client(self.peer.ip(), request.headers());
        if let Some(full) = self.crowded.or_else(|| self.count_proxied(client, request.uri().path())) {
            let (mut response, words) = too_many(full);
            if self.crowded.is_some() {
                // It is counted for nobody, so it must not stay.
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            return now(refused(response, words));
        }
        let decided = self.state.borrow_mut().decided.take();
        match decided.unwrap_or_else(|| decide(&request, config, &self.context.authenticator)) {
            Decision::Elsewhere => {
                let client = client.unwrap_or_else(|| self.peer.ip());
                request.extensions_mut().insert(Peer(SocketAddr::new(client, self.peer.port())));
                let answer = (self.context.fallback)(request);
                Box::pin(async move { Ok(answer.await) })
            }
            Decision::Redeem(response, opening, ticket) => {
                let (exchange, redeem) = (Rc::clone(self), (self.context.authenticator.tickets)(&ticket));
                exchange.state.borrow_mut().redeeming = true;
                Box::pin(async move {
                    let redeemed = redeemed(response, opening, redeem.await);
                    exchange.state.borrow_mut().redeeming = false;
                    Ok(exchange.switch(redeemed))
                })
            }
            decided => now(self.switch(decided)),
        }
    }

    /// A proxy's connection may carry requests of many clients; a socket is one client's.
    fn count_proxied(&self, client: Option<IpAddr>, path: &str) -> Option<Crowded> {
        if !self.context.config.proxies.speak_in_headers(self.peer.ip()) || !SOCKET_PATHS.contains(&path) {
            return None;
        }
        let Some(client) = client else {
            count_handshake("proxy_tells_nobody");
            return None;
        };
        self.state.borrow_mut().admitted.as_mut()?.count_address(client).err()
    }

    /// Carries out what was decided about a request for a socket.
    fn switch(&self, decision: Decision) -> Response<ResponseBody> {
        match decision {
            Decision::Refuse(response, words) => refused(response, words),
            Decision::Open(response, opening) => match self.admit(*opening) {
                None => response.map(|()| Empty::new().map_err(|never| match never {}).boxed_unsync()),
                Some(refusal) => self.switch(refusal),
            },
            Decision::Elsewhere | Decision::Redeem(..) => unreachable!("these are answered before"),
        }
    }

    /// Lets a socket be opened. Gives the refusal if its user has too many, or the process ends.
    fn admit(&self, opening: Opening) -> Option<Decision> {
        if self.context.tasks.is_draining() {
            return Some(restarting());
        }
        let mut state = self.state.borrow_mut();
        if let (Some(admitted), Some(identity)) = (&mut state.admitted, &opening.identity)
            && let Err(full) = admitted.count_user(&identity.user)
        {
            let (response, words) = too_many(full);
            return Some(Decision::Refuse(response, words));
        }
        self.context.opened.increment(1);
        state.opened = Some(opening);
        None
    }
}

/// How the first request's head did not come, as metrics name it.
fn head_failure(error: &hyper::Error) -> &'static str {
    match error {
        error if error.is_timeout() => "head_timeout",
        error if error.is_parse_too_large() => "head_too_large",
        error if error.is_parse() => "head_malformed",
        _ => "head_cut_off",
    }
}

fn now(response: Response<ResponseBody>) -> AnswerFuture {
    Box::pin(std::future::ready(Ok(response)))
}

fn refused(mut response: Response<()>, words: String) -> Response<ResponseBody> {
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response.map(|()| Full::new(Bytes::from(words)).map_err(|never| match never {}).boxed_unsync())
}

fn restarting() -> Decision {
    count_handshake("draining");
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    Decision::Refuse(response, "the server restarts".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<F>(_: impl FnOnce(Http) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn the_future_of_a_handshake_is_small() {
        let bytes = size_of_future(Http::serve);
        assert!(bytes <= 1024, "{bytes} bytes");
    }
}
