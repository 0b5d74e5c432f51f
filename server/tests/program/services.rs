//! The real NATS, CQL and Redis that the cluster tests run on, and what each test has there for itself.

use std::path::Path;

use xtask::services::execute;

use crate::process::command;

/// Where they are, and a name that nobody else has there.
pub struct Services {
    /// Where processes look for them; for CQL, `host:port`.
    pub nats: String,
    pub cql: String,
    pub redis: String,
    cql_server: String,
    name: String,
    key_file: String,
}

impl Services {
    /// `None`, with a word why, where they are not; a failure where they must be.
    pub fn find(folder: &Path) -> Option<Self> {
        let cql_server = url("TIDEGATE_TEST_CQL_URL")?;
        Some(Self {
            nats: url("TIDEGATE_TEST_NATS_URL")?,
            cql: cql_server.trim_start_matches("cql://").to_owned(),
            cql_server,
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

    /// Runs `tidegate <words>` and gives what it said.
    pub fn run(&self, folder: &Path, words: &[&str]) -> String {
        let output = command(folder).envs(self.settings("api")).args(words).output().expect("it runs");
        let said = String::from_utf8(output.stdout).expect("text");
        assert!(output.status.success(), "{words:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
        said
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        if let Err(error) = execute(&self.cql_server, &format!("DROP KEYSPACE IF EXISTS {}", self.name)) {
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
