//! A stock gateway in front of a backend that is not ours: `examples/backend-python`, over a real NATS server.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::process::{Tidegate, command};
use crate::socket::{Socket, send_frame};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/backend-python");
const PROTO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../proto/proto");
const FILES: [&str; 3] = ["tidegate/v1/body.proto", "tidegate/v1/client.proto", "tidegate/v1/bus.proto"];

/// The example as a process, killed when it is dropped.
struct Backend(Child);

impl Backend {
    /// Waits until it serves.
    fn start(python: &Path, generated: &Path, nats: &str, prefix: &str) -> Self {
        let mut child = Command::new(python)
            .arg(format!("{EXAMPLE}/backend.py"))
            .env("PYTHONPATH", generated)
            .env("NATS_URL", nats)
            .env("TIDEGATE_PREFIX", prefix)
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a word");
        assert_eq!(line, "ready\n");
        Self(child)
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        // Ended already is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_backend_in_python_answers_a_stock_gateway() {
    let Some(nats) = needed("TIDEGATE_TEST_NATS_URL") else { return };
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let generated = folder.path().join("generated");
    std::fs::create_dir(&generated).unwrap();
    let mut protoc = Command::new(&python);
    protoc
        .args(["-m", "grpc_tools.protoc", "-I", PROTO])
        .arg(format!("--python_out={}", generated.display()));
    assert!(protoc.args(FILES).status().unwrap().success());

    let prefix = format!("python-{}-{}", std::process::id(), lifecycle::wall_clock_ms());
    let settings = [
        ("TIDEGATE_ROLE", "gateway"),
        ("TIDEGATE_BUS__NATS__URLS", nats.as_str()),
        ("TIDEGATE_BUS__NATS__PREFIX", prefix.as_str()),
        ("TIDEGATE_GATEWAY__SHARDS", "1"),
    ];
    let run = |arguments: &[&str]| {
        let output = command(folder.path()).envs(settings).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().last().unwrap_or_default().to_owned()
    };
    run(&["key"]);
    let gateway = Tidegate::start_with(folder.path(), &settings);
    let backend = Backend::start(&python, &generated, &nats, &prefix);
    let open = |user| Socket::open(&gateway, &run(&["token", "--user", user]));
    let (mut anna, mut bob) = (open("anna.k@example.com"), open("bob"));
    bob.send(&json!({ "sync": {} }));
    bob.until("delta");

    anna.send(&send_frame("01890a5d-ac96-774b-bcce-b302099a8057", "bob", "hello from Python"));
    let ack = anna.until("ack");
    assert_eq!((&ack["conversation"], &ack["seq"]), (&json!("d.anna~2ek~40example~2ecom.bob"), &json!("1")));
    let event = bob.until("event");
    assert_eq!(
        (&event["body"]["text"], &event["sender"]),
        (&json!("hello from Python"), &json!("anna.k@example.com"))
    );
    bob.send(&json!({ "fetch": { "conversation": ack["conversation"], "from_seq": "1" } }));
    assert_eq!(bob.until("page")["entries"], json!([event]));
    bob.send(&json!({ "fetch": { "conversation": "d.anna.carl", "from_seq": "1" } }));
    assert_eq!(bob.until("nack")["code"], 1200);

    // Nobody answers, and the command waits for whoever comes next.
    drop(backend);
    anna.send(&send_frame("01890a5d-ac96-774b-bcce-b302099a8058", "bob", "is anybody there"));
    let _backend = Backend::start(&python, &generated, &nats, &prefix);
    assert_eq!(anna.until("ack")["client_message_id"], "01890a5d-ac96-774b-bcce-b302099a8058");
    assert_eq!(bob.until("event")["body"]["text"], "is anybody there");
}

/// A setting of the environment. Without it the test says what it skips, except where nobody would read that.
fn needed(name: &str) -> Option<String> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty());
    if value.is_none() {
        skip(&format!("set {name}, or cargo xtask services up"));
    }
    value
}

/// Python with what the example needs: made once, in the target folder.
fn python() -> Option<PathBuf> {
    if let Some(python) = std::env::var_os("TIDEGATE_TEST_PYTHON").filter(|python| !python.is_empty()) {
        return Some(python.into());
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("backend-python");
    let (python, complete) = (folder.join("bin/python"), folder.join("complete"));
    let requirements = format!("{EXAMPLE}/requirements.txt");
    let wanted = std::fs::read_to_string(&requirements).expect("the requirements of the example");
    if std::fs::read_to_string(&complete).is_ok_and(|made| made == wanted) {
        return Some(python);
    }
    let run = |program: &Path, arguments: &[&str]| {
        let run = Command::new(program).args(arguments).stdin(Stdio::null()).output();
        run.is_ok_and(|output| output.status.success())
    };
    let made = run(Path::new("python3"), &["-m", "venv", "--clear", &folder.display().to_string()])
        && run(&python, &["-m", "pip", "install", "--quiet", "--requirement", &requirements]);
    if !made {
        skip("python3 with venv and pip makes its environment, or set TIDEGATE_TEST_PYTHON");
        return None;
    }
    std::fs::write(&complete, wanted).expect("a mark in the target folder");
    Some(python)
}

fn skip(how: &str) {
    let what = format!("a backend in Python behind a stock gateway ({how})");
    assert!(std::env::var_os("CI").is_none(), "in CI nothing is skipped: {what}");
    eprintln!("skipped: {what}");
}
