//! Without arguments and without anything else on the machine it serves everything, and says what it did.

use std::os::unix::fs::PermissionsExt;

use crate::http::get;
use crate::process::{Tidegate, loud_lines};

#[test]
fn starts_without_arguments() {
    let folder = tempfile::tempdir().unwrap();
    let server = Tidegate::start(folder.path());
    let port = server.public().rsplit(':').next().unwrap().to_owned();
    for told in [&format!("http://localhost:{port}/"), "./tidegate-data", "generated just now", "curl http"] {
        assert!(server.greeting.contains(told), "{told} in {}", server.greeting);
    }
    let key = std::fs::metadata(folder.path().join("tidegate-data/signing.key")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);

    assert_eq!(get(&server.url("/openapi.json")).status, 200);
    assert_eq!(get(&server.url("/docs/")).status, 200);
    assert_eq!(get(&server.url("/nothing/here")).status, 404);
    assert_eq!(get(&server.admin_url("/live")).text, "alive\n");
    assert_eq!(get(&server.admin_url("/ready")).text, "ready\n");
    let metrics = get(&server.admin_url("/metrics")).text;
    for metric in
        ["server_phase 1", "router_partitions_owned ", "# HELP gateway_sessions ", "process_open_fds "]
    {
        assert!(metrics.contains(metric), "{metric} in {metrics}");
    }

    server.signal("TERM");
    let (code, logs) = server.ended();
    assert_eq!(code, Some(0), "{logs}");
    assert_eq!(loud_lines(&logs), Vec::<&str>::new());
    for line in logs.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok_and(|line| line.is_object()), "{line}");
    }
}

#[test]
fn the_page_is_served_with_a_strict_policy() {
    let folder = tempfile::tempdir().unwrap();
    let server = Tidegate::start(folder.path());
    let page = get(&server.url("/"));
    assert_eq!(page.status, 200);
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(page.headers["x-content-type-options"], "nosniff");
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
    let elsewhere = ["src=\"http", "href=\"http", "url(http", "@import"];
    assert!(!elsewhere.iter().any(|external| page.text.contains(external)), "the page asks nobody else");
}
