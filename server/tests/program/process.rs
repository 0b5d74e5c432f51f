//! A `tidegate` process with a data directory of its own on free ports.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use serde_json::Value;

/// Longer than anything takes on a busy machine; reached only when something is wrong.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A process that is killed when it is dropped. What it logs is looked at when it has ended: the test fails where there is a line
/// that a person would have to look at, unless the test provokes it.
pub struct Tidegate {
    child: Child,
    /// Words of the loud lines that the test provokes.
    provoked: Vec<&'static str>,
    stdout: BufReader<ChildStdout>,
    logs: Option<JoinHandle<String>>,
    folder: PathBuf,
    public: String,
    admin: String,
    /// What it printed until it was ready.
    pub greeting: String,
}

/// The program with nothing of this process's settings, in the given folder, on free ports of loopback.
pub fn command(folder: &Path) -> Command {
    command_of(Path::new(env!("CARGO_BIN_EXE_tidegate")), folder)
}

fn command_of(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TIDEGATE_")) {
        command.env_remove(name);
    }
    command
        .current_dir(folder)
        .env("TIDEGATE_PUBLIC__LISTEN", "127.0.0.1:0")
        .env("TIDEGATE_ADMIN__LISTEN", "127.0.0.1:0")
        .stdin(Stdio::null());
    command
}

impl Tidegate {
    /// Starts the program without arguments and waits until it says that it is ready.
    pub fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    /// The same with settings.
    pub fn start_with(folder: &Path, settings: &[(&str, &str)]) -> Self {
        Self::start_program(Path::new(env!("CARGO_BIN_EXE_tidegate")), folder, settings)
    }

    /// The same with a copy of the program.
    pub fn start_program(program: &Path, folder: &Path, settings: &[(&str, &str)]) -> Self {
        let mut command = command_of(program, folder);
        command.envs(settings.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        let (name, pid) = (folder.file_name().unwrap_or_default().display().to_string(), child.id());
        let logs = thread("logs", move || {
            let mut text = String::new();
            for line in stderr.lines() {
                let line = line.expect("logs are text");
                // Seen where the test fails.
                eprintln!("{name} {pid}: {line}");
                text.extend([&line, "\n"]);
            }
            text
        });
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut greeting = String::new();
        while !greeting.contains("Ctrl-C") {
            let more = stdout.read_line(&mut greeting).expect("the greeting is text");
            assert!(
                more > 0,
                "it ended before it was ready: {:?} {}",
                child.wait(),
                logs.join().expect("logs")
            );
        }
        let addresses =
            std::fs::read(folder.join("tidegate-data/addresses.json")).expect("addresses are told");
        let addresses: Value = serde_json::from_slice(&addresses).expect("as JSON");
        assert_eq!(addresses["pid"], child.id());
        // A router has no public port.
        let address = |name: &str| addresses[name].as_str().unwrap_or_default().to_owned();
        let (public, admin) = (address("public"), address("admin"));
        let folder = folder.to_owned();
        Self { child, provoked: Vec::new(), stdout, logs: Some(logs), folder, public, admin, greeting }
    }

    /// It may warn in lines with any of these words: the test provokes that.
    #[must_use]
    pub fn may_warn(mut self, words: &[&'static str]) -> Self {
        self.provoked.extend(words);
        self
    }

    /// A token of a user who needs no account.
    pub fn token_of(&self, user: &str) -> String {
        self.token_by(&["token", "--user", user])
    }

    /// A token of a service with these scopes, commas between them.
    pub fn token_with(&self, service: &str, scopes: &str) -> String {
        self.token_by(&["token", "--user", service, "--scope", scopes])
    }

    /// A token of a user that ends after so long.
    pub fn token_for(&self, user: &str, ttl: &str) -> String {
        self.token_by(&["token", "--user", user, "--ttl", ttl])
    }

    fn token_by(&self, arguments: &[&str]) -> String {
        let output = command(&self.folder).args(arguments).output().expect("it runs");
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }

    /// `host:port` of the public port.
    pub fn public(&self) -> &str {
        &self.public
    }

    /// A URL on the public port.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.public)
    }

    /// A URL on the admin port.
    pub fn admin_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.admin)
    }

    /// Sends a signal, such as `TERM` or `KILL`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status();
        assert!(sent.expect("kill is there").success());
    }

    /// Waits for the end; gives the exit code (`None` when a signal ended it) and everything that was logged.
    pub fn ended(mut self) -> (Option<i32>, String) {
        let logs = self.logs.take().expect("asked once");
        let (send, receive) = mpsc::sync_channel(1);
        thread("patience", move || drop(send.send(logs.join().expect("logs"))));
        let logs = receive.recv_timeout(PATIENCE).expect("it ends, and its standard error with it");
        self.is_calm(&logs);
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).expect("output is text");
        (self.child.wait().expect("it ended").code(), logs)
    }

    fn is_calm(&self, logs: &str) {
        let mut loud = loud_lines(logs);
        loud.retain(|line| !self.provoked.iter().any(|words| line.contains(words)));
        assert!(loud.is_empty(), "nobody provoked what {} said: {loud:#?}", self.folder.display());
    }

    /// SIGKILL, and waits for the end.
    pub fn kill(self) -> String {
        self.signal("KILL");
        let (code, logs) = self.ended();
        assert_eq!(code, None);
        logs
    }
}

impl Drop for Tidegate {
    fn drop(&mut self) {
        // Ended already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
        // A test that fails has its reason already.
        if let Some(logs) = self.logs.take().filter(|_| !std::thread::panicking()) {
            self.is_calm(&logs.join().expect("logs"));
        }
    }
}

/// Asks until there is something.
pub fn until<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = SystemTime::now() + PATIENCE;
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(SystemTime::now() < deadline, "it did not come about");
    }
}

fn thread<T: Send + 'static>(name: &str, run: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run).expect("a thread")
}

/// Lines of a log that a person would have to look at.
pub fn loud_lines(logs: &str) -> Vec<&str> {
    logs.lines().filter(|line| line.contains("\"WARN\"") || line.contains("\"ERROR\"")).collect()
}
