//! A token ends with its socket, unless a fresh one comes in time.

use std::time::Duration;

use proto::delivery::Control;
use proto::{Code, LoginId, Payload, ServerFrame, Target};

use crate::bench::{Bench, user};
use crate::client::Client;

#[test]
fn a_warning_comes_before_the_end_and_the_end_is_4401() {
    let bench = Bench::with(|config| config.timeouts.auth_warning = Duration::from_secs(1));
    let mut client = Client::with_token(bench.address, &bench.token("alice", 3));
    let welcome = client.expect_welcome();
    match client.frame() {
        // The socket learns the end to a tenth of a second.
        ServerFrame::AuthExpiring(ends) => assert!(ends.abs_diff(welcome.auth_expires) <= 1, "{ends}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(client.closed(), 4401);
}

#[test]
fn a_fresh_token_in_band_keeps_the_socket() {
    let bench = Bench::with(|config| config.timeouts.auth_warning = Duration::from_secs(2));
    let mut client = Client::with_token(bench.address, &bench.token("alice", 3));
    client.expect_welcome();
    assert!(matches!(client.frame(), ServerFrame::AuthExpiring(_)));
    client.send(&format!(r#"{{"hello":{{"auth":"{}"}}}}"#, bench.token("alice", 600)));
    client.expect_welcome();
    // Past the first token's end.
    client.expect_silence(Duration::from_secs(3));
    client.settle(&bench);
}

#[test]
fn a_token_of_another_user_or_none_changes_nothing() {
    let bench = Bench::start();
    let mut client = bench.connect("alice");
    for token in [bench.token("bob", 600), "nonsense".to_owned()] {
        client.send(&format!(r#"{{"hello":{{"auth":"{token}"}}}}"#));
        let nack = client.expect_nack();
        assert_eq!((nack.code, nack.frame), (Code::Unauthenticated, "hello"));
    }
    client.send_message(1, "bob");
    assert_eq!(bench.command().origin.user, user("alice"));
}

#[test]
fn a_revoked_login_closes_its_sockets_and_no_others() {
    let bench = Bench::start();
    let mut one = Client::with_token(bench.address, &bench.token_of_login("alice", "login-1"));
    let mut two = Client::with_token(bench.address, &bench.token_of_login("alice", "login-2"));
    one.expect_welcome();
    two.expect_welcome();
    let revoke = |login| bench.publish(Target::User(user("alice")), Payload::Control(Control::Revoke(login)));
    revoke(Some(LoginId::parse("login-1").unwrap()));
    assert_eq!(one.closed(), 4401);
    two.settle(&bench);
    revoke(None);
    assert_eq!(two.closed(), 4401);
}

/// Its token is good by itself for a while yet.
#[test]
fn who_was_signed_out_and_comes_back_is_not_welcomed() {
    let bench = Bench::start();
    let mut gone = Client::with_token(bench.address, &bench.token_of_login("alice", "login-1"));
    gone.expect_welcome();
    let revoked = Payload::Control(Control::Revoke(Some(LoginId::parse("login-1").unwrap())));
    bench.publish(Target::User(user("alice")), revoked);
    assert_eq!(gone.closed(), 4401);

    let mut again = Client::with_token(bench.address, &bench.token_of_login("alice", "login-1"));
    assert_eq!(again.closed_at_once(), 4401);
    let mut later = Client::anonymous(bench.address);
    later.send(&format!(r#"{{"hello":{{"auth":"{}"}}}}"#, bench.token_of_login("alice", "login-1")));
    assert_eq!(later.closed_at_once(), 4401);
    let mut other = Client::with_token(bench.address, &bench.token_of_login("alice", "login-2"));
    other.expect_welcome();
    other.send(&format!(r#"{{"hello":{{"auth":"{}"}}}}"#, bench.token_of_login("alice", "login-1")));
    assert_eq!(other.expect_nack().code, Code::Unauthenticated);
    other.settle(&bench);
    let mut of_bob = Client::with_token(bench.address, &bench.token_of_login("bob", "login-1"));
    of_bob.expect_welcome();
}
