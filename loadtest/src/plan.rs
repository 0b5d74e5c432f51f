//! `plan`: what so many connections and messages need. Plain arithmetic over costs that were measured; `docs/CAPACITY.md`
//! says where each comes from, and each can be replaced by one of your own.

use crate::arguments::PlanSettings;
use crate::figures::grouped;

/// Open files and ports beside sockets, in each process.
const SPARE_FILES: u64 = 1000;
/// Ports that one address has for one other address.
const PORTS: u64 = 28_000;
const GIB: f64 = (1_u64 << 30) as f64;
/// Bytes of a message on the wire besides its own: TCP, IP and Ethernet.
const PACKET_BYTES: f64 = 100.0;

/// One line of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Need {
    /// Of what.
    pub name: &'static str,
    /// How much.
    pub value: f64,
    /// In what.
    pub unit: &'static str,
    /// How it was calculated.
    pub because: String,
}

/// What there is to do in a second.
struct Rates {
    dms: f64,
    posts: f64,
    deliveries: f64,
    beats: f64,
}

/// Everything that is needed.
pub fn needs(settings: &PlanSettings) -> Vec<Need> {
    let connections = settings.connections as f64;
    let posts = connections * settings.group_per_hour / 3600.0;
    let rates = Rates {
        dms: connections * settings.dm_per_hour / 3600.0,
        posts,
        deliveries: posts * settings.members_online,
        beats: connections / settings.heartbeat.as_secs_f64().max(0.1),
    };
    let mut needs = memory(settings);
    needs.extend(rates.needs(settings));
    needs.extend(processors(settings, &rates));
    needs.extend(bytes(settings, &rates));
    let files = (settings.connections + SPARE_FILES) as f64;
    needs.push(need("open files of gateways", files, "", "one a socket".to_owned()));
    let addresses = settings.connections.div_ceil(PORTS) as f64;
    let because = format!("{PORTS} ports each, to one server address");
    needs.push(need("addresses of a generator or proxy", addresses, "", because));
    needs
}

fn need(name: &'static str, value: f64, unit: &'static str, because: String) -> Need {
    Need { name, value, unit, because }
}

/// The share of processors and memory that may be used.
fn busy(settings: &PlanSettings) -> f64 {
    (settings.busy_max / 100.0).clamp(0.01, 1.0)
}

fn memory(settings: &PlanSettings) -> Vec<Need> {
    let tls = settings.tls_share * settings.tls_bytes;
    let (user, kernel) = (settings.connection_bytes, settings.kernel_bytes);
    let memory = settings.connections as f64 * (user + kernel + tls) / GIB;
    let because = format!("{user} user + {kernel} kernel + {tls:.0} TLS bytes each");
    let filled = format!("filled to {} %", settings.busy_max);
    vec![
        need("memory of connections", memory, "GiB", because),
        need("memory of gateways", memory / busy(settings), "GiB", filled),
    ]
}

impl Rates {
    fn needs(&self, settings: &PlanSettings) -> Vec<Need> {
        let hourly = |count: f64| format!("{count} an hour from each");
        let members = format!("to {} members who are there", settings.members_online);
        let beat = format!("one in {} s from each", settings.heartbeat.as_secs_f64());
        vec![
            need("direct messages", self.dms, "/s", hourly(settings.dm_per_hour)),
            need("group messages", self.posts, "/s", hourly(settings.group_per_hour)),
            need("group deliveries", self.deliveries, "/s", members),
            need("heartbeats", self.beats, "/s", beat),
        ]
    }
}

fn processors(settings: &PlanSettings, rates: &Rates) -> Vec<Need> {
    let cpu = |rate: f64, micros: f64| rate * micros / 1e6;
    let calm = cpu(rates.dms, settings.dm_us)
        + cpu(rates.posts, settings.group_us)
        + cpu(rates.deliveries, settings.delivery_us)
        + cpu(rates.beats, settings.heartbeat_us);
    let back = settings.connections as f64 / settings.return_within.as_secs_f64().max(1.0);
    let busy = busy(settings);
    let all_back = (calm + cpu(back, settings.accept_us)) / busy;
    let within = format!("within {} s", settings.return_within.as_secs());
    let because = format!("{} µs to accept each, beside the rest", settings.accept_us);
    vec![
        need("processors", calm / busy, "cores", format!("{calm:.2} busy, at {} %", settings.busy_max)),
        need("connections a second, all coming back", back, "/s", within),
        need("processors while all come back", all_back, "cores", because),
    ]
}

fn bytes(settings: &PlanSettings, rates: &Rates) -> Vec<Need> {
    let message = settings.message_bytes;
    let sent = (rates.dms * 2.0 + rates.posts + rates.deliveries) * (message + PACKET_BYTES);
    let log = (rates.dms + rates.posts) * message * f64::from(settings.replicas) * 86_400.0 / GIB;
    let kept = format!("kept for {} days, without compression", settings.kept_days);
    vec![
        need("network of gateways", sent * 8.0 / 1e6, "Mbit/s", format!("{message} bytes a message")),
        need("log", log, "GiB/day", format!("{} copies", settings.replicas)),
        need("store", log * f64::from(settings.kept_days), "GiB", kept),
    ]
}

/// For a terminal.
pub fn text(needs: &[Need]) -> String {
    let width = needs.iter().map(|need| need.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for need in needs {
        let value = format!("{} {}", grouped(rounded(need.value)), need.unit);
        text += &format!("{:width$}  {value:>18}  {}\n", need.name, need.because);
    }
    text + "\nThe costs are those of docs/CAPACITY.md; measure your own with `idle`, `storm`, `dm` and `group`, and give them as\n\
            --connection-bytes, --accept-us, --dm-us and so on.\n"
}

/// Two decimals below ten, none above.
fn rounded(value: f64) -> f64 {
    if value < 10.0 { (value * 100.0).round() / 100.0 } else { value.ceil() }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::arguments::{Arguments, Command};

    fn plan(words: &[&str]) -> Vec<Need> {
        let all = [&["loadtest", "plan"], words].concat();
        match Arguments::try_parse_from(all).expect("good").command {
            Command::Plan(settings) => needs(&settings),
            _ => panic!("it is a plan"),
        }
    }

    fn value(needs: &[Need], name: &str) -> f64 {
        needs.iter().find(|need| need.name == name).unwrap_or_else(|| panic!("{name}")).value
    }

    #[test]
    fn the_arithmetic_is_that_of_the_document() {
        let needs = plan(&[
            "--connections",
            "1000000",
            "--connection-bytes",
            "1074",
            "--kernel-bytes",
            "3222",
            "--busy-max",
            "50",
            "--dm-per-hour",
            "36",
            "--group-per-hour",
            "0",
            "--dm-us",
            "35",
            "--heartbeat",
            "50s",
            "--heartbeat-us",
            "5",
        ]);
        assert!((value(&needs, "memory of connections") - 4.0).abs() < 0.01);
        assert!((value(&needs, "memory of gateways") - 8.0).abs() < 0.02);
        assert_eq!(value(&needs, "direct messages").round() as u64, 10_000);
        // 10,000 x 35 µs and 20,000 x 5 µs are 0.45 processors.
        assert!((value(&needs, "processors") - 0.9).abs() < 1e-6);
        assert_eq!(value(&needs, "addresses of a generator or proxy").round() as u64, 36);
    }

    /// Of the newest record in the table that has it: 1,337 of `| memory of each | [1,337 B](…) | …`.
    fn recorded(label: &str) -> f64 {
        let table = include_str!("../../bench-results/README.md");
        let row = table.lines().find(|line| line.contains(&format!("| {label} | ["))).expect(label);
        let figure = row.split("| [").nth(1).and_then(|cell| cell.split([' ', ']']).next()).expect(label);
        figure.replace(',', "").parse().expect("a number")
    }

    #[test]
    fn what_a_plan_begins_with_is_what_was_measured_last() {
        let arguments = Arguments::try_parse_from(["loadtest", "plan", "--connections", "1"]).expect("good");
        let Command::Plan(settings) = arguments.command else { panic!("it is a plan") };
        for (label, flag, default) in [
            ("memory of each", "--connection-bytes", settings.connection_bytes),
            ("processor time of each", "--accept-us", settings.accept_us),
            ("processor time of a message", "--dm-us", settings.dm_us),
        ] {
            let recorded = recorded(label);
            let off = (default / recorded - 1.0).abs();
            assert!(
                off < 0.25,
                "{flag} is {default}, measured is {recorded}: change it, and docs/CAPACITY.md"
            );
        }
    }

    #[test]
    fn more_of_anything_never_needs_less() {
        let small = plan(&["--connections", "1000"]);
        for words in [
            &["--connections", "2000"][..],
            &["--connections", "1000", "--group-per-hour", "50", "--tls-share", "1"],
        ] {
            for (small, large) in small.iter().zip(plan(words)) {
                assert!(large.value >= small.value, "{} {} {}", small.name, small.value, large.value);
            }
        }
        assert!(text(&small).lines().count() > 14);
    }
}
