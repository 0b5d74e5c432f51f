//! The three services, and what is known of each before it runs.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A service that a cluster stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The bus.
    Nats,
    /// Presence and limits.
    Redis,
    /// The log: ScyllaDB or Apache Cassandra.
    Cql,
}

impl Kind {
    /// All, in the order in which they are started: the quick ones first.
    pub const ALL: [Self; 3] = [Self::Nats, Self::Redis, Self::Cql];

    /// The variable of the environment that says where one is.
    pub fn variable(self) -> &'static str {
        match self {
            Self::Nats => "TIDEGATE_TEST_NATS_URL",
            Self::Redis => "TIDEGATE_TEST_REDIS_URL",
            Self::Cql => "TIDEGATE_TEST_CQL_URL",
        }
    }

    /// The beginning of its URLs.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Nats => "nats",
            Self::Redis => "redis",
            Self::Cql => "cql",
        }
    }

    /// The port that everyone gives it: what a URL without one means, and the port inside a container.
    pub fn usual_port(self) -> u16 {
        match self {
            Self::Nats => 4222,
            Self::Redis => 6379,
            Self::Cql => 9042,
        }
    }

    /// The first port that is tried for one of our own: below the range from which systems choose, so that it stays free
    /// while a service is stopped.
    pub(super) fn own_port(self) -> u16 {
        match self {
            Self::Nats => 24_222,
            Self::Redis => 26_379,
            Self::Cql => 29_042,
        }
    }

    /// The URL of one that listens on this machine at `port`.
    pub(super) fn url(self, port: u16) -> String {
        format!("{}://127.0.0.1:{port}", self.scheme())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nats => "NATS",
            Self::Redis => "Redis",
            Self::Cql => "CQL",
        })
    }
}
