//! What the kernel says about this process.

use std::fs;

/// Figures of this process, as of now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Process {
    pub(crate) resident_bytes: u64,
    pub(crate) anonymous_bytes: u64,
    pub(crate) cpu_seconds: f64,
    pub(crate) open_fds: u64,
    pub(crate) threads: u64,
}

impl Process {
    /// Reads `/proc/self`; `None` where there is none.
    pub(crate) fn read() -> Option<Self> {
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        let open_fds = fs::read_dir("/proc/self/fd").ok()?.count();
        Some(Self {
            resident_bytes: field(&status, "VmRSS:")? * 1024,
            anonymous_bytes: field(&status, "RssAnon:")? * 1024,
            threads: field(&status, "Threads:")?,
            cpu_seconds: cpu_seconds(&stat)?,
            open_fds: open_fds as u64,
        })
    }
}

/// The number behind a name in `/proc/self/status` (proc_pid_status(5)).
fn field(status: &str, name: &str) -> Option<u64> {
    let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// User and system time, fields 14 and 15 of `/proc/self/stat` (proc_pid_stat(5)), in ticks that Linux fixes at 100 a second
/// for every program.
fn cpu_seconds(stat: &str) -> Option<f64> {
    // The second field is the program's name in parentheses, which may hold anything.
    let after_name = &stat[stat.rfind(')')? + 1..];
    let mut fields = after_name.split_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some((f64::from(user) + f64::from(system)) / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_lines_are_understood() {
        assert_eq!(field("Name:\tx\nVmRSS:\t    2048 kB\nThreads:\t3\n", "VmRSS:"), Some(2048));
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194304 100 0 0 0 150 50 0 0 20 0 1 0";
        assert_eq!(cpu_seconds(stat), Some(2.0));
    }

    #[test]
    fn this_process_has_memory_threads_and_files() {
        let process = Process::read().unwrap();
        assert!(process.resident_bytes >= process.anonymous_bytes && process.anonymous_bytes > 0);
        assert!(process.threads >= 1 && process.open_fds >= 3);
    }
}
