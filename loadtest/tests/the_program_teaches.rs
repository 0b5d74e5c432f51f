//! What somebody meets who has never used the program: lists, explanations, files with mistakes, reports to look at.

use std::path::Path;
use std::process::{Command, Output};

use lifecycle::Tasks;

#[path = "../../client/tests/peer/server.rs"]
mod peer;

use peer::Peer;

const SECRET: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9-loadtest";

fn loadtest(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_loadtest")).args(arguments).output().expect("started")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A file for a small run against `peer`, and where its reports go.
fn small_run(folder: &Path, peer: &Peer, requirement: &str) -> String {
    let file = folder.join("small.toml");
    let text = format!(
        "scenario = \"dm\"\nconnections = 10\nrate = 200\nseconds = \"2s\"\nwarm_up = \"100ms\"\nlateness_max = \"10s\"\n\
         quiet = true\nurl = \"{}\"\nsecret = \"{SECRET}\"\nrequire = [\"dm.lost<1\", \"{requirement}\"]\n\
         json = \"{}\"\nhtml = \"{}\"\n",
        peer.url(),
        folder.join("report.json").display(),
        folder.join("report.html").display(),
    );
    std::fs::write(&file, text).expect("written");
    file.display().to_string()
}

#[test]
fn lists_and_explains_what_there_is() {
    let list = out(&loadtest(&["list"]));
    assert!(list.contains("  dm ") && list.contains("  group-5000 "), "{list}");
    let explained = out(&loadtest(&["explain", "dm"]));
    assert!(explained.contains("--warm-up") && explained.contains("dm.delivery.p99"), "{explained}");
    let wrong = loadtest(&["explain", "dmm"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(err(&wrong).contains("did you mean \"dm\"?"), "{}", err(&wrong));
}

#[test]
fn flags_before_the_name_of_a_preset_hold_as_well() {
    let output = loadtest(&["--key-file", "nowhere/its.key", "run", "dm-gate", "-q"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("nowhere/its.key"), "{}", err(&output));
}

#[test]
fn a_mistake_in_a_file_is_named_with_what_is_allowed() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mine.toml");
    std::fs::write(&file, "scenario = \"group\"\nmember = 5\n").expect("written");
    let output = loadtest(&["run", &file.display().to_string()]);
    assert_eq!(output.status.code(), Some(1));
    let text = err(&output);
    for part in ["mine.toml: member: group has no such key", "did you mean \"members\"?", "text_bytes"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_runs_with_its_requirements_and_writes_both_reports() {
    let folder = tempfile::tempdir().expect("a folder");
    let tasks = Tasks::default();
    let peer = Peer::start(&tasks, None).await;
    for (requirement, code) in [("dm.rate>1/s", 0), ("dm.rate>1000k/s", 1)] {
        let file = small_run(folder.path(), &peer, requirement);
        let output = tokio::task::spawn_blocking(move || loadtest(&["run", &file])).await.expect("run");
        assert_eq!(output.status.code(), Some(code), "{}{}", out(&output), err(&output));
    }
    tasks.drain();
    let json = folder.path().join("report.json");
    let report: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&json).expect("there")).expect("JSON");
    let steps = report["courses"]["dm"]["steps"].as_array().expect("steps");
    let delivered: f64 = steps.iter().filter_map(|step| step["delivered"].as_f64()).sum();
    assert!(steps.len() >= 2 && delivered > 300.0, "{steps:?}");
    assert!(report["courses"]["dm"]["generator"].as_array().is_some_and(|some| !some.is_empty()));
    page_opens(&folder.path().join("report.html"));
    let name = json.display().to_string();
    let compared = loadtest(&["compare", &name, &name, "--worse-max", "10"]);
    assert_eq!(compared.status.code(), Some(0), "{}", err(&compared));
    assert!(out(&compared).contains("0 worse"), "{}", out(&compared));
}

/// Parses the page; and where there is a Chromium, it has to draw every chart at the width of a phone.
fn page_opens(path: &Path) {
    let html = std::fs::read_to_string(path).expect("there");
    let charts = html.matches("<svg").count();
    assert!(charts >= 5 && html.ends_with("</html>\n"), "{charts} charts");
    assert!(!html.contains(SECRET) && !html.contains("http://"), "neither secrets nor requests");
    let browser = std::env::var("CHROMIUM").unwrap_or_else(|_| "chromium".to_owned());
    let drawn = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--window-size=390,800", "--dump-dom"])
        .arg(path)
        .output();
    let Ok(drawn) = drawn else { return };
    let dom = out(&drawn);
    assert_eq!(
        dom.matches("<path class=\"c").count(),
        html.matches("<path class=c").count(),
        "{}",
        err(&drawn)
    );
}
