//! The handle that everyone has, and how its methods reach an engine.

use std::sync::Arc;

#[cfg(feature = "sim")]
use crate::Replicated;
use crate::cache::Cache;
use crate::call::Call;
use crate::engine::{Tx, View};
use crate::log::{Cas, Level};
use crate::{Cql, Embedded, Memory, StoreError};

/// The store. Cloning gives another handle to the same data.
#[derive(Clone, Debug)]
pub enum Store {
    /// In memory, with faults on demand: for tests.
    Memory(Arc<Memory>),
    /// In one process, on its disk.
    Embedded(Arc<Embedded>),
    /// On a cluster, shared with other processes.
    Cql(Arc<Cql>),
    /// Three replicas in memory, with faults from a seed: for the simulator.
    #[cfg(feature = "sim")]
    Replicated(Arc<Replicated>),
}

/// How a call reaches an engine.
pub(crate) enum Engine<'a> {
    /// As a function over ordered tables of bytes.
    Tables(Tables<'a>),
    /// As statements.
    Cql(&'a Arc<Cql>),
}

/// The engines that are made of ordered tables of bytes.
#[derive(Clone, Copy)]
pub(crate) enum Tables<'a> {
    /// In memory.
    Memory(&'a Arc<Memory>),
    /// On disk.
    Embedded(&'a Arc<Embedded>),
    /// Three replicas in memory.
    #[cfg(feature = "sim")]
    Replicated(&'a Arc<Replicated>),
}

impl Store {
    /// A fresh store in memory.
    pub fn memory() -> Self {
        Self::Memory(Arc::new(Memory::default()))
    }

    /// Answers what is under way and ends what runs for this store; every later call is `Unavailable`. For the end of a
    /// process, after everyone who uses the store has ended.
    pub async fn close(&self) {
        match self {
            Self::Memory(_) => {}
            Self::Embedded(embedded) => embedded.close().await,
            Self::Cql(cql) => cql.close().await,
            #[cfg(feature = "sim")]
            Self::Replicated(_) => {}
        }
    }

    /// Runs reads of this store that follow from each other. Where each would be handed to a thread, one thread runs them
    /// all; the future must not write, nor wait for anything else.
    pub async fn read_together<T: Send + 'static>(
        &self,
        reads: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        match self {
            Self::Embedded(embedded) => embedded.read_together(reads).await,
            _ => reads.await,
        }
    }

    /// How many conversations to write the projections of in one call. Many where a call is one write; one where each row
    /// is a request of its own, so that these do not come in bursts between which appends wait.
    pub fn projections_per_call(&self) -> usize {
        const MANY: usize = 64;
        match self.engine() {
            Engine::Tables(_) => MANY,
            Engine::Cql(_) => 1,
        }
    }

    /// The pages in memory, if the engine has some in front of it.
    pub(crate) fn cache(&self) -> Option<&Cache> {
        match self {
            Self::Memory(_) => None,
            Self::Embedded(embedded) => Some(embedded.cache()),
            Self::Cql(cql) => Some(cql.cache()),
            #[cfg(feature = "sim")]
            Self::Replicated(_) => None,
        }
    }

    /// The engine behind this handle.
    pub(crate) fn engine(&self) -> Engine<'_> {
        match self {
            Self::Memory(memory) => Engine::Tables(Tables::Memory(memory)),
            Self::Embedded(embedded) => Engine::Tables(Tables::Embedded(embedded)),
            Self::Cql(cql) => Engine::Cql(cql),
            #[cfg(feature = "sim")]
            Self::Replicated(replicated) => Engine::Tables(Tables::Replicated(replicated)),
        }
    }
}

impl Tables<'_> {
    /// Runs a read where it may block.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        call: Call,
        read: impl FnOnce(&dyn View) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        match self {
            Self::Memory(memory) => memory.read(call, read).await,
            Self::Embedded(embedded) => embedded.read(read).await,
            #[cfg(feature = "sim")]
            Self::Replicated(replicated) => replicated.read(call, read).await,
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
            Self::Embedded(embedded) => embedded.write(write).await,
            #[cfg(feature = "sim")]
            Self::Replicated(replicated) => replicated.write(call, write).await,
        }
    }

    /// Runs a read of a row that conditional writes change. In one process both levels are the same.
    pub(crate) async fn read_at<T: Send + 'static>(
        &self,
        level: Level,
        call: Call,
        read: impl FnOnce(&dyn View) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        match (self, level) {
            #[cfg(feature = "sim")]
            (Self::Replicated(replicated), Level::Serial) => replicated.read_serial(call, read).await,
            _ => self.read(call, read).await,
        }
    }

    /// Runs a conditional write of one row.
    pub(crate) async fn swap<T: Copy + std::fmt::Debug + Send + 'static>(
        &self,
        call: Call,
        write: impl FnOnce(&mut Tx<'_>) -> Result<Result<T, Option<T>>, StoreError> + Send + 'static,
    ) -> Cas<T> {
        match self {
            #[cfg(feature = "sim")]
            Self::Replicated(replicated) => replicated.swap(call, write).await,
            _ => Cas::of(self.write(call, write).await),
        }
    }
}
