//! Structured logs on standard error: text for people at a terminal, one JSON object a line for machines.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::TelemetryError;

/// What is logged, and how.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// Level or directives, for example `info` or `info,gateway=debug`.
    pub filter: String,
    /// How lines look.
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text when standard error is a terminal, JSON otherwise.
    Auto,
    /// Text, coloured at a terminal.
    Text,
    /// One JSON object a line.
    Json,
}

impl LogConfig {
    /// Whether the filter parses.
    pub fn check(&self) -> Result<(), TelemetryError> {
        EnvFilter::try_new(&self.filter)?;
        Ok(())
    }

    /// Sends the events of the whole process to standard error from now on.
    pub fn install(&self) -> Result<(), TelemetryError> {
        let terminal = std::io::stderr().is_terminal();
        let builder = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::try_new(&self.filter)?)
            .with_writer(std::io::stderr)
            .with_ansi(terminal);
        let json = match self.format {
            LogFormat::Auto => !terminal,
            LogFormat::Text => false,
            LogFormat::Json => true,
        };
        if json {
            builder
                .json()
                .flatten_event(true)
                .with_current_span(false)
                .with_span_list(false)
                .finish()
                .try_init()?;
        } else {
            builder.finish().try_init()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_does_not_parse_is_refused() {
        let config = |filter: &str| LogConfig { filter: filter.into(), format: LogFormat::Auto };
        assert!(config("info,gateway=debug").check().is_ok());
        assert!(matches!(config("gateway=loud").check(), Err(TelemetryError::Filter(_))));
    }
}
