//! A run by several processes finds what one would have found: the same counts, and every fault, wherever sender and
//! recipients are. A process that ends early ends the run.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lifecycle::Tasks;
use tokio::time::Instant;

#[path = "run/measured.rs"]
mod measured;
#[path = "../../client/tests/peer/server.rs"]
mod peer;

use measured::{Run, SECRET, loadtest};
use peer::{Fault, Peer};

/// Whether it works is asked here: a busy machine may be late.
const SHORT: [&str; 8] = ["--seconds", "1s", "--warm-up", "100ms", "--lateness-max", "20s", "--grace", "3s"];
const DM: [&str; 5] = ["dm", "--connections", "10", "--rate", "200"];
const GROUP: [&str; 5] = ["group", "--members", "10", "--rate", "50"];
const MIXED: [&str; 9] =
    ["mixed", "--people", "64", "--groups", "5", "--rate", "200", "--history-rate", "50"];

async fn run(fault: Option<Fault>, processes: &str, arguments: &[&str]) -> Run {
    let tasks = Tasks::default();
    let peer = Peer::start(&tasks, fault).await;
    let arguments = [arguments, &["--processes", processes]].concat();
    let run = Run::beside(loadtest(&peer.url(), &arguments)).await;
    tasks.drain();
    run
}

fn with<'a>(scenario: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [scenario, &SHORT, more].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sum_of_all_is_what_one_finds() {
    for (scenario, name, recipients) in [(DM, "dm", 1.0), (GROUP, "group", 9.0)] {
        let alone = run(None, "1", &with(&scenario, &[])).await;
        for encoding in ["json", "proto"] {
            let many = run(None, "3", &with(&scenario, &["--encoding", encoding])).await;
            assert_eq!(many.code(), Some(0), "{}", many.text());
            for figure in ["connections", "messages", "acked", "delivered", "lost", "refused", "unanswered"] {
                let figure = format!("{name}.{figure}");
                assert_eq!(many.figure(&figure), alone.figure(&figure), "{figure}");
            }
            let acked = many.figure(&format!("{name}.acked"));
            assert_eq!(many.figure(&format!("{name}.delivered")), acked * recipients);
            assert!(many.figure(&format!("{name}.delivery.p50")) > 0.0);
            if name == "group" {
                assert_eq!(
                    many.figure("group.last.max"),
                    many.figure("group.delivery.max"),
                    "{}",
                    many.text()
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_course_is_that_of_all_processes() {
    let run = run(None, "2", &with(&DM, &["--seconds", "3s"])).await;
    let steps = run.report["courses"]["dm"]["steps"].as_array().expect("steps").clone();
    let full: Vec<f64> = steps.iter().filter_map(|step| step["sent"].as_f64()).collect();
    assert!((190.0..=210.0).contains(&full[1]), "200 a second by both: {full:?}");
    assert_eq!(steps[1]["connections"], 10, "of both");
    assert!(run.report["courses"]["dm"]["generator"].as_array().is_some_and(|some| !some.is_empty()));
    assert_eq!(run.report["settings"]["processes"], 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loss_is_found_wherever_sender_and_recipients_are() {
    for (scenario, figure, lost) in [(&DM[..], "dm.lost", 1.0), (&GROUP[..], "group.lost", 9.0)] {
        let run = run(Some(Fault::Lose(30)), "3", &with(scenario, &[])).await;
        assert_eq!((run.code(), run.figure(figure)), (Some(3), lost), "{}", run.text());
    }
    let run = run(Some(Fault::Lose(30)), "2", &with(&MIXED, &[])).await;
    assert_eq!(run.code(), Some(3), "{}", run.text());
    assert!(run.figure("mixed.lost") >= 1.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_other_fault_is_found_too() {
    for (fault, figure, expected) in [
        (Fault::Double(20), "group.duplicated", 9.0),
        (Fault::Echo(20), "group.extra", 1.0),
        (Fault::Refuse(20), "group.refused", 1.0),
    ] {
        let run = run(Some(fault), "2", &with(&GROUP, &[])).await;
        let code = if matches!(fault, Fault::Refuse(_)) { 0 } else { 3 };
        assert_eq!((run.code(), run.figure(figure)), (Some(code), expected), "{fault:?} {}", run.text());
    }
    let late = run(Some(Fault::Delay(20)), "2", &with(&DM, &["--seconds", "3s"])).await;
    assert_eq!((late.code(), late.figure("dm.reordered")), (Some(3), 1.0), "{}", late.text());
    let back = run(Some(Fault::KeepBack(20)), "2", &with(&GROUP, &[])).await;
    assert_eq!(back.code(), Some(0), "{}", back.text());
    assert!(back.figure("group.healed") >= 1.0, "{}", back.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_population_is_audited_across_processes() {
    let run = run(None, "3", &with(&MIXED, &[])).await;
    assert_eq!(run.code(), Some(0), "{}", run.text());
    assert!(run.figure("mixed.delivered") > run.figure("mixed.acked"), "{}", run.text());
    assert!(run.figure("mixed.pages") > 0.0 && run.figure("mixed.typing") > 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn storms_drops_and_slow_readers_are_shared() {
    let storm = ["storm", "--connections", "61", "--established", "10", "--rate", "100", "--after", "1s"];
    let storm = run(None, "2", &with(&storm, &["--seconds", "3s"])).await;
    assert_eq!((storm.code(), storm.figure("storm.opened")), (Some(0), 61.0), "{}", storm.text());
    assert_eq!(storm.figure("storm.delivered"), storm.figure("storm.acked"), "{}", storm.text());
    assert!(storm.figure("storm.opening.p99") > 0.0 && storm.figure("storm.seconds") > 0.0);

    let reconnect =
        ["reconnect", "--connections", "10", "--rate", "200", "--drop-every", "1s", "--offline", "300ms"];
    let more = ["--seconds", "3s", "--grace", "20s"];
    let reconnect = run(None, "2", &with(&reconnect, &more)).await;
    assert_eq!(reconnect.code(), Some(0), "{}", reconnect.text());
    assert!(reconnect.figure("reconnect.drops") >= 10.0, "{}", reconnect.text());
    assert_eq!(reconnect.figure("reconnect.delivered"), reconnect.figure("reconnect.acked"));

    let slow = ["slow", "--members", "10", "--rate", "100", "--slow-share", "0.2", "--slow-bytes", "2000"];
    let slow = run(None, "2", &with(&slow, &["--seconds", "2s", "--grace", "20s"])).await;
    assert_eq!(slow.code(), Some(0), "{}", slow.text());
    assert_eq!(slow.figure("slow.delivered"), slow.figure("slow.acked") * 9.0, "{}", slow.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_are_held_by_all_against_several_servers_from_many_addresses() {
    let tasks = Tasks::default();
    let (one, other) = (Peer::start(&tasks, None).await, Peer::start(&tasks, None).await);
    let (urls, own) = (format!("{},{}", one.url(), other.url()), std::process::id().to_string());
    let idle = ["idle", "--connections", "50", "--hold", "1s", "--processes", "3"];
    let more = ["--server-pid", &own, "--source-addresses", "127.0.9.1-127.0.9.4"];
    let run = Run::beside(loadtest(&urls, &[&idle[..], &more].concat())).await;
    tasks.drain();
    assert_eq!((run.code(), run.figure("idle.connections")), (Some(0), 50.0), "{}", run.text());
    assert_eq!((one.connects(), other.connects()), (25, 25));
    assert!(run.figure("idle.server.cpus_held") >= 0.0);
    let steps = run.report["courses"]["idle"]["steps"].as_array().expect("steps").clone();
    assert!(steps.iter().any(|step| step["connections"] == 50), "{steps:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_are_searched_and_what_cannot_be_shared_is_refused() {
    let find =
        ["find", "--from", "100", "--up-to", "200", "--target", "dm.delivery.p99<60s", "--pause", "0s"];
    let found = run(None, "2", &with(&[&find[..], &DM[..3]].concat(), &[])).await;
    assert_eq!((found.code(), found.figure("find.rate")), (Some(0), 200.0), "{}", found.text());
    let endure = run(None, "2", &["endure"]).await;
    assert_eq!(endure.code(), Some(1));
    assert!(endure.text().contains("endure and verify are for one process"), "{}", endure.text());
    let journal = run(None, "2", &with(&DM, &["--journal", "/tmp/never-written"])).await;
    assert!(journal.text().contains("--journal is written by one process alone"), "{}", journal.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_few_open_files_and_too_few_ports_are_told_before_anything_is_opened() {
    let tasks = Tasks::default();
    let peer = Peer::start(&tasks, None).await;
    let limited = |limit: &str, arguments: &[&str]| {
        let mut command = Command::new("sh");
        command.args([
            "-c",
            &format!("ulimit -n {limit}; exec \"$@\""),
            "sh",
            env!("CARGO_BIN_EXE_loadtest"),
        ]);
        command.args(["idle", "--url", &peer.url(), "--secret", SECRET]).args(arguments);
        let output = command.output().expect("started");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, text) = limited("200", &["--connections", "1000", "--processes", "2"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("more --processes need fewer each: 564 files must be open"), "{text}");
    let few = ["--connections", "100000", "--processes", "2", "--source-addresses", "127.0.9.1"];
    let (code, text) = limited("", &few);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains(" source addresses, there are 1") || text.contains("files must be open"), "{text}");
    assert_eq!(peer.connects(), 0);
    tasks.drain();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_part_cannot_do_is_told_by_the_lead() {
    let nobody = Run::beside(loadtest("ws://127.0.0.1:1/ws", &["idle", "--processes", "2"])).await;
    let text = nobody.text();
    assert_eq!(nobody.code(), Some(1));
    assert!(text.contains("part ") && text.contains("could not be opened"), "{text}");
}

/// A long run that has begun, and its two parts.
async fn begun(peer: &Peer) -> (Child, Vec<u32>) {
    let arguments = [&DM[..], &["--seconds", "60s", "--processes", "2", "--quiet"]].concat();
    let mut command = loadtest(&peer.url(), &arguments);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    let (id, own) = (child.id(), peer.clone());
    until(move || own.connects() == 10).await;
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).expect("children");
    let parts: Vec<u32> = children.split_whitespace().map(|id| id.parse().expect("a number")).collect();
    assert_eq!(parts.len(), 2);
    (child, parts)
}

async fn until(condition: impl Fn() -> bool) {
    let since = Instant::now();
    while !condition() {
        assert!(since.elapsed() < Duration::from_secs(60), "it does not happen");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn kill(process: u32) {
    let killed = Command::new("kill").args(["-9", &process.to_string()]).status().expect("kill");
    assert!(killed.success());
}

/// Whether it runs; one that nobody has waited for does not.
fn runs(process: u32) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(process.to_string()).join("stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_that_dies_ends_the_run_and_says_which() {
    let tasks = Tasks::default();
    let peer = Peer::start(&tasks, None).await;
    let (child, parts) = begun(&peer).await;
    kill(parts[1]);
    let ended = tokio::task::spawn_blocking(move || child.wait_with_output());
    let output = ended.await.expect("run").expect("ended");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains(&format!("part 1 (process {}) ended early: signal: 9", parts[1])), "{text}");
    until(|| !runs(parts[0])).await;
    tasks.drain();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_end_when_their_lead_is_gone() {
    let tasks = Tasks::default();
    let peer = Peer::start(&tasks, None).await;
    let (mut child, parts) = begun(&peer).await;
    kill(child.id());
    child.wait().expect("ended");
    until(|| parts.iter().all(|part| !runs(*part))).await;
    tasks.drain();
}
