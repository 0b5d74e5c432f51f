//! Every statement, prepared once for a session. Each family of calls keeps its own in its own file.

use super::error::CqlError;
use super::log::LogStatements;
use super::ownership::OwnershipStatements;
use super::register::RegisterStatements;
use super::session::Preparer;
use super::touched::TouchedStatements;

/// The statements of all families.
pub(super) struct Statements {
    pub(super) ownership: OwnershipStatements,
    pub(super) register: RegisterStatements,
    pub(super) log: LogStatements,
    pub(super) touched: TouchedStatements,
}

impl Statements {
    /// Prepares them.
    pub(super) async fn prepare(preparer: &Preparer<'_>) -> Result<Self, CqlError> {
        Ok(Self {
            ownership: OwnershipStatements::prepare(preparer).await?,
            register: RegisterStatements::prepare(preparer).await?,
            log: LogStatements::prepare(preparer).await?,
            touched: TouchedStatements::prepare(preparer).await?,
        })
    }
}
