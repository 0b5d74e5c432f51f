//! `cargo xtask million`: holds as many sockets on this machine as its memory allows, for as long as is wanted.
//!
//! ```text
//! tidegate 1 … K, each below the limit on open files ◄── loadtest idle --processes K, from addresses of 127.0.0.0/8
//! ```
//!
//! **Guarantees.** Limits that are too low are told before anything starts, with what raises them. The record says what the
//! servers used and what the whole machine did, kernel and generator included.
//!
//! **Does not** join the servers to a cluster: each is complete, and all have one key.
//!
//! **Limits.** Linux. A process may have `ulimit -Hn` open files, the machine `fs.file-max`: two for each socket, as both
//! ends are here.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use rustix::process::{Resource, getrlimit};
use serde_json::{Value, json};

use crate::programs::{Figures, Profile, Programs, Server, key};
use crate::record;
use crate::stopwatch::Stopwatch;
use crate::table;

/// Files of a process besides its sockets: a server keeps 1,024 for itself, and at its bound connections wait unseen.
const OTHER_FILES: u64 = 1_100;
/// How long all connections may take to open, besides the time that they are held.
const OPENING_MAX: Duration = Duration::from_secs(3600);
/// Between two looks at the machine's memory.
const LOOK: Duration = Duration::from_millis(500);

/// There are many more processes than processors, and the clients are here, too: one thread for the sockets of each and one for
/// conversations, and time for who waits for a processor. Pings go out as often as ever.
const SETTINGS: [(&str, &str); 5] = [
    ("TIDEGATE_GATEWAY__SHARDS", "1"),
    ("TIDEGATE_ROUTER__WORKERS", "1"),
    ("TIDEGATE_GATEWAY__HANDSHAKE_TIMEOUT", "60s"),
    ("TIDEGATE_GATEWAY__HELLO_TIMEOUT", "60s"),
    ("TIDEGATE_GATEWAY__PONG_TIMEOUT", "60s"),
];

/// The command line.
#[derive(Args, Clone, Debug)]
pub struct Arguments {
    /// How many sockets
    #[arg(long, default_value_t = 1_000_000)]
    pub connections: u64,
    /// How many of them each server holds
    #[arg(long, default_value_t = 18_868)]
    pub per_server: u64,
    /// How long they are held, in seconds
    #[arg(long, default_value_t = 600)]
    pub hold: u64,
    /// Connections being opened at the same time, by all processes
    #[arg(long, default_value_t = 106)]
    pub opening: u16,
    /// What the folder is called, after the date
    #[arg(long, default_value = "million")]
    pub name: String,
    /// The folder itself, instead of bench-results/<date>-<name>
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// Builds nothing: the programs are in this folder
    #[arg(long, value_name = "FOLDER")]
    pub programs: Option<PathBuf>,
}

/// Holds them, keeps the record and writes the table.
pub fn main(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let folder = record::folder(&arguments.name, arguments.out.as_deref())?;
    let programs = Programs::find_or_build(arguments.programs.as_deref(), Profile::Release)?;
    let figures = run(&programs, arguments)?;
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let path = folder.join("million.tidegate.json");
    std::fs::write(&path, serde_json::to_string_pretty(&figures.report)? + "\n")?;
    println!("million: written to {}", path.display());
    if arguments.out.is_none() {
        table::main()?;
    }
    Ok(if figures.code == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Starts the servers, has the sockets held, and gives what was measured.
pub fn run(programs: &Programs, arguments: &Arguments) -> anyhow::Result<Figures> {
    let count = servers(arguments)?;
    check_files(arguments, count)?;
    check_firewall(arguments.connections)?;
    let scratch = tempfile::tempdir()?;
    let before = Memory::now()?;
    let mut all = Vec::new();
    for number in 0..count {
        all.push(start(programs, &scratch.path().join(number.to_string()))?);
    }
    println!("million: {count} servers are ready");
    let settled = Memory::now()?;
    let urls: Vec<String> = all.iter().map(Server::url).collect();
    let pids: Vec<String> = all.iter().map(|server| server.id().to_string()).collect();
    let (connections, hold) = (arguments.connections.to_string(), format!("{}s", arguments.hold));
    let (processes, opening) = (count.to_string(), arguments.opening.to_string());
    let words = ["idle", "--connections", &connections, "--hold", &hold, "--processes", &processes];
    let pids = pids.join(",");
    let words = [&words[..], &["--opening", &opening, "--server-pid", &pids]].concat();
    let key_file = all[0].key_file();
    let mut generator =
        programs.generator_at(&urls.join(","), &key_file, scratch.path(), "million", &words)?;
    let (since, mut lowest) = (Stopwatch::start(), settled);
    while generator.is_running()? {
        std::thread::sleep(LOOK);
        lowest = lowest.or_less(Memory::now()?);
        if since.elapsed() > OPENING_MAX + Duration::from_secs(arguments.hold) {
            bail!("the generator does not end: {}", generator.last_words());
        }
        if let Some(dead) = first_dead(&mut all)? {
            bail!("server {dead} ended by itself");
        }
    }
    let mut figures = generator.wait(LOOK)?;
    add(&mut figures.report, arguments, (count, before, settled, lowest));
    Ok(figures)
}

fn servers(arguments: &Arguments) -> anyhow::Result<u64> {
    if arguments.connections == 0 || arguments.per_server == 0 {
        bail!("one connection and one for each server are the least");
    }
    Ok(arguments.connections.div_ceil(arguments.per_server))
}

fn check_files(arguments: &Arguments, count: u64) -> anyhow::Result<()> {
    let files = arguments.connections.div_ceil(count) + OTHER_FILES;
    if let Some(most) = getrlimit(Resource::Nofile).maximum.filter(|most| *most < files) {
        let fits = most.saturating_sub(OTHER_FILES);
        bail!(
            "each server needs {files} open files, the system allows {most} (ulimit -Hn): --per-server {fits}"
        );
    }
    let all = arguments.connections.saturating_mul(2).saturating_add(count * 2 * OTHER_FILES);
    if let Some(most) = system_limit("fs/file-max").filter(|most| *most < all) {
        bail!("{all} files must be open on this machine, it allows {most} (sysctl fs.file-max)");
    }
    if let Some(most) = system_limit("fs/epoll/max_user_watches").filter(|most| *most < all) {
        bail!("{all} sockets are watched, the system allows {most} (sysctl fs.epoll.max_user_watches)");
    }
    Ok(())
}

/// A firewall that remembers connections drops those for which it has no room.
fn check_firewall(connections: u64) -> anyhow::Result<()> {
    let (count, most) =
        (system_limit("net/netfilter/nf_conntrack_count"), system_limit("net/netfilter/nf_conntrack_max"));
    match (count, most) {
        (Some(count), Some(most)) if count > 0 && most < count + connections => bail!(
            "the firewall remembers {count} connections and has room for {most} in all: \
             sysctl -w net.netfilter.nf_conntrack_max={}",
            (count + connections).next_multiple_of(100_000)
        ),
        _ => Ok(()),
    }
}

fn system_limit(name: &str) -> Option<u64> {
    std::fs::read_to_string(Path::new("/proc/sys").join(name)).ok()?.trim().parse().ok()
}

fn start(programs: &Programs, folder: &Path) -> anyhow::Result<Server> {
    let data = folder.join("data");
    std::fs::create_dir_all(&data).with_context(|| data.display().to_string())?;
    key::write(&data.join("signing.key"))?;
    programs.server(folder, &SETTINGS)
}

fn first_dead(all: &mut [Server]) -> anyhow::Result<Option<usize>> {
    for (number, server) in all.iter_mut().enumerate() {
        if !server.is_running()? {
            return Ok(Some(number));
        }
    }
    Ok(None)
}

fn add(
    report: &mut Value,
    arguments: &Arguments,
    (count, before, settled, lowest): (u64, Memory, Memory, Memory),
) {
    report["command"] = json!(format!(
        "cargo xtask million --connections {} --per-server {} --hold {}",
        arguments.connections, arguments.per_server, arguments.hold
    ));
    let connections = arguments.connections as f64;
    let taken = settled.available.saturating_sub(lowest.available) as f64;
    let kernel = lowest.kernel.saturating_sub(settled.kernel) as f64;
    let figures = [
        ("servers", count as f64, ""),
        ("machine.bytes_per_connection", taken / connections, "B"),
        ("kernel.bytes_per_connection", kernel / connections, "B"),
        (
            "servers.empty_bytes",
            before.available.saturating_sub(settled.available) as f64 / count as f64,
            "B",
        ),
        ("machine.available_bytes_least", lowest.available as f64, "B"),
    ];
    for (name, value, unit) in figures {
        report["figures"][format!("million.{name}")] = json!({ "value": value, "unit": unit });
    }
}

/// What the machine has left, and what its kernel has taken for itself: bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Memory {
    available: u64,
    kernel: u64,
}

impl Memory {
    fn now() -> anyhow::Result<Self> {
        let text = std::fs::read_to_string("/proc/meminfo").context("/proc/meminfo")?;
        Self::of(&text).context("/proc/meminfo is not as expected")
    }

    fn of(text: &str) -> Option<Self> {
        let bytes = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
        };
        let kernel = bytes("Slab")? + bytes("KernelStack")? + bytes("PageTables")?;
        Some(Self { available: bytes("MemAvailable")?, kernel })
    }

    /// The moment at which less was left.
    fn or_less(self, other: Self) -> Self {
        if other.available < self.available { other } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(connections: u64, per_server: u64) -> Arguments {
        let name = String::new();
        Arguments { connections, per_server, hold: 1, opening: 4, name, out: None, programs: None }
    }

    #[test]
    fn limits_are_told_with_what_would_fit() {
        assert_eq!(servers(&arguments(1_000_000, 19_000)).expect("good"), 53);
        assert!(servers(&arguments(0, 5)).is_err());
        let many = arguments(u64::from(u32::MAX) << 20, u64::from(u32::MAX) << 20);
        let error = check_files(&many, 1).expect_err("nobody has so many").to_string();
        assert!(error.contains("open"), "{error}");
        assert!(system_limit("fs/file-max").is_some() && system_limit("fs/nothing").is_none());
    }

    #[test]
    fn the_machine_is_read() {
        let text = "MemAvailable:   10 kB\nSlab:  3 kB\nKernelStack: 2 kB\nPageTables:      1 kB\n";
        let memory = Memory::of(text).expect("all there");
        assert_eq!(memory, Memory { available: 10_240, kernel: 6_144 });
        assert_eq!(memory.or_less(Memory { available: 1, kernel: 9 }).kernel, 9);
        assert!(Memory::of("MemAvailable: 1 kB\n").is_none());
        assert!(Memory::now().expect("read").available > 0);
    }
}
