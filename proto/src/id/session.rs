//! Where a reply goes: nodes, the sessions on them, and traces.

use crate::IdError;

/// One process with an inbox on the bus: a gateway shard or an API process. Random at each start.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NodeId(pub u64);

impl std::fmt::Display for NodeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// One session on a node. What `session` means is the node's business: a gateway packs slot and generation into
/// it, an API process numbers its requests.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SessionRef {
    /// The node that holds it.
    pub node: NodeId,
    /// Its number there.
    pub session: u64,
}

impl SessionRef {
    /// Reads what `Display` wrote: 32 hex digits.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let (node, session) = text.split_at_checked(16).ok_or(IdError::Session)?;
        let number = |hex| u64::from_str_radix(hex, 16).map_err(|_| IdError::Session);
        let session = Self { node: NodeId(number(node)?), session: number(session)? };
        // `from_str_radix` takes signs and capitals, `Display` writes neither.
        if session.to_string() == text { Ok(session) } else { Err(IdError::Session) }
    }
}

impl std::fmt::Display for SessionRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{:016x}", self.node, self.session)
    }
}

/// Follows one command through all processes (W3C trace id). Zero means "not traced".
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct TraceId(pub u128);
