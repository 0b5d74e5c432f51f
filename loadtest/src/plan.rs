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

/// Everything that is needed.
pub fn needs(settings: &PlanSettings) -> Vec<Need> {
    let mut needs = Vec::new();
    let mut need = |name, value: f64, unit, because: String| {
        needs.push(Need { name, value, unit, because });
        value
    };
    let connections = settings.connections as f64;
    let busy = (settings.busy_max / 100.0).clamp(0.01, 1.0);
    let tls = settings.tls_share * settings.tls_bytes;
    let each = settings.connection_bytes + settings.kernel_bytes + tls;
    let memory = need(
        "memory of connections",
        connections * each / GIB,
        "GiB",
        format!(
            "{} user + {} kernel + {tls:.0} TLS bytes each",
            settings.connection_bytes, settings.kernel_bytes
        ),
    );
    need("memory of gateways", memory / busy, "GiB", format!("filled to {} %", settings.busy_max));
    let dms = connections * settings.dm_per_hour / 3600.0;
    let posts = connections * settings.group_per_hour / 3600.0;
    let deliveries = posts * settings.members_online;
    need("direct messages", dms, "/s", format!("{} an hour from each", settings.dm_per_hour));
    need("group messages", posts, "/s", format!("{} an hour from each", settings.group_per_hour));
    need(
        "group deliveries",
        deliveries,
        "/s",
        format!("to {} members who are there", settings.members_online),
    );
    let beats = connections / settings.heartbeat.as_secs_f64().max(0.1);
    need("heartbeats", beats, "/s", format!("one in {} s from each", settings.heartbeat.as_secs_f64()));
    let cpu = |rate: f64, micros: f64| rate * micros / 1e6;
    let calm = cpu(dms, settings.dm_us)
        + cpu(posts, settings.group_us)
        + cpu(deliveries, settings.delivery_us)
        + cpu(beats, settings.heartbeat_us);
    need("processors", calm / busy, "cores", format!("{calm:.2} busy, at {} %", settings.busy_max));
    let back = connections / settings.return_within.as_secs_f64().max(1.0);
    need(
        "connections a second, all coming back",
        back,
        "/s",
        format!("within {} s", settings.return_within.as_secs()),
    );
    need(
        "processors while all come back",
        (calm + cpu(back, settings.accept_us)) / busy,
        "cores",
        format!("{} µs to accept each, beside the rest", settings.accept_us),
    );
    let bytes = (dms * 2.0 + posts + deliveries) * (settings.message_bytes + PACKET_BYTES);
    need(
        "network of gateways",
        bytes * 8.0 / 1e6,
        "Mbit/s",
        format!("{} bytes a message", settings.message_bytes),
    );
    let stored = (dms + posts) * settings.message_bytes * f64::from(settings.replicas) * 86_400.0;
    need("log", stored / GIB, "GiB/day", format!("{} copies", settings.replicas));
    need(
        "store",
        stored * f64::from(settings.kept_days) / GIB,
        "GiB",
        format!("kept for {} days, without compression", settings.kept_days),
    );
    need(
        "open files of gateways",
        (settings.connections + SPARE_FILES) as f64,
        "",
        "one a socket".to_owned(),
    );
    let addresses = settings.connections.div_ceil(PORTS) as f64;
    need(
        "addresses of a generator or proxy",
        addresses,
        "",
        format!("{PORTS} ports each, to one server address"),
    );
    needs
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
