//! Who is let in: permits, counts and rates for the whole process. Touched when a connection opens and closes; the rates of
//! a user also by each command, without a lock.

mod refusing;
mod table;
mod user_rates;

pub(crate) use refusing::Refusing;
pub(crate) use user_rates::{CommandClass, OverRate, UserRates};

use std::hash::BuildHasher as _;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use hashbrown::DefaultHashBuilder;
use proto::{LoginId, UserId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::config::AdmissionLimits;
use crate::rate::{Rate, RateMeter, Verdict};
use table::{Forgettable, Table};

/// For how long it is remembered that a login has ended: longer than most access tokens are good. After that the router says so,
/// a moment after the welcome.
const ENDED_KNOWN_US: u64 = 60 * 60 * 1_000_000;
/// Logins that are remembered so.
const ENDED_MAX: usize = 65_536;

/// What an address is advised that goes on to come too often.
const ABUSE_RETRY_MS: u32 = 60_000;

/// The counts of a process.
pub(crate) struct Admission {
    limits: AdmissionLimits,
    connects: Rate,
    /// What microseconds are counted from.
    start: Instant,
    connections: Semaphore,
    handshakes: Arc<Semaphore>,
    hasher: DefaultHashBuilder,
    addresses: Table<Address>,
    users: Table<Sockets>,
    /// By user too, of those whose sockets have asked for something lately.
    rates: Table<Rates>,
    /// By user and login, of logins of which it was heard that they have ended.
    ended: Table<Ended>,
}

/// Until when it is remembered that a login has ended, in microseconds of the process.
#[derive(Default)]
struct Ended(u64);

/// What is known of one address.
#[derive(Default)]
struct Address {
    connections: u32,
    /// Connections beyond those, which wait for their refusal.
    refusing: u32,
    connects: RateMeter,
}

/// How many sockets a user has.
#[derive(Default)]
struct Sockets(u32);

/// What the sockets of a user have used of their rates.
#[derive(Default)]
struct Rates(Arc<UserRates>);

/// The place of one connection. Dropping it gives everything back.
pub(crate) struct Admitted {
    admission: Arc<Admission>,
    /// Zero for addresses that are not counted.
    address: u64,
    /// Zero until the user is known.
    user: u64,
    rates: Option<Arc<UserRates>>,
}

/// There are as many as may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crowded {
    /// Connections of the address.
    Address,
    /// New connections of the address, until so many milliseconds have passed.
    AddressRate { retry_after_ms: u32 },
    /// Sockets of the user.
    User,
}

impl Admission {
    pub(crate) fn new(limits: AdmissionLimits) -> Arc<Self> {
        let per_address = limits.per_address_connects;
        Arc::new(Self {
            limits,
            connects: Rate::new(per_address.per_second, per_address.burst, u16::MAX),
            start: Instant::now(),
            connections: Semaphore::new(limits.connections_max.min(Semaphore::MAX_PERMITS)),
            handshakes: Arc::new(Semaphore::new(limits.handshakes_max.min(Semaphore::MAX_PERMITS))),
            hasher: DefaultHashBuilder::default(),
            addresses: Table::default(),
            users: Table::default(),
            rates: Table::default(),
            ended: Table::default(),
        })
    }

    /// A login of the user has ended: its token may be shown again before that ends by itself.
    pub(crate) fn note_ended(&self, user: &UserId, login: &LoginId) {
        let now_us = self.now_us();
        if self.ended.has_room(ENDED_MAX, now_us) {
            let until = now_us + ENDED_KNOWN_US;
            self.ended.with(self.key((user, login)), now_us, |ended| ended.0 = until);
        }
    }

    /// Whether it was heard lately that the login of the user has ended. The store knows of all; this saves asking it.
    pub(crate) fn has_ended(&self, user: &UserId, login: &LoginId) -> bool {
        let now_us = self.now_us();
        self.ended.with(self.key((user, login)), now_us, |ended| ended.0 > now_us)
    }

    /// When the process's microseconds began.
    pub(crate) fn start(&self) -> Instant {
        self.start
    }

    /// Connections that are open, of any kind.
    pub(crate) fn connections(&self) -> usize {
        let max = self.limits.connections_max.min(Semaphore::MAX_PERMITS);
        max.saturating_sub(self.connections.available_permits())
    }

    /// Addresses, users and their rates that are remembered.
    pub(crate) fn remembered(&self) -> usize {
        self.addresses.len() + self.users.len() + self.rates.len() + self.ended.len()
    }

    /// Waits for a place for one connection, whose address is not known yet.
    pub(crate) async fn connection(self: &Arc<Self>) -> Admitted {
        match self.connections.acquire().await {
            Ok(permit) => permit.forget(),
            Err(_) => unreachable!("the semaphore is never closed"),
        }
        Admitted { admission: Arc::clone(self), address: 0, user: 0, rates: None }
    }

    /// The place of a connection that another process let in, whatever the limits of this one are. The caller sees to it
    /// that there are as many places.
    pub(crate) fn inherit(self: &Arc<Self>, address: Option<IpAddr>, user: Option<&UserId>) -> Admitted {
        let mut admitted = Admitted { admission: Arc::clone(self), address: 0, user: 0, rates: None };
        self.connections.forget_permits(1);
        if let Some(key) = address.and_then(|address| self.address_key(address)) {
            self.addresses.with(key, self.now_us(), |entry| entry.connections += 1);
            admitted.address = key;
        }
        if let Some(user) = user {
            let key = self.key(user);
            self.users.with(key, self.now_us(), |sockets| sockets.0 += 1);
            admitted.user = key;
        }
        admitted
    }

    /// What an address is counted by; `None` for one that is not.
    fn address_key(&self, address: IpAddr) -> Option<u64> {
        match address.to_canonical() {
            address if address.is_loopback() => None,
            IpAddr::V4(v4) => Some(self.key(IpAddr::V4(v4))),
            IpAddr::V6(v6) => Some(self.key(prefix(v6))),
        }
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

    fn now_us(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

impl Admitted {
    /// Counts the connection for its address, and for no other any more. It keeps its place when that is full: it may get an
    /// answer, see [`Refusing`].
    pub(crate) fn count_address(&mut self, address: IpAddr) -> Result<(), Crowded> {
        self.forget_address();
        let admission = &self.admission;
        let Some(key) = admission.address_key(address) else { return Ok(()) };
        let now_us = admission.now_us();
        admission.addresses.with(key, now_us, |entry| {
            if entry.connections >= admission.limits.per_address_max {
                return Err(Crowded::Address);
            }
            let retry_after_ms = match entry.connects.take(&admission.connects, now_us) {
                Verdict::Admit => {
                    entry.connections += 1;
                    return Ok(());
                }
                Verdict::Refuse { retry_after_ms } => retry_after_ms,
                // It was refused very often without a rest.
                Verdict::Abuse => ABUSE_RETRY_MS,
            };
            Err(Crowded::AddressRate { retry_after_ms })
        })?;
        self.address = key;
        Ok(())
    }

    /// Counts the connection for its user; a second user of the same connection is not counted.
    pub(crate) fn count_user(&mut self, user: &UserId) -> Result<(), Crowded> {
        if self.user != 0 {
            return Ok(());
        }
        let admission = &self.admission;
        let key = admission.key(user);
        admission.users.with(key, admission.now_us(), |sockets| {
            if sockets.0 >= admission.limits.per_user_max {
                return Err(Crowded::User);
            }
            sockets.0 += 1;
            Ok(())
        })?;
        self.user = key;
        Ok(())
    }

    /// Counts one command of the user at `now_us` since [`Admission::start`].
    pub(crate) fn take_rate(&mut self, class: CommandClass, now_us: u64) -> Result<(), OverRate> {
        let (admission, user) = (&self.admission, self.user);
        let rates = self
            .rates
            .get_or_insert_with(|| admission.rates.with(user, now_us, |rates| Arc::clone(&rates.0)));
        rates.take(&admission.limits.user_rates, class, now_us)
    }

    /// Forgets the rates of a user who has not used any of them lately: of most that are connected nothing is to be remembered.
    pub(crate) fn rest(&mut self, now_us: u64) {
        if self.rates.take_if(|rates| rates.has_rested(now_us)).is_some() {
            self.admission.rates.with(self.user, now_us, |_| ());
        }
    }

    fn forget_address(&mut self) {
        if self.address != 0 {
            let admission = &self.admission;
            admission.addresses.with(self.address, admission.now_us(), |entry| entry.connections -= 1);
            self.address = 0;
        }
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.forget_address();
        let admission = &self.admission;
        if self.user != 0 {
            admission.users.with(self.user, admission.now_us(), |sockets| sockets.0 -= 1);
            if self.rates.take().is_some() {
                admission.rates.with(self.user, admission.now_us(), |_| ());
            }
        }
        admission.connections.add_permits(1);
    }
}

impl Forgettable for Address {
    /// What it has used of its rate is remembered beyond its last connection.
    fn says_nothing(&self, now_us: u64) -> bool {
        self.connections == 0 && self.refusing == 0 && self.connects.has_rested(now_us)
    }
}

impl Forgettable for Sockets {
    fn says_nothing(&self, _now_us: u64) -> bool {
        self.0 == 0
    }
}

impl Forgettable for Ended {
    fn says_nothing(&self, now_us: u64) -> bool {
        self.0 <= now_us
    }
}

impl Forgettable for Rates {
    /// Other sockets of the user count in the same ones; whoever begins to does it under the table's lock.
    fn says_nothing(&self, now_us: u64) -> bool {
        Arc::strong_count(&self.0) == 1 && self.0.has_rested(now_us)
    }
}

/// One subscriber usually has a whole /64.
fn prefix(address: Ipv6Addr) -> [u16; 4] {
    let [a, b, c, d, ..] = address.segments();
    [a, b, c, d]
}

#[cfg(test)]
mod tests;
