//! A router process: the real worker, polled while it is neither paused nor dead.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bus::Limits;
use bus::faulty::Network;
use lifecycle::Tasks;
use lifecycle::sim::{Process, Random, enter, note};
use proto::Partition;
use router::{RouterConfig, Worker};
use store::{Replicated, Store};
use tokio::sync::oneshot;
use tokio::time::Instant;

/// What every life of a process needs.
pub struct Surroundings {
    pub store: Arc<Replicated>,
    pub network: Arc<Network>,
    pub partitions: Vec<Partition>,
    pub wall_ms: u64,
    pub began: Instant,
}

/// See the module.
pub struct Host {
    index: usize,
    config: RouterConfig,
    random: Random,
    skew_ms: i64,
    lives: u64,
    life: Option<Life>,
    starts_at: Option<Instant>,
    paused_until: Option<Instant>,
    /// Until then it hears no other router.
    deaf_until: Instant,
    woken: Arc<Woken>,
}

struct Life {
    process: Rc<Process>,
    tasks: Tasks,
    worker: Pin<Box<dyn Future<Output = ()>>>,
}

/// Whether the worker has something to do.
#[derive(Default)]
struct Woken {
    is: AtomicBool,
    world: std::sync::Mutex<Option<Waker>>,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.is.store(true, Ordering::Relaxed);
        if let Ok(world) = self.world.lock()
            && let Some(world) = &*world
        {
            world.wake_by_ref();
        }
    }
}

const LIMITS: Limits = Limits { commands: 1_000, deliveries: 100_000 };

impl Host {
    pub fn new(index: usize, config: RouterConfig, skew_ms: i64, mut random: Random) -> Self {
        let starts_at = Some(Instant::now() + Duration::from_millis(random.below(400) * index as u64));
        Self {
            index,
            config,
            random,
            skew_ms,
            lives: 0,
            life: None,
            starts_at,
            paused_until: None,
            deaf_until: Instant::now(),
            woken: Arc::default(),
        }
    }

    /// The number of the process that lives.
    pub fn number(&self) -> Option<u64> {
        self.life.as_ref().map(|life| life.process.number)
    }

    /// Lets the worker do what it can.
    pub fn poll(&mut self, world: &Waker, surroundings: &Surroundings) {
        if let Ok(mut waker) = self.woken.world.lock()
            && waker.as_ref().is_none_or(|waker| !waker.will_wake(world))
        {
            *waker = Some(world.clone());
        }
        if self.paused_until.is_some() || !self.woken.is.swap(false, Ordering::Relaxed) {
            return;
        }
        let Some(Life { process, worker, .. }) = &mut self.life else { return };
        let waker = Waker::from(Arc::clone(&self.woken));
        let polled = enter(process, || worker.as_mut().poll(&mut Context::from_waker(&waker)));
        if polled == Poll::Ready(()) || process.is_dead() {
            let pause = Duration::from_millis(self.random.between(20..2_000));
            self.end(surroundings, pause);
        }
    }

    /// Starts, goes on, or stays as it is.
    pub fn step(&mut self, surroundings: &Surroundings) {
        let now = Instant::now();
        if self.paused_until.is_some_and(|until| until <= now) {
            note(|| format!("router {} goes on", self.index));
            self.paused_until = None;
            self.woken.wake_by_ref();
        }
        if self.life.as_ref().is_some_and(|life| life.process.is_dead()) {
            let pause = Duration::from_millis(self.random.between(20..2_000));
            self.end(surroundings, pause);
        }
        if self.life.is_none() && self.starts_at.is_some_and(|at| at <= now) {
            self.start(surroundings);
        }
    }

    fn start(&mut self, surroundings: &Surroundings) {
        self.lives += 1;
        let number = self.index as u64 + 100 * self.lives;
        let elapsed = i64::try_from(surroundings.began.elapsed().as_millis()).unwrap_or(i64::MAX);
        let wall_ms = surroundings.wall_ms.saturating_add_signed(elapsed + self.skew_ms);
        let process = Process::new(number, wall_ms, self.random.draw());
        let tasks = Tasks::default();
        let bus = surroundings.network.connect(number, LIMITS);
        surroundings.network.deafen(number, self.deaf_until);
        let store = Store::Replicated(Arc::clone(&surroundings.store));
        let worker = Worker::new(0, number, self.config.clone(), bus, store, tasks.clone());
        let worker = worker.only(surroundings.partitions.clone()).seeded(self.random.draw());
        let worker = Box::pin(async move { worker.run(oneshot::channel().0).await });
        note(|| format!("router {} starts as p{number}", self.index));
        self.life = Some(Life { process, tasks, worker });
        self.starts_at = None;
        self.woken.wake_by_ref();
    }

    fn end(&mut self, surroundings: &Surroundings, pause: Duration) {
        let Some(Life { process, worker, .. }) = self.life.take() else { return };
        note(|| format!("router {} ends as p{}", self.index, process.number));
        process.die_after(0);
        enter(&process, || drop(worker));
        surroundings.network.disconnect(process.number);
        surroundings.store.gone(process.number);
        self.paused_until = None;
        self.starts_at = Some(Instant::now() + pause);
    }

    pub fn pause(&mut self, pause: Duration) {
        note(|| format!("router {} stands still for {} ms", self.index, pause.as_millis()));
        self.paused_until = Some(Instant::now() + pause);
    }

    /// It hears no other router until this time, whichever life it is in.
    pub fn deafen(&mut self, until: Instant, surroundings: &Surroundings) {
        note(|| {
            let left = until.saturating_duration_since(Instant::now());
            format!("router {} hears nobody else for {} ms", self.index, left.as_millis())
        });
        self.deaf_until = until;
        if let Some(number) = self.number() {
            surroundings.network.deafen(number, until);
        }
    }

    pub fn go_on(&mut self) {
        self.paused_until = self.paused_until.map(|_| Instant::now());
    }

    pub fn crash_after(&mut self, effects: u64) {
        note(|| format!("router {} dies after {effects} more effects", self.index));
        if let Some(life) = &self.life {
            life.process.die_after(effects);
            self.woken.wake_by_ref();
        }
    }

    pub fn restart(&mut self) {
        note(|| format!("router {} is stopped in order", self.index));
        if let Some(life) = &self.life {
            life.tasks.drain();
        }
    }

    pub fn step_clock(&mut self, by_ms: i64) {
        note(|| format!("clock of router {} steps by {by_ms} ms", self.index));
        self.skew_ms += by_ms;
        if let Some(life) = &self.life {
            life.process.step_clock(by_ms);
        }
    }

    /// The clock shows the right time again.
    pub fn right_clock(&mut self) {
        self.step_clock(-self.skew_ms);
    }
}
