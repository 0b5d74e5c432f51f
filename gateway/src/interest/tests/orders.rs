//! Every order of connecting, being answered, joining and leaving a group, lists following, disconnecting and time passing, for
//! a user with two devices; after each step the tables are compared with what is true.

use std::collections::BTreeSet;

use super::*;

/// Steps of one order. Each is taken where it is possible; all orders are tried.
const STEPS: usize = 7;
/// How long the user lingers, in steps of time.
const LINGER: u32 = 1;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    /// A device connects, and asks for the user's groups.
    Connect(usize),
    /// The answer comes: as lists were when they were asked, or as they are now.
    Answer(usize, Seen),
    /// The user joins the group, or leaves it; lists do not say so yet.
    Toggle,
    /// Lists follow, and the router says again what is so.
    Write,
    /// A device disconnects.
    Disconnect(usize),
    /// Time passes.
    Tick,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Seen {
    Then,
    Now,
}

const ALL: &[Step] = &[
    Step::Connect(0),
    Step::Connect(1),
    Step::Answer(0, Seen::Then),
    Step::Answer(0, Seen::Now),
    Step::Answer(1, Seen::Then),
    Step::Answer(1, Seen::Now),
    Step::Toggle,
    Step::Write,
    Step::Disconnect(0),
    Step::Disconnect(1),
    Step::Tick,
];

/// One device as it truly is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Device {
    Away,
    /// Waits for the answer; whether the user was a member, as lists said when it asked.
    Asked(bool),
    Interested,
}

/// What is true, beside the tables that must agree.
struct World {
    interest: Interest,
    bus: Recorder,
    devices: [Device; 2],
    member: bool,
    /// The same as lists say it.
    listed: bool,
    now: Tick,
    /// When a user without a device is forgotten; `None` before the first came, and after.
    remembered: Option<Tick>,
}

impl World {
    fn new() -> Self {
        Self {
            interest: Interest::default(),
            bus: Recorder::default(),
            devices: [Device::Away; 2],
            member: false,
            listed: false,
            now: Tick(0),
            remembered: None,
        }
    }

    fn slot(device: usize) -> u32 {
        u32::try_from(device).unwrap() + 1
    }

    fn is_here(&self) -> bool {
        self.devices.iter().any(|device| *device != Device::Away)
    }

    fn awaited_beside(&self, at: usize) -> Awaited {
        if matches!(self.devices[1 - at], Device::Asked(_)) { Awaited::Another } else { Awaited::Nothing }
    }

    /// Takes a step; tells whether it was possible.
    fn take(&mut self, step: Step) -> bool {
        let alice = user("alice");
        match step {
            Step::Connect(at) => {
                if self.devices[at] != Device::Away {
                    return false;
                }
                self.interest.add_session(&self.bus, &alice, Self::slot(at));
                self.interest.ask_groups(&alice);
                self.devices[at] = Device::Asked(self.listed);
            }
            Step::Answer(at, seen) => {
                let Device::Asked(then) = self.devices[at] else { return false };
                let member = if seen == Seen::Then { then } else { self.listed };
                let groups = if member { vec![group("g")] } else { Vec::new() };
                self.interest.groups_answered(&self.bus, &alice, groups, self.awaited_beside(at));
                self.devices[at] = Device::Interested;
            }
            Step::Toggle => {
                self.member = !self.member;
                self.say_what_is_so();
            }
            Step::Write => {
                self.listed = self.member;
                self.say_what_is_so();
            }
            Step::Disconnect(at) => {
                if self.devices[at] == Device::Away {
                    return false;
                }
                self.devices[at] = Device::Away;
                let until = Tick(self.now.0 + LINGER);
                let awaited = self.awaited_beside(at);
                let last = self.interest.remove_session(&alice, Self::slot(at), until, awaited);
                assert_eq!(last, !self.is_here());
                if last {
                    self.remembered = Some(until);
                }
            }
            Step::Tick => {
                self.now.0 += 1;
                // The shard remembers each departure; those of who came back say nothing.
                self.interest.forget(&self.bus, &alice, self.now);
            }
        }
        true
    }

    /// The router tells whoever listens to the user.
    fn say_what_is_so(&mut self) {
        let (alice, team) = (user("alice"), group("g"));
        match self.member {
            _ if !self.bus.now().contains(&"user.alice".to_owned()) => {}
            true => drop(self.interest.joined(&self.bus, &alice, &team)),
            false => self.interest.left(&self.bus, &alice, &team),
        }
    }

    fn check(&self, taken: &[Step]) {
        let lingers = !self.is_here() && self.remembered.is_some_and(|until| until > self.now);
        let subscribed: BTreeSet<String> = self.bus.now().into_iter().collect();
        assert_eq!(subscribed.contains("user.alice"), self.is_here() || lingers, "{taken:?}");
        assert_eq!(self.interest.lingering(), usize::from(lingers), "{taken:?}");
        let here: Vec<u32> = (0..2).filter(|at| self.devices[*at] != Device::Away).map(Self::slot).collect();
        let mut known = self.interest.of_user(&user("alice")).to_vec();
        known.sort_unstable();
        assert_eq!(known, here, "{taken:?}");
        let reached = self.interest.of_group(&group("g"));
        for at in 0..2 {
            let slot = Self::slot(at);
            match self.devices[at] {
                Device::Away => assert!(!reached.contains(&slot), "{taken:?}: nobody is there"),
                // It may hear of the group already, if the user is known; never of one that was left.
                Device::Asked(_) => {}
                // Until the router says it again.
                Device::Interested if self.listed != self.member => {}
                Device::Interested => assert_eq!(reached.contains(&slot), self.member, "{taken:?}"),
            }
        }
        assert!(reached.is_empty() || subscribed.contains("group.g"), "{taken:?}");
        if self.devices.contains(&Device::Interested) && self.listed == self.member {
            assert_eq!(subscribed.contains("group.g"), self.member, "{taken:?}");
        }
        if !self.is_here() && !lingers {
            assert!(subscribed.is_empty(), "{taken:?}");
            assert!(self.interest.users.is_empty() && self.interest.groups.is_empty(), "{taken:?}");
        }
    }
}

/// Takes the steps from the beginning; tells whether all were possible.
fn run(steps: &[Step]) -> bool {
    let mut world = World::new();
    let possible = steps.iter().all(|step| world.take(*step));
    if possible {
        world.check(steps);
    }
    possible
}

fn try_all(steps: &mut Vec<Step>, tried: &mut usize) {
    if !run(steps) {
        return;
    }
    *tried += 1;
    if steps.len() < STEPS {
        for step in ALL {
            steps.push(*step);
            try_all(steps, tried);
            steps.pop();
        }
    }
}

#[test]
fn all_orders_of_connect_answer_join_leave_disconnect_and_time_agree_with_the_truth() {
    let mut tried = 0;
    try_all(&mut Vec::new(), &mut tried);
    assert!(tried > 10_000, "{tried} orders were possible");
}

#[test]
fn who_comes_back_lingers_anew() {
    let mut world = World::new();
    for step in [Step::Connect(0), Step::Disconnect(0), Step::Connect(1), Step::Tick, Step::Disconnect(1)] {
        assert!(world.take(step));
    }
    // The first departure's time has come, the second one's has not.
    world.interest.forget(&world.bus, &user("alice"), world.now);
    assert_eq!(world.bus.now(), ["user.alice"]);
    assert!(world.take(Step::Tick));
    assert!(world.bus.now().is_empty());
}
