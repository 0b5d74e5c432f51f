//! The real NATS, CQL and Redis that the cluster tests run on, and what each test has there for itself.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use crate::process::{PATIENCE, command};

/// Where they are, and a name that nobody else has there.
pub struct Services {
    nats: String,
    cql: String,
    redis: String,
    name: String,
    key_file: String,
}

impl Services {
    /// `None`, with a word why, where they are not; a failure where they must be.
    pub fn find(folder: &Path) -> Option<Self> {
        Some(Self {
            nats: url("TIDEGATE_TEST_NATS_URL")?,
            cql: url("TIDEGATE_TEST_CQL_URL")?.trim_start_matches("cql://").to_owned(),
            redis: url("TIDEGATE_TEST_REDIS_URL")?,
            name: format!("roles_{:x}_{:x}", std::process::id(), nanoseconds()),
            key_file: folder.join("shared.key").display().to_string(),
        })
    }

    /// The settings of one process.
    pub fn settings<'a>(&'a self, role: &'a str) -> Vec<(&'a str, &'a str)> {
        vec![
            ("TIDEGATE_ROLE", role),
            ("TIDEGATE_AUTH__SIGNING_KEY_FILE", &self.key_file),
            ("TIDEGATE_BUS__NATS__URLS", &self.nats),
            ("TIDEGATE_BUS__NATS__PREFIX", &self.name),
            ("TIDEGATE_STORE__KIND", "cql"),
            ("TIDEGATE_STORE__CQL__NODES", &self.cql),
            ("TIDEGATE_STORE__CQL__KEYSPACE", &self.name),
            ("TIDEGATE_STORE__CQL__REPLICATION", "1"),
            ("TIDEGATE_REDIS__URL", &self.redis),
            ("TIDEGATE_REDIS__PREFIX", &self.name),
            ("TIDEGATE_PRESENCE__BEAT", "500ms"),
            ("TIDEGATE_PRESENCE__SILENT_AFTER", "3s"),
        ]
    }

    /// Runs `tidegate <word>` and gives what it said.
    pub fn run(&self, folder: &Path, word: &str) -> String {
        let output = command(folder).envs(self.settings("api")).arg(word).output().expect("it runs");
        let said = String::from_utf8(output.stdout).expect("text");
        assert!(output.status.success(), "{word}: {said}{}", String::from_utf8_lossy(&output.stderr));
        said
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        if let Err(error) = drop_keyspace(&self.cql, &self.name) {
            eprintln!("keyspace {} stays: {error}", self.name);
        }
    }
}

fn url(variable: &str) -> Option<String> {
    match std::env::var(variable) {
        Ok(url) => Some(url),
        Err(_) if std::env::var_os("CI").is_some() => panic!("{variable} is not set"),
        Err(_) => {
            println!("skipped: no cluster of processes (set {variable}, or cargo xtask services up)");
            None
        }
    }
}

fn nanoseconds() -> u128 {
    std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos())
}

/// The least of a CQL client: STARTUP, and one QUERY (binary protocol v4, sections 4.1.1 and 4.1.4).
fn drop_keyspace(address: &str, name: &str) -> std::io::Result<()> {
    const STARTUP: &[u8] = b"\x04\0\0\0\x01\0\0\0\x16\0\x01\0\x0bCQL_VERSION\0\x053.0.0";
    let statement = format!("DROP KEYSPACE IF EXISTS {name}");
    let mut query = b"\x04\0\0\0\x07".to_vec();
    query.extend(u32::try_from(statement.len() + 7).expect("short").to_be_bytes());
    query.extend(u32::try_from(statement.len()).expect("short").to_be_bytes());
    query.extend(statement.as_bytes());
    query.extend([0, 1, 0]);
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    for frame in [STARTUP, &query] {
        stream.write_all(frame)?;
        let mut head = [0; 9];
        stream.read_exact(&mut head)?;
        let length = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let mut answer = vec![0; length as usize];
        stream.read_exact(&mut answer)?;
        if head[4] == 0 {
            return Err(std::io::Error::other(String::from_utf8_lossy(&answer).into_owned()));
        }
    }
    Ok(())
}
