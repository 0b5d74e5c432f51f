//! The same schedule and the same audit against other servers: `rawserver`, and a small one that speaks Centrifugo's
//! client protocol.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use lifecycle::Tasks;

#[path = "peers/centrifugo.rs"]
mod centrifugo;
#[path = "run/measured.rs"]
mod measured;

use centrifugo::{Fault, Peer};
use measured::{Run, loadtest};

const SHORT: [&str; 8] = ["--seconds", "2s", "--warm-up", "200ms", "--lateness-max", "20s", "--grace", "5s"];
const DM: [&str; 5] = ["dm", "--connections", "10", "--rate", "200"];
const GROUP: [&str; 5] = ["group", "--members", "10", "--rate", "50"];

/// A rawserver that is killed when it is dropped.
struct Rawserver {
    child: Child,
    url: String,
}

impl Rawserver {
    fn start(write: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_loadtest"))
            .args(["rawserver", "--listen", "127.0.0.1:0", "--write", write])
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let mut url = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut url).expect("its address");
        Self { child, url: url.trim().to_owned() }
    }
}

impl Drop for Rawserver {
    fn drop(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }
}

fn command(driver: &str, url: &str, arguments: &[&str]) -> Command {
    loadtest(url, &[arguments, &["--driver", driver]].concat())
}

fn run(driver: &str, url: &str, arguments: &[&str]) -> Run {
    Run::of(command(driver, url, arguments))
}

fn is_whole(run: &Run, name: &str, recipients: f64) {
    assert_eq!(run.code(), Some(0), "{}", run.text());
    let acked = run.figure(&format!("{name}.acked"));
    assert!(acked >= 110.0, "{}", run.text());
    assert_eq!(run.figure(&format!("{name}.delivered")), acked * recipients, "{}", run.text());
    assert!(run.figure(&format!("{name}.delivery.p99")) > 0.0);
}

#[test]
fn the_raw_server_delivers_everything_in_both_ways_of_writing() {
    for write in ["turn", "message"] {
        let server = Rawserver::start(write);
        let pid = server.child.id().to_string();
        let arguments = [&DM[..], &SHORT, &["--server-pid", &pid]].concat();
        is_whole(&run("raw", &server.url, &arguments), "dm", 1.0);
        // Again on the same server: what the first run left there must not be in the way.
        is_whole(&run("raw", &server.url, &[&GROUP[..], &SHORT].concat()), "group", 9.0);
        is_whole(&run("raw", &server.url, &[&GROUP[..], &SHORT].concat()), "group", 9.0);
        let idle = run("raw", &server.url, &["idle", "--connections", "50", "--hold", "100ms"]);
        assert_eq!((idle.code(), idle.figure("idle.connections")), (Some(0), 50.0), "{}", idle.text());
    }
}

#[test]
fn several_processes_measure_any_server() {
    let server = Rawserver::start("turn");
    let many = ["--processes", "2"];
    is_whole(&run("raw", &server.url, &[&DM[..], &SHORT, &many].concat()), "dm", 1.0);
    is_whole(&run("raw", &server.url, &[&GROUP[..], &SHORT, &many].concat()), "group", 9.0);
    let storm = ["storm", "--connections", "30", "--established", "10", "--rate", "100", "--after", "500ms"];
    let storm = run("raw", &server.url, &[&storm[..], &SHORT, &many].concat());
    is_whole(&storm, "storm", 1.0);
    assert_eq!(storm.figure("storm.opened"), 30.0, "{}", storm.text());
}

#[test]
fn what_only_tidegate_does_is_refused_with_a_reason() {
    let refused = run("raw", "ws://127.0.0.1:1/", &["mixed"]);
    assert_eq!(refused.code(), Some(1));
    assert!(refused.text().contains("only Tidegate does"), "{}", refused.text());
}

async fn against(fault: Option<Fault>, arguments: &[&str]) -> Run {
    let tasks = Tasks::default();
    let peer = Peer::start(&tasks, fault).await;
    let url = format!("ws://{}", peer.address);
    let run = Run::beside(command("centrifugo", &url, arguments)).await;
    tasks.drain();
    run
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn centrifugos_protocol_is_spoken_in_both_encodings() {
    for encoding in ["json", "proto"] {
        let words = ["--encoding", encoding];
        is_whole(&against(None, &[&DM[..], &SHORT, &words].concat()).await, "dm", 1.0);
        is_whole(&against(None, &[&GROUP[..], &SHORT, &words].concat()).await, "group", 9.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_losses_are_found_and_a_namespace_without_history_is_refused() {
    let lossy = against(Some(Fault::Lose), &[&DM[..], &SHORT, &["--grace", "1s"]].concat()).await;
    assert_eq!((lossy.code(), lossy.figure("dm.lost")), (Some(3), 1.0), "{}", lossy.text());
    let blind = against(Some(Fault::NoHistory), &[&DM[..], &SHORT].concat()).await;
    assert_eq!(blind.code(), Some(1), "{}", blind.text());
    assert!(blind.text().contains("history_size"), "{}", blind.text());
}
