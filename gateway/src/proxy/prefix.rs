//! A range of addresses, as `10.0.0.0/8` or `2001:db8::/32` names it.

use std::net::IpAddr;
use std::str::FromStr;

use thiserror::Error;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// The address without the bits that do not count.
    bits: u128,
    /// How many bits do not count.
    free: u32,
    is_v4: bool,
}

/// Not an address, or more bits than one has.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is no address and no range of addresses; write for example \"10.0.0.0/8\" or \"2001:db8::1\"")]
pub struct BadPrefix(String);

impl Prefix {
    /// Whether the address is in the range.
    pub fn holds(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.is_v4
            && number(address).checked_shr(self.free) == self.bits.checked_shr(self.free)
    }
}

impl FromStr for Prefix {
    type Err = BadPrefix;

    fn from_str(text: &str) -> Result<Self, BadPrefix> {
        let bad = || BadPrefix(text.to_owned());
        let (address, length) =
            text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let counting = match length {
            Some(length) => length.parse().ok().filter(|length| *length <= bits).ok_or_else(bad)?,
            None => bits,
        };
        Ok(Self { bits: number(address), free: bits - counting, is_v4: address.is_ipv4() })
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u32::from(v4).into(),
        IpAddr::V6(v6) => v6.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(prefix: &str, address: &str) -> bool {
        prefix.parse::<Prefix>().unwrap().holds(address.parse().unwrap())
    }

    #[test]
    fn a_range_holds_what_begins_like_it() {
        assert!(holds("10.1.0.0/16", "10.1.255.3"));
        assert!(!holds("10.1.0.0/16", "10.2.0.0"));
        assert!(holds("2001:db8::/32", "2001:db8:ffff::1"));
        assert!(!holds("2001:db8::/32", "2001:db9::1"));
        assert!(holds("192.0.2.7", "192.0.2.7") && !holds("192.0.2.7", "192.0.2.8"));
        assert!(holds("0.0.0.0/0", "203.0.113.1") && !holds("0.0.0.0/0", "::1"));
        assert!(holds("::/0", "::1") && !holds("::/0", "127.0.0.1"));
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in ["", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0/8", "proxy.example.org", "10.0.0.0/"]
        {
            assert!(text.parse::<Prefix>().is_err(), "{text}");
        }
    }
}
