//! Who is let in: permits and counts for the whole process, touched when a connection opens and closes and never
//! while it lives.

use std::hash::BuildHasher as _;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::{DefaultHashBuilder, HashMap};
use proto::UserId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::AdmissionLimits;

/// The counts of a process.
pub(crate) struct Admission {
    limits: AdmissionLimits,
    connections: Semaphore,
    handshakes: Arc<Semaphore>,
    hasher: DefaultHashBuilder,
    addresses: Counts,
    users: Counts,
}

/// Counts by a keyed 64-bit hash, so that an entry is 16 bytes; two names meet in one count with the chance 2⁻⁶⁴.
#[derive(Default)]
struct Counts(Mutex<HashMap<u64, u32>>);

/// The place of one connection. Dropping it gives everything back.
pub(crate) struct Admitted {
    admission: Arc<Admission>,
    /// Zero for addresses that are not counted.
    address: u64,
    /// Zero until the user is known.
    user: u64,
}

/// There are as many as may be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Admission {
    pub(crate) fn new(limits: AdmissionLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            connections: Semaphore::new(limits.connections_max.min(Semaphore::MAX_PERMITS)),
            handshakes: Arc::new(Semaphore::new(limits.handshakes_max.min(Semaphore::MAX_PERMITS))),
            hasher: DefaultHashBuilder::default(),
            addresses: Counts::default(),
            users: Counts::default(),
        })
    }

    /// Waits for a place for one connection, whose address is not known yet.
    pub(crate) async fn connection(self: &Arc<Self>) -> Admitted {
        match self.connections.acquire().await {
            Ok(permit) => permit.forget(),
            Err(_) => unreachable!("the semaphore is never closed"),
        }
        Admitted { admission: Arc::clone(self), address: 0, user: 0 }
    }

    /// Waits for a place for one handshake.
    pub(crate) async fn handshake(&self) -> OwnedSemaphorePermit {
        match Arc::clone(&self.handshakes).acquire_owned().await {
            Ok(permit) => permit,
            Err(_) => unreachable!("the semaphore is never closed"),
        }
    }

    fn key(&self, of: impl std::hash::Hash) -> u64 {
        self.hasher.hash_one(of).max(1)
    }
}

impl Admitted {
    /// Counts the connection for its address. It stays admitted when that is full: it still gets an answer.
    pub(crate) fn count_address(&mut self, address: IpAddr) -> Result<(), Full> {
        let address = address.to_canonical();
        if address.is_loopback() {
            return Ok(());
        }
        let key = match address {
            IpAddr::V4(_) => self.admission.key(address),
            IpAddr::V6(v6) => self.admission.key(prefix(v6)),
        };
        self.admission.addresses.add(key, self.admission.limits.per_address_max)?;
        self.address = key;
        Ok(())
    }

    /// Counts the connection for its user; a second user of the same connection is not counted.
    pub(crate) fn count_user(&mut self, user: &UserId) -> Result<(), Full> {
        if self.user != 0 {
            return Ok(());
        }
        let key = self.admission.key(user);
        self.admission.users.add(key, self.admission.limits.per_user_max)?;
        self.user = key;
        Ok(())
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.admission.connections.add_permits(1);
        self.admission.addresses.remove(self.address);
        self.admission.users.remove(self.user);
    }
}

/// One subscriber usually has a whole /64.
fn prefix(address: Ipv6Addr) -> [u16; 4] {
    let [a, b, c, d, ..] = address.segments();
    [a, b, c, d]
}

impl Counts {
    fn add(&self, key: u64, max: u32) -> Result<(), Full> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(key).or_insert(0);
        if *count >= max {
            let unused = *count == 0;
            if unused {
                counts.remove(&key);
            }
            return Err(Full);
        }
        *count += 1;
        Ok(())
    }

    fn remove(&self, key: u64) {
        if key == 0 {
            return;
        }
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&key);
                // A crowd that left must not keep its table.
                if counts.len() * 8 < counts.capacity() {
                    let target = counts.len() * 2;
                    counts.shrink_to(target);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission() -> Arc<Admission> {
        Admission::new(AdmissionLimits {
            connections_max: 3,
            handshakes_max: 1,
            per_address_max: 1,
            per_user_max: 2,
        })
    }

    #[tokio::test]
    async fn a_dropped_connection_gives_its_places_back() {
        let admission = admission();
        let user = UserId::parse("alice").unwrap();
        let address = IpAddr::from([192, 0, 2, 1]);
        for _ in 0..5 {
            let mut one = admission.connection().await;
            assert_eq!(one.count_address(address), Ok(()));
            assert_eq!(one.count_user(&user), Ok(()));
        }
        assert_eq!(admission.connections.available_permits(), 3);
        assert!(admission.users.0.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn the_second_of_one_address_is_too_many_and_loopback_is_exempt() {
        let admission = admission();
        let (mut one, mut two) = (admission.connection().await, admission.connection().await);
        let near = |last: u16| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last]);
        assert_eq!(one.count_address(near(1)), Ok(()));
        assert_eq!(two.count_address(near(2)), Err(Full));
        assert_eq!(two.count_address(IpAddr::from([127, 0, 0, 1])), Ok(()));
        assert_eq!(two.count_address(IpAddr::from([127, 0, 0, 1])), Ok(()));
        drop(one);
        assert_eq!(two.count_address(near(2)), Ok(()));
    }

    #[tokio::test]
    async fn users_are_counted_once_per_connection() {
        let admission = admission();
        let user = UserId::parse("alice").unwrap();
        let mut places = Vec::new();
        for _ in 0..3 {
            places.push(admission.connection().await);
        }
        assert_eq!(places[0].count_user(&user), Ok(()));
        assert_eq!(places[0].count_user(&user), Ok(()));
        assert_eq!(places[1].count_user(&user), Ok(()));
        assert_eq!(places[2].count_user(&user), Err(Full));
    }
}
