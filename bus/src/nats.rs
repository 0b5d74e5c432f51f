//! The bus over NATS.

pub(crate) mod config;
pub(crate) mod connect;
pub(crate) mod interest;

pub use connect::ConnectError;
