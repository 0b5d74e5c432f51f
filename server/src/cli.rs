//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use auth::Scope;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Parser, Subcommand};
use proto::UserId;

use crate::config::units;
use crate::copy::{CopyFrom, CopyTo};
use crate::roles::Role;

/// How a process is told to [take over](Arguments::take_over).
pub(crate) const TAKE_OVER: &str = "--take-over";

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
    /// What this process does; several with commas, or given several times. All of them when not given
    #[arg(long = "role", value_name = "ROLE", global = true, env = "TIDEGATE_ROLE", value_delimiter = ',')]
    pub(crate) role: Vec<Role>,
    /// Goes on with the sockets of the process at the standard input. Given by that process: what it was asked to run
    #[arg(long = "take-over", value_name = "PROGRAM", hide = true)]
    pub(crate) take_over: Option<PathBuf>,
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
    /// Makes the signing key if there is none, and says where it is; a cluster needs the same one at each gateway and API
    Key,
    /// Makes the tables of a CQL store, or brings them up to date; does no harm when repeated, or done by several at once
    Migrate,
    /// Copies the store of a stopped server into an empty keyspace of a CQL cluster, and compares both; interrupted, it
    /// goes on where it stopped. Copies, passwords and TLS are those of [store.cql]
    Copy {
        /// The data directory: embedded:DIR
        #[arg(long, value_name = "embedded:DIR")]
        from: CopyFrom,
        /// The cluster: cql://HOST:PORT/KEYSPACE, several nodes with commas between them
        #[arg(long, value_name = "cql://NODE/KEYSPACE")]
        to: CopyTo,
    },
    /// Lets what is on disk now go on with the live sockets of the server of this data directory: no socket is closed, no event
    /// lost. Tells progress and result; exit code 1 when the server goes on as it was
    Upgrade,
    /// Prints an access token, signed with this server's key
    #[command(after_long_help = TOKEN_EXAMPLES)]
    Token {
        /// Whose: the `sub` claim. The user needs no account
        #[arg(long, value_name = "ID")]
        user: UserId,
        /// How long it is valid: 90s, 15m, 1h, 30d
        #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = parse_ttl)]
        ttl: Duration,
        /// What it lets a service do; several with commas, or given several times. Without one it is a user's token; with one, it
        /// does what its scopes say and nothing else
        #[arg(long, value_name = "SCOPE", value_delimiter = ',', value_parser = scopes())]
        scope: Vec<Scope>,
    },
}

/// Each scope, with what it means.
fn scopes() -> impl TypedValueParser<Value = Scope> {
    let values = Scope::ALL.map(|scope| PossibleValue::new(scope.name()).help(scope.meaning()));
    PossibleValuesParser::new(values)
        .map(|word| Scope::named(&word).unwrap_or_else(|| unreachable!("only names of scopes pass")))
}

fn parse_ttl(text: &str) -> Result<Duration, String> {
    match units::duration(text) {
        Some(ttl) if ttl >= Duration::from_secs(1) => Ok(ttl),
        _ => Err("write a duration of at least a second, such as 15m or 1h".into()),
    }
}

const TOKEN_EXAMPLES: &str = "\
Examples:
  tidegate token --user alice                       a user's token, valid for an hour; no account needed
  tidegate token --user crm --scope messages:send --ttl 30d
                                                    a service that sends in the name of any user, as `crm` if it names nobody
  tidegate token --user admin --scope users:write,sessions:end,groups:manage --ttl 12h

A token cannot be taken back before its time is over, so give it no more scopes and no more time than the service needs, and \
replace it before it ends. docs/SERVICES.md says which call needs which scope.";

const LONG_ABOUT: &str = "\
A chat server: sockets, groups, history, accounts, in one program.

Without arguments it serves everything: the page, the HTTP API and the sockets on port 8080, metrics and health on \
127.0.0.1:9090, data in ./tidegate-data. A signing key is generated at the first start. An acknowledged message is on disk.

With --role it is one process of a cluster: gateways hold sockets, routers decide, API processes serve HTTP. NATS joins them \
([bus.nats]), ScyllaDB or Cassandra keeps what is written ([store.cql]), Redis what may be lost ([redis]).";

const AFTER_LONG_HELP: &str = "\
First steps:
  tidegate                                    serve; prints the page's address and what to try
  tidegate token --user alice --ttl 1h        a token for a socket or the API, no account needed
  websocat 'ws://localhost:8080/ws?token=…'   then: {\"send\":{\"client_message_id\":\"<uuid>\",\"to_user\":\"bob\",\"body\":{\"text\":\"hi\"}}}

A cluster, its settings in cluster.toml:
  tidegate migrate --config cluster.toml      make the tables
  tidegate key --config cluster.toml          make the signing key that all processes share
  tidegate --role router --config cluster.toml
  tidegate --role gateway --config cluster.toml
  tidegate --role api --config cluster.toml
  tidegate check-config --role api --config … what that process would find wrong, or worth knowing
  tidegate copy --from embedded:./tidegate-data --to cql://10.0.0.1:9042/tidegate --config cluster.toml
                                              what a single server kept, before the cluster starts

Configuration, each layer over the one before, key by key:
  1. the defaults                             tidegate print-config shows them with a comment on each
  2. --config FILE                            the same [section] and key names, only what differs
  3. TIDEGATE_<SECTION>__<KEY>=value          for example TIDEGATE_PUBLIC__LISTEN=0.0.0.0:80

Signals:
  SIGHUP              read certificate and key of [tls] again, if they have changed; nothing else is read again
  SIGTERM, SIGINT     drain: tell the clients, finish what is under way, stop; a second one stops at once
  SIGUSR2             hand the live sockets over to the program that is on disk now, as `tidegate upgrade` asks for

Exit codes:
  0  done; a server stopped and everything in it had ended
  1  could not start: port in use, data directory locked or not writable
  2  the command line or the configuration is wrong
  3  stopped, but something had not ended when drain.timeout had passed
  4  stopped by itself because a part failed
  5  stopped at once at a second signal";
