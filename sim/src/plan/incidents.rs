//! What happens in a world, and when.

use std::time::Duration;

use lifecycle::sim::Random;

use super::Fault;

/// Something that happens.
#[derive(Clone, Copy, Debug)]
pub struct Incident {
    /// When, since the beginning.
    pub at: Duration,
    /// What.
    pub what: What,
}

/// What can happen.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the names and the lines above them say it")]
pub enum What {
    /// A router stands still.
    Pause { router: usize, pause: Duration },
    /// A router dies after so many more effects.
    Crash { router: usize, effects: u64 },
    /// A router is stopped in order and started again.
    Restart { router: usize },
    /// A router's clock steps.
    Clock { router: usize, by_ms: i64 },
    /// A replica of the store crashes, and is back after a while.
    Replica { replica: usize, pause: Duration },
    /// A router, or a gateway, cannot reach the bus.
    Cut { process: usize, pause: Duration },
    /// A device loses its socket.
    Disconnect { device: usize },
    /// A router, or each of them, hears no heartbeat but its own; all else reaches it.
    Deaf { router: Option<usize>, pause: Duration },
}

/// Among whom things happen, and for how long.
pub(super) struct Stage {
    pub(super) routers: usize,
    pub(super) gateways: usize,
    pub(super) users: usize,
    pub(super) talk_ms: u64,
}

/// Those of every world.
pub(super) fn usual(mut random: Random, has: &impl Fn(Fault) -> bool, stage: &Stage) -> Vec<Incident> {
    let Stage { routers, gateways, users, talk_ms } = *stage;
    let mut incidents = Vec::new();
    let mut add = |random: &mut Random, fault: Fault, most: u64, make: &dyn Fn(&mut Random) -> What| {
        let times = if random.per_mille(700) { random.below(most + 1) } else { 0 };
        for _ in 0..times {
            let at = Duration::from_millis(random.below(talk_ms.max(1)));
            let what = make(random);
            if has(fault) {
                incidents.push(Incident { at, what });
            }
        }
    };
    let router = |random: &mut Random| random.below(routers as u64) as usize;
    let pause = |random: &mut Random, max: u64| Duration::from_millis(random.between(20..max));
    add(&mut random, Fault::Pauses, 6, &|r| What::Pause { router: router(r), pause: pause(r, 6_000) });
    add(&mut random, Fault::Crashes, 6, &|r| What::Crash { router: router(r), effects: r.below(40) });
    add(&mut random, Fault::Restarts, 4, &|r| What::Restart { router: router(r) });
    add(&mut random, Fault::Clocks, 3, &|r| {
        let most = if r.per_mille(200) { 900_000 } else { 4_000 };
        What::Clock { router: router(r), by_ms: r.below(2 * most) as i64 - most as i64 }
    });
    add(&mut random, Fault::Replicas, 3, &|r| What::Replica {
        replica: r.below(3) as usize,
        pause: pause(r, 5_000),
    });
    add(&mut random, Fault::Cuts, 3, &|r| What::Cut {
        process: r.below((routers + gateways) as u64) as usize,
        pause: pause(r, 4_000),
    });
    add(&mut random, Fault::Reconnects, 5, &|r| What::Disconnect {
        device: r.below(users as u64 + 1) as usize,
    });
    incidents
}

/// Routers that do not hear each other, in a third of the worlds: each takes what the others hold, who live on.
pub(super) fn deaf(mut random: Random, stage: &Stage) -> Vec<Incident> {
    let times = if random.per_mille(333) { random.between(1..4) } else { 0 };
    let mut incidents = Vec::new();
    for _ in 0..times {
        let at = Duration::from_millis(random.below(stage.talk_ms.max(1)));
        let router = random.below(stage.routers as u64) as usize;
        let router = random.per_mille(400).then_some(router);
        let pause = Duration::from_millis(random.between(200..6_000));
        incidents.push(Incident { at, what: What::Deaf { router, pause } });
    }
    incidents
}

/// Long sleeps.
pub(super) fn sleeps(mut random: Random, stage: &Stage) -> Vec<Incident> {
    let times = random.between(1..5);
    let mut incidents = Vec::new();
    for _ in 0..times {
        let at = Duration::from_millis(random.below(stage.talk_ms.max(1)));
        let router = random.below(stage.routers as u64) as usize;
        let pause = Duration::from_millis(random.between(2_000..15_000));
        incidents.push(Incident { at, what: What::Pause { router, pause } });
    }
    incidents
}

/// Routers are stopped one after the other, and when others are about to take over, or to give back, nobody hears anybody.
pub(super) fn siege(mut random: Random, stage: &Stage) -> Vec<Incident> {
    let mut incidents = Vec::new();
    let mut at = Duration::from_millis(random.between(500..1_500));
    while at < Duration::from_millis(stage.talk_ms) {
        let router = random.below(stage.routers as u64) as usize;
        incidents.push(Incident { at, what: What::Restart { router } });
        at += Duration::from_millis(random.between(50..2_500));
        let pause = Duration::from_millis(random.between(300..2_000));
        incidents.push(Incident { at, what: What::Deaf { router: None, pause } });
        at += pause + Duration::from_millis(random.between(200..1_500));
    }
    incidents
}
