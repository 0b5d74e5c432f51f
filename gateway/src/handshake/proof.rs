//! Where a handshake may carry its proof, and which subprotocol is agreed.

use std::borrow::Cow;

use proto::Encoding;

use super::query;
use crate::authenticator::Proof;

/// What a handshake showed.
pub(super) struct Shown<'a> {
    /// The encoding agreed.
    pub(super) encoding: Encoding,
    /// The value of `Sec-WebSocket-Protocol` in the answer.
    pub(super) answer: Option<&'a str>,
    proof: Option<Carried<'a>>,
}

enum Carried<'a> {
    Token(Cow<'a, str>),
    Ticket(Cow<'a, str>),
}

/// The subprotocol that carries a token.
const BEARER: &str = "bearer.";

/// Reads the subprotocols offered and the query. A token among the subprotocols comes before one in the query.
pub(super) fn shown<'a>(offered: &[&'a str], query: &'a str) -> Shown<'a> {
    let known = offered.iter().find_map(|name| {
        [Encoding::Json, Encoding::Proto].into_iter().find(|encoding| encoding.subprotocol() == *name)
    });
    let mut answer = known.map(Encoding::subprotocol);
    let mut proof = offered
        .iter()
        .find_map(|name| name.strip_prefix(BEARER))
        .map(|token| Carried::Token(Cow::Borrowed(token)));
    // Clients that can set nothing but one subprotocol put the bare token there, and expect it back.
    if let [only] = offered
        && known.is_none()
        && proof.is_none()
        && is_token_like(only)
    {
        answer = Some(only);
        proof = Some(Carried::Token(Cow::Borrowed(only)));
    }
    let proof = proof
        .or_else(|| query::value(query, "ticket").map(Carried::Ticket))
        .or_else(|| query::value(query, "token").map(Carried::Token));
    Shown { encoding: known.unwrap_or(Encoding::Json), answer, proof }
}

impl Shown<'_> {
    pub(super) fn proof(&self) -> Option<Proof<'_>> {
        self.proof.as_ref().map(|carried| match carried {
            Carried::Token(token) => Proof::Token(token),
            Carried::Ticket(ticket) => Proof::Ticket(ticket),
        })
    }
}

/// Three parts, the first of which begins like the base64 of `{"`: a JWT and no protocol's name.
fn is_token_like(name: &str) -> bool {
    name.starts_with("eyJ") && name.split('.').count() == 3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token<'a>(shown: &'a Shown<'_>) -> Option<&'a str> {
        match shown.proof() {
            Some(Proof::Token(token)) => Some(token),
            _ => None,
        }
    }

    #[test]
    fn the_first_known_subprotocol_is_agreed() {
        let shown = shown(&["chat", "tidegate.v1.proto", "tidegate.v1.json"], "");
        assert_eq!(shown.encoding, Encoding::Proto);
        assert_eq!(shown.answer, Some("tidegate.v1.proto"));
        assert!(shown.proof().is_none());
    }

    #[test]
    fn a_bearer_subprotocol_is_the_proof_and_never_the_answer() {
        let both = shown(&["bearer.a.b.c", "tidegate.v1.json"], "token=other");
        assert_eq!(token(&both), Some("a.b.c"));
        assert_eq!(both.answer, Some("tidegate.v1.json"));
        assert_eq!(shown(&["bearer.a.b.c"], "").answer, None);
    }

    #[test]
    fn a_bare_token_is_echoed() {
        let bare = shown(&["eyJhbGciOi.e30.c2ln"], "");
        assert_eq!(token(&bare), Some("eyJhbGciOi.e30.c2ln"));
        assert_eq!(bare.answer, Some("eyJhbGciOi.e30.c2ln"));
        assert_eq!(bare.encoding, Encoding::Json);
        assert!(token(&shown(&["graphql-ws"], "")).is_none());
    }

    #[test]
    fn the_query_may_carry_a_ticket_or_a_token() {
        assert_eq!(token(&shown(&[], "token=a.b.c")), Some("a.b.c"));
        assert!(matches!(shown(&[], "ticket=t1&token=a").proof(), Some(Proof::Ticket("t1"))));
    }
}
