//! The numbers of the program itself, and the inventories of every part for the metrics page.

/// Every metric of this crate: name, kind, help.
pub(crate) const INVENTORY: &[(&str, &str, &str)] = &[
    (
        "server_presence_untold_total",
        "counter",
        "Users of whom those who watch are not told that they came or left because too many wait.",
    ),
    ("server_admin_connections", "gauge", "Connections of the admin port"),
    ("server_http_connections", "gauge", "Connections of the public port where no gateway holds it"),
    ("server_key_sets_fetched_total", "counter", "Key sets of other issuers fetched"),
    ("server_key_set_failures_total", "counter", "Key sets that could not be fetched; the last one stays"),
    ("server_phase", "gauge", "Phase of the process: 0 starting, 1 ready, 2 draining, 3 stopped"),
];

/// The inventories of every part of the program.
pub(crate) const ALL: &[&[(&str, &str, &str)]] = &[
    INVENTORY,
    api::metrics::INVENTORY,
    bus::metrics::INVENTORY,
    gateway::metrics::INVENTORY,
    router::metrics::INVENTORY,
    store::metrics::INVENTORY,
];
