//! The recorder behind the `metrics` facade, and the page a Prometheus server reads.

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::process::Process;
use crate::{Tasks, TelemetryError};

/// Every metric of this crate: name, kind, help.
pub const INVENTORY: &[(&str, &str, &str)] = &[
    ("process_resident_memory_bytes", "gauge", "Memory of the process that is in RAM"),
    ("process_anonymous_memory_bytes", "gauge", "The part of it that is no file: heap and stacks"),
    ("process_cpu_seconds", "gauge", "User and system CPU time spent since the start"),
    ("process_open_fds", "gauge", "Open file descriptors, sockets among them"),
    ("process_threads", "gauge", "Threads"),
];

/// Latencies from 50 µs to 10 s, denser where the promises are (5, 50 and 500 ms).
const SECONDS: &[f64] = &[
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0, 10.0,
];
/// Sizes from 64 B to 4 MiB.
const BYTES: &[f64] = &[64.0, 256.0, 1024.0, 4096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0, 4_194_304.0];
/// Everything else is a count: how many entries in a batch, commands in a turn.
const COUNTS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0];

/// Seconds between two rounds of housekeeping of the recorder.
const UPKEEP_SECONDS: u64 = 5;

/// The metrics of the process as text.
#[derive(Clone)]
pub struct MetricsPage {
    handle: PrometheusHandle,
}

impl MetricsPage {
    /// Installs the recorder of the process and describes the metrics of the given inventories. Handles made before it
    /// count nothing, so call it first.
    pub fn install(
        inventories: &[&[(&'static str, &'static str, &'static str)]],
    ) -> Result<Self, TelemetryError> {
        let handle = PrometheusBuilder::new()
            .set_buckets(COUNTS)?
            .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), SECONDS)?
            .set_buckets_for_metric(Matcher::Suffix("_bytes".into()), BYTES)?
            .install_recorder()?;
        for (name, kind, help) in inventories.iter().copied().chain([INVENTORY]).flatten().copied() {
            match kind {
                "counter" => ::metrics::describe_counter!(name, help),
                "gauge" => ::metrics::describe_gauge!(name, help),
                _ => ::metrics::describe_histogram!(name, help),
            }
        }
        Ok(Self { handle })
    }

    /// The page in the Prometheus text format. Reads `/proc`, so call it off the async workers.
    pub fn render(&self) -> String {
        if let Some(process) = Process::read() {
            #[expect(
                clippy::cast_precision_loss,
                reason = "a gauge is a float; 2^53 bytes is more than there is"
            )]
            let float = |number: u64| number as f64;
            ::metrics::gauge!("process_resident_memory_bytes").set(float(process.resident_bytes));
            ::metrics::gauge!("process_anonymous_memory_bytes").set(float(process.anonymous_bytes));
            ::metrics::gauge!("process_cpu_seconds").set(process.cpu_seconds);
            ::metrics::gauge!("process_open_fds").set(float(process.open_fds));
            ::metrics::gauge!("process_threads").set(float(process.threads));
        }
        self.handle.render()
    }

    /// Keeps the recorder's memory bounded until the drain.
    pub fn keep_up(&self, tasks: &Tasks) {
        let (handle, ended) = (self.handle.clone(), tasks.clone());
        tasks.spawn("metrics upkeep", async move {
            let mut ticks = tokio::time::interval(std::time::Duration::from_secs(UPKEEP_SECONDS));
            loop {
                tokio::select! {
                    _ = ticks.tick() => handle.run_upkeep(),
                    () = ended.draining() => return,
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_help_buckets_by_unit_and_the_process() {
        let own: &[(&str, &str, &str)] = &[("test_wait_seconds", "histogram", "How long")];
        let page = MetricsPage::install(&[own]).unwrap();
        ::metrics::histogram!("test_wait_seconds").record(0.03);
        ::metrics::histogram!("test_turn_commands").record(3.0);
        let text = page.render();
        for line in [
            "# HELP test_wait_seconds How long",
            "# TYPE test_wait_seconds histogram",
            "test_wait_seconds_bucket{le=\"0.025\"} 0",
            "test_wait_seconds_bucket{le=\"0.05\"} 1",
            "test_turn_commands_bucket{le=\"4\"} 1",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        for (name, ..) in INVENTORY {
            assert!(text.contains(&format!("\n{name} ")), "{name} in {text}");
        }
        assert!(matches!(MetricsPage::install(&[]), Err(TelemetryError::Metrics(_))), "only once");
    }
}
