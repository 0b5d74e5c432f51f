//! A NATS server of a test: its own process, port and folder, ended with it.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::Instant;

/// See the module.
pub struct Server {
    program: PathBuf,
    folder: tempfile::TempDir,
    pub port: u16,
    child: Option<Child>,
}

/// The `nats-server` program, or why there is none.
pub fn program() -> Option<PathBuf> {
    let named = std::env::var_os("TIDEGATE_TEST_NATS_SERVER").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = named.or_else(|| {
        std::env::split_paths(&path).map(|folder| folder.join("nats-server")).find(|file| file.is_file())
    });
    if found.is_none() {
        let why = "no nats-server (set TIDEGATE_TEST_NATS_SERVER, or cargo xtask services up)";
        assert!(std::env::var_os("CI").is_none(), "{why}");
        eprintln!("skipped: {why}");
    }
    found
}

/// A port that nobody listens to at the moment.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

impl Server {
    /// Starts one with lines of configuration beside its port; `None` where there is no program.
    pub fn start(config: &str) -> Option<Self> {
        Self::start_with(|_| config.to_owned())
    }

    /// The same, with files that the configuration names.
    pub fn start_with(config: impl FnOnce(&Path) -> String) -> Option<Self> {
        let program = program()?;
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let mut file = std::fs::File::create(folder.path().join("nats.conf")).unwrap();
        writeln!(file, "listen: \"127.0.0.1:{port}\"\n{}", config(folder.path())).unwrap();
        let mut server = Self { program, folder, port, child: None };
        server.run();
        Some(server)
    }

    /// Starts it again, on the same port, after [`Self::kill`].
    pub fn run(&mut self) {
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        let child = Command::new(&self.program)
            .arg("-c")
            .arg(self.folder.path().join("nats.conf"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            assert!(Instant::now() < until, "{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Kills it without a word.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Sends it a signal by the name that the program knows it under.
    pub fn signal(&self, name: &str) {
        let process = self.process();
        let sent = Command::new(&self.program).arg("--signal").arg(format!("{name}={process}")).status();
        assert!(sent.unwrap().success());
    }

    /// Its process id.
    pub fn process(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Stops it in the middle of whatever it does.
    pub fn pause(&self) {
        self.kernel("-STOP");
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.kernel("-CONT");
    }

    fn kernel(&self, signal: &str) {
        let process = self.process().to_string();
        assert!(Command::new("kill").args([signal, &process]).status().unwrap().success());
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
