//! SIGHUP, where there is no certificate to read again: by default it would end the process, as a terminal does that is closed, and
//! whatever tells all services at once that files have changed.

use anyhow::Context as _;
use lifecycle::Tasks;
use tokio::signal::unix::{SignalKind, signal};

/// Hears and says it, until `tasks` drain.
pub(crate) fn ignore(tasks: &Tasks) -> anyhow::Result<()> {
    let mut hangups = signal(SignalKind::hangup()).context("SIGHUP cannot be received")?;
    let own = tasks.clone();
    tasks.spawn("hangups", async move {
        loop {
            tokio::select! {
                _ = hangups.recv() => tracing::info!("hangup: nothing here is read again while it runs"),
                () = own.draining() => return,
            }
        }
    });
    Ok(())
}
