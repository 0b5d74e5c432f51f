//! `check-config`, `print-config`, `token` and `--help`.

use std::path::Path;

use crate::process::{Tidegate, command};
use crate::socket::{Socket, send_frame};

fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = command(folder).args(arguments).output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn check_config_names_every_problem_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = "[public]\nport = 80\n[gateway]\nshrads = 2\nping_after = \"soon\"\n[router]\nworkers = 0\n";
    std::fs::write(folder.path().join("wrong.toml"), wrong).unwrap();
    let (code, _, problems) = run(folder.path(), &["check-config", "--config", "wrong.toml"]);
    assert_eq!(code, Some(2));
    for expected in [
        "public.port: there is no such setting; here it is called public.listen (wrong.toml)",
        "gateway.shrads: there is no such setting; did you mean gateway.shards? (wrong.toml)",
        "gateway.ping_after: \"soon\" is no duration",
        "router.workers: 0 is not between 1 and 64 (wrong.toml)",
    ] {
        assert!(problems.contains(expected), "{expected} in {problems}");
    }
    assert_eq!(problems.lines().count(), 4, "{problems}");
    assert_eq!(run(folder.path(), &["check-config"]).0, Some(0));
}

#[test]
fn print_config_hides_secrets_and_can_be_used_as_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let secret = "Zq8vXw3nLr5kTy7uPs2mBd4gHj6fKc9a";
    let mine = format!("[[auth.issuers]]\nissuer = \"i\"\naudience = \"a\"\nsecret = \"{secret}\"\n");
    std::fs::write(folder.path().join("mine.toml"), mine).unwrap();
    let (code, printed, _) = run(folder.path(), &["print-config", "--config", "mine.toml"]);
    assert_eq!(code, Some(0));
    assert!(printed.contains("(hidden)") && !printed.contains(secret), "{printed}");

    let (_, printed, _) = run(folder.path(), &["print-config"]);
    std::fs::write(folder.path().join("all.toml"), printed).unwrap();
    let (code, _, problems) = run(folder.path(), &["check-config", "--config", "all.toml"]);
    assert_eq!((code, problems.as_str()), (Some(0), ""));
}

#[test]
fn a_token_from_the_command_line_opens_a_socket() {
    let folder = tempfile::tempdir().unwrap();
    let (code, before, _) = run(folder.path(), &["token", "--user", "alice", "--ttl", "1h"]);
    assert_eq!(code, Some(0));
    let server = Tidegate::start(folder.path());
    let (_, while_running, _) = run(folder.path(), &["token", "--user", "auth0|bob", "--ttl", "30s"]);
    let mut alice = Socket::open(&server, before.trim());
    let mut bob = Socket::open(&server, while_running.trim());
    alice.send(&send_frame("01890a5d-ac96-774b-bcce-b302099a8057", "auth0|bob", "no account needed"));
    assert_eq!(bob.until("event")["sender"], "alice");
    assert_eq!(alice.until("ack")["seq"], "1");
}

#[test]
fn a_token_that_makes_no_sense_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [["token", "--user", "a b", "--ttl", "1h"], ["token", "--user", "alice", "--ttl", "0s"]]
    {
        assert_eq!(run(folder.path(), &arguments).0, Some(2));
    }
}

#[test]
fn scopes_are_taught_and_wrong_ones_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (code, help, _) = run(folder.path(), &["token", "--help"]);
    assert_eq!(code, Some(0));
    for taught in
        ["messages:send", "in the name of any user", "--scope users:write,sessions:end", "docs/SERVICES.md"]
    {
        assert!(help.contains(taught), "{taught} in {help}");
    }
    let (code, _, refusal) = run(folder.path(), &["token", "--user", "crm", "--scope", "messages:sent"]);
    assert_eq!(code, Some(2));
    assert!(refusal.contains("messages:send") && refusal.contains("presence:read"), "{refusal}");
}

#[test]
fn help_teaches_and_lists_the_exit_codes() {
    let folder = tempfile::tempdir().unwrap();
    let (code, help, _) = run(folder.path(), &["--help"]);
    assert_eq!(code, Some(0));
    for taught in ["tidegate token --user alice", "TIDEGATE_<SECTION>__<KEY>", "Exit codes:", "SIGTERM"] {
        assert!(help.contains(taught), "{taught} in {help}");
    }
}
