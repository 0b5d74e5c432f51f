//! The engine of the simulator: three replicas, plain reads and writes at a quorum of two, conditional writes on single
//! rows; each message between them takes its own time, drawn from a seed. Only with the feature `sim`.
//!
//! ```text
//! append, fence, announce, index ─► three ways, each with its own time, or none ─► replicas ─► answered by two
//! claim, release, register       ─► decided at one moment (now, late, never) ────► told to the replicas
//! drops of buckets, their index  ─► three ways, like plain writes ───────────────► what was written before is gone
//! reads                          ─► at one moment, what two replicas that are up say together
//! ```
//!
//! **Guarantees** (FENCE S1–S5, and nothing more).
//! - A plain write that was answered `Ok` is on two replicas. One that was not may arrive at each of them up to 20 s
//!   later, or never.
//! - A conditional write is judged and takes place at one moment. Before it answers `Applied` or `Refused`, and before a
//!   serial read answers, the row is on two replicas. After `Unknown` it may still take place.
//! - The same seed and the same calls at the same times give the same answers.
//!
//! **Does not** replicate projections (heads, lists, groups, cursors, marks, leases): they are there once, with the same
//! late and unknown outcomes.
//!
//! **Limits.** One thread with paused time.

mod conditional;
mod plain;
mod rows;
mod state;
mod weather;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use proto::{Epoch, Partition};
use tokio::time::{Instant, sleep_until};

use self::state::{Acks, State};
use crate::StoreError;
use crate::call::{Call, Op};
use crate::engine::View;
use crate::log::{owner_key, register_key};

pub use weather::Weather;

/// See the module.
pub struct Replicated {
    state: Mutex<State>,
}

impl std::fmt::Debug for Replicated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replicated").finish_non_exhaustive()
    }
}

/// After this long a caller gives up waiting.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Where an event leaves its result.
type Slot<T> = Arc<Mutex<Option<T>>>;

impl Replicated {
    /// An empty store.
    pub fn new(seed: u64, weather: Weather) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State::new(seed, weather)) })
    }

    /// From now on it is like this; what is on its way stays as late as it is.
    pub fn set_weather(&self, weather: Weather) {
        self.state().weather = weather;
    }

    /// A replica answers nobody for a while. Writes that come meanwhile are brought to it later, or never.
    pub fn crash_replica(&self, replica: usize, pause: Duration) {
        let now = Instant::now();
        self.state().crash(replica % state::REPLICAS, now, pause);
    }

    /// A process died: what it had yet to send is not sent.
    pub fn gone(&self, process: u64) {
        self.state().gone.insert(process);
    }

    /// Lets everything arrive that is still on its way.
    pub fn arrive(&self) {
        self.state().advance_to_the_end();
    }

    /// Which process claimed a partition last, and under which epoch.
    pub fn owner(&self, partition: Partition) -> Option<(u64, Epoch)> {
        let state = self.state();
        let claims = state.claims.iter().filter(|((_, of), _)| *of == partition);
        claims.map(|((process, _), epoch)| (*process, *epoch)).max_by_key(|(_, epoch)| *epoch)
    }

    /// What a process did that it must never do, seen from the store.
    pub fn violation(&self) -> Option<String> {
        self.state().violation.clone()
    }

    /// Runs a read at one moment on what two replicas say.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        call: Call,
        read: impl FnOnce(&dyn View) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let slot: Slot<Result<T, StoreError>> = Slot::default();
        let (filled, until) = {
            let mut state = self.state();
            let State { weather, random, .. } = &mut *state;
            if random.per_mille(weather.fail) {
                lifecycle::sim::note(|| format!("{} fails", call.op.name()));
                return Err(unavailable(call.op));
            }
            let (there, back) = (weather.way(random), weather.way(random));
            let now = Instant::now();
            let filled = Arc::clone(&slot);
            state.at(now + there, move |state, moment| {
                let answer = state.quorum(moment).map(|quorum| read(&quorum));
                *locked(&filled) = answer;
            });
            (slot, (now + there + back).min(now + TIMEOUT))
        };
        sleep_until(until).await;
        drop(self.advanced());
        let answer = locked(&filled).take();
        if matches!(call.op, Op::Owner | Op::Owners | Op::Touched) {
            let answered = matches!(answer, Some(Ok(_)));
            lifecycle::sim::note(|| format!("{} answered: {answered}", call.op.name()));
        }
        answer.unwrap_or_else(|| Err(unavailable(call.op)))
    }

    /// Runs a serial read of the row of a call: as it was decided, and told to two replicas first.
    pub(crate) async fn read_serial<T: Send + 'static>(
        &self,
        call: Call,
        read: impl FnOnce(&dyn View) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let key = row_of(&call);
        let slot: Slot<(Result<T, StoreError>, Acks)> = Slot::default();
        let (moment, timeout) = {
            let mut state = self.state();
            let State { weather, random, .. } = &mut *state;
            if random.per_mille(weather.fail) {
                return Err(unavailable(call.op));
            }
            let (now, there) = (Instant::now(), weather.way(random));
            let filled = Arc::clone(&slot);
            state.at(now + there, move |state, moment| {
                let answer = read(&state.once);
                *locked(&filled) = Some((answer, state.settle(moment, &key)));
            });
            (now + there, now + TIMEOUT)
        };
        sleep_until(moment.min(timeout)).await;
        drop(self.advanced());
        let taken = locked(&slot).take();
        match taken {
            Some((answer, acks)) if self.enough(&acks, timeout).await => {
                lifecycle::sim::note(|| format!("serial {} {:?} answered", call.op.name(), call.partition));
                answer
            }
            _ => Err(unavailable(call.op)),
        }
    }

    /// Waits for a quorum of answers; `false` when the time is over.
    async fn enough(&self, acks: &Acks, timeout: Instant) -> bool {
        if let Some(planned) = acks.planned().filter(|planned| *planned <= timeout) {
            sleep_until(planned).await;
            drop(self.advanced());
            if acks.are_enough(Instant::now()) {
                return true;
            }
        }
        sleep_until(timeout).await;
        drop(self.advanced());
        acks.are_enough(timeout)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything that is due has taken place.
    fn advanced(&self) -> MutexGuard<'_, State> {
        let mut state = self.state();
        state.advance(Instant::now());
        state
    }
}

fn locked<T>(slot: &Mutex<T>) -> MutexGuard<'_, T> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A process that is dead waits for ever.
async fn alive() {
    if !lifecycle::sim::effect() {
        std::future::pending::<()>().await;
    }
}

/// The row that a conditional call is about.
fn row_of(call: &Call) -> Vec<u8> {
    match (&call.conversation, call.partition) {
        (Some(conversation), _) => register_key(conversation).into(),
        (None, Some(partition)) => owner_key(partition).into(),
        (None, None) => Vec::new(),
    }
}

fn unavailable(op: Op) -> StoreError {
    StoreError::Unavailable(format!("{} was not answered", op.name()))
}

fn unknown(op: Op) -> StoreError {
    StoreError::Unknown(format!("{} was not answered", op.name()))
}
