//! What a seed makes of a world: how many take part, how bad it is, and what happens when.
//!
//! Each part is drawn from a source of its own, so that taking one part away leaves the others as they are: that is how
//! a failing world is made smaller.

mod incidents;
mod shapes;

use std::collections::BTreeSet;
use std::time::Duration;

use bus::faulty::Conditions;
use lifecycle::sim::Random;
use store::Weather;

use incidents::Stage;
pub use incidents::{Incident, What};
pub use shapes::LastWord;

macro_rules! faults {
    ($($name:ident = $text:literal,)+) => {
        /// A kind of fault; each can be taken away.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[allow(missing_docs, reason = "the names say it")]
        pub enum Fault { $($name,)+ }

        impl Fault {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// How it is called on a command line.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

faults! {
    StoreSlow = "store-slow",
    StoreLate = "store-late",
    StoreLost = "store-lost",
    StoreFails = "store-fails",
    StoreUnanswered = "store-unanswered",
    SwapsLate = "swaps-late",
    SwapsRepeated = "swaps-repeated",
    Replicas = "replicas",
    BusSlow = "bus-slow",
    BusLost = "bus-lost",
    BusDoubled = "bus-doubled",
    Misrouted = "misrouted",
    Cuts = "cuts",
    Pauses = "pauses",
    Crashes = "crashes",
    Restarts = "restarts",
    Clocks = "clocks",
    Window = "window",
    Reconnects = "reconnects",
    Deaf = "deaf",
    Quiet = "quiet",
    Retention = "retention",
    Expiry = "expiry",
    Siege = "siege",
    Calls = "calls",
    LastWord = "last-word",
    Contacts = "contacts",
    SentAgain = "sent-again",
}

/// What of a world is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Less {
    /// Kinds of faults.
    pub without: BTreeSet<Fault>,
    /// At most so many routers.
    pub routers: Option<usize>,
    /// At most so many users.
    pub users: Option<usize>,
    /// Clients talk at most so long.
    pub talk_ms: Option<u64>,
    /// Only the first incidents.
    pub incidents: Option<usize>,
}

/// One world.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where everything comes from.
    pub seed: u64,
    /// Router processes.
    pub routers: usize,
    /// Gateway processes.
    pub gateways: usize,
    /// Users; the first has two devices.
    pub users: usize,
    /// How long clients talk.
    pub talk: Duration,
    /// Chance that a device says something in a step, in thousandths.
    pub eagerness: u64,
    /// Chance that it reads instead, and that it moves its read cursor.
    pub reads: u64,
    /// How long entries are kept, and how often old buckets are looked for; zero: for ever.
    pub retention: Duration,
    /// See [`Self::retention`].
    pub retention_sweep: Duration,
    /// Chance that a user sets, in a step, for how long a conversation keeps its entries, in thousandths.
    pub settings: u64,
    /// Of a thousand messages so many expire within a few seconds.
    pub expiring: u64,
    /// Unix time at the beginning.
    pub wall_ms: u64,
    /// How far the clock of each process is off, in milliseconds.
    pub skews_ms: Vec<i64>,
    /// Of the store.
    pub weather: Weather,
    /// Of the bus.
    pub conditions: Conditions,
    /// What happens when, in order of time.
    pub incidents: Vec<Incident>,
    /// See [`Fault::Quiet`].
    pub is_quiet: bool,
    /// See [`Fault::Siege`].
    pub is_siege: bool,
    /// Chance that a program calls the API in a step, in thousandths.
    pub calls: u64,
    /// Whether somebody has to do with a user who has no device.
    pub has_contacts: bool,
    /// Whether gateways send again what a router took that has lost the partition since.
    pub sends_again: bool,
    /// What becomes of a message that is said when all is at rest.
    pub last_word: Option<LastWord>,
    /// Entries after which a bucket is left.
    pub bucket_entries: u64,
    /// Conversations in a router's memory.
    pub conversations: usize,
    /// A write whose outcome stays unknown for longer ends the incarnation.
    pub give_up: Duration,
    /// Between two incarnations of one process.
    pub restart_pause: Duration,
    /// Silence after which another incarnation is suspected.
    pub suspect_after: Duration,
    /// How long a new incarnation listens before it claims.
    pub listen: Duration,
    /// How long another must be heard before partitions are given to it.
    pub steady_after: Duration,
    /// How much longer the others may be silent after nobody was heard.
    pub grace: Duration,
}

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// The beginning of a window of buckets (10 days), somewhere in 2026.
const WINDOW_MS: u64 = 2_060 * 10 * DAY_MS;
/// Before it, worlds begin that are to see it.
const BORDER_MS: u64 = 15_000;

impl Plan {
    /// The world of a seed, without what is left out.
    pub fn draw(seed: u64, less: &Less) -> Self {
        let of = |part: u64| Random::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d).wrapping_add(part << 56));
        let left = |fault: Fault| !less.without.contains(&fault);
        let mut plan = Self::sized(seed, of(1));
        let retains = left(Fault::Retention) && shapes::retain(&mut plan, of(9));
        // What is old is judged by clocks: where they differ nothing can be said of what is missing.
        let has = |fault: Fault| left(fault) && !(retains && fault == Fault::Clocks);
        plan.weather = weather(of(4), &has);
        plan.conditions = conditions(of(5), &has);
        if left(Fault::Expiry) {
            shapes::expire(&mut plan, of(10));
        }
        plan.is_quiet = left(Fault::Quiet) && shapes::quiet(&mut plan, of(6));
        plan.is_siege = !plan.is_quiet && left(Fault::Siege) && shapes::besiege(&mut plan, of(11));
        // A siege is for what hardly ever happens: nothing takes its time.
        let may = |fault: Fault| left(fault) && !plan.is_siege;
        let (calls, contacts, last_word) = (may(Fault::Calls), may(Fault::Contacts), may(Fault::LastWord));
        if calls {
            shapes::call(&mut plan, of(13));
        }
        plan.has_contacts = contacts && of(15).per_mille(300);
        // With the numbers before it, seeds that tests name would be other worlds.
        plan.sends_again = !plan.is_siege && left(Fault::SentAgain) && of(22).per_mille(150);
        if last_word {
            shapes::last_word(&mut plan, of(14));
        }
        plan.routers = plan.routers.min(less.routers.unwrap_or(plan.routers));
        plan.users = plan.users.min(less.users.unwrap_or(plan.users)).max(1);
        let talk_ms = u64::try_from(plan.talk.as_millis()).unwrap_or(u64::MAX);
        let talk_ms = talk_ms.min(less.talk_ms.unwrap_or(talk_ms));
        plan.talk = Duration::from_millis(talk_ms);
        let stage = Stage { routers: plan.routers, gateways: plan.gateways, users: plan.users, talk_ms };
        let mut incidents = incidents::usual(of(2), &has, &stage);
        if plan.is_quiet {
            incidents.extend(incidents::sleeps(of(7), &stage));
        }
        if left(Fault::Deaf) {
            incidents.extend(incidents::deaf(of(8), &stage));
        }
        if plan.is_siege {
            incidents.extend(incidents::siege(of(12), &stage));
        }
        incidents.sort_by_key(|incident| incident.at);
        incidents.truncate(less.incidents.unwrap_or(incidents.len()));
        plan.incidents = incidents;
        (plan.wall_ms, plan.skews_ms) = clocks(of(3), &has, plan.routers + plan.gateways);
        plan
    }

    /// An ordinary world in which nothing happens.
    fn sized(seed: u64, mut size: Random) -> Self {
        let routers = size.between(2..4) as usize;
        let (gateways, users) = (size.between(1..3) as usize, size.between(2..5) as usize);
        let talk = Duration::from_millis(size.between(6_000..16_000));
        let eagerness = size.between(20..200);
        let bucket_entries = size.between(3..40);
        let conversations = size.between(2..6) as usize;
        let give_up = Duration::from_millis(size.between(300..5_000));
        let restart_pause = Duration::from_millis(size.between(50..1_500));
        // A beat that is a little late is suspicious in a quarter of the worlds: there everyone fences everyone.
        let quarrelsome = size.per_mille(250);
        let suspect_ms = if quarrelsome { size.between(105..180) } else { size.between(180..700) };
        let listen = Duration::from_millis(size.between(0..if quarrelsome { 100 } else { 700 }));
        let steady_after = Duration::from_millis(size.between(0..1_500));
        let grace = Duration::from_millis(size.between(0..1_000));
        Self {
            seed,
            routers,
            gateways,
            users,
            talk,
            eagerness,
            reads: 20,
            retention: Duration::ZERO,
            retention_sweep: Duration::ZERO,
            settings: 0,
            expiring: 0,
            wall_ms: 0,
            skews_ms: Vec::new(),
            weather: Weather::calm(),
            conditions: Conditions::calm(),
            incidents: Vec::new(),
            is_quiet: false,
            is_siege: false,
            sends_again: false,
            calls: 0,
            has_contacts: false,
            last_word: None,
            bucket_entries,
            conversations,
            give_up,
            restart_pause,
            suspect_after: Duration::from_millis(suspect_ms),
            listen,
            steady_after,
            grace,
        }
    }
}

impl Plan {
    /// Whether routers are ever deaf.
    pub fn has_deaf_routers(&self) -> bool {
        self.incidents.iter().any(|incident| matches!(incident.what, What::Deaf { .. }))
    }

    /// Whether all clocks show the same, always.
    pub fn has_right_clocks(&self) -> bool {
        let steps = |incident: &Incident| matches!(incident.what, What::Clock { .. });
        self.skews_ms.iter().all(|skew| *skew == 0) && !self.incidents.iter().any(steps)
    }

    /// Whether some clock is ever off by more than what an incremental `sync` allows for (one minute).
    pub fn has_far_clocks(&self) -> bool {
        const FAR_MS: i64 = 20_000;
        self.clocks_off_ms().any(|ms| ms.abs() > FAR_MS)
    }

    /// Whether some clock is ever ten minutes past a window of buckets that begins soon.
    pub fn has_clocks_in_the_next_window(&self) -> bool {
        const PAST_MS: i64 = 10 * 60 * 1_000;
        let to_border_ms = WINDOW_MS - self.wall_ms;
        to_border_ms <= BORDER_MS && self.clocks_off_ms().any(|ms| ms > PAST_MS)
    }

    /// By how much clocks are off at the beginning, and step.
    fn clocks_off_ms(&self) -> impl Iterator<Item = i64> + '_ {
        let steps = self.incidents.iter().map(|incident| match incident.what {
            What::Clock { by_ms, .. } => by_ms,
            _ => 0,
        });
        self.skews_ms.iter().copied().chain(steps)
    }
}

/// Half of the worlds begin just before a new window of buckets; clocks are a little off, sometimes by 15 minutes.
fn clocks(mut random: Random, has: &impl Fn(Fault) -> bool, processes: usize) -> (u64, Vec<i64>) {
    let at_window = random.per_mille(500);
    let before = if at_window { random.between(0..BORDER_MS) } else { random.between(DAY_MS..9 * DAY_MS) };
    let wall_ms = if has(Fault::Window) { WINDOW_MS - before } else { WINDOW_MS - DAY_MS };
    let off_ms = match random.below(20) {
        0 => 900_000,
        1..6 => 5_000,
        _ => 100,
    };
    let skew = |random: &mut Random| random.below(2 * off_ms + 1) as i64 - off_ms as i64;
    let skews = (0..processes).map(|_| skew(&mut random)).collect::<Vec<_>>();
    let none = vec![0; processes];
    (wall_ms, if has(Fault::Clocks) { skews } else { none })
}

fn weather(mut random: Random, has: &impl Fn(Fault) -> bool) -> Weather {
    // Each is quite absent in some worlds, so that the others are seen alone.
    let mut rate = |fault: Fault, max: u64| {
        let (there, rate) = (random.per_mille(700), random.below(max + 1));
        if there && has(fault) { rate } else { 0 }
    };
    Weather {
        slow: rate(Fault::StoreSlow, 150),
        late: rate(Fault::StoreLate, 200),
        lost: rate(Fault::StoreLost, 150),
        fail: rate(Fault::StoreFails, 40),
        unanswered: rate(Fault::StoreUnanswered, 60),
        late_swap: rate(Fault::SwapsLate, 200),
        repeated: rate(Fault::SwapsRepeated, 100),
        delay_us: random.between(200..20_000),
        slow_ms: random.between(1..2_000),
        late_ms: random.between(10..20_001),
    }
}

fn conditions(mut random: Random, has: &impl Fn(Fault) -> bool) -> Conditions {
    let mut rate = |fault: Fault, max: u64| {
        let (there, rate) = (random.per_mille(700), random.below(max + 1));
        if there && has(fault) { rate } else { 0 }
    };
    Conditions {
        slow: rate(Fault::BusSlow, 150),
        lost: rate(Fault::BusLost, 60),
        doubled: rate(Fault::BusDoubled, 60),
        misrouted: rate(Fault::Misrouted, 100),
        delay_us: random.between(100..5_000),
        slow_ms: random.between(1..3_000),
    }
}
