//! Whatever happens in a session, and however much is logged, no token, password or body is in the logs.

use serde_json::json;

use crate::http::{get_as, new_user, post};
use crate::process::Tidegate;
use crate::socket::{Socket, send_frame};

#[test]
fn secrets_stay_out_of_logs() {
    let folder = tempfile::tempdir().unwrap();
    let server = Tidegate::start_with(folder.path(), &[("TIDEGATE_LOG__FILTER", "trace")]);
    let password = "Tr0ub4dor-and-3-horses";
    let wrong_password = "Tr0ub4dor-and-4-horses";
    let body = "meet me under the clock at noon";
    let (alice, bob) = (new_user(&server, "alice", password), new_user(&server, "bob", password));

    let login = server.url("/api/v1/auth/login");
    assert_eq!(post(&login, &json!({ "username": "alice", "password": wrong_password })).status, 401);
    let refreshed = post(&server.url("/api/v1/auth/refresh"), &json!({ "refresh_token": bob.refresh_token }));
    assert_eq!(refreshed.status, 200, "{}", refreshed.text);
    let bob_again = refreshed.json()["access_token"].as_str().unwrap().to_owned();
    let forged = format!("{}x", alice.token);
    assert_eq!(Socket::try_open(&server, &format!("?token={forged}")).err(), Some(401));

    let (mut a, mut b) = (Socket::open(&server, &alice.token), Socket::open(&server, &bob_again));
    a.send(&send_frame("01890a5d-ac96-774b-bcce-b302099a8057", &bob.id, body));
    let conversation = a.until("ack")["conversation"].as_str().unwrap().to_owned();
    b.until("event");
    // A frame that does not parse, with something in it that nobody should read.
    a.send(&json!({ "send": { "to_user": 7, "body": { "text": body } } }));
    a.until("nack");
    let history = get_as(&server.url(&format!("/api/v1/conversations/{conversation}/messages")), &bob_again);
    assert!(history.text.contains(body));

    server.signal("TERM");
    let (code, logs) = server.ended();
    assert_eq!(code, Some(0), "{logs}");
    assert!(logs.contains("\"ready\"") && logs.contains("\"DEBUG\""), "the logs are those of a session");
    let key = std::fs::read_to_string(folder.path().join("tidegate-data/signing.key")).unwrap();
    for secret in [
        password,
        wrong_password,
        body,
        &alice.token,
        &forged,
        &bob.token,
        &bob_again,
        &alice.refresh_token,
        &bob.refresh_token,
        key.trim(),
    ] {
        let found = logs.lines().find(|line| line.contains(secret));
        assert_eq!(found, None, "{secret} was logged");
    }
    // Nor a part of one: the signature alone would be enough to finish a guess.
    let signature = alice.token.rsplit('.').next().unwrap();
    assert!(!logs.contains(signature));
}
