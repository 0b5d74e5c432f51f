//! Addresses as people list them: `10.0.0.5,10.0.0.10-10.0.0.19`.

use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// More in one list are a mistake.
const ADDRESSES_MAX: usize = 65_536;

/// See the module; in the order in which they were given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceAddresses(Vec<Ipv4Addr>);

impl SourceAddresses {
    /// Those of one part of a run: some for each where there are enough, else all for all.
    pub fn of_part(&self, number: usize, of: usize) -> Vec<Ipv4Addr> {
        let count = self.0.len();
        if count < of {
            return vec![self.0[number % count]];
        }
        self.0[count * number / of..count * (number + 1) / of].to_vec()
    }
}

impl FromStr for SourceAddresses {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut addresses = Vec::new();
        for range in text.split(',') {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (first, last) = (address(first)?, address(last)?);
            if last < first {
                return Err(format!("{range}: the last is before the first"));
            }
            let many = || format!("more than {ADDRESSES_MAX} addresses");
            let count = usize::try_from(u32::from(last) - u32::from(first)).map_err(|_| many())?;
            if addresses.len() + count >= ADDRESSES_MAX {
                return Err(many());
            }
            addresses.extend((u32::from(first)..=u32::from(last)).map(Ipv4Addr::from));
        }
        Ok(Self(addresses))
    }
}

impl std::fmt::Display for SourceAddresses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&names.join(","))
    }
}

fn address(text: &str) -> Result<Ipv4Addr, String> {
    text.trim().parse().map_err(|_| format!("{text:?} is no IPv4 address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_single_ones_make_a_list_that_parts_share() {
        let all: SourceAddresses = "127.0.1.254-127.0.2.1,10.0.0.5".parse().expect("good");
        assert_eq!(all.to_string(), "127.0.1.254,127.0.1.255,127.0.2.0,127.0.2.1,10.0.0.5");
        let shares: Vec<usize> = (0..2).map(|number| all.of_part(number, 2).len()).collect();
        assert_eq!(shares, [2, 3]);
        assert_eq!(all.of_part(6, 7), [Ipv4Addr::new(127, 0, 1, 255)]);
    }

    #[test]
    fn mistakes_are_named() {
        let wrong = |text: &str| text.parse::<SourceAddresses>().expect_err(text);
        assert!(wrong("10.0.0").contains("\"10.0.0\" is no IPv4 address"));
        assert!(wrong("10.0.0.9-10.0.0.1").contains("before"));
        assert!(wrong("10.0.0.0-10.9.0.0").contains("more than"));
    }
}
