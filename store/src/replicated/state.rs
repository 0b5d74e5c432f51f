//! All rows, and everything that is on its way to them, in order of time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use lifecycle::sim::Random;
use proto::{ConversationId, Epoch, Partition};
use tokio::time::Instant;

use super::rows::{Cell, Dropped, Quorum, Rows};
use super::weather::Weather;
use crate::StoreError;
use crate::engine::{Changes, Table, Tx};
use crate::mutation::{self, Mutation};

/// Something that takes place at a moment.
pub(super) type Event = Box<dyn FnOnce(&mut State, Instant) + Send>;

/// How many there are.
pub(super) const REPLICAS: usize = 3;

/// See the module.
pub(super) struct State {
    pub(super) weather: Weather,
    pub(super) random: Random,
    /// Rows of conditional writes as they were decided, and projections.
    pub(super) once: Rows,
    pub(super) replicas: [Replica; REPLICAS],
    queue: BTreeMap<(Instant, u64), Event>,
    sequence: u64,
    ballot: u64,
    /// Every plain cell that was ever sent, for S1.
    sent: BTreeMap<Vec<u8>, Bytes>,
    /// The newest epoch that each process claimed of a partition.
    pub(super) claims: BTreeMap<(u64, Partition), Epoch>,
    /// Which epochs appended to which logs.
    pub(super) appended: BTreeSet<(ConversationId, Epoch)>,
    /// Processes that are gone.
    pub(super) gone: BTreeSet<u64>,
    pub(super) violation: Option<String>,
}

#[derive(Default)]
pub(super) struct Replica {
    pub(super) rows: Rows,
    down_until: Option<Instant>,
}

impl State {
    pub(super) fn new(seed: u64, weather: Weather) -> Self {
        Self {
            weather,
            random: Random::new(seed),
            once: Rows::default(),
            replicas: Default::default(),
            queue: BTreeMap::new(),
            sequence: 0,
            ballot: 0,
            sent: BTreeMap::new(),
            claims: BTreeMap::new(),
            appended: BTreeSet::new(),
            gone: BTreeSet::new(),
            violation: None,
        }
    }

    /// Puts something on its way.
    pub(super) fn at(&mut self, moment: Instant, event: impl FnOnce(&mut Self, Instant) + Send + 'static) {
        self.sequence += 1;
        self.queue.insert((moment, self.sequence), Box::new(event));
    }

    /// Lets everything take place that is due.
    pub(super) fn advance(&mut self, now: Instant) {
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= now) {
            let ((moment, _), event) = entry.remove_entry();
            event(self, moment);
        }
    }

    /// Lets everything take place that is on its way, and what follows from it.
    pub(super) fn advance_to_the_end(&mut self) {
        while let Some(((moment, _), event)) = self.queue.pop_first() {
            event(self, moment);
        }
    }

    pub(super) fn is_up(&self, replica: usize, moment: Instant) -> bool {
        self.replicas[replica].down_until.is_none_or(|until| until <= moment)
    }

    /// A replica answers nobody for a while, and loses what it had not synced.
    pub(super) fn crash(&mut self, replica: usize, now: Instant, pause: Duration) {
        if mutation::is(Mutation::PeriodicSync) {
            let unsynced = Duration::from_millis(self.random.between(0..10_000));
            if let Some(synced) = now.checked_sub(unsynced) {
                self.replicas[replica].rows.lose_since(synced);
            }
        }
        self.replicas[replica].down_until = Some(now + pause);
    }

    /// A write arrives at a replica.
    fn arrive(&mut self, replica: usize, now: Instant, Parcel { sent, what }: &Parcel) {
        let rows = &mut self.replicas[replica].rows;
        match what {
            What::Cells(cells) => {
                for Sent { table, key, ballot, value } in cells {
                    let cell = Cell { ballot: *ballot, value: value.clone(), sent: *sent, at: now };
                    rows.merge(*table, key.clone(), cell);
                }
            }
            What::Drop(dropped) => rows.drop_rows(dropped.clone(), *sent),
        }
    }

    /// Sends cells to all replicas. A replica that is down gets them when it is up again, or never.
    pub(super) fn spread(&mut self, now: Instant, cells: Vec<Sent>) -> Acks {
        self.spread_to_all(now, What::Cells(cells))
    }

    /// Sends a deletion to all replicas.
    pub(super) fn spread_drop(&mut self, now: Instant, dropped: Dropped) -> Acks {
        self.spread_to_all(now, What::Drop(dropped))
    }

    fn spread_to_all(&mut self, now: Instant, what: What) -> Acks {
        let (acks, parcel) = (Acks::default(), Arc::new(Parcel { sent: now, what }));
        let mut planned = Vec::new();
        for replica in 0..REPLICAS {
            let back = self.weather.way(&mut self.random);
            if let Some(way) = self.weather.write_way(&mut self.random) {
                planned.push(now + way + back);
                self.deliver_at(now + way, replica, Arc::clone(&parcel), acks.clone(), back);
            }
        }
        planned.sort_unstable();
        acks.plan(planned.get(quorum() - 1).copied());
        acks
    }

    fn deliver_at(
        &mut self,
        moment: Instant,
        replica: usize,
        parcel: Arc<Parcel>,
        acks: Acks,
        back: Duration,
    ) {
        self.at(moment, move |state, now| match state.replicas[replica].down_until.filter(|up| *up > now) {
            None => {
                state.arrive(replica, now, &parcel);
                acks.came(now + back);
            }
            Some(up) if state.random.per_mille(700) => {
                let hint = up + Duration::from_millis(state.random.below(5_000));
                state.deliver_at(hint, replica, parcel, acks, back);
            }
            Some(_) => {}
        });
    }

    /// What a conditional write, or a serial read, of a row does before it answers: the row as it was decided last is
    /// at a quorum.
    pub(super) fn settle(&mut self, now: Instant, key: &[u8]) -> Acks {
        let cells = self.once.cell(Table::State, key).map(|cell| Sent {
            table: Table::State,
            key: key.to_vec(),
            ballot: cell.ballot,
            value: cell.value.clone(),
        });
        self.spread(now, cells.into_iter().collect())
    }

    /// What two replicas that are up say; `None` while only one is.
    pub(super) fn quorum(&mut self, now: Instant) -> Option<Quorum<'_>> {
        let first = usize::try_from(self.random.below(REPLICAS as u64)).unwrap_or(0);
        let mut up =
            (0..REPLICAS).map(|n| (first + n) % REPLICAS).filter(|replica| self.is_up(*replica, now));
        let one = up.next()?;
        let other = if mutation::is(Mutation::QuorumOfOne) { one } else { up.next()? };
        Some(Quorum { one: &self.replicas[one].rows, other: &self.replicas[other].rows, once: &self.once })
    }

    /// S1: whoever writes a plain cell again writes the same bytes.
    pub(super) fn sending(&mut self, cells: &[Sent]) {
        for Sent { table, key, value, .. } in cells {
            if *table == Table::Log
                && self.sent.insert(key.clone(), value.clone()).is_some_and(|before| before != *value)
            {
                let key = key.escape_ascii();
                self.violation
                    .get_or_insert_with(|| format!("S1: a cell was written twice, differently: {key}"));
            }
        }
    }

    /// Runs a transaction on what is there once.
    pub(super) fn transact<T>(
        &mut self,
        now: Instant,
        write: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let none = Changes::new();
        let mut tx = Tx::new(&self.once, &none);
        let answer = write(&mut tx)?;
        for ((table, key), value) in tx.into_changes() {
            self.ballot += 1;
            let ballot = self.ballot;
            self.once.set(table, key, value.map(|value| Cell { ballot, value, sent: now, at: now }));
        }
        Ok(answer)
    }
}

/// What is on its way to the replicas.
struct Parcel {
    /// When it was written.
    sent: Instant,
    what: What,
}

enum What {
    Cells(Vec<Sent>),
    Drop(Dropped),
}

/// A cell on its way.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) table: Table,
    pub(super) key: Vec<u8>,
    pub(super) ballot: u64,
    pub(super) value: Bytes,
}

/// How many replicas a plain read or write needs.
fn quorum() -> usize {
    if mutation::is(Mutation::QuorumOfOne) { 1 } else { 2 }
}

/// When the replicas' answers to one write are back.
#[derive(Clone, Default)]
pub(super) struct Acks(Arc<Mutex<(Option<Instant>, Vec<Instant>)>>);

impl Acks {
    fn inner(&self) -> MutexGuard<'_, (Option<Instant>, Vec<Instant>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn plan(&self, enough: Option<Instant>) {
        self.inner().0 = enough;
    }

    fn came(&self, at: Instant) {
        self.inner().1.push(at);
    }

    /// When there will be enough, if no replica is down.
    pub(super) fn planned(&self) -> Option<Instant> {
        self.inner().0
    }

    /// Whether there are enough.
    pub(super) fn are_enough(&self, now: Instant) -> bool {
        self.inner().1.iter().filter(|at| **at <= now).count() >= quorum()
    }
}
