//! What both built-in engines are made of: ordered tables of bytes, read through [`View`] and changed through [`Tx`].
//!
//! All meaning (what a register is, when a cursor moves) is written once, as functions over these two; an engine adds
//! only where the bytes live, when they are durable, and what may go wrong.

pub(crate) mod codec;
pub(crate) mod key;
pub(crate) mod tx;
pub(crate) mod view;

pub(crate) use codec::{Reader, Writer};
pub(crate) use key::Key;
pub(crate) use tx::{Changes, Tx};
pub(crate) use view::{Table, View};
