//! The certificate of the public port while the server runs: its files are looked at now and then, and at SIGHUP.

use std::time::Duration;

use anyhow::Context as _;
use gateway::TlsPort;
use gateway::tls::Tls;
use lifecycle::Tasks;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

use crate::config::Config;

/// TLS as the settings want it, if they do; new certificates are taken from the files until `tasks` drain.
pub(crate) fn open(config: &Config, tasks: &Tasks) -> anyhow::Result<Option<TlsPort>> {
    let Some(settings) = &config.tls else { return Ok(None) };
    let tls = Tls::open(settings.files.clone()).context("TLS cannot be offered")?;
    let hangups = signal(SignalKind::hangup()).context("SIGHUP cannot be received")?;
    tasks.spawn("certificate", keep_fresh(tls.clone(), settings.reload_check, hangups, tasks.clone()));
    let (listen, handshakes_percent) = (settings.listen, settings.handshakes_percent);
    Ok(Some(TlsPort { listen, tls, handshakes_percent }))
}

async fn keep_fresh(tls: Tls, every: Duration, mut hangups: Signal, tasks: Tasks) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = String::new();
    loop {
        let asked = tokio::select! {
            _ = ticks.tick() => false,
            _ = hangups.recv() => true,
            () = tasks.draining() => return,
        };
        let own = tls.clone();
        let Ok(reloaded) = tokio::task::spawn_blocking(move || own.reload()).await else { return };
        match reloaded {
            Ok(true) => tracing::info!(expires = tls.expires(), "certificate reloaded"),
            Ok(false) if asked => tracing::info!(expires = tls.expires(), "certificate unchanged"),
            Ok(false) => {}
            Err(error) => {
                let words = format!("{:#}", anyhow::Error::from(error));
                // A person who has read it once need not read it at every look.
                if asked || words != told {
                    tracing::warn!(error = words, "new certificate cannot be used, keeping the old one");
                }
                told = words;
                continue;
            }
        }
        told.clear();
    }
}
