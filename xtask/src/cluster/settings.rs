//! What the processes of one cluster are told.

use std::collections::BTreeMap;
use std::path::Path;

/// Where a process finds the services: for each its own, so that a proxy can stand in between.
#[derive(Clone, Debug)]
pub struct Links {
    /// `nats://host:port`.
    pub nats: String,
    /// `redis://host:port`.
    pub redis: String,
    /// `host:port` of each node, all of which have every row.
    pub cql: Vec<String>,
    /// Variables that it gets besides.
    pub environment: BTreeMap<String, String>,
}

/// What all processes of a cluster share.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    /// Of subjects and keys, and the name of the keyspace.
    pub name: String,
    pub key_file: std::path::PathBuf,
}

impl Shared {
    /// A name that no other cluster on the same services has.
    pub(super) fn in_folder(folder: &Path) -> Self {
        let now = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos());
        let name = format!("cluster_{:x}_{now:x}", std::process::id());
        Self { name, key_file: folder.join("signing.key") }
    }

    /// The configuration file of a process with these links.
    pub(super) fn text(&self, links: &Links) -> String {
        let Self { name, key_file } = self;
        format!(
            r#"# Written by cargo xtask cluster.
[auth]
signing_key_file = {key_file:?}

[bus.nats]
urls = [{nats:?}]
prefix = {name:?}

[store]
kind = "cql"

[store.cql]
nodes = {cql:?}
keyspace = {name:?}
replication = "{copies}"

[redis]
url = {redis:?}
prefix = {name:?}
"#,
            nats = links.nats,
            cql = links.cql,
            copies = links.cql.len(),
            redis = links.redis,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_toml_and_names_what_it_was_given() {
        let links = Links {
            nats: "nats://n:1".into(),
            redis: "redis://r:2".into(),
            cql: vec!["c:3".into(), "d:4".into()],
            environment: BTreeMap::new(),
        };
        let shared = Shared::in_folder(Path::new("/tmp/x"));
        let file: toml::Table = shared.text(&links).parse().unwrap();
        assert_eq!(file["bus"]["nats"]["urls"][0].as_str(), Some("nats://n:1"));
        assert_eq!(file["store"]["cql"]["nodes"][1].as_str(), Some("d:4"));
        assert_eq!(file["store"]["cql"]["replication"].as_str(), Some("2"));
        assert_eq!(file["redis"]["url"].as_str(), Some("redis://r:2"));
        assert!(file["store"]["cql"]["keyspace"].as_str().unwrap().len() <= 48, "CQL's limit");
    }
}
