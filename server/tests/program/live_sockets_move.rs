//! `tidegate upgrade`: another process goes on with every socket, and nobody misses or hears anything twice.

mod asked_to_stop;
mod at_a_gateway_alone;
mod beside_tls;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::http::{get, new_user};
use crate::process::{Tidegate, command, loud_lines, until};
use crate::socket::{Socket, send_frame};

/// Sockets whose turn to talk comes late on a busy machine do not answer pings before.
const PATIENT: [(&str, &str); 2] =
    [("TIDEGATE_GATEWAY__PING_AFTER", "10m"), ("TIDEGATE_GATEWAY__PONG_TIMEOUT", "10m")];

/// A server of which the program is a file that can be replaced.
struct Stand {
    folder: PathBuf,
    program: PathBuf,
    server: Option<Tidegate>,
}

impl Stand {
    fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    fn start_with(folder: &Path, more: &[(&str, &str)]) -> Self {
        let program = folder.join("tidegate");
        std::fs::hard_link(env!("CARGO_BIN_EXE_tidegate"), &program)
            .or_else(|_| std::fs::copy(env!("CARGO_BIN_EXE_tidegate"), &program).map(drop))
            .expect("a copy");
        let settings = [&PATIENT[..], more].concat();
        let server = Tidegate::start_program(&program, folder, &settings);
        // Some of the programs it is given cannot go on.
        let server = server.may_warn(&["tidegate::upgrade"]);
        Self { folder: folder.to_owned(), program, server: Some(server) }
    }

    /// A process that runs what all tests run.
    fn of(folder: &Path, server: Tidegate) -> Self {
        let program = env!("CARGO_BIN_EXE_tidegate").into();
        Self { folder: folder.to_owned(), program, server: Some(server) }
    }

    fn server(&self) -> &Tidegate {
        self.server.as_ref().expect("it has not been stopped")
    }

    /// The process that has the sockets now.
    fn pid(&self) -> u64 {
        let text =
            std::fs::read(self.folder.join("tidegate-data/addresses.json")).expect("addresses are told");
        let addresses: Value = serde_json::from_slice(&text).expect("as JSON");
        addresses["pid"].as_u64().expect("a process")
    }

    /// Exit code and what was told.
    fn upgrade(&self) -> (Option<i32>, String) {
        let output = command(&self.folder).arg("upgrade").output().expect("it runs");
        let told = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(told).expect("text"))
    }

    /// Puts a script in the place of the program. Asked for its version it is a tidegate.
    fn replace(&self, script: &str) {
        let script =
            format!("#!/bin/sh\n[ \"$1\" = --version ] && echo tidegate 9.9.9 && exit 0\n{script}\n");
        let beside = self.folder.join("beside");
        std::fs::write(&beside, script).expect("written");
        std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(0o755)).expect("executable");
        std::fs::rename(&beside, &self.program).expect("in its place");
    }

    /// Stops whoever serves; gives what all of them logged.
    fn stop(mut self) -> String {
        self.signal("TERM");
        self.server.take().expect("asked once").ended().1
    }

    /// The process that was started, to be waited for.
    fn into_server(mut self) -> Tidegate {
        self.server.take().expect("asked once")
    }

    fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let sent = std::process::Command::new("kill").args([format!("-{name}"), pid]).status();
        assert!(sent.expect("kill is there").success());
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        if self.server.is_some() && std::thread::panicking() {
            // The server itself may have ended long ago, in favour of another.
            self.signal("KILL");
        }
    }
}

/// Lets those who talk end, even when the test fails meanwhile.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Two users who talk.
struct Pair {
    number: usize,
    writer: Socket,
    reader: Socket,
    to: String,
    said: u64,
}

impl Pair {
    fn open(server: &Tidegate, number: usize) -> Self {
        let (writer, reader) = (token(server, number, "writer"), token(server, number, "reader"));
        let to = format!("reader-{number}");
        Self {
            number,
            writer: Socket::open(server, &writer),
            reader: Socket::open(server, &reader),
            to,
            said: 0,
        }
    }

    /// One message, said once: acknowledged, and heard as the next of the conversation.
    fn talk(&mut self) {
        self.said += 1;
        let text = format!("{} {}", self.number, self.said);
        let id = format!("01890a5d-ac96-774b-{:04x}-{:012x}", 0x8000 + self.number, self.said);
        self.writer.send(&send_frame(&id, &self.to, &text));
        let ack = self.writer.until("ack");
        assert_eq!(ack["seq"], self.said.to_string(), "appended once");
        let event = self.reader.until("event");
        assert_eq!((&event["seq"], &event["body"]["text"]), (&json!(self.said.to_string()), &json!(text)));
    }
}

fn token(server: &Tidegate, number: usize, name: &str) -> String {
    server.token_of(&format!("{name}-{number}"))
}

#[test]
fn again_and_again_while_everybody_talks() {
    let folder = tempfile::tempdir().unwrap();
    let stand = Stand::start(folder.path());
    let stop = Arc::new(AtomicBool::new(false));
    let talking: Vec<_> = (0..4)
        .map(|thread| {
            let numbers = thread * 63..thread * 63 + 63;
            let mut pairs: Vec<_> = numbers.map(|number| Pair::open(stand.server(), number)).collect();
            let stop = Arc::clone(&stop);
            let talk = move || {
                while !stop.load(Ordering::SeqCst) {
                    pairs.iter_mut().for_each(Pair::talk);
                }
                pairs
            };
            std::thread::Builder::new().name("talk".to_owned()).spawn(talk).unwrap()
        })
        .collect();
    let mut before = stand.pid();
    for _ in 0..3 {
        let (code, told) = stand.upgrade();
        assert_eq!(code, Some(0), "{told}");
        assert!(told.contains("504 sockets moved to process"), "{told}");
        let after = stand.pid();
        assert_ne!(before, after);
        before = after;
        assert_eq!(get(&stand.server().admin_url("/ready")).text, "ready\n");
    }
    stop.store(true, Ordering::SeqCst);
    let mut pairs: Vec<_> = talking.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    assert_eq!(pairs.len(), 252);
    pairs.iter_mut().for_each(Pair::talk);
    for pair in pairs {
        // Heads are told to be sure; any other word that waits now came twice.
        for socket in [pair.reader, pair.writer] {
            let twice: Vec<_> =
                socket.waiting().into_iter().filter(|frame| !frame.starts_with("{\"head\"")).collect();
            assert_eq!(twice, Vec::<String>::new());
        }
    }
    let logs = stand.stop();
    assert_eq!(loud_lines(&logs), Vec::<&str>::new());
}

/// The first word of a new program, of a layout.
fn hello(version: u16) -> String {
    format!(r"printf '\001\000\017\000\000\000tidegate\{version:03o}\0009.9.9' >&0")
}

/// A script that takes some of what it is given, does something, and fails.
fn dies_with_the_sockets(first: &str) -> String {
    format!("{}; head -c 10 >/dev/null; {first}; exit 7", hello(gateway::HANDOVER_VERSION))
}

#[test]
fn a_program_that_cannot_go_on_is_refused_and_nobody_notices() {
    let folder = tempfile::tempdir().unwrap();
    let stand = Stand::start(folder.path());
    let mut pair = Pair::open(stand.server(), 1);
    pair.talk();
    let scripts = [
        ("exit 2".to_owned(), "exit status: 2"),
        (hello(99) + "; sleep 1", "tidegate 9.9.9 reads live sockets in layout 99"),
        ("printf 'HTTP/1.1 200 OK' >&0; sleep 1".to_owned(), "does not speak as it should"),
    ];
    let pid = stand.pid();
    for (script, why) in scripts {
        stand.replace(&script);
        let (code, told) = stand.upgrade();
        assert_eq!(code, Some(1), "{told}");
        assert!(told.contains(why) && told.contains("goes on as it was"), "{told}");
        assert_eq!(stand.pid(), pid);
        pair.talk();
    }
    std::fs::remove_file(&stand.program).unwrap();
    let (code, told) = stand.upgrade();
    assert_eq!((code, told.contains("cannot be started")), (Some(1), true), "{told}");
    pair.talk();
    let logs = stand.stop();
    assert_eq!(loud_lines(&logs).len(), 3, "one for each that was started: {logs}");
}

#[test]
fn a_program_that_dies_with_the_sockets_in_its_hands_is_replaced_by_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let stand = Stand::start(folder.path());
    let mut pair = Pair::open(stand.server(), 1);
    pair.talk();
    stand.replace(&dies_with_the_sockets(":"));
    let (code, told) = stand.upgrade();
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("2 sockets moved") && told.contains("same program as before"), "{told}");
    pair.talk();

    // And what it began goes on: the next version may be better.
    std::fs::remove_file(&stand.program).unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_tidegate"), &stand.program).unwrap();
    let (code, told) = stand.upgrade();
    assert_eq!(code, Some(0), "{told}");
    pair.talk();
    new_user(stand.server(), "carol", "correct horse");
    stand.stop();
}

#[test]
fn sockets_that_come_meanwhile_wait_and_are_let_in() {
    let folder = tempfile::tempdir().unwrap();
    let stand = Stand::start(folder.path());
    let stop = Arc::new(AtomicBool::new(false));
    let alice = stand.server().token_of("alice");
    std::thread::scope(|scope| {
        let stopping = Stop(&stop);
        let coming = std::thread::Builder::new().name("coming".to_owned());
        let come = || {
            let mut came = 0;
            while !stop.load(Ordering::SeqCst) {
                // A time-out, a refusal or a cut would be a panic.
                drop(Socket::open(stand.server(), &alice));
                came += 1;
            }
            came
        };
        let coming = coming.spawn_scoped(scope, come).unwrap();
        for _ in 0..2 {
            let (code, told) = stand.upgrade();
            assert_eq!(code, Some(0), "{told}");
        }
        drop(stopping);
        assert!(coming.join().unwrap() > 0);
    });
    until(|| Some(get(&stand.server().admin_url("/ready"))).filter(|answer| answer.status == 200));
    stand.stop();
}
