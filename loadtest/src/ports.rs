//! The ports that connections come from, which are a limit on connections from one address.

use std::net::Ipv4Addr;

use anyhow::bail;

/// Linux's own range.
const USUAL: u64 = 28_232;

/// Makes sure that so many connections find a port each.
pub fn check(sources: &[Ipv4Addr], connections: usize) -> anyhow::Result<()> {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    enough(sources.len() as u64, connections as u64, count(&range).unwrap_or(USUAL))
}

fn enough(sources: u64, connections: u64, ports: u64) -> anyhow::Result<()> {
    if sources > 0 && connections > sources * ports {
        bail!(
            "{connections} connections need {} source addresses, there are {sources}: one has {ports} ports \
             (/proc/sys/net/ipv4/ip_local_port_range)",
            connections.div_ceil(ports)
        );
    }
    Ok(())
}

fn count(range: &str) -> Option<u64> {
    let mut ends = range.split_whitespace().map(str::parse::<u64>);
    let (first, last) = (ends.next()?.ok()?, ends.next()?.ok()?);
    last.checked_sub(first).map(|more| more + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_addresses_are_told_with_how_many_it_takes() {
        assert_eq!(count("32768\t60999\n"), Some(USUAL));
        assert!(enough(2, 2 * USUAL, USUAL).is_ok() && enough(0, u64::from(u32::MAX), USUAL).is_ok());
        let error = enough(2, 100_000, USUAL).expect_err("too few").to_string();
        assert!(error.starts_with("100000 connections need 4 source addresses, there are 2"), "{error}");
    }
}
