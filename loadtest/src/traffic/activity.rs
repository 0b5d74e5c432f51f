//! What else happens while messages flow: sockets come and go, somebody types, reads, or reads slowly.

use crate::engine::Engine;

use super::Traffic;

/// See the module.
pub trait Activity {
    /// Called after each turn of the engine; `sending` until the last message has left.
    fn turn(&mut self, engine: &mut Engine, traffic: &mut Traffic, sending: bool) -> anyhow::Result<()>;

    /// Whether the run may end as far as this is concerned.
    fn is_done(&self) -> bool {
        true
    }
}

/// Only messages.
#[derive(Clone, Copy, Debug)]
pub struct Nothing;

impl Activity for Nothing {
    fn turn(&mut self, _engine: &mut Engine, _traffic: &mut Traffic, _sending: bool) -> anyhow::Result<()> {
        Ok(())
    }
}
