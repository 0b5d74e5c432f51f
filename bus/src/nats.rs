//! The bus over NATS.

pub mod config;
pub(crate) mod connect;
pub(crate) mod interest;
pub mod multiplex;

pub use connect::ConnectError;
