//! Who holds a proof: an access token or a one-time ticket.

use std::pin::Pin;
use std::sync::Arc;

use auth::{Identity, Scope, SharedVerifier, TokenError};
use thiserror::Error;

/// Whose ticket it was, on its way: tickets may be known to another machine.
pub type TicketFuture = Pin<Box<dyn Future<Output = Result<Identity, TicketRefusal>> + Send>>;

/// Redeems a one-time ticket. The future is polled on a shard's thread.
pub type TicketRedeemer = Arc<dyn Fn(&str) -> TicketFuture + Send + Sync>;

/// Why a ticket opens nothing. The words go to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TicketRefusal {
    /// The client's: another ticket helps.
    #[error("the ticket is unknown, used or too old")]
    Unknown,
    /// The server's: a retry with another ticket, a little later, helps; so does a token.
    #[error("tickets cannot be redeemed at the moment; use a token, or try again with a new ticket")]
    Away,
}

/// Checks proofs. Cloning gives another handle to the same keys and tickets.
#[derive(Clone)]
pub struct Authenticator {
    /// For access tokens; may be replaced while in use.
    pub verifier: SharedVerifier,
    /// For tickets.
    pub tickets: TicketRedeemer,
}

/// What a client shows to prove who it is.
#[derive(Clone, Copy)]
pub(crate) enum Proof<'a> {
    /// An access token.
    Token(&'a str),
    /// A one-time ticket.
    Ticket(&'a str),
}

/// Why a proof proves nothing. The words go to the client and hold nothing of the proof.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Refusal {
    #[error("the token is not valid")]
    Token(#[source] TokenError),
    #[error(transparent)]
    Ticket(TicketRefusal),
    #[error("the proof is for another user than the one asked for")]
    OtherUser,
    #[error("signed out")]
    SignedOut,
    #[error("the token is a service's; one that opens sockets needs the scope `{}`", Scope::Server)]
    Service,
}

impl Refusal {
    /// The words for the client.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Token(cause) => format!("{self}: {cause}"),
            Self::Ticket(_) | Self::OtherUser | Self::SignedOut | Self::Service => self.to_string(),
        }
    }
}

impl Authenticator {
    /// Whose token it is. Sockets are for users, and for services that may do what users do.
    pub(crate) fn identify(&self, token: &str) -> Result<Identity, Refusal> {
        let now = lifecycle::wall_clock_ms() / 1_000;
        let identity = self.verifier.verify(token, now).map_err(Refusal::Token)?;
        if identity.is_user() { Ok(identity) } else { Err(Refusal::Service) }
    }
}
