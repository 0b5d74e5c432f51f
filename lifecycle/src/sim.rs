//! A process of a simulated world: its clock, its chance, and the moment of its death. Only with the feature `sim`.
//!
//! ```text
//! world ── enter(process) ──► polls the process ──► wall_clock_ms(), random_u64()   of this process
//!                                               └─► effect()   before it changes anything outside itself
//! ```
//!
//! A world runs on one thread with paused time. While it polls one of its processes, that process is the current one
//! of the thread. Everything through which a process can be noticed from outside (a question to the store, a message
//! on the bus) asks [`effect`] first: after the last effect that it may have, a process does nothing any more, which is
//! a crash between exactly these two effects.
//!
//! **Guarantees.** The same seed and the same order of calls give the same times and numbers. Outside of [`enter`]
//! nothing here has any influence.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio::time::Instant;

/// One life of one simulated process.
#[derive(Debug)]
pub struct Process {
    /// Differs between all lives of all processes of a world.
    pub number: u64,
    started: Instant,
    wall_ms: Cell<i64>,
    random: RefCell<Random>,
    effects_left: Cell<Option<u64>>,
}

impl Process {
    /// A process whose clock shows `wall_ms` now.
    pub fn new(number: u64, wall_ms: u64, seed: u64) -> Rc<Self> {
        Rc::new(Self {
            number,
            started: Instant::now(),
            wall_ms: Cell::new(i64::try_from(wall_ms).unwrap_or(i64::MAX)),
            random: RefCell::new(Random::new(seed)),
            effects_left: Cell::new(None),
        })
    }

    /// What its clock shows.
    pub fn wall_ms(&self) -> u64 {
        let elapsed = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        u64::try_from(self.wall_ms.get().saturating_add(elapsed)).unwrap_or(0)
    }

    /// Its clock steps.
    pub fn step_clock(&self, by_ms: i64) {
        self.wall_ms.set(self.wall_ms.get().saturating_add(by_ms));
    }

    /// It dies after so many more effects; 0: now.
    pub fn die_after(&self, effects: u64) {
        let sooner = self.effects_left.get().map_or(effects, |left| left.min(effects));
        self.effects_left.set(Some(sooner));
    }

    /// Whether it had its last effect.
    pub fn is_dead(&self) -> bool {
        self.effects_left.get() == Some(0)
    }

    fn effect(&self) -> bool {
        match self.effects_left.get() {
            None => true,
            Some(0) => false,
            Some(left) => {
                self.effects_left.set(Some(left - 1));
                true
            }
        }
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<Process>>> = const { RefCell::new(None) };
    static TRACE: RefCell<Option<Trace>> = const { RefCell::new(None) };
}

/// Runs something as a process.
pub fn enter<T>(process: &Rc<Process>, run: impl FnOnce() -> T) -> T {
    let outer = CURRENT.replace(Some(Rc::clone(process)));
    let result = run();
    CURRENT.set(outer);
    result
}

/// The process that runs.
pub fn current() -> Option<Rc<Process>> {
    CURRENT.with_borrow(Clone::clone)
}

/// Whether the process that runs may change something outside itself now; `false` when it has died. Without a process
/// everything may.
pub fn effect() -> bool {
    CURRENT.with_borrow(|current| current.as_ref().is_none_or(|process| process.effect()))
}

pub(crate) fn wall_clock_ms() -> Option<u64> {
    CURRENT.with_borrow(|current| current.as_ref().map(|process| process.wall_ms()))
}

pub(crate) fn random() -> Option<u64> {
    CURRENT.with_borrow(|current| current.as_ref().map(|process| process.random.borrow_mut().draw()))
}

/// What happened in a world, line by line.
#[derive(Debug)]
struct Trace {
    /// The time of its first line.
    began: Option<Instant>,
    lines: Vec<String>,
}

/// From now on keeps what [`note`] says on this thread.
pub fn begin_trace() {
    TRACE.set(Some(Trace { began: None, lines: Vec::new() }));
}

/// Ends the trace and gives its lines; none if it was not begun.
pub fn end_trace() -> Vec<String> {
    TRACE.take().map(|trace| trace.lines).unwrap_or_default()
}

/// Adds a line to the trace, if one is kept: the time, the process that runs, and what happens.
pub fn note(what: impl FnOnce() -> String) {
    TRACE.with_borrow_mut(|trace| {
        if let Some(trace) = trace {
            let began = *trace.began.get_or_insert_with(Instant::now);
            let ms = began.elapsed().as_micros() as f64 / 1_000.0;
            let who = CURRENT.with_borrow(|current| {
                current.as_ref().map_or_else(|| "world".to_owned(), |process| format!("p{}", process.number))
            });
            trace.lines.push(format!("{ms:>10.3} {who:<6} {}", what()));
        }
    });
}

/// A seeded source of numbers (SplitMix64: Steele, Lea and Flood 2014).
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The same seed gives the same numbers.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 when that is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.draw() % end }
    }

    /// A number of `range`.
    pub fn between(&mut self, range: std::ops::Range<u64>) -> u64 {
        range.start + self.below(range.end.saturating_sub(range.start))
    }

    /// `true` in so many of a thousand cases.
    pub fn per_mille(&mut self, chance: u64) -> bool {
        self.below(1_000) < chance
    }

    /// Another source, of its own.
    pub fn split(&mut self) -> Self {
        Self::new(self.draw())
    }
}
