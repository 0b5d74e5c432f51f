//! One world: routers, gateways and devices on one faulty bus and one faulty store, under one paused clock.
//!
//! ```text
//! devices ◄─links─► gateways ◄──────── Network ────────► routers ──► Replicated
//!      say, read           everything that leaves a router ──► Record
//! ```
//!
//! First the devices talk while everything fails; then everything is well again and all must come to rest: every message
//! acknowledged, every reader at the end of every log, every count right. What never may happen is checked all the time.

mod calls;
mod contacts;
mod device;
mod ending;
mod gateway;
mod host;
mod last_word;

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bus::Limits;
use bus::faulty::{Conditions, Network};
use lifecycle::sim::{Process, Random, note};
use proto::{ClientFrame, ConversationId, GroupId, Partition, ServerFrame, Timestamp, UserId};
use router::{GroupRules, History, RouterConfig};
use store::{Replicated, Weather};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use crate::plan::{Incident, Plan, What};
use crate::record::{Record, STRANGER};
use calls::Calls;
use contacts::Contacts;
use device::{Device, Gateways, Talk};
use gateway::Gateway;
use host::{Host, Surroundings};
use last_word::Phase;

/// What a world that held everything did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Messages that were acknowledged.
    pub acknowledged: u64,
    /// Milliseconds of the world's clock.
    pub elapsed_ms: u64,
}

/// Devices and gateways move in steps of this length.
const STEP: Duration = Duration::from_millis(10);
/// Once all is well, so long at most until every message is acknowledged and every reader has everything.
const REST_MAX: Duration = Duration::from_secs(120);

/// How the violation of a world begins that does not come to rest.
pub const STUCK: &str = "stuck though all is well";

/// Runs the world of a plan; the error says what was violated.
pub fn run(plan: &Plan) -> Result<Done, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let mut world = World::new(plan);
        let network = Arc::clone(&world.surroundings.network);
        let carried = pin!(network.run());
        let mut carried = carried;
        std::future::poll_fn(|context| world.poll(context, carried.as_mut())).await?;
        world.end().await
    })
}

struct World {
    plan: Plan,
    surroundings: Surroundings,
    record: Arc<Mutex<Record>>,
    hosts: Vec<Host>,
    gateways: GatewayList,
    devices: Vec<Device>,
    /// Devices that come anew to see whether lists are right, and how many there were.
    observers: Vec<Device>,
    observed: usize,
    conversations: Vec<ConversationId>,
    random: Random,
    calls: Calls,
    contacts: Contacts,
    /// Once all is at rest.
    last_word: Option<Phase>,
    users: Vec<UserId>,
    ticks: Interval,
    incidents: std::vec::IntoIter<Incident>,
    well: bool,
    group_asked: Instant,
    resynced: Instant,
}

struct GatewayList(Vec<Gateway>);

impl Gateways for GatewayList {
    fn count(&self) -> usize {
        self.0.len()
    }
    fn open(&mut self, gateway: usize, user: &UserId) -> u64 {
        self.0[gateway].open(user)
    }
    fn close(&mut self, gateway: usize, session: u64) {
        self.0[gateway].close(session);
    }
    fn frame(&mut self, gateway: usize, session: u64, frame: ClientFrame) {
        self.0[gateway].frame(session, frame);
    }
    fn take_out(&mut self, gateway: usize, session: u64) -> Vec<ServerFrame> {
        self.0[gateway].take_out(session)
    }
}

impl World {
    fn new(plan: &Plan) -> Self {
        let mut random = Random::new(plan.seed ^ 0x57a7_0000);
        let record = Arc::new(Mutex::new(Record::of(plan)));
        let observer = Arc::clone(&record);
        let observer = Box::new(move |delivery: &_| locked(&observer).delivery(delivery));
        let network = Network::new(random.draw(), plan.conditions, observer);
        if plan.sends_again {
            network.send_again();
        }
        let store = Replicated::new(random.draw(), plan.weather);
        let users: Vec<UserId> = ["alice", "bob", "carol", "dave"]
            .iter()
            .take(plan.users)
            .filter_map(|name| UserId::parse(name).ok())
            .collect();
        let (conversations, partitions) = conversations(&users);
        let began = Instant::now();
        let wall_ms = plan.wall_ms;
        let surroundings = Surroundings { store, network: Arc::clone(&network), partitions, wall_ms, began };
        let hosts = (0..plan.routers)
            .map(|n| Host::new(n, router_config(plan), plan.skews_ms[n], random.split()))
            .collect();
        let gateways = (0..plan.gateways).map(|n| {
            let number = 10_001 + n as u64;
            let wall_ms = wall_ms.saturating_add_signed(plan.skews_ms[plan.routers + n]);
            let process = Process::new(number, wall_ms, random.draw());
            let bus = network.connect(number, Limits { commands: 1_000, deliveries: 100_000 });
            Gateway::new(process, bus)
        });
        let gateways = GatewayList(gateways.collect());
        // The first user has two devices.
        let owners = std::iter::once(users[0].clone()).chain(users.iter().cloned());
        let devices = owners.enumerate().map(|(n, user)| {
            let own = conversations.iter().filter(|id| id.is_group() || id.peer_of(&user).is_some());
            Device::new(n, user.clone(), own.cloned().collect(), random.split())
        });
        let devices = devices.collect();
        let mut ticks = tokio::time::interval(STEP);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let incidents = plan.incidents.clone().into_iter();
        Self {
            plan: plan.clone(),
            surroundings,
            record,
            hosts,
            gateways,
            devices,
            observers: Vec::new(),
            observed: 0,
            conversations,
            random,
            calls: Calls::new(plan.seed),
            contacts: Contacts::new(plan),
            last_word: None,
            users,
            ticks,
            incidents,
            well: false,
            group_asked: began,
            resynced: began,
        }
    }

    /// Lets everyone do what they can, until the world has come to rest.
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        carried: Pin<&mut impl Future<Output = Infallible>>,
    ) -> Poll<Result<(), String>> {
        let mut carried = carried;
        loop {
            let _: Poll<Infallible> = carried.as_mut().poll(context);
            for host in &mut self.hosts {
                host.poll(context.waker(), &self.surroundings);
            }
            if let Some(violation) = locked(&self.record).violation() {
                return Poll::Ready(Err(violation));
            }
            if self.ticks.poll_tick(context).is_pending() {
                return Poll::Pending;
            }
            match self.step() {
                Ok(false) => {}
                Ok(true) => return Poll::Ready(Ok(())),
                Err(violation) => return Poll::Ready(Err(violation)),
            }
        }
    }

    /// One step of everyone but the routers; `true` at the end.
    fn step(&mut self) -> Result<bool, String> {
        let elapsed = self.surroundings.began.elapsed();
        while let Some(incident) = self.incidents.as_slice().first().filter(|next| next.at <= elapsed) {
            let what = incident.what;
            self.incidents.next();
            self.happen(what);
        }
        let talking = elapsed < self.plan.talk;
        if !talking && !self.well {
            self.get_well();
        }
        for host in &mut self.hosts {
            host.step(&self.surroundings);
        }
        self.make_group();
        for gateway in &mut self.gateways.0 {
            gateway.step();
        }
        let Plan { eagerness, reads, expiring, .. } = self.plan;
        if talking {
            self.call_now_and_then();
            self.set_retention_now_and_then();
            if self.plan.has_contacts {
                self.deal_now_and_then();
            }
        }
        let talk = if talking { Talk { eagerness, reads, expiring } } else { Talk::default() };
        for device in &mut self.devices {
            device.step(&mut self.gateways, talk)?;
        }
        for observer in &mut self.observers {
            observer.step(&mut self.gateways, Talk::default())?;
        }
        self.check_skipped()?;
        if !self.well {
            return Ok(false);
        }
        if let Some(phase) = self.last_word {
            return self.hear_last_word(phase);
        }
        if elapsed > self.plan.talk + REST_MAX {
            return Err(format!("{STUCK}: {}", self.unrest()));
        }
        let at_rest = self.is_at_rest();
        let at_rest = self.is_written(at_rest);
        if at_rest && self.plan.last_word.is_some() {
            self.begin_last_word();
            return Ok(false);
        }
        Ok(at_rest)
    }

    /// A reader may miss only what is too old.
    fn check_skipped(&mut self) -> Result<(), String> {
        let (record, now) = (locked(&self.record), self.now());
        for device in self.devices.iter_mut().chain(&mut self.observers) {
            for (conversation, before) in device.skipped.drain(..) {
                if !record.is_old(&conversation, before, now) {
                    return Err(format!("a reader of {conversation} misses what is before {before}"));
                }
            }
        }
        Ok(())
    }

    /// The right time.
    fn now(&self) -> Timestamp {
        self.time_at(Instant::now())
    }

    fn time_at(&self, moment: Instant) -> Timestamp {
        let elapsed = moment.saturating_duration_since(self.surroundings.began).as_millis();
        Timestamp(self.plan.wall_ms.saturating_add(u64::try_from(elapsed).unwrap_or(u64::MAX)))
    }

    fn happen(&mut self, what: What) {
        let routers = self.hosts.len();
        match what {
            What::Pause { router, pause } => self.hosts[router % routers].pause(pause),
            What::Crash { router, effects } => self.hosts[router % routers].crash_after(effects),
            What::Restart { router } => self.hosts[router % routers].restart(),
            What::Clock { router, by_ms } => self.hosts[router % routers].step_clock(by_ms),
            What::Replica { replica, pause } => {
                note(|| format!("replica {replica} crashes for {} ms", pause.as_millis()));
                self.surroundings.store.crash_replica(replica, pause);
            }
            What::Cut { process, pause } => {
                let number = match self.hosts.get(process) {
                    Some(host) => host.number(),
                    None => self.gateways.0.get(process - routers).map(|gateway| gateway.process.number),
                };
                if let Some(number) = number {
                    note(|| format!("p{number} is cut off for {} ms", pause.as_millis()));
                    self.surroundings.network.cut(number, pause);
                }
            }
            What::Deaf { router, pause } => {
                let until = Instant::now() + pause;
                let all = self.hosts.iter_mut().enumerate();
                for (_, host) in all.filter(|(n, _)| router.is_none_or(|router| router % routers == *n)) {
                    host.deafen(until, &self.surroundings);
                }
            }
            What::Disconnect { device } => {
                let devices = self.devices.len();
                note(|| format!("device {device} loses its socket"));
                self.devices[device % devices].disconnect(&mut self.gateways);
            }
        }
    }

    /// Nothing fails any more; what is late stays late.
    fn get_well(&mut self) {
        note(|| "all is well from now on".to_owned());
        self.well = true;
        self.incidents = Vec::new().into_iter();
        self.surroundings.store.set_weather(Weather::calm());
        self.surroundings.network.set_conditions(Conditions::calm());
        self.surroundings.network.tell_gaps();
        for host in &mut self.hosts {
            host.go_on();
            host.right_clock();
            host.deafen(Instant::now(), &self.surroundings);
        }
        for (n, gateway) in self.gateways.0.iter().enumerate() {
            gateway.process.step_clock(-self.plan.skews_ms[self.hosts.len() + n]);
        }
        self.look_anew();
    }

    fn make_group(&mut self) {
        let now = Instant::now();
        let gateway = &mut self.gateways.0[0];
        if gateway.group_made || now < self.group_asked {
            return;
        }
        self.group_asked = now + Duration::from_millis(500);
        if let Ok(group) = GroupId::parse(TEAM) {
            gateway.make_group(&self.users[0], &group, self.users[1..].to_vec());
        }
    }
}

/// The group that everyone is in.
const TEAM: &str = "team";

/// Who talks with whom, and the partitions of all that.
fn conversations(users: &[UserId]) -> (Vec<ConversationId>, Vec<Partition>) {
    let mut conversations = vec![ConversationId::direct(&users[0], &users[0])];
    if let Some(other) = users.get(1) {
        conversations.push(ConversationId::direct(&users[0], other));
    }
    if let Some(third) = users.get(2) {
        conversations.push(ConversationId::direct(&users[1], third));
    }
    conversations.extend(GroupId::parse(TEAM).ok().map(|team| ConversationId::group(&team)));
    let mut partitions: Vec<Partition> = conversations.iter().map(Partition::of).collect();
    partitions.extend(users.iter().map(Partition::of_user));
    if let Ok(stranger) = UserId::parse(STRANGER) {
        let direct = ConversationId::direct(&users[0], &stranger);
        partitions.extend([Partition::of(&direct), Partition::of_user(&stranger)]);
    }
    partitions.sort_unstable();
    partitions.dedup();
    (conversations, partitions)
}

fn router_config(plan: &Plan) -> RouterConfig {
    RouterConfig {
        workers: 1,
        heartbeat_interval: Duration::from_millis(100),
        suspect_after: plan.suspect_after,
        listen: plan.listen,
        steady_after: plan.steady_after,
        grace: plan.grace,
        claims_max: 3,
        commands_kept_max: 50,
        group: GroupRules { members_max: 100, history: History::Whole },
        recall_window: Duration::from_secs(120),
        edit_window: Duration::from_secs(86_400),
        retention: plan.retention,
        retention_sweep: plan.retention_sweep,
        contacts: router::ContactRules::OPEN,
        confirms: router::ConfirmRules::USUAL,
        bucket_entries_max: plan.bucket_entries,
        bucket_bytes_max: 1 << 20,
        conversation_queue_max: 100,
        commands_wait_max: Duration::from_secs(1),
        commands_waiting_max: 16_384,
        conversations_max: plan.conversations,
        conversation_idle: Duration::from_millis(300),
        loads_max: 2,
        reads_max: 100,
        flush_interval: Duration::from_millis(200),
        quiet_after: Duration::from_millis(400),
        give_up_after: plan.give_up,
        turn_interval: Duration::from_millis(1),
        restart_pause: plan.restart_pause,
        lease: Duration::from_secs(30),
        drain_timeout: Duration::from_secs(5),
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
