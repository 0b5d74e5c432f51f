//! Each socket is an open file: takes as many as the system allows this process, and lets in no more than that.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Open files besides sockets: the store's, the admin port's, the log's.
const RESERVED: u64 = 1_024;

/// Raises the soft limit to the hard one; gives how many connections fit, at most the configured ones. Beyond it accepting would
/// fail, where a full gateway makes the others wait.
pub(crate) fn connections_that_fit(connections_max: usize) -> usize {
    raise();
    let allowed = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let fit = fitting(allowed, connections_max);
    if fit < connections_max {
        let advice = "raise the hard limit of open files (ulimit -Hn, LimitNOFILE=) for more";
        tracing::info!(
            connections = fit,
            connections_max,
            open_files = allowed,
            advice,
            "fewer connections fit"
        );
    }
    fit
}

/// Raises the soft limit to the hard one.
pub(crate) fn raise() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
    {
        tracing::info!(%error, soft = limit.current, "the limit of open files could not be raised");
    }
}

fn fitting(allowed: u64, connections_max: usize) -> usize {
    // A limit that low leaves half for either.
    let reserved = RESERVED.min(allowed / 2);
    usize::try_from(allowed - reserved).unwrap_or(usize::MAX).min(connections_max).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_room_for_other_files() {
        assert_eq!(fitting(20_000, 100_000), 18_976);
        assert_eq!(fitting(1_000_000, 100_000), 100_000);
        assert_eq!(fitting(1_024, 100_000), 512);
    }
}
