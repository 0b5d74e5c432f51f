//! `smoke`: a minute of all scenarios with little load, to see that everything works.

use std::time::Duration;

use super::{Context, Result, dm, group, idle};
use crate::arguments::{Dm, Group, Idle, Load};

pub(super) fn run(context: &Context) -> Result {
    let load = Load {
        seconds: Duration::from_secs(23),
        warm_up: Duration::from_secs(2),
        grace: Duration::from_secs(10),
        text_bytes: 64,
        // Whether it works is asked here, not how fast: a busy machine may well be late.
        lateness_max: Duration::from_millis(500),
    };
    let idle = idle::run(context, &Idle { connections: 1000, hold: Duration::from_secs(8) })?;
    let settings = Dm { connections: 200, rate: 1000.0, load: load.clone(), journal: None };
    let dm = dm::run(context, &settings)?;
    let group = group::run(context, &Group { members: 100, absent: 0, rate: 50.0, load })?;
    Ok(idle.and(dm).and(group))
}
