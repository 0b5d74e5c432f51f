//! The page that a run leaves for people.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Outcome;
use super::fault::{Happened, Sockets};

/// One line for each part.
pub(super) fn verdict(outcome: &Outcome) -> String {
    let mut lines = vec![format!("chaos: {}", if outcome.is_good() { "good" } else { "FAILED" })];
    if let Some(cluster) = &outcome.cluster {
        lines.push(format!("cluster, {} faults: {}", cluster.happened.len(), found(&cluster.report)));
    }
    if let Some(disk) = &outcome.disk {
        lines.push(format!("disk full, {} restarts of the server: {}", disk.restarts, found(&disk.report)));
    }
    lines.join("\n")
}

/// What the audit of one run says.
fn found(report: &Value) -> String {
    let figure = |name: &str| report["figures"][format!("endure.{name}")]["value"].as_u64().unwrap_or(0);
    format!(
        "{} messages acknowledged, {} deliveries; lost {}, duplicated {}, reordered {}, changed {}, unanswered {}",
        figure("acked"),
        figure("delivered"),
        figure("lost"),
        figure("duplicated"),
        figure("reordered"),
        figure("changed"),
        figure("unanswered"),
    )
}

/// The whole page.
pub(super) fn text(command: &str, cql_nodes: u8, outcome: &Outcome) -> String {
    let mut text = format!("# Chaos, seed {}\n\n`{command}`\n\n", outcome.seed);
    let cql = match cql_nodes {
        1 => "a CQL server".to_owned(),
        several => format!("{several} nodes of CQL with {several} copies of every row"),
    };
    text += &format!(
        "Two gateways, two routers, an API process, NATS, Redis and {cql} on one machine, every process behind a proxy of its own \
         to each service, under the load of `loadtest endure` on the same machine.\n\n"
    );
    verdict(outcome).lines().for_each(|line| text += &format!("- {line}\n"));
    outcome.remarks.iter().for_each(|remark| text += &format!("- {remark}\n"));
    if let Some(cluster) = &outcome.cluster {
        let verdict = cluster.report["verdict"].as_array().into_iter().flatten();
        verdict.filter_map(Value::as_str).for_each(|line| text += &format!("- {line}\n"));
        cluster.deaths.iter().for_each(|death| text += &format!("- ended by itself: {death}\n"));
        text += &format!("\nMachine: `{}`\n\n", cluster.report["machine"]);
        text += &sums(&cluster.happened);
        text += &each(&cluster.happened);
    }
    text
}

fn sums(happened: &[Happened]) -> String {
    let mut text = "## By sort of fault\n\nDisturbed: from the first to the last message, due from the fault's beginning to that of \
                    the next, that took more than 500 ms from due to acknowledged, or to shown. Median and longest. No ack: the \
                    longest time in which nobody was acknowledged anything. Sockets: how many broke in that time, how many of their \
                    clients were authenticated again within 5 s, and the longest without. Asked again: how often a client \
                    had waited in vain for a page or a list.\n\n\
                    | fault | times | lasted | sends disturbed | slowest ack | no ack | deliveries disturbed | slowest delivery | \
                    asked again | sockets |\n|---|---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for (sort, all) in by_sort(happened) {
        text += &format!(
            "| {sort} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
            all.len(),
            spread(&all, |one| one.until_unix_ms - one.from_unix_ms),
            spread(&all, |one| one.sends_disturbed_ms),
            spread(&all, |one| one.send_worst_ms),
            spread(&all, |one| one.silence_ms),
            spread(&all, |one| one.deliveries_disturbed_ms),
            spread(&all, |one| one.delivery_worst_ms),
            all.iter().map(|one| one.reads_again).sum::<u64>(),
            sockets(all.iter().map(|one| one.sockets).fold(Sockets::default(), Sockets::and)),
        );
    }
    text
}

fn each(happened: &[Happened]) -> String {
    let mut text = "\n## Each fault\n\n\
                    | after | fault | sends disturbed | slowest ack | no ack | deliveries disturbed | slowest delivery | asked again | sockets |\n\
                    |---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    let start = happened.first().map_or(0, |first| first.from_unix_ms);
    for one in happened {
        text += &format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
            seconds(one.from_unix_ms - start),
            one.fault,
            seconds(one.sends_disturbed_ms),
            seconds(one.send_worst_ms),
            seconds(one.silence_ms),
            seconds(one.deliveries_disturbed_ms),
            seconds(one.delivery_worst_ms),
            one.reads_again,
            sockets(one.sockets),
        );
    }
    text
}

fn sockets(Sockets { lost, back_soon, worst_ms }: Sockets) -> String {
    if lost == 0 {
        return "none".to_owned();
    }
    format!("{lost}: {:.1} %, {}", back_soon as f64 / lost as f64 * 100.0, seconds(worst_ms))
}

fn by_sort(happened: &[Happened]) -> BTreeMap<&'static str, Vec<&Happened>> {
    let mut sorts: BTreeMap<&'static str, Vec<&Happened>> = BTreeMap::new();
    for one in happened {
        sorts.entry(one.sort).or_default().push(one);
    }
    sorts
}

/// Median and longest.
fn spread(all: &[&Happened], figure: impl Fn(&Happened) -> u64) -> String {
    let mut figures: Vec<u64> = all.iter().map(|one| figure(one)).collect();
    figures.sort_unstable();
    let median = figures.get(figures.len().saturating_sub(1) / 2).copied().unwrap_or(0);
    let longest = figures.last().copied().unwrap_or(0);
    if figures.len() == 1 { seconds(longest) } else { format!("{} / {}", seconds(median), seconds(longest)) }
}

fn seconds(milliseconds: u64) -> String {
    if milliseconds == u64::MAX { "never".to_owned() } else { format!("{:.1} s", milliseconds as f64 / 1e3) }
}
