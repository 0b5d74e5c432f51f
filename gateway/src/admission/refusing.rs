//! Connections that an address has too many of, and that are told so.
//!
//! **Guarantees.** Whoever comes too often and asks as clients do hears when to come back. For that an address holds no more
//! than [`REFUSING_MAX`] connections beyond its own at any moment, so that neither places nor handshakes run out by them.
//!
//! **Does not** wait: the caller closes those at once that there is no room for, and the others after a short time.

use std::net::IpAddr;
use std::sync::Arc;

use super::Admission;

/// Of one address. A client that is refused is there for a round trip, so these are some hundred refusals a second.
const REFUSING_MAX: u32 = 16;

/// One of those connections. Dropping it lets another be refused in words.
pub(crate) struct Refusing {
    admission: Arc<Admission>,
    /// Zero for addresses that are not counted.
    address: u64,
}

impl Refusing {
    /// `None` when as many of the address are being told already.
    pub(crate) fn begin(admission: &Arc<Admission>, address: IpAddr) -> Option<Self> {
        let key = admission.address_key(address).unwrap_or(0);
        let room = key == 0
            || admission.addresses.with(key, admission.now_us(), |entry| {
                let room = entry.refusing < REFUSING_MAX;
                entry.refusing += u32::from(room);
                room
            });
        room.then(|| Self { admission: Arc::clone(admission), address: key })
    }
}

impl Drop for Refusing {
    fn drop(&mut self) {
        if self.address != 0 {
            let admission = &self.admission;
            admission.addresses.with(self.address, admission.now_us(), |entry| entry.refusing -= 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{limits, v4};
    use super::*;

    #[test]
    fn an_address_has_few_of_them_and_each_makes_room_for_another() {
        let admission = Admission::new(limits());
        let mut all: Vec<_> =
            (0..REFUSING_MAX).map(|_| Refusing::begin(&admission, v4(1)).unwrap()).collect();
        assert!(Refusing::begin(&admission, v4(1)).is_none());
        assert!(Refusing::begin(&admission, v4(2)).is_some(), "another address has its own");
        all.pop();
        assert!(Refusing::begin(&admission, v4(1)).is_some());
        drop(all);
        assert_eq!(admission.remembered(), 0);
    }
}
