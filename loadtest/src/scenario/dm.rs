//! `dm`: pairs of users who write to each other.

use anyhow::bail;

use super::{Context, Measured, Result, conclude, figures_of, nanos};
use crate::arguments::Dm;
use crate::journal::Journal;
use crate::topology::Topology;
use crate::traffic::Order;

pub(super) fn run(context: &Context, settings: &Dm) -> Result {
    if settings.connections < 2 || settings.rate <= 0.0 {
        bail!("dm needs two connections or more, and a rate above 0");
    }
    let mut progress = context.progress("dm");
    let prefix = context.prefix("dm");
    let topology = Topology::pairs(&prefix, settings.connections);
    let connections = topology.users().len();
    let journal = settings.journal.as_ref().map(|path| Journal::open(path, &prefix, connections));
    let order = Order {
        topology,
        run: context.run,
        per_second: settings.rate,
        warm_up: nanos(settings.load.warm_up),
        measured: nanos(settings.load.seconds),
        grace: nanos(settings.load.grace),
        journal: journal.transpose()?,
    };
    let text_bytes = usize::from(settings.load.text_bytes);
    let (ramp, outcome, closed) = context.drive(order, text_bytes, &mut progress)?;
    let mut figures = figures_of("dm", &ramp, &outcome, closed);
    let verdict = conclude(&mut figures, "dm", &outcome, &settings.load, closed);
    Ok(Measured { figures, verdict, courses: vec![("dm", outcome.traffic.course)], steps: None })
}
