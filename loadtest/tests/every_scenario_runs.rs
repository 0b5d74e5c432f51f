//! Scenarios that open sockets again, read slowly or hold many conversations, against a small server.

use std::time::Duration;

use lifecycle::Tasks;
use proto::ServerFrame;

#[path = "run/measured.rs"]
mod measured;
#[path = "../../client/tests/peer/server.rs"]
mod peer;

use measured::{Run, loadtest};
use peer::{Fault, Peer};

/// Whether it works is asked here: a busy machine may be late.
const SHORT: [&str; 8] = ["--seconds", "3s", "--warm-up", "200ms", "--lateness-max", "20s", "--grace", "20s"];

async fn run(fault: Option<Fault>, arguments: &[&str]) -> Run {
    let tasks = Tasks::default();
    let peer = Peer::start(&tasks, fault).await;
    let run = Run::beside(loadtest(&peer.url(), arguments)).await;
    tasks.drain();
    run
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_is_measured_beside_the_established() {
    let storm = ["storm", "--connections", "60", "--established", "10", "--rate", "100", "--after", "1s"];
    let run = run(None, &[&storm[..], &SHORT].concat()).await;
    assert_eq!(run.code(), Some(0), "{}", run.text());
    assert_eq!((run.figure("storm.opened"), run.figure("storm.open_failures")), (60.0, 0.0));
    assert!(run.figure("storm.opened_rate") > 1.0 && run.figure("storm.opening.p99") > 0.0);
    assert_eq!(run.figure("storm.delivered"), run.figure("storm.acked"), "{}", run.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_sockets_come_back_and_nothing_is_missing() {
    let reconnect =
        ["reconnect", "--connections", "10", "--rate", "200", "--drop-every", "1s", "--offline", "300ms"];
    let run = run(None, &[&reconnect[..], &SHORT].concat()).await;
    assert_eq!(run.code(), Some(0), "{}", run.text());
    assert!(run.figure("reconnect.drops") >= 10.0 && run.figure("reconnect.healed") >= 1.0, "{}", run.text());
    assert_eq!(run.figure("reconnect.acked"), 640.0, "{}", run.text());
    assert_eq!(run.figure("reconnect.delivered"), 640.0, "{}", run.text());
    assert!(run.figure("reconnect.caught_up.p99") > 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loss_is_found_although_sockets_come_and_go() {
    let reconnect =
        ["reconnect", "--connections", "10", "--rate", "200", "--drop-every", "1s", "--offline", "300ms"];
    let run = run(Some(Fault::Lose(30)), &[&reconnect[..], &SHORT, &["--grace", "3s"]].concat()).await;
    assert_eq!((run.code(), run.figure("reconnect.lost")), (Some(3), 1.0), "{}", run.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_up_is_come_back_to() {
    let reconnect =
        ["reconnect", "--connections", "10", "--rate", "200", "--drop-every", "0s", "--jitter", "300ms"];
    let run = run(Some(Fault::Hangup(30)), &[&reconnect[..], &SHORT].concat()).await;
    assert_eq!(run.code(), Some(0), "{}", run.text());
    assert_eq!((run.figure("reconnect.drops"), run.figure("reconnect.closed_by_server")), (0.0, 1.0));
    assert!(run.figure("reconnect.resent") >= 1.0, "{}", run.text());
    assert!(run.figure("reconnect.repeated") >= 1.0, "{}", run.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_for_now_while_a_socket_is_opened_is_asked_again() {
    let dm = ["dm", "--connections", "10", "--rate", "100"];
    let run_of_dm = run(Some(Fault::BusyReads(3, 9)), &[&dm[..], &SHORT].concat()).await;
    assert_eq!(run_of_dm.code(), Some(0), "{}", run_of_dm.text());
    assert_eq!((run_of_dm.figure("dm.openings_refused"), run_of_dm.figure("dm.connections")), (7.0, 10.0));

    let reconnect =
        ["reconnect", "--connections", "10", "--rate", "200", "--drop-every", "1s", "--offline", "300ms"];
    let run = run(Some(Fault::BusyReads(11, 40)), &[&reconnect[..], &SHORT].concat()).await;
    assert_eq!(run.code(), Some(0), "{}", run.text());
    let refused = run.figure("reconnect.openings_refused") + run.figure("reconnect.fetches_refused");
    assert_eq!((refused, run.figure("reconnect.not_back")), (30.0, 0.0), "{}", run.text());
    assert_eq!(run.figure("reconnect.delivered"), 640.0, "{}", run.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_come_back_is_a_fault() {
    let reconnect =
        ["reconnect", "--connections", "10", "--rate", "200", "--drop-every", "1s", "--offline", "300ms"];
    let for_ever = Some(Fault::BusyReads(11, u64::MAX));
    let run = run(for_ever, &[&reconnect[..], &SHORT, &["--grace", "2s"]].concat()).await;
    assert_eq!((run.code(), run.figure("reconnect.not_back")), (Some(3), 10.0), "{}", run.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_told_to_go_leaves_in_their_turn_and_misses_nothing() {
    let tasks = Tasks::default();
    let peer = Peer::start(&tasks, None).await;
    let reconnect = ["reconnect", "--connections", "10", "--rate", "200", "--drop-every", "0s"];
    let url = peer.url();
    let running = Run::beside(loadtest(&url, &[&reconnect[..], &SHORT].concat()));
    let telling = async {
        while peer.seen().len() < 100 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        peer.tell_all(ServerFrame::Goaway(500)).await;
    };
    let (run, ()) = tokio::join!(running, telling);
    tasks.drain();
    assert_eq!(run.code(), Some(0), "{}", run.text());
    assert_eq!((run.figure("reconnect.sent_away"), run.figure("reconnect.closed_by_server")), (10.0, 0.0));
    assert_eq!((run.figure("reconnect.most_in_a_second"), peer.connects()), (10.0, 20));
    assert_eq!(run.figure("reconnect.delivered"), 640.0, "{}", run.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_readers_end_complete() {
    let slow = ["slow", "--members", "10", "--rate", "100", "--slow-share", "0.2", "--slow-bytes", "2000"];
    let run = run(None, &[&slow[..], &SHORT].concat()).await;
    assert_eq!(run.code(), Some(0), "{}", run.text());
    assert_eq!(run.figure("slow.slow_readers"), 2.0);
    assert_eq!(run.figure("slow.delivered"), run.figure("slow.acked") * 9.0, "{}", run.text());
    assert!(run.figure("slow.p99_ratio") > 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_population_is_audited_in_every_conversation() {
    let mixed = [
        "mixed",
        "--people",
        "64",
        "--groups",
        "5",
        "--members-max",
        "20",
        "--rate",
        "200",
        "--day",
        "2s",
        "--history-rate",
        "50",
    ];
    let run_clean = run(None, &[&mixed[..], &SHORT].concat()).await;
    assert_eq!(run_clean.code(), Some(0), "{}", run_clean.text());
    assert!(run_clean.figure("mixed.delivered") > run_clean.figure("mixed.acked"), "{}", run_clean.text());
    assert!(run_clean.figure("mixed.pages") > 0.0 && run_clean.figure("mixed.typing") > 0.0);
    let lossy = run(Some(Fault::Lose(30)), &[&mixed[..], &SHORT, &["--grace", "2s"]].concat()).await;
    assert_eq!(lossy.code(), Some(3), "{}", lossy.text());
    assert!(lossy.figure("mixed.lost") >= 1.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_highest_rate_is_found_and_a_loss_on_the_way_is_a_loss() {
    let find =
        ["find", "--from", "100", "--up-to", "200", "--target", "dm.delivery.p99<60s", "--pause", "0s"];
    let dm = ["dm", "--connections", "10", "--seconds", "1s", "--warm-up", "100ms", "--lateness-max", "20s"];
    let found = run(None, &[&find[..], &dm].concat()).await;
    assert_eq!(found.code(), Some(0), "{}", found.text());
    assert_eq!((found.figure("find.rate"), found.figure("find.steps")), (200.0, 2.0));
    assert_eq!(found.report["steps"].as_array().map(Vec::len), Some(2));
    assert_eq!(found.report["settings"]["scenario"], "dm");
    let lossy = run(Some(Fault::Lose(30)), &[&find[..], &dm, &["--grace", "1s"]].concat()).await;
    assert_eq!(lossy.code(), Some(3), "{}", lossy.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_measured_page_by_page_and_must_have_every_conversation() {
    let sync = ["sync", "--conversations", "70", "--rounds", "3", "--follow", "1ms", "--settle", "10ms"];
    let run = run(None, &sync).await;
    assert_eq!(run.code(), Some(0), "{}", run.text());
    assert_eq!((run.figure("sync.conversations"), run.figure("sync.stale")), (70.0, 0.0), "{}", run.text());
    assert!(run.figure("sync.first_page.p99") > 0.0 && run.figure("sync.delta.p99") > 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conversation_that_the_list_lacks_is_found() {
    let sync = ["sync", "--conversations", "7", "--rounds", "1", "--follow", "1ms", "--settle", "10ms"];
    let run = run(Some(Fault::Unlist), &sync).await;
    assert_eq!(run.code(), Some(3), "{}", run.text());
    assert!(run.text().contains("the list has only 0 conversations"), "{}", run.text());
    assert_eq!(run.figure("sync.stale"), 1.0, "{}", run.text());
}
