//! Where the parts of a server are: in one process, or each in its own.

use crate::process::Tidegate;
use crate::stand::{Cluster, until_ready};

/// As fast as they can: no limit of one session or one user is met.
pub const FAST: [(&str, &str); 8] = [
    ("TIDEGATE_GATEWAY__COMMANDS_PER_SECOND", "5000"),
    ("TIDEGATE_GATEWAY__COMMANDS_BURST", "5000"),
    ("TIDEGATE_GATEWAY__USER_COMMANDS_PER_SECOND", "5000"),
    ("TIDEGATE_GATEWAY__USER_COMMANDS_BURST", "5000"),
    ("TIDEGATE_GATEWAY__USER_WRITES_PER_SECOND", "5000"),
    ("TIDEGATE_GATEWAY__USER_WRITES_BURST", "5000"),
    ("TIDEGATE_GATEWAY__USER_READS_PER_SECOND", "5000"),
    ("TIDEGATE_GATEWAY__USER_READS_BURST", "5000"),
];

/// The API, and two places where sockets are opened.
pub struct Places<'a> {
    pub api: &'a Tidegate,
    pub near: &'a Tidegate,
    pub far: &'a Tidegate,
    /// Where one serves all the time.
    pub router: Option<&'a Tidegate>,
    pub cluster: Option<&'a Cluster>,
}

impl Places<'_> {
    pub fn url(&self, path: &str) -> String {
        self.api.url(&format!("/api/v1{path}"))
    }

    /// A token of a user that ends after so long.
    pub fn token_for(&self, user: &str, ttl: &str) -> String {
        match self.cluster {
            Some(cluster) => cluster.run(&["token", "--user", user, "--ttl", ttl]),
            None => self.api.token_for(user, ttl),
        }
    }

    /// A token of a service with these scopes.
    pub fn service_token(&self, service: &str, scopes: &str) -> String {
        match self.cluster {
            Some(cluster) => cluster.run(&["token", "--user", service, "--scope", scopes]),
            None => self.api.token_with(service, scopes),
        }
    }
}

/// All of it is one process.
pub fn in_one_process(settings: &[(&str, &str)], test: impl FnOnce(&Places<'_>)) {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Tidegate::start_with(folder.path(), settings);
    test(&Places { api: &server, near: &server, far: &server, router: Some(&server), cluster: None });
}

/// Two gateways, a router and an API, which all have the settings; skipped where the services are not.
pub fn in_a_cluster(settings: &[(&'static str, &'static str)], test: impl FnOnce(&Places<'_>)) {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(cluster) = Cluster::prepared(folder.path()) else { return };
    let router = cluster.start_with("router", "router", settings);
    let api = cluster.start_with("api", "api", settings);
    let near = cluster.start_with("gateway-1", "gateway", settings);
    let far = cluster.start_with("gateway-2", "gateway", settings);
    until_ready([&router, &api, &near, &far]);
    test(&Places { api: &api, near: &near, far: &far, router: Some(&router), cluster: Some(&cluster) });
}
