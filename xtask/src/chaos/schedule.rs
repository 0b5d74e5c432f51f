//! Which fault comes next: rounds in which each kind comes once, in an order and on targets that the seed chooses.

use std::time::Duration;

use super::fault::{Fault, Planned};
use crate::random::Random;
use crate::services::Kind;

/// Between a repair and the next fault.
const CALM_MIN: Duration = Duration::from_secs(6);
const CALM_MAX: Duration = Duration::from_secs(10);
/// Seconds by which a clock is wrong: days choose another bucket of the log.
const STEPS: [i64; 4] = [-900, 900, -5, 11 * 86_400];

/// What faults can hit: every process of ours, and single nodes of CQL where there are several.
#[derive(Clone, Debug)]
pub(super) struct Targets(pub Vec<String>);

/// A kind of fault: its name, and how one is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sort {
    pub name: &'static str,
    make: fn(&mut Random, &Targets) -> (Fault, Duration),
}

/// The one that needs a clock that can be stepped.
pub(super) const CLOCK: &str = "step a router's clock";

/// Those that need several nodes of CQL.
pub(super) const OF_SEVERAL: [&str; 2] = ["kill a CQL node", "pause a CQL node"];

const SORTS: &[Sort] = &[
    Sort { name: "kill a router", make: |random, targets| kill(random, targets, "router") },
    Sort { name: "kill a gateway", make: |random, targets| kill(random, targets, "gateway") },
    Sort { name: "kill an API process", make: |random, targets| kill(random, targets, "api") },
    Sort { name: "pause a router", make: |random, targets| pause(random, targets, "router") },
    Sort { name: "pause a gateway", make: |random, targets| pause(random, targets, "gateway") },
    Sort { name: "pause an API process", make: |random, targets| pause(random, targets, "api") },
    Sort { name: "restart NATS", make: |random, _| lasting(random, Fault::Stop(Kind::Nats), 1, 5) },
    Sort { name: "stop CQL", make: |random, _| lasting(random, Fault::Stop(Kind::Cql), 20, 20) },
    Sort { name: "stop Redis", make: |random, _| lasting(random, Fault::Stop(Kind::Redis), 3, 10) },
    Sort { name: "flush Redis", make: |random, _| lasting(random, Fault::Flush, 0, 0) },
    Sort { name: "cut from NATS", make: |random, targets| cut(random, targets, Kind::Nats) },
    Sort { name: "cut from CQL", make: |random, targets| cut(random, targets, Kind::Cql) },
    Sort { name: "cut from Redis", make: |random, targets| cut(random, targets, Kind::Redis) },
    Sort { name: "hold to NATS", make: |random, targets| hold(random, targets, Kind::Nats) },
    Sort { name: "hold to CQL", make: |random, targets| hold(random, targets, Kind::Cql) },
    Sort { name: "hold to Redis", make: |random, targets| hold(random, targets, Kind::Redis) },
    Sort { name: "delay to NATS", make: |random, targets| delay(random, targets, Kind::Nats) },
    Sort { name: "delay to CQL", make: |random, targets| delay(random, targets, Kind::Cql) },
    Sort {
        name: OF_SEVERAL[0],
        make: |random, targets| {
            let fault = Fault::Kill(one_of(random, targets, "cql"));
            lasting(random, fault, 5, 20)
        },
    },
    Sort { name: OF_SEVERAL[1], make: |random, targets| pause(random, targets, "cql") },
    Sort { name: "disconnect all clients", make: |random, _| lasting(random, Fault::Disconnect, 0, 0) },
    Sort {
        name: CLOCK,
        make: |random, _| {
            let by = STEPS[random.below(STEPS.len())];
            lasting(random, Fault::ClockStep(by), 5, 12)
        },
    },
];

/// Those whose name is wanted.
pub(super) fn sorts(is_wanted: impl Fn(&str) -> bool) -> Vec<Sort> {
    SORTS.iter().copied().filter(|sort| is_wanted(sort.name)).collect()
}

/// See the module.
#[derive(Debug)]
pub(super) struct Schedule {
    random: Random,
    targets: Targets,
    sorts: Vec<Sort>,
    /// Those of this round that are still to come.
    round: Vec<Sort>,
}

impl Schedule {
    /// Of these sorts, which must not be none.
    pub(super) fn new(seed: u64, sorts: Vec<Sort>, targets: Targets) -> Self {
        Self { random: Random::of_seed(seed), targets, sorts, round: Vec::new() }
    }

    /// The next one.
    pub(super) fn next_fault(&mut self) -> Planned {
        loop {
            if let Some(sort) = self.round.pop() {
                let (fault, lasts) = (sort.make)(&mut self.random, &self.targets);
                return Planned { sort: sort.name, fault, lasts };
            }
            self.round.clone_from(&self.sorts);
            self.random.shuffle(&mut self.round);
        }
    }

    /// How long nothing breaks then.
    pub(super) fn calm(&mut self) -> Duration {
        self.random.between(CALM_MIN, CALM_MAX)
    }
}

/// A fault that lasts between so many seconds.
fn lasting(random: &mut Random, fault: Fault, least: u64, most: u64) -> (Fault, Duration) {
    (fault, random.between(Duration::from_secs(least), Duration::from_secs(most)))
}

fn kill(random: &mut Random, targets: &Targets, role: &str) -> (Fault, Duration) {
    let fault = Fault::Kill(one_of(random, targets, role));
    lasting(random, fault, 1, 8)
}

fn pause(random: &mut Random, targets: &Targets, role: &str) -> (Fault, Duration) {
    let fault = Fault::Pause(one_of(random, targets, role));
    lasting(random, fault, 1, 15)
}

fn cut(random: &mut Random, targets: &Targets, kind: Kind) -> (Fault, Duration) {
    let fault = Fault::Cut(linked(random, targets, kind), kind);
    lasting(random, fault, 1, 8)
}

fn hold(random: &mut Random, targets: &Targets, kind: Kind) -> (Fault, Duration) {
    let fault = Fault::Hold(linked(random, targets, kind), kind);
    lasting(random, fault, 1, 15)
}

fn delay(random: &mut Random, targets: &Targets, kind: Kind) -> (Fault, Duration) {
    let late = Duration::from_millis(10 + random.below(190) as u64);
    let fault = Fault::Delay(linked(random, targets, kind), kind, late);
    lasting(random, fault, 5, 15)
}

fn one_of(random: &mut Random, targets: &Targets, role: &str) -> String {
    let of_role: Vec<&String> = targets.0.iter().filter(|name| name.starts_with(role)).collect();
    of_role.get(random.below(of_role.len())).map(|name| (*name).clone()).unwrap_or_default()
}

/// A process that talks to `kind`: gateways do not know the store.
fn linked(random: &mut Random, targets: &Targets, kind: Kind) -> String {
    let roles: &[&str] =
        if kind == Kind::Cql { &["router", "router", "api"] } else { &["router", "gateway", "api"] };
    let role = roles[random.below(roles.len())];
    one_of(random, targets, role)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn schedule(seed: u64, part: &str) -> Schedule {
        let nodes = ["router-1", "router-2", "api-1", "gateway-1", "gateway-2", "cql-1", "cql-2", "cql-3"];
        Schedule::new(seed, sorts(|name| name.contains(part)), Targets(nodes.map(str::to_owned).to_vec()))
    }

    #[test]
    fn a_seed_repeats_its_faults_and_each_sort_comes_once_a_round() {
        let draw = |seed| {
            let mut schedule = schedule(seed, "");
            (0..SORTS.len()).map(|_| schedule.next_fault()).collect::<Vec<_>>()
        };
        assert_eq!(draw(5), draw(5));
        assert_ne!(draw(5), draw(6));
        let names: BTreeSet<&str> = draw(5).iter().map(|planned| planned.sort).collect();
        assert_eq!(names.len(), SORTS.len());
    }

    #[test]
    fn only_what_was_asked_for_comes_and_its_target_is_what_its_name_says() {
        for (part, target) in [("se a router", "router-"), ("se a CQL node", "cql-")] {
            let mut schedule = schedule(1, part);
            for _ in 0..20 {
                let planned = schedule.next_fault();
                assert!(
                    matches!(&planned.fault, Fault::Pause(name) if name.starts_with(target)),
                    "{planned:?}"
                );
            }
        }
    }
}
