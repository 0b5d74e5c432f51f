//! `docs/PROTOCOL.md` says what the program does.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fmt::Write as _;

use proto::{ClientFrame, CloseCode, Code, Encoding, FrameError, ServerFrame, limits};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

const DOCUMENT: &str = include_str!("../../docs/PROTOCOL.md");

/// The fenced blocks that open with this line.
fn examples(opening: &str) -> Vec<&'static str> {
    let blocks = DOCUMENT.split(opening).skip(1);
    blocks.map(|block| block.split("\n```").next().unwrap().trim()).collect()
}

fn names(examples: &[&str]) -> BTreeSet<String> {
    let frame = |text: &&str| serde_json::from_str::<serde_json::Map<String, Value>>(text).unwrap();
    examples.iter().flat_map(|text| frame(text).into_iter().map(|(name, _)| name)).collect()
}

fn known(error: Option<FrameError>) -> BTreeSet<String> {
    match error {
        Some(FrameError::Unknown { known }) => known.split(", ").map(str::to_owned).collect(),
        other => panic!("an empty object is no frame: {other:?}"),
    }
}

fn json(text: impl AsRef<[u8]>) -> Value {
    serde_json::from_slice(text.as_ref()).unwrap()
}

#[test]
fn examples_of_client_frames_are_read_and_written_as_they_stand() {
    let examples = examples("```json client\n");
    for text in &examples {
        let frame =
            ClientFrame::decode(Encoding::Json, text.as_bytes()).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(json(frame.encode(Encoding::Json)), json(text));
    }
    assert_eq!(names(&examples), known(ClientFrame::decode(Encoding::Json, b"{}").err()));
}

#[test]
fn examples_of_server_frames_are_read_and_written_as_they_stand() {
    let examples = examples("```json server\n");
    for text in &examples {
        let frame =
            ServerFrame::decode(Encoding::Json, text.as_bytes()).unwrap_or_else(|e| panic!("{text}: {e}"));
        let mut written = Vec::new();
        frame.encode_into(Encoding::Json, &mut written);
        // The version of the server is whatever it is.
        let strip = |mut frame: Value| {
            frame.get_mut("welcome").and_then(Value::as_object_mut).map(|welcome| welcome.remove("version"));
            frame
        };
        assert_eq!(strip(json(written)), strip(json(text)));
    }
    assert_eq!(names(&examples), known(ServerFrame::decode(Encoding::Json, b"{}").err()));
}

#[test]
fn every_json_block_is_an_example() {
    let blocks = DOCUMENT.matches("```json").count();
    assert_eq!(blocks, examples("```json client\n").len() + examples("```json server\n").len());
}

fn has_table(heading: &str, rows: &str) {
    let section = DOCUMENT.split(heading).nth(1).unwrap_or_else(|| panic!("no section {heading:?}"));
    let section = section.split("\n## ").next().unwrap();
    let table: String = section.lines().filter(|line| line.starts_with('|')).skip(2).fold(
        String::new(),
        |mut table, line| {
            writeln!(table, "{line}").unwrap();
            table
        },
    );
    assert!(table == rows, "the table under {heading:?} must be\n{rows}");
}

#[test]
fn the_tables_of_codes_are_those_of_the_program() {
    let temporary = |temporary| if temporary { "yes" } else { "no" };
    let mut rows = String::new();
    for code in Code::ALL {
        let (number, name, again) = (code.number(), code.name(), temporary(code.temporary()));
        writeln!(rows, "| {number} | `{name}` | {again} | {} | {} |", code.meaning(), code.advice()).unwrap();
    }
    has_table("\n## Codes\n", &rows);
    rows.clear();
    for code in CloseCode::ALL {
        let (number, name, again) = (code.number(), code.name(), temporary(code.temporary()));
        writeln!(rows, "| {number} | `{name}` | {again} | {} | {} |", code.meaning(), code.advice()).unwrap();
    }
    has_table("\n## Close codes\n", &rows);
}

#[test]
fn the_table_of_limits_is_that_of_the_program() {
    let mut rows = String::new();
    for (what, limit) in [
        ("bytes of a client's frame", limits::FRAME_BYTES_MAX),
        ("bytes of a body in protobuf", limits::BODY_BYTES_MAX),
        ("bytes of the token in `hello`", limits::AUTH_BYTES_MAX),
        ("bytes of `sync.cursor`", limits::CURSOR_BYTES_MAX),
        ("conversations in `sync.open`", limits::SYNC_OPEN_MAX),
        ("conversations in one `delta`", limits::DELTA_CONVERSATIONS_MAX),
        ("contacts in one `delta`", limits::DELTA_CONTACTS_MAX),
        ("characters of a friend's remark", limits::REMARK_CHARS_MAX),
        ("characters of the note of a friend request", limits::NOTE_CHARS_MAX),
        ("entries in one `page`", limits::PAGE_ENTRIES_MAX),
        ("entries in a `page` when `limit` is 0", limits::PAGE_ENTRIES_DEFAULT),
        ("bytes of the entries of one `page`", limits::PAGE_BYTES_MAX),
        ("members looked at for one `readers`", limits::READERS_MAX),
        ("members looked at for one `readers` when `limit` is 0", limits::READERS_DEFAULT),
        ("users in `mentions`", limits::MENTIONS_MAX),
        ("messages in one `merged`", limits::MERGED_MESSAGES_MAX),
        ("bytes of a `reaction`", limits::REACTION_BYTES_MAX),
        ("different reactions to one message", limits::REACTION_KINDS_MAX),
        ("reactions of all users to one message", limits::REACTIONS_MAX),
        ("users named of one reaction", limits::REACTION_USERS_SHOWN_MAX),
        ("edits of one message", limits::EDITS_MAX),
        ("pinned messages of a conversation", limits::PINS_MAX),
        ("seconds after which a message may expire", limits::EXPIRY_SECONDS_MAX as usize),
        ("seconds for which entries are kept", limits::RETENTION_SECONDS_MAX as usize),
        ("bytes of a `draft`", limits::DRAFT_BYTES_MAX),
        ("messages in one `delete_for_me`", limits::DELETE_SEQS_MAX),
        ("messages of a conversation deleted for oneself, since the last `clear`", limits::DELETED_SEQS_MAX),
        ("users in one frame about presence", limits::PRESENCE_USERS_MAX),
        ("unread mentions that are counted in one conversation", limits::MENTION_UNREAD_MAX),
    ] {
        writeln!(rows, "| {what} | {limit} |").unwrap();
    }
    has_table("\n## Limits of the protocol\n", &rows);
}

#[test]
fn the_page_describes_the_present_proto_files() {
    let mut hash = Sha256::new();
    hash.update(include_bytes!("../proto/tidegate/v1/body.proto"));
    hash.update(include_bytes!("../proto/tidegate/v1/client.proto"));
    hash.update(include_bytes!("../proto/tidegate/v1/bus.proto"));
    let digits = hash.finalize().iter().fold(String::new(), |mut digits, byte| {
        write!(digits, "{byte:02x}").unwrap();
        digits
    });
    assert!(
        DOCUMENT.contains(&format!("`.proto` SHA-256: `{digits}`")),
        "the .proto files changed: bring docs/PROTOCOL.md up to date, then set its hash to\n{digits}"
    );
}
