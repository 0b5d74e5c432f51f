//! What can go wrong with stored data, sorted by what the caller may conclude.

use thiserror::Error;

/// Why the store did not answer with success.
///
/// The variants differ in what is known afterwards, because that decides what the caller may do next.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StoreError {
    /// The store's fault; nothing happened and nothing will. A retry can help.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The store's fault; the write may have happened, may happen later, or never. Only writing the very same again,
    /// or giving everything up, is safe.
    #[error("the outcome of a write is unknown: {0}")]
    Unknown(String),
    /// Stored bytes do not mean anything to this program. A retry does not help; a person must look.
    #[error("stored data cannot be read: {0}")]
    Corrupt(String),
}

/// Why something durable may not be told.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum VerifyError {
    /// Another incarnation took over: drop all state, tell nobody, start again as a new incarnation.
    #[error("this incarnation is fenced")]
    Fenced,
    /// The check itself did not succeed; it may be repeated.
    #[error("the fence could not be read")]
    Unknown(#[source] StoreError),
}

impl StoreError {
    /// For values that do not decode; `what` names the kind of row.
    pub(crate) fn corrupt(what: &str) -> Self {
        Self::Corrupt(format!("a row of kind `{what}`"))
    }
}
