//! `overload` against a small server: it finds a peak, offers more, and says who was served and who was not.

use lifecycle::Tasks;

#[path = "run/measured.rs"]
mod measured;
#[path = "../../client/tests/peer/server.rs"]
mod peer;

use measured::{Run, loadtest};
use peer::{Fault, Peer};

/// Whether it works is asked here: a busy machine may be late.
const SHORT: [&str; 10] = [
    "overload",
    "--seconds",
    "2s",
    "--warm-up",
    "500ms",
    "--lateness-max",
    "20s",
    "--grace",
    "20s",
    "--senders=10",
];

async fn run(fault: Option<Fault>, arguments: &[&str]) -> Run {
    let tasks = Tasks::default();
    let peer = Peer::start(&tasks, fault).await;
    let run = Run::beside(loadtest(&peer.url(), &[&SHORT[..], arguments].concat())).await;
    tasks.drain();
    run
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peak_is_found_and_more_than_that_is_offered() {
    let run = run(None, &["--peak-unanswered", "1", "--unanswered", "8"]).await;
    assert_eq!(run.code(), Some(0), "{}", run.text());
    let peak = run.figure("overload.peak");
    assert!(peak > 10.0 && run.figure("peak.acked_rate") == peak, "{}", run.text());
    let offered = run.figure("overload.rate.target") / peak;
    assert!((offered - 2.0).abs() < 0.01, "twice the peak is offered: {}", run.text());
    assert!(run.figure("overload.ratio") > 0.0 && run.figure("overload.lowest_share") > 0.0);
    for figure in ["peak", "overload"] {
        let (acked, delivered) = (format!("{figure}.acked"), format!("{figure}.delivered"));
        assert_eq!(run.figure(&delivered), run.figure(&acked), "{}", run.text());
    }
    assert_eq!(run.figure("overload.timed_out"), 0.0, "{}", run.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_served_alike_has_an_index_of_one_also_over_several_processes() {
    for processes in ["1", "2"] {
        let run = run(None, &["--peak", "200", "--processes", processes]).await;
        assert_eq!(run.code(), Some(0), "{}", run.text());
        // All that is offered is acknowledged, but what is on its way when the time is over.
        assert!((run.figure("overload.ratio") - 2.0).abs() < 0.2, "{}", run.text());
        assert!(run.figure("overload.jain") > 0.98, "{}", run.text());
        assert!(run.figure("overload.lowest_share") > 1.5, "{}", run.text());
        assert_eq!(run.figure("overload.acked"), 1000.0, "{}", run.text());
        for none in ["withheld", "refused", "unadvised", "timed_out"] {
            assert_eq!(run.figure(&format!("overload.{none}")), 0.0, "{none}: {}", run.text());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_favours_half_of_them_is_found_unfair() {
    let required = ["--peak", "200", "--require", "overload.jain>=0.95", "--require", "overload.unadvised<1"];
    let run = run(Some(Fault::Favour), &required).await;
    assert_eq!(run.code(), Some(1), "{}", run.text());
    assert!((run.figure("overload.jain") - 0.5).abs() < 0.02, "{}", run.text());
    assert_eq!(run.figure("overload.lowest_share"), 0.0, "{}", run.text());
    let answered = (run.figure("overload.refused"), run.figure("overload.acked"));
    assert_eq!(answered, (500.0, 500.0), "{}", run.text());
    assert_eq!((run.figure("overload.unadvised"), run.figure("overload.timed_out")), (0.0, 0.0));
    assert!(!run.text().contains("overload.unadvised<1"), "{}", run.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_never_answered_has_timed_out() {
    let run = run(Some(Fault::Ignore(30)), &["--peak", "200", "--grace", "1s"]).await;
    assert_eq!(run.code(), Some(0), "{}", run.text());
    assert_eq!((run.figure("overload.timed_out"), run.figure("overload.refused")), (1.0, 0.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_due_beyond_the_bound_is_withheld_and_does_not_make_the_schedule_late() {
    let run = run(None, &["--peak", "50000", "--unanswered", "1"]).await;
    assert_eq!(run.code(), Some(0), "{}", run.text());
    let (withheld, acked) = (run.figure("overload.withheld"), run.figure("overload.acked"));
    assert!(withheld > 10_000.0 && acked > 100.0, "{}", run.text());
    assert_eq!(run.figure("overload.unanswered"), 0.0, "{}", run.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_processes_must_be_told_the_peak() {
    let run = run(None, &["--processes", "2"]).await;
    assert_eq!(run.code(), Some(1), "{}", run.text());
    assert!(run.text().contains("overload until --peak is given"), "{}", run.text());
}
