//! Presence on its way from the sockets of this process to those who watch.
//!
//! ```text
//! gateway ─sink─► ephemeral store ─written─► changes ─► teller ─presence_changed─► bus ─► router ─► who watches
//!                                                         └─ who left: once the grace is over
//! ```
//!
//! A gateway knows no store and publishes nothing that a client hears, so this is all there is between the two: the sink, and
//! a task that asks the router of each user whose presence has changed for everybody to see to look at it.

mod due;

use std::sync::Arc;
use std::time::Duration;

use bus::Bus;
use gateway::{Attendance, PresenceSink};
use lifecycle::{Tasks, wall_clock_ms};
use proto::command::{Origin, Source};
use proto::{Command, DeviceId, NodeId, Request, SessionRef, Timestamp, TraceId, UserId, limits};
use store::Ephemeral;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use due::Due;

/// Changes are looked at this much apart: when all come back at once, waking for each costs more than telling of it.
const GATHER: Duration = Duration::from_millis(5);
/// Portions of a second in which the budget is spent.
const TICKS_PER_SECOND: u32 = 10;

/// What a teller keeps to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TellerLimits {
    /// Who leaves is told to have left after this, if they have not come back.
    pub(crate) grace: Duration,
    /// Users told of in a second; more wait.
    pub(crate) users_per_second: u32,
    /// Users who wait. Above it a change is not told; gateways ask from time to time.
    pub(crate) users_max: usize,
}

/// Where a gateway tells of its sessions.
pub(crate) fn sink(ephemeral: Ephemeral) -> PresenceSink {
    Arc::new(move |user, attendance| match attendance {
        Attendance::Came(device) => ephemeral.came(user, device),
        Attendance::Renamed { from, to } => ephemeral.renamed(user, from, to),
        Attendance::Turned(device, activity) => ephemeral.turned(user, device, activity),
        Attendance::Left(device, activity) => ephemeral.left(user, device, activity),
    })
}

/// Tells routers whose presence has changed, until the drain.
pub(crate) fn tell(bus: Bus, ephemeral: Ephemeral, limits: TellerLimits, tasks: &Tasks) {
    let draining = tasks.clone();
    tasks.spawn("presence teller", async move {
        tokio::select! {
            never = run(bus, ephemeral, limits) => match never {},
            () = draining.draining() => {}
        }
    });
}

async fn run(bus: Bus, ephemeral: Ephemeral, limits: TellerLimits) -> std::convert::Infallible {
    let mut due = Due::new(limits.grace, limits.users_max);
    let mut ticks = interval(Duration::from_secs(1) / TICKS_PER_SECOND);
    // Time without work is no credit.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let per_tick = usize::try_from((limits.users_per_second / TICKS_PER_SECOND).max(1)).unwrap_or(1);
    let mut left = per_tick;
    let mut looks = Instant::now();
    loop {
        let changes = async {
            sleep_until(looks).await;
            ephemeral.changes().await
        };
        tokio::select! {
            changes = changes => {
                let now = Instant::now();
                looks = now + GATHER;
                due.note(changes, now);
            }
            _ = ticks.tick() => left = per_tick,
        }
        while left > 0
            && let Some(user) = due.next(Instant::now())
        {
            // In one process it is known that nobody watches most.
            if bus.may_be_watched(&user) {
                left -= 1;
                // A busy bus loses it: whoever watches asks from time to time.
                let _: Result<(), bus::Busy> = bus.send_command(changed(&bus, user));
            }
        }
    }
}

/// Nobody waits for the answer.
fn changed(bus: &Bus, user: UserId) -> Command {
    let session = SessionRef { node: NodeId(0), session: 0 };
    let origin = Origin { user, device: DeviceId::unnamed(), session, source: Source::System };
    let mut command = Command {
        origin,
        deadline: Timestamp(wall_clock_ms()).plus_ms(limits::COMMAND_DEADLINE_MS),
        epoch: proto::Epoch::default(),
        once: None,
        trace: TraceId::default(),
        request: Request::PresenceChanged,
    };
    command.epoch = bus.epoch(command.partition());
    command
}
