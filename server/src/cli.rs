//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};
use proto::UserId;

use crate::config::units;

/// A chat server: sockets, groups, history, accounts, in one program.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, about, long_about = LONG_ABOUT, after_long_help = AFTER_LONG_HELP)]
pub(crate) struct Arguments {
    /// Configuration over the defaults; may be given several times, the later file wins key by key
    #[arg(
        long = "config",
        value_name = "FILE",
        global = true,
        env = "TIDEGATE_CONFIG",
        value_delimiter = ':'
    )]
    pub(crate) config: Vec<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Option<Subject>,
}

/// What to do instead of serving.
#[derive(Debug, Subcommand)]
pub(crate) enum Subject {
    /// Names every problem of the configuration at once, with its path; starts nothing
    CheckConfig,
    /// Prints the configuration in force, secrets hidden; `tidegate print-config > my.toml` is a good beginning
    PrintConfig,
    /// Prints an access token, signed with this server's key
    Token {
        /// Whose: the `sub` claim. The user needs no account
        #[arg(long, value_name = "ID")]
        user: UserId,
        /// How long it is valid: 90s, 15m, 1h, 30d
        #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = parse_ttl)]
        ttl: Duration,
        /// What it allows besides being its user; `server` makes a trusted service. May be given several times
        #[arg(long, value_name = "WORD")]
        scope: Vec<String>,
    },
}

fn parse_ttl(text: &str) -> Result<Duration, String> {
    match units::duration(text) {
        Some(ttl) if ttl >= Duration::from_secs(1) => Ok(ttl),
        _ => Err("write a duration of at least a second, such as 15m or 1h".into()),
    }
}

const LONG_ABOUT: &str = "\
A chat server: sockets, groups, history, accounts, in one program.

Without arguments it serves everything: the page, the HTTP API and the sockets on port 8080, metrics and health on \
127.0.0.1:9090, data in ./tidegate-data. A signing key is generated at the first start. An acknowledged message is on disk.";

const AFTER_LONG_HELP: &str = "\
First steps:
  tidegate                                    serve; prints the page's address and what to try
  tidegate token --user alice --ttl 1h        a token for a socket or the API, no account needed
  websocat 'ws://localhost:8080/ws?token=…'   then: {\"send\":{\"client_message_id\":\"<uuid>\",\"to_user\":\"bob\",\"body\":{\"text\":\"hi\"}}}

Configuration, each layer over the one before, key by key:
  1. the defaults                             tidegate print-config shows them with a comment on each
  2. --config FILE                            the same [section] and key names, only what differs
  3. TIDEGATE_<SECTION>__<KEY>=value          for example TIDEGATE_PUBLIC__LISTEN=0.0.0.0:80

Signals:
  SIGTERM, SIGINT     drain: tell the clients, finish what is under way, stop; a second one stops at once

Exit codes:
  0  done; a server stopped and everything in it had ended
  1  could not start: port in use, data directory locked or not writable
  2  the command line or the configuration is wrong
  3  stopped, but something had not ended when drain.timeout had passed
  4  stopped by itself because a part failed
  5  stopped at once at a second signal";
