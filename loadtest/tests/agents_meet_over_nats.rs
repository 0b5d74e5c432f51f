//! `loadtest agent` and `loadtest coordinate`: a run on many machines finds what one process would have found, and says how
//! well it knows their clocks.

use std::process::{Child, Command, Output, Stdio};

use lifecycle::Tasks;

#[path = "meeting/broker.rs"]
mod broker;
#[path = "../../client/tests/peer/server.rs"]
mod peer;

use peer::{Fault, Peer};

const SECRET: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9-loadtest";
const SHORT: [&str; 8] = ["--seconds", "1s", "--warm-up", "100ms", "--lateness-max", "20s", "--grace", "3s"];
const GROUP: [&str; 5] = ["group", "--members", "10", "--rate", "50"];

/// A busy machine may answer late.
const BUSY: [&str; 2] = ["--clock-error-max", "100ms"];

/// Two agents; they end with this.
struct Agents {
    nats: String,
    team: String,
    processes: Vec<Child>,
}

impl Agents {
    fn start(team: &str) -> Self {
        // A server that others use as well has other teams.
        let (nats, team) = (broker::url(), format!("{team}-{}", std::process::id()));
        let start = |_| {
            Command::new(env!("CARGO_BIN_EXE_loadtest"))
                .args(["agent", "--nats", &nats, "--team", &team, "--secret", SECRET])
                .stderr(Stdio::null())
                .spawn()
                .expect("started")
        };
        let processes = (0..2).map(start).collect();
        Self { nats, team, processes }
    }

    async fn coordinate(&self, peer: &Peer, arguments: &[&str]) -> (Output, serde_json::Value) {
        let folder = tempfile::tempdir().expect("a folder");
        let json = folder.path().join("report.json");
        let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
        command.args(["coordinate", "--nats", &self.nats, "--team", &self.team]).args(arguments);
        command.args(["--url", &peer.url(), "--secret", SECRET, "--quiet", "--json"]).arg(&json);
        let output =
            tokio::task::spawn_blocking(move || command.output()).await.expect("run").expect("started");
        let text = std::fs::read_to_string(&json).unwrap_or_default();
        (output, serde_json::from_str(&text).unwrap_or_default())
    }
}

impl Drop for Agents {
    fn drop(&mut self) {
        for process in &mut self.processes {
            process.kill().expect("it ran");
            process.wait().expect("it ended");
        }
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_serve_run_after_run_and_find_every_loss() {
    let tasks = Tasks::default();
    let agents = Agents::start("runs");
    for (fault, code, lost) in [(None, 0, 0.0), (Some(Fault::Lose(30)), 3, 9.0)] {
        let peer = Peer::start(&tasks, fault).await;
        let (output, report) = agents.coordinate(&peer, &[&BUSY[..], &GROUP, &SHORT].concat()).await;
        assert_eq!(output.status.code(), Some(code), "{}", text(&output));
        let figure = |name: &str| report["figures"][name]["value"].as_f64();
        assert_eq!((figure("group.lost"), figure("group.connections")), (Some(lost), Some(10.0)));
        assert!(figure("group.clock_error").is_some_and(|error| error > 0.0 && error < 0.1), "{report}");
        assert_eq!(report["settings"]["agents"], 2);
    }
    let peer = Peer::start(&tasks, None).await;
    let find =
        ["find", "--from", "100", "--up-to", "200", "--target", "dm.delivery.p99<60s", "--pause", "0s"];
    let dm = ["dm", "--connections", "10"];
    let (output, report) = agents.coordinate(&peer, &[&BUSY[..], &find, &dm, &SHORT].concat()).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert_eq!(report["figures"]["find.rate"]["value"], 200.0);
    tasks.drain();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_not_known_well_enough_ends_the_run() {
    let tasks = Tasks::default();
    let agents = Agents::start("clocks");
    let peer = Peer::start(&tasks, None).await;
    let strict = ["--clock-error-max", "0ms"];
    let (output, _) = agents.coordinate(&peer, &[&strict[..], &GROUP, &SHORT].concat()).await;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("the way there and back takes too long"), "{}", text(&output));
    assert_eq!(peer.connects(), 0);
    tasks.drain();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_falls_silent_ends_the_run_and_its_name_is_told() {
    let tasks = Tasks::default();
    let mut agents = Agents::start("silent");
    let peer = Peer::start(&tasks, None).await;
    let (own, mut lost) = (peer.clone(), agents.processes.remove(0));
    let id = lost.id();
    let silencing = async move {
        while own.connects() < 10 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        lost.kill().expect("it ran");
        lost.wait().expect("it ended");
    };
    let long = ["--seconds", "60s", "--lateness-max", "20s"];
    let soon = ["--silence-max", "5s"];
    let arguments = [&BUSY[..], &soon, &GROUP, &long].concat();
    let mut run = std::pin::pin!(agents.coordinate(&peer, &arguments));
    let (output, _) = tokio::select! {
        ended_early = &mut run => ended_early,
        () = silencing => run.await,
    };
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let told = format!("process {id}) has said nothing for 5 s");
    assert!(text(&output).contains(&told), "{}", text(&output));
    tasks.drain();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_that_do_not_answer_are_counted() {
    let tasks = Tasks::default();
    let agents = Agents::start("missing");
    let peer = Peer::start(&tasks, None).await;
    let more = ["--agents", "3", "--patience", "5s"];
    let (output, _) = agents.coordinate(&peer, &[&more[..], &GROUP, &SHORT].concat()).await;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("2 of 3 agents of team"), "{}", text(&output));
    let nowhere = Command::new(env!("CARGO_BIN_EXE_loadtest"))
        .args(["agent", "--nats", "nats://127.0.0.1:1", "--once", "--secret", SECRET])
        .output()
        .expect("started");
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(text(&nowhere).contains("nats://127.0.0.1:1"), "{}", text(&nowhere));
    tasks.drain();
}
