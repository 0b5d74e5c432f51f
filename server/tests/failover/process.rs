//! A `tidegate --role router` process.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use store::CqlConfig;
use tokio::time::{sleep, timeout};

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Killed when dropped.
pub struct RouterProcess {
    child: Child,
    folder: tempfile::TempDir,
}

impl RouterProcess {
    /// Starts it and waits until it is ready. `nats` is `host:port`.
    pub async fn start(nats: &str, prefix: &str, cql: &CqlConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            r#"
[admin]
listen = "127.0.0.1:0"
[bus.nats]
urls = ["nats://{nats}"]
prefix = "{prefix}"
[store]
kind = "cql"
[store.cql]
nodes = ["{}"]
keyspace = "{}"
replication = "1"
[router]
workers = 1
restart_pause = "200ms"
"#,
            cql.nodes[0], cql.keyspace
        );
        std::fs::write(folder.path().join("tidegate.toml"), config).unwrap();
        let logs = std::fs::File::create(folder.path().join("logs")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TIDEGATE_")) {
            command.env_remove(name);
        }
        let child = command
            .args(["--role", "router", "--config", "tidegate.toml"])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(logs)
            .spawn()
            .unwrap();
        let mut process = Self { child, folder };
        let ready = async {
            while !process.is_ready() {
                let ended = process.child.try_wait().unwrap();
                assert!(ended.is_none(), "it ended: {ended:?} {}", process.logs());
                sleep(Duration::from_millis(20)).await;
            }
        };
        if timeout(PATIENCE, ready).await.is_err() {
            panic!("it is not ready: {}", process.logs());
        }
        process
    }

    fn is_ready(&self) -> bool {
        let Ok(addresses) = std::fs::read(self.folder.path().join("tidegate-data/addresses.json")) else {
            return false;
        };
        let Ok(addresses) = serde_json::from_slice::<serde_json::Value>(&addresses) else { return false };
        let Some(Ok(mut admin)) = addresses["admin"].as_str().map(TcpStream::connect) else { return false };
        let mut answer = String::new();
        admin.write_all(b"GET /ready HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").is_ok()
            && admin.read_to_string(&mut answer).is_ok()
            && answer.starts_with("HTTP/1.1 200")
    }

    /// Sends a signal, such as `STOP`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// SIGTERM; gives the exit code.
    pub async fn stop(mut self) -> Option<i32> {
        self.signal("TERM");
        let ended = async {
            loop {
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status.code();
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, ended).await.expect("it ends")
    }

    /// What it logged so far.
    pub fn logs(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("logs")).unwrap()
    }
}

impl Drop for RouterProcess {
    fn drop(&mut self) {
        // Ended already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
