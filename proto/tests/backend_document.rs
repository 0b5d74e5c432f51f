//! `docs/BACKEND.md` and `docs/asyncapi.yaml` say what the program does.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proto::{Partition, UserId, stable_hash};
use sha2::{Digest as _, Sha256};

const DOCUMENT: &str = include_str!("../../docs/BACKEND.md");
const ASYNCAPI: &str = include_str!("../../docs/asyncapi.yaml");
const PROTO: &str = include_str!("../proto/tidegate/v1/bus.proto");

/// The rows of the table under this header, as cells.
fn table(header: &str) -> Vec<Vec<&'static str>> {
    let rows = DOCUMENT.lines().skip_while(|line| *line != header).skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    let rows: Vec<Vec<_>> =
        rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect();
    assert!(!rows.is_empty(), "{header}");
    rows
}

#[test]
fn the_document_is_of_this_state_of_the_proto_file() {
    let hash: String = Sha256::digest(PROTO).iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(DOCUMENT.contains(&hash), "read docs/BACKEND.md again, then write {hash} there");
}

#[test]
fn partitions_are_as_the_document_says() {
    for row in table("| text | partition |") {
        let text = row[0].split('`').nth(1).unwrap();
        let partition: u32 = row[1].parse().unwrap();
        assert_eq!(stable_hash(text) % 1024, partition, "{text}");
        if row[0].ends_with("(a user)") {
            assert_eq!(u32::from(Partition::of_user(&UserId::parse(text).unwrap()).number()), partition);
        }
    }
}

#[test]
fn every_request_has_its_reply_in_the_document() {
    let requests = PROTO.split("oneof request {").nth(1).unwrap().split('}').next().unwrap();
    let requests = requests.lines().filter(|line| !line.trim_start().starts_with("//"));
    let requests = requests.filter_map(|line| line.split_whitespace().nth(1));
    let rows = table("| request | the reply | what else |");
    let named: Vec<&str> = rows.iter().flat_map(|row| row[0].split('`').skip(1).step_by(2)).collect();
    let requests: Vec<&str> = requests.collect();
    assert!(requests.len() >= 28, "the requests were found: {requests:?}");
    for request in &requests {
        assert!(named.contains(request), "{request} is in the table of docs/BACKEND.md");
    }
    assert_eq!(named.len(), requests.len(), "{named:?}");
}

#[test]
fn the_asyncapi_document_has_every_subject_and_message() {
    let addresses: Vec<String> = ASYNCAPI
        .lines()
        .filter_map(|line| line.trim().strip_prefix("address: "))
        .map(|address| address.replace('{', "<").replace('}', ">"))
        .collect();
    let rows = table("| subject | who publishes | who subscribes | message |");
    // What the server answers, and marks to oneself, are no business of a backend.
    let subjects: Vec<&str> = rows.iter().map(|row| row[0].trim_matches('`')).collect();
    let subjects: Vec<&str> =
        subjects.into_iter().filter(|subject| !subject.starts_with("unserved.")).collect();
    assert_eq!(addresses, subjects);
    for message in ["CommandEnvelope", "Deliveries", "Heartbeat"] {
        assert!(PROTO.contains(&format!("\nmessage {message} {{")), "{message}");
        assert!(ASYNCAPI.contains(&format!("schema: tidegate.v1.{message} in proto/")), "{message}");
        assert!(rows.iter().any(|row| row[3] == format!("`{message}`")), "{message}");
    }
}
