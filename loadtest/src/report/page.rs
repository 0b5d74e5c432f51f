//! A report as one HTML page: figures, charts, and everything that is needed to repeat it. It asks for nothing from
//! anywhere, follows the reader's light or dark, and fits a phone.

use serde_json::Value;

use super::chart::{Axis, Chart, Line, Scale, escape};
use crate::figures::grouped;

const STYLE: &str = include_str!("style.css");
/// What is shown large, where it is there: the end of a figure's name.
const TILES: [&str; 12] = [
    "rate",
    "deliveries",
    "ack.p99",
    "delivery.p50",
    "delivery.p99",
    "opened",
    "ready.p99",
    "lost",
    "server.cpu_per_message",
    "server.bytes_per_connection",
    "server.cpu_per_connection",
    "connections",
];
const LATENCIES: [&str; 5] = ["p50", "p90", "p99", "p999", "max"];

/// The page of a report, as [`super::json`] makes it.
pub fn page(report: &Value) -> String {
    let title = format!("loadtest {}", report["settings"]["scenario"].as_str().unwrap_or_default());
    let mut body = format!("<h1>{}</h1>\n", escape(&title));
    let bad = if report["exit_code"] == 0 { "" } else { " bad" };
    for line in report["verdict"].as_array().into_iter().flatten() {
        body += &format!("<p class=\"verdict{bad}\">{}</p>\n", escape(line.as_str().unwrap_or_default()));
    }
    body += &tiles(report);
    for (name, course) in report["courses"].as_object().into_iter().flatten() {
        body += &format!("<h2>{}</h2>\n<div class=charts>\n", escape(name));
        for chart in charts(course) {
            body += &chart.html();
        }
        body += "</div>\n";
    }
    body += &steps(report);
    body += &figures(report);
    body += &format!(
        "<h2>To repeat it</h2>\n<pre>{}</pre>\n",
        escape(report["command"].as_str().unwrap_or_default())
    );
    for (name, what) in [("Machine", "machine"), ("Settings", "settings")] {
        let text = serde_json::to_string_pretty(&report[what]).unwrap_or_default();
        body += &format!("<details><summary>{name}</summary><pre>{}</pre></details>\n", escape(&text));
    }
    document(&title, &body)
}

/// A whole page around a body.
pub(super) fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n<meta name=viewport content=\"width=device-width, \
         initial-scale=1\">\n<link rel=icon href=\"data:,\">\n<title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n",
        escape(title)
    )
}

fn tiles(report: &Value) -> String {
    let mut tiles = String::new();
    for wanted in TILES {
        for (name, figure) in report["figures"].as_object().into_iter().flatten() {
            if name.split_once('.').is_some_and(|(_, rest)| rest == wanted) {
                tiles +=
                    &format!("<div class=tile><b>{}</b><span>{}</span></div>\n", shown(figure), escape(name));
            }
        }
    }
    format!("<div class=tiles>\n{tiles}</div>\n")
}

fn figures(report: &Value) -> String {
    let rows: String = report["figures"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, figure)| {
            format!("<tr><td>{}</td><td class=n>{}</td></tr>\n", escape(name), shown(figure))
        })
        .collect();
    format!("<h2>Figures</h2>\n<div class=wide><table>\n{rows}</table></div>\n")
}

/// The steps of a search, if it was one.
fn steps(report: &Value) -> String {
    let Some(steps) = report["steps"].as_array() else { return String::new() };
    let mut rows = "<tr><th>rate</th><th>held</th><th>why not</th></tr>\n".to_owned();
    for step in steps {
        let held = step["held"] == true;
        rows += &format!(
            "<tr><td class=n>{}/s</td><td class={}>{}</td><td>{}</td></tr>\n",
            grouped(step["rate"].as_f64().unwrap_or_default().round()),
            if held { "better" } else { "worse" },
            if held { "yes" } else { "no" },
            escape(
                &step["why"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .collect::<Vec<_>>()
                    .join("; ")
            ),
        );
    }
    format!("<h2>Steps</h2>\n<div class=wide><table>\n{rows}</table></div>\n")
}

/// A figure of a report for people.
pub(super) fn shown(figure: &Value) -> String {
    let unit = crate::figures::Unit::from_symbol(figure["unit"].as_str().unwrap_or_default());
    let value = figure["value"].as_f64().unwrap_or_default();
    escape(&crate::figures::Figure { name: String::new(), value, unit }.shown())
}

/// The pictures of one course; those without a line are left out.
fn charts(course: &Value) -> Vec<Chart> {
    let mut charts = Vec::new();
    for (what, title) in [("delivery", "Delivery latency"), ("ack", "Acknowledgement latency")] {
        let lines =
            LATENCIES.iter().map(|label| line(label, &course["steps"], |step| step[what][label].as_f64()));
        charts.push(over_time(&format!("{title}, from due time"), SECONDS_LOG, lines.collect()));
    }
    let distributions = ["delivery", "ack", "lateness"].map(|what| {
        let points = course["distributions"][what].as_array().into_iter().flatten();
        let point = |point: &Value| Some((point[1].as_f64()?, point[0].as_f64()?));
        Line { name: what.to_owned(), points: points.filter_map(point).collect() }
    });
    charts.push(Chart {
        title: "Share that was faster than".to_owned(),
        x: SECONDS_LOG,
        y: Axis { scale: Scale::Nines, show: percent },
        lines: distributions.to_vec(),
    });
    for (title, group) in
        [("Messages a second", &["sent", "settled", "refused"][..]), ("Deliveries a second", &["delivered"])]
    {
        let lines = group.iter().map(|name| {
            let mut line = line(name, &course["steps"], |step| step[*name].as_f64());
            // Nothing of a kind is no line.
            if line.points.iter().all(|point| point.1 == 0.0) {
                line.points.clear();
            }
            line
        });
        charts.push(over_time(title, COUNT, lines.collect()));
    }
    let cpus = ["server", "generator"].map(|who| line(who, &course[who], |reading| reading["cpus"].as_f64()));
    charts.push(over_time("Processors kept busy", PROCESSORS, cpus.to_vec()));
    let mebibytes = |reading: &Value| Some(reading["anonymous_bytes"].as_f64()? / f64::from(1 << 20));
    let memory = line("anonymous", &course["server"], mebibytes);
    charts.push(over_time("Memory of the server", MEBIBYTES, vec![memory]));
    let connections = line("connections", &course["steps"], |step| step["connections"].as_f64());
    charts.push(over_time("Connections", COUNT, vec![connections]));
    for chart in &mut charts {
        chart.lines.retain(|line| line.points.len() > 1);
    }
    charts.retain(|chart| !chart.lines.is_empty());
    charts
}

const SECONDS_LOG: Axis = Axis { scale: Scale::Log, show: seconds };
const COUNT: Axis = Axis { scale: Scale::Linear, show: grouped };
const PROCESSORS: Axis = Axis { scale: Scale::Linear, show: fraction };
const MEBIBYTES: Axis = Axis { scale: Scale::Linear, show: |value| format!("{} MiB", grouped(value)) };

fn over_time(title: &str, y: Axis, lines: Vec<Line>) -> Chart {
    let x = Axis { scale: Scale::Linear, show: |at| format!("{} s", (at * 10.0).round() / 10.0) };
    Chart { title: title.to_owned(), x, y, lines }
}

fn line(name: &str, steps: &Value, value: impl Fn(&Value) -> Option<f64>) -> Line {
    let steps = steps.as_array().into_iter().flatten();
    let points = steps.filter_map(|step| Some((step["at"].as_f64()?, value(step)?))).collect();
    Line { name: name.to_owned(), points }
}

fn seconds(value: f64) -> String {
    match value {
        value if value < 0.999e-3 => format!("{:.0} µs", value * 1e6),
        value if value < 0.999 => format!("{:.0} ms", value * 1e3),
        _ => format!("{value:.0} s"),
    }
}

/// With as many decimals as it needs, at most four.
fn fraction(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn percent(share: f64) -> String {
    format!("{} %", fraction(share * 100.0))
}
