//! A NATS server of one test's own, which it may stop and start.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Killed when dropped.
pub struct NatsServer {
    program: PathBuf,
    arguments: Vec<String>,
    environment: &'static [(&'static str, &'static str)],
    address: SocketAddr,
    child: Option<Child>,
}

impl NatsServer {
    /// On a free port; `None`, said in one line, where there is no program.
    pub async fn start() -> Option<Self> {
        Self::start_with(&[], &[]).await
    }

    pub async fn start_with(arguments: &[&str], environment: &'static [(&str, &str)]) -> Option<Self> {
        let program = program()?;
        let address = free_address();
        let arguments = arguments.iter().map(ToString::to_string).collect();
        let mut server = Self { program, arguments, environment, address, child: None };
        server.run().await;
        Some(server)
    }

    pub fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// Begins again on the same port.
    pub async fn run(&mut self) {
        let port = self.address.port().to_string();
        let child = Command::new(&self.program)
            .args(["-a", "127.0.0.1", "-p", &port])
            .args(&self.arguments)
            .envs(self.environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        while TcpStream::connect(self.address).is_err() {
            let ended = self.child.as_mut().and_then(|child| child.try_wait().unwrap());
            assert!(ended.is_none(), "the NATS server ended: {ended:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Like `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Below the ports that the system gives to connections: whoever tries to connect to one of those may meet himself.
fn free_address() -> SocketAddr {
    loop {
        let address = SocketAddr::from(([127, 0, 0, 1], rand::random_range(15_000..30_000)));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

fn program() -> Option<PathBuf> {
    const NAME: &str = "TIDEGATE_TEST_NATS_SERVER";
    if let Some(program) = std::env::var_os(NAME).filter(|program| !program.is_empty()) {
        return Some(program.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&path).map(|folder| folder.join("nats-server")).find(|file| file.is_file());
    if found.is_none() {
        let what = format!("a NATS server that the test restarts (set {NAME}, or cargo xtask services up)");
        assert!(std::env::var_os("CI").is_none(), "in CI nothing is skipped: {what}");
        eprintln!("skipped: {what}");
    }
    found
}
