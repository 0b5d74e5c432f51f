//! A server of one's own: on free ports, on data in a folder.

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::{Programs, tail};
use crate::stopwatch::Stopwatch;

/// The longest that a start may take, recovery included.
const START_MAX: Duration = Duration::from_secs(30);

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub struct Server {
    process: Child,
    public: SocketAddr,
    data: PathBuf,
}

impl Programs {
    /// Starts a server on the data in `folder` and waits until it is ready. `settings` are variables of its
    /// environment.
    pub fn server(&self, folder: &Path, settings: &[(&str, &str)]) -> anyhow::Result<Server> {
        self.server_at(folder, settings, None)
    }

    /// As [`Self::server`], at an address of the caller's choice.
    pub fn server_at(
        &self,
        folder: &Path,
        settings: &[(&str, &str)],
        public: Option<SocketAddr>,
    ) -> anyhow::Result<Server> {
        let public = public.map_or_else(free_address, Ok)?;
        let admin = free_address()?;
        let (data, log) = (folder.join("data"), folder.join("tidegate.log"));
        let log_file = OpenOptions::new().create(true).append(true).open(&log).context("the log file")?;
        let process = self
            .server_command(&self.tidegate)
            .current_dir(folder)
            .envs(settings.iter().copied())
            .env("TIDEGATE_DATA__DIR", &data)
            .env("TIDEGATE_PUBLIC__LISTEN", public.to_string())
            .env("TIDEGATE_ADMIN__LISTEN", admin.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log_file)
            .spawn()
            .with_context(|| self.tidegate.display().to_string())?;
        let mut server = Server { process, public, data };
        let began = Stopwatch::start();
        while !is_ready(admin) {
            if let Some(status) = server.process.try_wait()? {
                bail!("tidegate ended by itself ({status}): {}", tail(&log));
            }
            if began.elapsed() > START_MAX {
                bail!("tidegate was not ready after {} s: {}", START_MAX.as_secs(), tail(&log));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(server)
    }
}

impl Server {
    /// Where its sockets are.
    pub fn url(&self) -> String {
        format!("ws://{}/ws", self.public)
    }

    /// The key that signs its tokens.
    pub fn key_file(&self) -> PathBuf {
        self.data.join("signing.key")
    }

    /// Where clients come.
    pub fn public(&self) -> SocketAddr {
        self.public
    }

    /// Whether it goes on.
    pub fn is_running(&mut self) -> anyhow::Result<bool> {
        Ok(self.process.try_wait()?.is_none())
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// SIGKILL: no goodbye, no flush.
    pub fn kill(mut self) -> anyhow::Result<()> {
        if let Some(status) = self.process.try_wait()? {
            bail!("tidegate ended by itself before it was killed: {status}");
        }
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; there is nobody to tell.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A port that nobody uses at the moment.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0").context("a free port")?.local_addr()?)
}

/// Whether the server whose admin port that is takes traffic.
pub(crate) fn is_ready(admin: SocketAddr) -> bool {
    ask(admin, "/ready").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// What a metric says there, over all its labels; 0 where nobody answers.
pub(crate) fn gauge(admin: SocketAddr, name: &str) -> f64 {
    let answer = ask(admin, "/metrics").unwrap_or_default();
    let of_it = answer.lines().filter(|line| line.split(['{', ' ']).next() == Some(name));
    of_it.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

fn ask(admin: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&admin, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
