//! `dm`: pairs of users who write to each other.

use anyhow::bail;

use super::{Context, Result};
use crate::arguments::Dm;
use crate::journal::Journal;
use crate::topology::Topology;
use crate::traffic::{Order, Pace};

pub(super) fn run(context: &Context, settings: &Dm) -> Result {
    if settings.connections < 2 || settings.rate <= 0.0 {
        bail!("dm needs two connections or more, and a rate above 0");
    }
    if settings.journal.is_some() && context.leads() {
        bail!("--journal is written by one process alone");
    }
    let mut progress = context.progress("dm");
    let prefix = context.prefix("dm");
    let topology = Topology::pairs(&prefix, settings.connections);
    let connections = topology.users().len();
    let journal = settings.journal.as_ref().map(|path| Journal::open(path, &prefix, connections));
    let pace = Pace::steady(settings.rate, settings.load.times());
    let order = Order { journal: journal.transpose()?, ..Order::new(topology, context.run, pace) };
    Ok(context.drive(order, &settings.load, &mut progress)?.measured("dm", &settings.load))
}
