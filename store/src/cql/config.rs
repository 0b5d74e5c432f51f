//! What the CQL store needs to know.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

/// Where the cluster is, how it replicates, and how much may be under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CqlConfig {
    /// `host:port` of some nodes; the others are found through them.
    pub nodes: Vec<String>,
    /// Letters, digits and `_`, at most 48, beginning with a letter; lower case.
    pub keyspace: String,
    /// How the keyspace is replicated. A keyspace that is replicated otherwise is refused: the levels of reads and
    /// writes follow from it, and must be the same in every process.
    pub replication: Replication,
    /// The data centre whose nodes are asked first. Without one: the only one of the replication, else any.
    pub local_datacenter: Option<String>,
    /// For clusters with password authentication.
    pub credentials: Option<CqlCredentials>,
    /// For clusters with TLS.
    pub tls: Option<CqlTls>,
    /// Connecting to one node.
    pub connect_timeout: Duration,
    /// After this a call's outcome is unknown. Must be longer than the server's own time-outs (2 s by default), or
    /// the kind of time-out is never learned.
    pub request_timeout: Duration,
    /// Connections to each shard of a ScyllaDB node, or to each Cassandra node.
    pub connections: NonZeroUsize,
    /// Memory for pages of hot conversations: about 20 KB for each.
    pub pages_bytes: u64,
    /// Writes under way at once; more wait in line.
    pub writes_in_flight_max: usize,
    /// Reads under way at once; more wait in line.
    pub reads_in_flight_max: usize,
}

/// How many copies there are, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replication {
    /// So many copies in a cluster of one data centre.
    Simple(u8),
    /// So many copies in each data centre named.
    NetworkTopology(BTreeMap<String, u8>),
}

/// Name and password of a role of the cluster.
#[derive(Clone, PartialEq, Eq)]
pub struct CqlCredentials {
    /// The role.
    pub user: String,
    /// Its password.
    pub password: String,
}

impl std::fmt::Debug for CqlCredentials {
    /// The password is secret: never shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CqlCredentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// How the cluster's nodes are recognised, and how this process shows itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CqlTls {
    /// PEM file of the authorities that sign the nodes' certificates; the system's if not given.
    pub roots: Option<PathBuf>,
    /// The name that every node's certificate carries. Without one, each must carry the address it is reached at.
    pub server_name: Option<String>,
    /// PEM files of this process's certificate chain and key, for clusters that ask for them.
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl Replication {
    /// The map that CQL wants in `CREATE KEYSPACE`.
    pub(super) fn cql(&self) -> String {
        match self {
            Self::Simple(copies) => format!("{{'class': 'SimpleStrategy', 'replication_factor': {copies}}}"),
            Self::NetworkTopology(copies) => {
                let each: String = copies
                    .iter()
                    .map(|(name, copies)| format!(", '{}': {copies}", name.replace('\'', "''")))
                    .collect();
                format!("{{'class': 'NetworkTopologyStrategy'{each}}}")
            }
        }
    }

    /// From what a server says of a keyspace: its strategy's class and that class's options.
    pub(super) fn found(mut options: BTreeMap<String, String>) -> Option<Self> {
        let class = options.remove("class")?;
        if class.ends_with("SimpleStrategy") {
            return options.get("replication_factor")?.parse().ok().map(Self::Simple);
        }
        if !class.ends_with("NetworkTopologyStrategy") {
            return None;
        }
        let copies = options.into_iter().map(|(name, copies)| Some((name, copies.parse().ok()?)));
        copies.collect::<Option<_>>().map(Self::NetworkTopology)
    }

    /// Whether the copies are in more than one data centre.
    pub(super) fn is_wide(&self) -> bool {
        matches!(self, Self::NetworkTopology(copies) if copies.len() > 1)
    }

    /// The only data centre, where the replication names one.
    pub(super) fn only_datacenter(&self) -> Option<&String> {
        match self {
            Self::NetworkTopology(copies) if copies.len() == 1 => copies.keys().next(),
            _ => None,
        }
    }
}
