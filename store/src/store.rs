//! The handle that everyone has, and how its methods reach an engine.

use std::sync::Arc;

use crate::call::Call;
use crate::engine::{Tx, View};
use crate::{Memory, StoreError};

/// The store. Cloning gives another handle to the same data.
#[derive(Clone, Debug)]
pub enum Store {
    /// In memory, with faults on demand: for tests.
    Memory(Arc<Memory>),
}

impl Store {
    /// A fresh store in memory.
    pub fn memory() -> Self {
        Self::Memory(Arc::new(Memory::default()))
    }

    /// Runs a read where it may block.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        call: Call,
        read: impl FnOnce(&dyn View) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        match self {
            Self::Memory(memory) => memory.read(call, read).await,
        }
    }

    /// Runs a transaction and answers once what it wrote is durable.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        call: Call,
        write: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        match self {
            Self::Memory(memory) => memory.write(call, write).await,
        }
    }
}
