//! What answers a request on the public port: a socket, a refusal, or the HTTP handler. Pure but for the check of the
//! proof.
//!
//! ```text
//! path? ──other──► fallback
//!   └─ /ws ─► RFC 6455 §4.2 ─► Origin ─► proof, if one is shown ─► 101
//!                  400, 405, 426    403       401                 a ticket is redeemed first: 401, 503
//! ```

mod origin;
mod proof;
mod query;

use auth::Identity;
use http::header::{
    HOST, ORIGIN, RETRY_AFTER, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL, WWW_AUTHENTICATE,
};
use http::{HeaderValue, Request, Response, StatusCode};
use proto::client_frame::Sync;
use proto::{DeviceId, Encoding, UserId, limits};

use crate::admission::Crowded;
use crate::authenticator::{Authenticator, Proof, Refusal, TicketRefusal};
use crate::config::GatewayConfig;
use crate::metrics::count_handshake;
use crate::websocket::deflate::agree;
use crate::websocket::handshake::{self as rfc6455, HandshakeError};

/// The paths that are the socket.
pub const SOCKET_PATHS: [&str; 3] = ["/ws", "/chat", "/api/v1/ws"];

/// What a new socket is.
pub(crate) struct Opening {
    /// How frames are written.
    pub(crate) encoding: Encoding,
    /// Who it is, when the handshake carried the proof.
    pub(crate) identity: Option<Identity>,
    /// Who it says it is (`?userId=`); a later proof must be this user's.
    pub(crate) claimed: Option<UserId>,
    /// Messages may be compressed.
    pub(crate) deflate: bool,
    /// What it calls its device (`?device=`).
    pub(crate) device: Option<DeviceId>,
    /// The `sync` that it asks for at once (`?resume=`).
    pub(crate) resume: Option<Sync>,
}

/// What to do with a request.
pub(crate) enum Decision {
    /// Not for the socket.
    Elsewhere,
    /// Answer with this and these words.
    Refuse(Response<()>, String),
    /// Switch protocols.
    Open(Response<()>, Box<Opening>),
    /// The same, once this ticket is redeemed and [`redeemed`] has looked whose it was.
    Redeem(Response<()>, Box<Opening>, String),
}

/// Decides about a request.
pub(crate) fn decide<B>(
    request: &Request<B>,
    config: &GatewayConfig,
    authenticator: &Authenticator,
) -> Decision {
    if !SOCKET_PATHS.contains(&request.uri().path()) {
        return Decision::Elsewhere;
    }
    let headers = request.headers();
    let checked = match rfc6455::check(request.method(), request.version(), headers) {
        Ok(checked) => checked,
        Err(error) => return malformed(error),
    };
    if !origin::is_allowed(&config.origins, headers.get(ORIGIN), headers.get(HOST)) {
        return refuse(
            "origin",
            StatusCode::FORBIDDEN,
            "this page's origin may not open sockets here".to_owned(),
        );
    }
    let offered = match rfc6455::subprotocols(headers) {
        Ok(offered) => offered,
        Err(error) => return malformed(error),
    };
    let query = request.uri().query().unwrap_or_default();
    let shown = proof::shown(&offered, query);
    let mut opening = match prove(&shown, query, authenticator) {
        Ok(opening) => Box::new(opening),
        Err(refusal) => return refused(&refusal),
    };
    if let Err(problem) = read_wishes(&mut opening, &shown, query) {
        return refuse("malformed", StatusCode::BAD_REQUEST, problem);
    }
    let mut response = checked.switching_protocols(None);
    if let Some(answer) = shown.answer {
        let Ok(answer) = HeaderValue::from_str(answer) else {
            return malformed(HandshakeError::Subprotocols);
        };
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, answer);
    }
    let agreed = config.compression.and_then(|compression| agree(headers, compression.window_bits));
    if let Some(agreed) = agreed {
        response.headers_mut().insert(SEC_WEBSOCKET_EXTENSIONS, agreed);
        opening.deflate = true;
    }
    match shown.proof() {
        Some(Proof::Ticket(ticket)) => Decision::Redeem(response, opening, ticket.to_owned()),
        Some(Proof::Token(_)) | None => Decision::Open(response, opening),
    }
}

/// Decides again when it is known whose the ticket was.
pub(crate) fn redeemed(
    response: Response<()>,
    mut opening: Box<Opening>,
    ticket: Result<Identity, TicketRefusal>,
) -> Decision {
    match ticket.map_err(Refusal::Ticket).and_then(|identity| as_claimed(identity, opening.claimed.as_ref()))
    {
        Ok(identity) => {
            opening.identity = Some(identity);
            Decision::Open(response, opening)
        }
        Err(refusal) => refused(&refusal),
    }
}

fn as_claimed(identity: Identity, claimed: Option<&UserId>) -> Result<Identity, Refusal> {
    match claimed {
        Some(claimed) if *claimed != identity.user => Err(Refusal::OtherUser),
        _ => Ok(identity),
    }
}

fn prove(shown: &proof::Shown<'_>, query: &str, authenticator: &Authenticator) -> Result<Opening, Refusal> {
    let claimed = match query::value(query, "userId") {
        Some(claimed) => Some(UserId::parse(&claimed).map_err(|_| Refusal::OtherUser)?),
        None => None,
    };
    let identity = match shown.proof() {
        Some(Proof::Token(token)) => Some(as_claimed(authenticator.identify(token)?, claimed.as_ref())?),
        Some(Proof::Ticket(_)) | None => None,
    };
    let (encoding, deflate, device, resume) = (shown.encoding, false, None, None);
    Ok(Opening { encoding, identity, claimed, deflate, device, resume })
}

/// What spares a client its `hello` and its first `sync`. Who they are for must be known.
fn read_wishes(opening: &mut Opening, shown: &proof::Shown<'_>, query: &str) -> Result<(), String> {
    let (device, resume) = (query::value(query, "device"), query::value(query, "resume"));
    if (device.is_some() || resume.is_some()) && shown.proof().is_none() {
        return Err(
            "device and resume in the query need a token or a ticket in the handshake too; say them in hello"
                .to_owned(),
        );
    }
    if let Some(device) = device {
        let device = DeviceId::parse(&device).map_err(|problem| format!("device in the query: {problem}"))?;
        opening.device = Some(device);
    }
    if let Some(cursor) = resume {
        if cursor.len() > limits::CURSOR_BYTES_MAX {
            let most = limits::CURSOR_BYTES_MAX;
            return Err(format!("resume in the query: {} bytes, at most {most} are allowed", cursor.len()));
        }
        opening.resume = Some(Sync { cursor: cursor.into_owned(), open: Vec::new() });
    }
    Ok(())
}

fn refuse(outcome: &'static str, status: StatusCode, words: String) -> Decision {
    count_handshake(outcome);
    let mut response = Response::new(());
    *response.status_mut() = status;
    Decision::Refuse(response, words)
}

fn malformed(error: HandshakeError) -> Decision {
    count_handshake("malformed");
    Decision::Refuse(error.response(), error.to_string())
}

fn refused(refusal: &Refusal) -> Decision {
    if *refusal == Refusal::Ticket(TicketRefusal::Away) {
        let mut decision = refuse("unavailable", StatusCode::SERVICE_UNAVAILABLE, refusal.words());
        if let Decision::Refuse(response, _) = &mut decision {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        return decision;
    }
    let mut decision = refuse("unauthenticated", StatusCode::UNAUTHORIZED, refusal.words());
    if let Decision::Refuse(response, _) = &mut decision {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    decision
}

/// The answer to a client that has too many connections or sockets.
pub(crate) fn too_many(full: Crowded) -> (Response<()>, String) {
    let (outcome, words, retry_after_s) = match full {
        Crowded::Address => ("address_full", "too many connections from this address", None),
        Crowded::AddressRate { retry_after_ms } => {
            let words = "too many new connections from this address";
            ("address_rate", words, Some(retry_after_ms.div_ceil(1_000)))
        }
        Crowded::User => ("user_full", "too many sockets of this user", None),
    };
    count_handshake(outcome);
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    if let Some(seconds) = retry_after_s {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    (response, words.to_owned())
}
