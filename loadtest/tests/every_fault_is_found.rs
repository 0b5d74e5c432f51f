//! The whole program against a small server that makes one mistake: the audit finds it and says which it is.

use std::time::Duration;

use lifecycle::Tasks;

#[path = "run/measured.rs"]
mod measured;
#[path = "../../client/tests/peer/server.rs"]
mod peer;

use measured::{Run, loadtest};
use peer::{Fault, Peer};

/// Runs the program with `arguments` against a peer with a fault.
async fn run(fault: Option<Fault>, arguments: &[&str]) -> Run {
    let tasks = Tasks::default();
    let peer = Peer::start(&tasks, fault).await;
    let run = Run::beside(loadtest(&peer.url(), arguments)).await;
    tasks.drain();
    run
}

const DM: &[&str] = &[
    "dm",
    "--connections",
    "10",
    "--rate",
    "200",
    "--seconds",
    "1s",
    "--warm-up",
    "100ms",
    "--grace",
    "2s",
    "--lateness-max",
    "10s",
];
const GROUP: &[&str] = &[
    "group",
    "--members",
    "10",
    "--rate",
    "50",
    "--seconds",
    "1s",
    "--warm-up",
    "100ms",
    "--grace",
    "2s",
    "--lateness-max",
    "10s",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_fault_passes_in_both_encodings() {
    for encoding in ["json", "proto"] {
        for (scenario, recipients) in [(DM, 1.0), (GROUP, 9.0)] {
            let run = run(None, &[scenario, &["--encoding", encoding]].concat()).await;
            assert_eq!(run.code(), Some(0), "{}", run.text());
            let name = scenario[0];
            let acked = run.figure(&format!("{name}.acked"));
            assert!(acked >= 55.0, "{}", run.text());
            assert_eq!(run.figure(&format!("{name}.delivered")), acked * recipients, "{}", run.text());
            assert!(run.figure(&format!("{name}.delivery.p99")) > 0.0);
            if name == "group" {
                // The last device of the slowest message is the slowest delivery, and no message is whole before half of it is.
                assert_eq!(run.figure("group.last.max"), run.figure("group.delivery.max"), "{}", run.text());
                assert!(run.figure("group.last.p50") >= run.figure("group.delivery.p50"), "{}", run.text());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_has_its_name_and_the_exit_code_is_3() {
    let faults = [
        (Fault::Lose(30), "dm.lost"),
        (Fault::Double(30), "dm.duplicated"),
        (Fault::Delay(30), "dm.reordered"),
        (Fault::Echo(30), "dm.extra"),
    ];
    for (fault, figure) in faults {
        let run = run(Some(fault), DM).await;
        assert_eq!(run.code(), Some(3), "{fault:?}: {}", run.text());
        assert!(run.figure(figure) >= 1.0, "{fault:?}: {}", run.text());
        assert!(run.text().contains("audit failed"), "{}", run.text());
    }
    let run = run(Some(Fault::Lose(30)), GROUP).await;
    assert_eq!((run.code(), run.figure("group.lost")), (Some(3), 9.0), "{}", run.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_pushed_is_fetched_and_counts_as_late_not_as_lost() {
    let run = run(Some(Fault::KeepBack(30)), DM).await;
    assert_eq!(run.code(), Some(0), "{}", run.text());
    assert!(run.figure("dm.healed") >= 1.0, "{}", run.text());
    assert!(run.figure("dm.delivery.max") >= 0.3, "the wait is in the latency: {}", run.text());
    let run = self::run(Some(Fault::KeepBack(30)), GROUP).await;
    assert!(run.figure("group.last.max") >= 0.3, "so it is in that of the last device: {}", run.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_messages_are_counted_and_are_no_fault() {
    let run = run(Some(Fault::Refuse(30)), DM).await;
    assert_eq!(run.code(), Some(0), "{}", run.text());
    assert_eq!((run.figure("dm.refused"), run.figure("dm.refusals.BUSY")), (1.0, 1.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missed_requirement_is_exit_code_1() {
    let required = [DM, &["--require", "dm.lost<1", "--require", "dm.rate>1000k/s"]].concat();
    let run = run(None, &required).await;
    assert_eq!(run.code(), Some(1), "{}", run.text());
    assert!(run.text().contains("dm.rate>1000k/s: it was"), "{}", run.text());
    assert!(!run.text().contains("dm.lost<1"), "{}", run.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_generator_that_is_late_reports_no_latency_and_exits_2() {
    let late = [
        "dm",
        "--connections",
        "2",
        "--rate",
        "100",
        "--seconds",
        "1s",
        "--grace",
        "2s",
        "--lateness-max",
        "0ms",
    ];
    let run = run(None, &late).await;
    assert_eq!(run.code(), Some(2), "{}", run.text());
    assert!(run.text().contains("could not keep its schedule"), "{}", run.text());
    assert!(!run.text().contains("dm.delivery.p99"), "{}", run.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_is_verified_against_history_and_losses_are_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = folder.path().join("journal");
    let journal = journal.to_str().expect("UTF-8");
    for (fault, code) in [(None, 0), (Some(Fault::Lose(30)), 3)] {
        let tasks = Tasks::default();
        let peer = Peer::start(&tasks, fault).await;
        let _ = std::fs::remove_file(journal);
        let load = [DM, &["--users", "crash", "--journal", journal]].concat();
        assert_eq!(Run::beside(loadtest(&peer.url(), &load)).await.code(), Some(code));
        let verified = Run::beside(loadtest(&peer.url(), &["verify", "--journal", journal])).await;
        assert_eq!(verified.code(), Some(code), "{}", verified.text());
        assert!(verified.figure("verify.acknowledged") >= 200.0, "{}", verified.text());
        assert_eq!(verified.figure("verify.lost"), f64::from(code != 0), "{}", verified.text());
        tasks.close(Duration::from_secs(5)).await.expect("all tasks end");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_counts_connections_and_a_server_that_is_not_there_is_named() {
    let run = run(None, &["idle", "--connections", "50", "--hold", "100ms"]).await;
    assert_eq!((run.code(), run.figure("idle.connections")), (Some(0), 50.0), "{}", run.text());
    let nobody = Run::beside(loadtest("ws://127.0.0.1:1/ws", &["idle"])).await;
    assert_eq!(nobody.code(), Some(1));
    assert!(nobody.text().contains("could not be opened"), "{}", nobody.text());
}
