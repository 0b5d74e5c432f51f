//! The table as Markdown.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Manifest, Record, Row, Server};

const HEAD: &str = "# Records

Every figure here is read from a record that is kept in this folder, and links to it; `cargo xtask table` writes this page from
[`table.toml`](table.toml), and a test compares the two. `cargo xtask bench <row>` measures a row again, against each server that is there.
[docs/BENCHMARKS.md](../docs/BENCHMARKS.md) says how each server is set up and what makes a figure honest.

`raw` is `loadtest rawserver`: epoll and WebSocket, nothing else, what the machine allows. `–` is what a server cannot do or nobody has measured here yet; † is a
run that was not good, see below. Server and generator shared one machine unless a record says otherwise.

";

/// The page; `find` gives the record of a row and a server, if there is one.
pub fn page(
    manifest: &Manifest,
    find: impl Fn(&Row, Server) -> anyhow::Result<Option<Record>>,
) -> anyhow::Result<String> {
    let mut text = HEAD.to_owned();
    text += "| what | figure | Tidegate | raw | Centrifugo | repeated by |\n|---|---|---:|---:|---:|---|\n";
    let mut used: BTreeMap<String, Value> = BTreeMap::new();
    for row in &manifest.row {
        let mut records = Vec::new();
        for server in Server::ALL {
            let record = if row.servers.contains(&server) { find(row, server)? } else { None };
            if let Some(record) = &record {
                used.insert(record.path.display().to_string(), record.report.clone());
            }
            records.push(record);
        }
        for (line, picked) in row.figures.iter().enumerate() {
            let (what, command) = match line {
                0 => (row.what.as_str(), format!("`{}`", row.repeated_by())),
                _ => ("", String::new()),
            };
            text += &format!("| {what} | {} |", picked.label);
            for record in &records {
                text += &format!(" {} |", cell(record.as_ref(), &picked.name));
            }
            text += &format!(" {command} |\n");
        }
    }
    text += "\n## Where they come from\n\n| record | what was typed | machine | commit | outcome |\n|---|---|---|---|---|\n";
    for (path, report) in &used {
        text += &origin(path, report);
    }
    Ok(text)
}

fn cell(record: Option<&Record>, name: &str) -> String {
    let Some(record) = record else { return "–".to_owned() };
    let figure = &record.report["figures"][name];
    let Some(value) = figure["value"].as_f64() else { return "–".to_owned() };
    let mark = if record.report["exit_code"] == 0 { "" } else { " †" };
    format!(
        "[{}]({}){mark}",
        shown(value, figure["unit"].as_str().unwrap_or_default()),
        record.path.display()
    )
}

fn origin(path: &str, report: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().replace('|', "\\|");
    let machine = &report["machine"];
    let gib = machine["memory_bytes"].as_f64().unwrap_or(0.0) / f64::from(1 << 30);
    let cpus = machine["cpus"].as_u64().unwrap_or(0);
    let server = match text(&report["server"]) {
        server if server.is_empty() => String::new(),
        server => format!(" ({server})"),
    };
    let verdict: Vec<String> = report["verdict"].as_array().into_iter().flatten().map(text).collect();
    let outcome =
        if report["exit_code"] == 0 { "good".to_owned() } else { format!("† {}", verdict.join("; ")) };
    format!(
        "| [{path}]({path}) | `{}`{server} | {cpus} × {}, {gib:.0} GiB | {} | {outcome} |\n",
        text(&report["command"]),
        text(&machine["cpu_model"]),
        text(&machine["commit"]),
    )
}

/// A value for people, by its unit in reports.
fn shown(value: f64, unit: &str) -> String {
    match unit {
        "s" if value < 1e-6 => format!("{:.0} ns", value * 1e9),
        "s" if value < 1e-3 => format!("{:.1} µs", value * 1e6),
        "s" if value < 1.0 => format!("{:.1} ms", value * 1e3),
        "s" => format!("{value:.2} s"),
        "1/s" => format!("{}/s", grouped(value)),
        "B" if value.abs() < 10_240.0 => format!("{} B", grouped(value)),
        "B" if value < f64::from(1 << 20) => format!("{:.1} KiB", value / 1_024.0),
        "B" => format!("{:.1} MiB", value / f64::from(1 << 20)),
        _ => grouped(value),
    }
}

/// 1234567 as 1,234,567; below ten with two decimals unless whole.
fn grouped(value: f64) -> String {
    if value.abs() < 10.0 && value.fract() != 0.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{:.0}", value.abs());
    let mut text = if value < 0.0 { "-".to_owned() } else { String::new() };
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn figures_are_shown_with_their_record_and_runs_that_were_not_good_are_marked() {
        let manifest = Manifest::parse(
            "[[row]]\nname = \"dm\"\nwhat = \"Direct messages\"\nloadtest = \"dm\"\nservers = [\"tidegate\", \"raw\"]\n\
             figures = [{ label = \"p99\", name = \"dm.delivery.p99\" }, { label = \"rate\", name = \"dm.rate\" }]\n",
        )
        .expect("good");
        let page = page(&manifest, |_, server| {
            let figures = json!({ "dm.delivery.p99": { "value": 0.0256, "unit": "s" }, "dm.rate": { "value": 30000.4, "unit": "1/s" } });
            let exit_code = if server == Server::Raw { 3 } else { 0 };
            let report = json!({ "figures": figures, "exit_code": exit_code, "command": "loadtest dm", "verdict": ["audit failed: 1 lost"] });
            Ok(Some(Record { path: format!("x/dm.{}.json", server.name()).into(), report }))
        })
        .expect("a page");
        let lines: Vec<&str> = page.lines().filter(|line| line.contains("dm.tidegate.json")).collect();
        assert_eq!(
            lines[0],
            "| Direct messages | p99 | [25.6 ms](x/dm.tidegate.json) | [25.6 ms](x/dm.raw.json) † | – | `cargo xtask bench dm` |"
        );
        assert!(lines[1].starts_with("|  | rate | [30,000/s](x/dm.tidegate.json) |"), "{}", lines[1]);
        assert!(page.contains("† audit failed: 1 lost"), "{page}");
        assert!(!page.contains("centrifugo.json"), "it is not among the servers of the row");
    }

    #[test]
    fn values_have_units() {
        assert_eq!(shown(1074.2, "B"), "1,074 B");
        assert_eq!(shown(3.856e-7, "s"), "386 ns");
        assert_eq!(shown(0.000_045, "s"), "45.0 µs");
        assert_eq!(shown(0.95, ""), "0.95");
        assert_eq!(shown(-12_345.0, ""), "-12,345");
    }
}
