//! A server of one's own, of any of the three kinds.

use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::json;

use crate::machine::on_path;
use crate::programs::{Programs, Server as Tidegate, key, tail};
use crate::stopwatch::Stopwatch;
use crate::table::{Row, Server};

/// The longest that a start may take.
const START_MAX: Duration = Duration::from_secs(30);

/// A server that runs. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Peer {
    process: Process,
    tls: bool,
}

#[derive(Debug)]
enum Process {
    Tidegate(Tidegate),
    Other(Other),
}

/// Anything but Tidegate.
#[derive(Debug)]
struct Other {
    process: Child,
    address: SocketAddr,
    key_file: PathBuf,
    version: Option<String>,
}

impl Peer {
    /// Starts what `row` measures, with its data and its log in `folder`; `None`: it is not installed.
    pub fn start(
        programs: &Programs,
        (server, row): (Server, &Row),
        folder: &Path,
        centrifugo: Option<&Path>,
    ) -> anyhow::Result<Option<Self>> {
        let programs = &programs.with_server_nice(row.server_nice);
        let certificate = row.tls.then(|| Certificate::write(folder)).transpose()?;
        let address = TcpListener::bind("127.0.0.1:0").context("a free port")?.local_addr()?;
        let key_file = folder.join("signing.key");
        let process = match server {
            Server::Tidegate => {
                let mut settings: Vec<(&str, &str)> =
                    row.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                if let Some(Certificate { chain, key }) = &certificate {
                    settings.push(("TIDEGATE_TLS__CERTIFICATE_FILE", chain));
                    settings.push(("TIDEGATE_TLS__KEY_FILE", key));
                }
                Process::Tidegate(programs.server(folder, &settings)?)
            }
            Server::Raw if row.tls => bail!("the raw server speaks no TLS"),
            Server::Raw => {
                let mut command = programs.server_command(programs.loadtest());
                command.args(["rawserver", "--listen", &address.to_string()]);
                Process::Other(Other::start(command, folder, (address, key_file, None))?)
            }
            Server::Centrifugo => {
                let Some(program) = centrifugo.map(Path::to_owned).or_else(|| on_path("centrifugo")) else {
                    return Ok(None);
                };
                let config = folder.join("centrifugo.json");
                std::fs::write(&config, settings_of_centrifugo(address, certificate.as_ref()))?;
                key::write(&key_file)?;
                let mut command = programs.server_command(&program);
                command.arg("--config").arg(&config);
                let version = Command::new(&program).arg("version").output().ok();
                let version = version.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
                Process::Other(Other::start(command, folder, (address, key_file, version))?)
            }
        };
        Ok(Some(Self { process, tls: row.tls }))
    }

    pub fn id(&self) -> u32 {
        match &self.process {
            Process::Tidegate(server) => server.id(),
            Process::Other(other) => other.process.id(),
        }
    }

    pub fn url(&self) -> String {
        let url = match &self.process {
            Process::Tidegate(server) => server.url(),
            Process::Other(other) => format!("ws://{}", other.address),
        };
        if self.tls { url.replacen("ws://", "wss://", 1) } else { url }
    }

    pub fn key_file(&self) -> PathBuf {
        match &self.process {
            Process::Tidegate(server) => server.key_file(),
            Process::Other(other) => other.key_file.clone(),
        }
    }

    /// What it says of itself, where it is not built here.
    pub fn version(&self) -> Option<&str> {
        match &self.process {
            Process::Tidegate(_) => None,
            Process::Other(other) => other.version.as_deref(),
        }
    }
}

/// A certificate for this run, and its key: PEM files.
#[derive(Debug)]
struct Certificate {
    chain: String,
    key: String,
}

impl Certificate {
    /// Of ECDSA P-256, signed by itself.
    fn write(folder: &Path) -> anyhow::Result<Self> {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
        let name = |name: &str| folder.join(name).to_string_lossy().into_owned();
        let files = Self { chain: name("tls.pem"), key: name("tls.key") };
        std::fs::write(&files.chain, made.cert.pem())?;
        std::fs::write(&files.key, made.signing_key.serialize_pem())?;
        Ok(files)
    }
}

impl Other {
    fn start(
        mut command: Command,
        folder: &Path,
        (address, key_file, version): (SocketAddr, PathBuf, Option<String>),
    ) -> anyhow::Result<Self> {
        let log = folder.join("server.log");
        let process = command
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(File::create(folder.join("server.out"))?)
            .stderr(File::create(&log)?)
            .spawn()
            .with_context(|| command.get_program().to_string_lossy().into_owned())?;
        let mut other = Self { process, address, key_file, version };
        let began = Stopwatch::start();
        while TcpStream::connect(address).is_err() {
            if let Some(status) = other.process.try_wait()? {
                bail!("the server ended by itself ({status}): {}", tail(&log));
            }
            if began.elapsed() > START_MAX {
                bail!("the server does not listen: {}", tail(&log));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(other)
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // It may have ended already; there is nobody to tell.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// As docs/BENCHMARKS.md says.
fn settings_of_centrifugo(address: SocketAddr, certificate: Option<&Certificate>) -> String {
    let namespace = |name: &str| {
        json!({
            "name": name, "history_size": 100, "history_ttl": "60s",
            "allow_subscribe_for_client": true, "allow_publish_for_client": true,
        })
    };
    let mut settings = json!({
        "http_server": { "address": address.ip().to_string(), "port": address.port().to_string() },
        "client": { "token": { "hmac_secret_key": key::KEY } },
        "channel": { "namespaces": [namespace("user"), namespace("group")] },
    });
    if let Some(Certificate { chain, key }) = certificate {
        settings["http_server"]["tls"] = json!({ "enabled": true, "cert_pem": chain, "key_pem": key });
    }
    settings.to_string()
}
