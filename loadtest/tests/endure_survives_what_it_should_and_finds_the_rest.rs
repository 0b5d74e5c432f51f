//! `endure` against a small server that makes one mistake: what a client can mend is no fault, what it cannot is found.

use std::process::Command;

use lifecycle::Tasks;

#[path = "../../client/tests/peer/server.rs"]
mod peer;

use peer::{Fault, Peer};

const SECRET: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9-loadtest";

/// Exit code, figures, and what was printed.
async fn endure(fault: Option<Fault>, grace: &str) -> (Option<i32>, serde_json::Value, String) {
    let tasks = Tasks::default();
    let peer = Peer::start(&tasks, fault).await;
    let folder = tempfile::tempdir().expect("a folder");
    let (json, series) = (folder.path().join("report.json"), folder.path().join("series.json"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
    command
        .args([
            "endure",
            "--clients",
            "10",
            "--groups",
            "0",
            "--rate",
            "200",
            "--seconds",
            "2s",
            "--grace",
            grace,
        ])
        .args(["--url", &peer.url(), "--secret", SECRET, "--quiet", "--json"])
        .arg(&json)
        .arg("--series")
        .arg(&series);
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("run").expect("started");
    tasks.drain();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let read = |path| std::fs::read_to_string(path).ok().and_then(|text| serde_json::from_str(&text).ok());
    let mut report: serde_json::Value = read(json).unwrap_or_default();
    report["series"] = read(series).unwrap_or_default();
    (output.status.code(), report, text)
}

#[tokio::test]
async fn a_run_without_fault_is_good_and_tells_its_course() {
    let (code, report, text) = endure(None, "20s").await;
    assert_eq!(code, Some(0), "{text}");
    let figure = |name: &str| report["figures"][format!("endure.{name}")]["value"].as_u64();
    assert_eq!((figure("messages"), figure("acked"), figure("delivered")), (Some(400), Some(400), Some(400)));
    let steps = report["series"]["steps"].as_array().expect("a series");
    let due: u64 = steps.iter().filter_map(|step| step["due"].as_u64()).sum();
    assert_eq!(due, 400);
}

#[tokio::test]
async fn what_a_client_can_mend_is_no_fault() {
    let faults =
        [Fault::KeepBack(30), Fault::Double(30), Fault::Delay(30), Fault::Refuse(30), Fault::Hangup(30)];
    for fault in faults {
        let name = format!("{fault:?}");
        let (code, report, text) = endure(Some(fault), "20s").await;
        assert_eq!(code, Some(0), "{name}: {text}");
        assert_eq!(report["figures"]["endure.acked"]["value"].as_u64(), Some(400), "{name}: {text}");
    }
}

#[tokio::test]
async fn a_lost_message_is_found_by_its_recipient_and_in_the_history() {
    let (code, report, text) = endure(Some(Fault::Lose(30)), "2s").await;
    assert_eq!(code, Some(3), "{text}");
    assert_eq!(report["figures"]["endure.lost"]["value"].as_u64(), Some(2), "{text}");
    assert!(text.contains("are not in the history at their seq"), "{text}");
}
