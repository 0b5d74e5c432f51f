//! `[store]`: the embedded engine in the data directory, or a CQL cluster.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;

use store::{CqlConfig, CqlCredentials, CqlTls, EmbeddedConfig, Replication};

use super::reader::Reader;
use super::{milliseconds, seconds, secrets};

/// Where what is kept is kept.
pub(crate) enum StoreConfig {
    Embedded(EmbeddedConfig),
    Cql(Box<CqlConfig>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Embedded,
    Cql,
}

/// The store, and the cluster's settings whether they are those of the store or not.
pub(super) fn read(reader: &Reader, data_dir: &Path) -> (StoreConfig, CqlConfig) {
    let kind = reader.choice("store.kind", &[("embedded", Kind::Embedded), ("cql", Kind::Cql)]);
    let (embedded, cql) = (embedded(reader, data_dir), cql(reader));
    if kind == Kind::Embedded {
        return (StoreConfig::Embedded(embedded), cql);
    }
    if cql.nodes.is_empty() {
        reader.problem(
            "store.cql.nodes",
            "must name a node, such as [\"10.0.0.1:9042\"], when store.kind is \"cql\"",
        );
    }
    (StoreConfig::Cql(Box::new(cql.clone())), cql)
}

fn embedded(reader: &Reader, data_dir: &Path) -> EmbeddedConfig {
    const MIB: u64 = 1 << 20;
    EmbeddedConfig {
        path: data_dir.join("store"),
        group_commit_records_max: reader.whole("store.group_commit_records_max", 1..=1 << 16),
        group_commit_interval: reader.duration("store.group_commit_interval", seconds(0)..=seconds(1)),
        queue_records_max: reader.whole("store.queue_records_max", 16..=1 << 20),
        reader_threads: reader.whole("store.reader_threads", 1..=64),
        read_queue_max: reader.whole("store.read_queue_max", 16..=1 << 20),
        cache_bytes: reader.bytes("store.cache_bytes", MIB..=MIB << 20),
        memtable_bytes: reader.bytes("store.memtable_bytes", MIB..=MIB << 14),
        journal_bytes_max: reader.bytes("store.journal_bytes_max", 64 * MIB..=MIB << 20),
    }
}

fn cql(reader: &Reader) -> CqlConfig {
    let (user, password) = (reader.text("store.cql.user"), secrets::read(reader, "store.cql.password"));
    if user.is_empty() != password.is_none() {
        reader.problem("store.cql.user", "goes with store.cql.password or store.cql.password_file");
    }
    let datacenter = reader.text("store.cql.local_datacenter");
    CqlConfig {
        nodes: reader.texts("store.cql.nodes"),
        keyspace: keyspace(reader),
        replication: replication(reader),
        local_datacenter: (!datacenter.is_empty()).then_some(datacenter),
        credentials: password.map(|password| CqlCredentials { user, password }),
        tls: tls(reader),
        connect_timeout: reader.duration("store.cql.connect_timeout", milliseconds(100)..=seconds(60)),
        request_timeout: reader.duration("store.cql.request_timeout", milliseconds(100)..=seconds(60)),
        connections: NonZeroUsize::new(reader.whole("store.cql.connections", 1..=64))
            .unwrap_or(NonZeroUsize::MIN),
        pages_bytes: reader.bytes("store.cql.pages_bytes", (1 << 20)..=(1 << 40)),
        writes_in_flight_max: reader.whole("store.cql.writes_in_flight_max", 16..=1 << 20),
        reads_in_flight_max: reader.whole("store.cql.reads_in_flight_max", 16..=1 << 20),
    }
}

fn tls(reader: &Reader) -> Option<CqlTls> {
    let server_name = reader.text("store.cql.server_name");
    let (certificate, key) = (reader.path("store.cql.cert_file"), reader.path("store.cql.key_file"));
    if certificate.is_some() != key.is_some() {
        reader.problem("store.cql.cert_file", "goes with store.cql.key_file: give both or neither");
    }
    let tls = CqlTls {
        roots: reader.path("store.cql.ca_file"),
        server_name: (!server_name.is_empty()).then_some(server_name),
        identity: certificate.zip(key),
    };
    if reader.flag("store.cql.tls") {
        return Some(tls);
    }
    if tls.roots.is_some() || tls.identity.is_some() || tls.server_name.is_some() {
        reader.problem("store.cql.tls", "must be true for the files and the name to mean anything");
    }
    None
}

/// An identifier that needs no quotes in CQL.
fn keyspace(reader: &Reader) -> String {
    let name = reader.text("store.cql.keyspace");
    let letters = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if !letters || !name.starts_with(|first: char| first.is_ascii_lowercase()) || name.len() > 48 {
        let text = "must be up to 48 lower-case letters, digits and _, the first of them a letter";
        reader.problem("store.cql.keyspace", text);
    }
    name
}

fn replication(reader: &Reader) -> Replication {
    let text = reader.text("store.cql.replication");
    copies(&text).unwrap_or_else(|| {
        let advice = "write for example \"3\", or \"eu=3, us=3\" by data centre, each 1 to 9";
        reader.problem("store.cql.replication", format!("{text:?} says no number of copies; {advice}"));
        Replication::Simple(1)
    })
}

fn copies(text: &str) -> Option<Replication> {
    let number = |text: &str| text.trim().parse().ok().filter(|copies| (1..=9).contains(copies));
    if !text.contains('=') {
        return number(text).map(Replication::Simple);
    }
    let by_datacenter = text.split(',').map(|part| {
        let (name, copies) = part.split_once('=')?;
        let name = name.trim();
        let is_name = !name.is_empty() && !name.contains(['\'', '"', ' ']);
        is_name.then_some((name.to_owned(), number(copies)?))
    });
    by_datacenter.collect::<Option<BTreeMap<_, _>>>().map(Replication::NetworkTopology)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_a_number_or_one_for_each_data_centre() {
        assert_eq!(copies("3"), Some(Replication::Simple(3)));
        let two = BTreeMap::from([("eu-1".to_owned(), 3), ("us".to_owned(), 2)]);
        assert_eq!(copies("eu-1=3, us = 2"), Some(Replication::NetworkTopology(two)));
        for wrong in ["", "0", "three", "eu=", "=3", "eu=3,", "eu=3,us=0", "e'u=3", "300"] {
            assert_eq!(copies(wrong), None, "{wrong}");
        }
    }
}
