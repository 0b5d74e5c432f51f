//! The program `tidegate`: everything of its life in one page.
//!
//! ```text
//! arguments ─► configuration (no side effects) ─► assemble (opens and binds everything) ─► serve ─► wait ─► drain
//! ```

mod addresses;
mod admin;
mod allocator;
mod assemble;
mod cli;
mod config;
mod connect;
mod copy;
mod exit;
mod front;
mod greeting;
mod hangups;
mod health;
mod http_port;
mod issuers;
mod keys;
mod login_hook;
mod metrics;
mod migrate;
mod open_files;
mod page;
mod presence;
mod public;
mod roles;
mod service_manager;
mod stop;
mod tls;
mod token;
mod upgrade;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use lifecycle::{MetricsPage, Phases, StopSignals, UpgradeSignals};
use tokio::runtime::Runtime;

use cli::{Arguments, Subject};
use config::Config;
use exit::Exit;
use roles::Roles;
use upgrade::{Inheritance, Predecessor, Program};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long threads that only read files may still take when everything else has ended.
const RUNTIME_SHUTDOWN: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    allocator::set_up();
    let arguments = Arguments::parse();
    let layers = config::layers(&arguments.config, config::environment());
    if matches!(arguments.command, Some(Subject::PrintConfig)) {
        print!("{}", config::print(&layers));
    }
    let config = match Config::load(layers, Roles::of(&arguments.role)) {
        Ok(config) => config,
        Err(problems) => {
            problems.iter().for_each(|problem| eprintln!("{problem}"));
            return Exit::Misconfigured.code();
        }
    };
    let ended = match arguments.command {
        None => serve(config, arguments.take_over),
        Some(Subject::PrintConfig) => Ok(Exit::Done),
        Some(Subject::CheckConfig) => {
            println!("the configuration is valid");
            config.remarks().iter().for_each(|remark| println!("note: {remark}"));
            Ok(Exit::Done)
        }
        Some(Subject::Key) => keys::make(&config).map(|words| {
            println!("{words}");
            Exit::Done
        }),
        Some(Subject::Migrate) => migrate::migrate(config).map(|words| {
            println!("{words}");
            Exit::Done
        }),
        Some(Subject::Copy { from, to }) => copy::copy(config, &from, to).map(|words| {
            println!("{words}");
            Exit::Done
        }),
        Some(Subject::Upgrade) => upgrade::ask(&config.data_dir),
        Some(Subject::Token { user, ttl, scope }) => token::issue(&config, &user, ttl, &scope).map(|token| {
            println!("{token}");
            Exit::Done
        }),
    };
    match ended {
        Ok(exit) => exit.code(),
        Err(error) => {
            eprintln!("tidegate: {error:#}");
            Exit::NotStarted.code()
        }
    }
}

/// The runtime of everything that has no thread of its own.
fn main_runtime(config: &Config) -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(config.worker_threads)
        .thread_name("main")
        .enable_all()
        .build()
}

/// `take_over` is what this process's predecessor was asked to run, when it has one.
fn serve(config: Config, take_over: Option<PathBuf>) -> anyhow::Result<Exit> {
    config.log.install()?;
    let metrics = MetricsPage::install(metrics::ALL)?;
    let inheritance = match &take_over {
        None => Inheritance::default(),
        Some(_) => {
            open_files::raise();
            Predecessor::at_standard_input()?.inherit()?
        }
    };
    let (program, first) = (Program::of_this_process(take_over)?, inheritance.is_nothing());
    let runtime = main_runtime(&config)?;
    let exit = runtime.block_on(async {
        let (mut signals, mut upgrades) = (StopSignals::install()?, UpgradeSignals::install()?);
        let phases = Phases::default();
        let server = tokio::select! {
            built = assemble::assemble(&config, &phases, &metrics, program, inheritance) => built?,
            // Who takes over has sockets, which end in order once it has begun.
            signal = signals.next(), if first => {
                tracing::info!(signal = signal.name(), "stopped while starting");
                return Ok(Exit::Done);
            }
        };
        if let Some(greeting) = server.greeting.as_ref().filter(|_| first) {
            print!("{greeting}");
        }
        Ok(server.run_until_stopped(&phases, &mut signals, &mut upgrades, config.drain_timeout).await)
    });
    if matches!(exit, Ok(Exit::Forced)) {
        // At once means without waiting for any thread; what was acknowledged is on disk.
        std::process::exit(Exit::Forced as i32);
    }
    runtime.shutdown_timeout(RUNTIME_SHUTDOWN);
    exit
}
