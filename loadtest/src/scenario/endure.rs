//! `endure`: a long conversation of real clients, while somebody breaks things. Nothing is given up: sends are repeated
//! until they are acknowledged, sockets are opened again, what is missing is fetched; and everything is audited.
//!
//! ```text
//! schedule ─► Client::send ─► ack ─────► Book ◄── every event every client shows its user
//!                                         ▲ └──► Series: the slowest of each tenth of a second
//!             random pages of history ────┘
//! at the end: the whole history of every conversation, read by clients that know nothing
//! ```
//!
//! **Guarantees.** An acknowledged message that a recipient was not shown, or twice, or out of order, or that is not in the
//! history once, at its seq, is found; so is an entry that one reader was shown otherwise than another.
//!
//! **Does not** measure the highest rate: `dm` and `group` do.
//!
//! **Limits.** Some thousand messages a second; everything is kept in memory until the end.

mod audit;
mod book;
mod circles;
mod run;
mod series;

use anyhow::bail;

use super::{Context, Measured, Result, group};
use crate::arguments::Endure;
use crate::figures::{Figures, Unit};
use crate::verdict::Verdict;
use book::{Book, Faults};
use circles::Circles;

pub(super) fn run(context: &Context, settings: &Endure) -> Result {
    if settings.clients < 2 || settings.rate <= 0.0 {
        bail!("it takes two users or more, and a rate above 0");
    }
    let mut progress = context.progress("endure");
    let circles = Circles::new(&context.prefix("endure"), context.run, settings.clients, settings.groups);
    for (group, members) in circles.groups() {
        group::make(context, &group, &members)?;
    }
    // The clients' sockets, and those that read at the end.
    crate::open_files::allow(settings.clients + 256)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (book, checked) = runtime.block_on(async {
        let book = run::run(context, settings, &circles, &mut progress).await?;
        progress.say("reading the whole history");
        let checked = audit::check(context, &circles, &book).await?;
        anyhow::Ok((book, checked))
    })?;
    if let Some(path) = &settings.series {
        book.series.write(path)?;
    }
    let figures = figures(&book, &checked, settings);
    Ok(Measured { figures, verdict: verdict(&book, &checked), courses: Vec::new(), steps: None })
}

fn figures(book: &Book, checked: &audit::Checked, settings: &Endure) -> Figures {
    let mut figures = Figures::of("endure");
    let summary = book.summary();
    figures.count("clients", settings.clients as u64);
    figures.count("groups", settings.groups as u64);
    figures.add("rate.target", settings.rate, Unit::PerSecond);
    figures.count("messages", summary.sent);
    figures.count("acked", summary.acked);
    figures.count("unanswered", summary.unanswered);
    figures.count("refused", summary.refused);
    figures.count("delivered", summary.delivered);
    figures.count("lost", summary.lost + checked.lost);
    figures.count("duplicated", summary.faults.duplicated + checked.duplicated);
    figures.count("reordered", summary.faults.reordered + checked.reordered);
    figures.count("changed", summary.faults.changed + checked.changed);
    figures.count("unsent", summary.unsent);
    figures.count("pages", summary.pages);
    figures.count("pages_refused", summary.pages_refused);
    figures.count("sockets_opened", summary.sockets);
    figures.count("reads_again", summary.reads_again);
    figures.count("history.entries", checked.entries);
    figures.count("history.conversations", checked.conversations);
    figures.latencies("ack", &book.ack);
    figures.latencies("delivery", &book.delivery);
    figures.latencies("lateness", &book.lateness);
    figures
}

fn verdict(book: &Book, checked: &audit::Checked) -> Verdict {
    let summary = book.summary();
    let Faults { duplicated, reordered, changed } = summary.faults;
    let faults = [
        (summary.lost, "deliveries of acknowledged messages did not arrive"),
        (duplicated, "entries were shown twice to the same user"),
        (reordered, "entries were shown behind a hole or out of order"),
        (changed, "entries were shown otherwise than before"),
        (summary.unanswered, "sends were neither acknowledged nor refused"),
        (summary.refused_and_there, "messages were refused for good and are there"),
        (checked.lost, "acknowledged messages are not in the history at their seq"),
        (checked.duplicated, "messages are in the history twice"),
        (checked.reordered, "messages in the history are out of order, or seqs are missing"),
        (checked.changed, "entries of the history are not what was shown before"),
    ];
    let found = faults.iter().filter(|(count, _)| *count > 0);
    let mut found: Vec<String> = found.map(|(count, what)| format!("endure: {count} {what}")).collect();
    found.extend(book.examples().iter().map(|example| format!("endure: for example {example}")));
    if found.is_empty() { Verdict::Good } else { Verdict::Faults(found) }
}
