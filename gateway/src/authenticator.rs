//! Who holds a proof: an access token or a one-time ticket.

use std::sync::Arc;

use auth::{Identity, SharedVerifier, TokenError};
use thiserror::Error;

/// Redeems a one-time ticket; `None` when it is unknown, used or too old.
pub type TicketRedeemer = Arc<dyn Fn(&str) -> Option<Identity> + Send + Sync>;

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
    #[error("the ticket is unknown, used or too old")]
    Ticket,
    #[error("the proof is for another user than the one asked for")]
    OtherUser,
}

impl Refusal {
    /// The words for the client.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Token(cause) => format!("{self}: {cause}"),
            Self::Ticket | Self::OtherUser => self.to_string(),
        }
    }
}

impl Authenticator {
    pub(crate) fn identify(&self, proof: Proof<'_>) -> Result<Identity, Refusal> {
        let now = lifecycle::wall_clock_ms() / 1_000;
        match proof {
            Proof::Token(token) => self.verifier.verify(token, now).map_err(Refusal::Token),
            Proof::Ticket(ticket) => (self.tickets)(ticket).ok_or(Refusal::Ticket),
        }
    }
}
