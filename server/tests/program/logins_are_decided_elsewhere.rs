//! With `auth.login_url` another system says who logs in; its users get accounts when they first come.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use serde_json::{Value, json};

use crate::http::{Answer, get_as, post, post_as};
use crate::process::Tidegate;
use crate::socket::Socket;

const SECRET: &str = "between the two of us";

/// Knows `Ada` with the password "right" and some whose nicknames nobody can have here, fails for "broken" and talks nonsense to "odd"; ends with the process.
fn serve_logins() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/login", listener.local_addr().expect("bound"));
    let serve = move || listener.incoming().for_each(|stream| answer(stream.expect("a connection")));
    std::thread::Builder::new().name("logins".into()).spawn(serve).expect("a thread");
    url
}

fn answer(mut stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().expect("a handle"));
    let (mut length, mut is_ours) = (0, false);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        let line = line.trim_end();
        let Some((name, value)) = line.split_once(": ") else {
            if line.is_empty() {
                break;
            }
            continue;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().expect("a number"),
            "authorization" => is_ours = value == format!("Bearer {SECRET}"),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    let question: Value = serde_json::from_slice(&body).expect("JSON");
    let (status, text) = match (question["username"].as_str(), question["password"].as_str()) {
        _ if !is_ours => (400, json!({})),
        (Some("Ada"), Some("right")) => (200, json!({ "user_id": "corp|ada", "nickname": "Ada L." })),
        (Some("Long"), Some("right")) => {
            (200, json!({ "user_id": "corp|long", "nickname": "secretly ".repeat(8) }))
        }
        (Some("Bell"), Some("right")) => {
            (200, json!({ "user_id": "corp|bell", "nickname": "secretly \u{7}" }))
        }
        (Some("broken"), _) => (500, json!({})),
        (Some("odd"), _) => (200, json!({ "user_id": "a b" })),
        _ => (401, json!({})),
    };
    let text = text.to_string();
    let head =
        format!("HTTP/1.1 {status} As it is\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", text.len());
    write!(stream, "{head}{text}").expect("sent");
}

fn log_in(server: &Tidegate, username: &str, password: &str) -> Answer {
    let credentials = json!({ "username": username, "password": password, "device": "laptop" });
    post(&server.url("/api/v1/auth/login"), &credentials)
}

fn code(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["name"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn who_is_known_there_logs_in_and_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let url = serve_logins();
    let settings = [("TIDEGATE_AUTH__LOGIN_URL", url.as_str()), ("TIDEGATE_AUTH__LOGIN_SECRET", SECRET)];
    let server = Tidegate::start_with(folder.path(), &settings).may_warn(&["gave no answer"]);

    for _ in 0..2 {
        let login = log_in(&server, "Ada", "right");
        assert_eq!(login.status, 200, "{}", login.text);
        let login = login.json();
        assert_eq!(login["user_id"], "corp|ada");
        let token = login["access_token"].as_str().unwrap();
        let me = get_as(&server.url("/api/v1/users/me"), token).json();
        assert_eq!((&me["username"], &me["nickname"]), (&json!("ada"), &json!("Ada L.")));
        Socket::open(&server, token);
        let refreshed = json!({ "refresh_token": login["refresh_token"] });
        let refreshed = post(&server.url("/api/v1/auth/refresh"), &refreshed);
        assert_eq!(refreshed.status, 200, "{}", refreshed.text);
        let change = json!({ "old_password": "right", "new_password": "another one" });
        let changed = post_as(&server.url("/api/v1/users/me/password"), token, &change);
        assert_eq!(code(&changed), (404, "NOT_FOUND".to_owned()), "{}", changed.text);
    }

    assert_eq!(code(&log_in(&server, "Ada", "wrong")), (401, "BAD_CREDENTIALS".to_owned()));
    assert_eq!(code(&log_in(&server, "bob", "right")), (401, "BAD_CREDENTIALS".to_owned()));
    assert_eq!(code(&log_in(&server, "broken", "right")), (503, "UNAVAILABLE".to_owned()));
    assert_eq!(code(&log_in(&server, "odd", "right")), (503, "UNAVAILABLE".to_owned()));
    let account = json!({ "username": "carl", "password": "correct horse" });
    let registered = post(&server.url("/api/v1/auth/register"), &account);
    assert_eq!(code(&registered), (403, "FORBIDDEN".to_owned()));
}

#[test]
fn a_nickname_that_nobody_can_have_here_is_left_out_and_the_user_gets_in() {
    let folder = tempfile::tempdir().unwrap();
    let url = serve_logins();
    let settings = [("TIDEGATE_AUTH__LOGIN_URL", url.as_str()), ("TIDEGATE_AUTH__LOGIN_SECRET", SECRET)];
    let server = Tidegate::start_with(folder.path(), &settings);
    for (typed, id) in [("Long", "corp|long"), ("Bell", "corp|bell")] {
        // Also once the account is there.
        for _ in 0..2 {
            let login = log_in(&server, typed, "right");
            assert_eq!(login.status, 200, "{}", login.text);
            let token = login.json()["access_token"].as_str().unwrap().to_owned();
            let me = get_as(&server.url("/api/v1/users/me"), &token).json();
            assert_eq!((&me["user_id"], &me["nickname"]), (&json!(id), &json!(typed)));
        }
    }
    let logs = server.kill();
    let told: Vec<&str> = logs.lines().filter(|line| line.contains("nickname from elsewhere")).collect();
    assert_eq!(told.len(), 2, "once for each: {logs}");
    for (line, id) in told.iter().zip(["corp|long", "corp|bell"]) {
        assert!(line.contains("\"INFO\"") && line.contains(id) && line.contains("1 to 64"), "{line}");
    }
    assert!(!logs.contains("secretly"), "what it was is nobody's business: {logs}");
}

#[test]
fn a_name_that_somebody_has_here_gives_way_to_the_id() {
    let folder = tempfile::tempdir().unwrap();
    let server = Tidegate::start(folder.path());
    crate::http::new_user(&server, "ada", "correct horse");
    server.signal("TERM");
    server.ended();
    let url = serve_logins();
    let settings = [("TIDEGATE_AUTH__LOGIN_URL", url.as_str()), ("TIDEGATE_AUTH__LOGIN_SECRET", SECRET)];
    let server = Tidegate::start_with(folder.path(), &settings);
    let login = log_in(&server, "Ada", "right").json();
    let me = get_as(&server.url("/api/v1/users/me"), login["access_token"].as_str().unwrap()).json();
    assert_eq!((&me["user_id"], &me["username"]), (&json!("corp|ada"), &json!("corp|ada")));
}

#[test]
fn while_the_other_system_is_away_nobody_logs_in_and_whoever_has_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = Tidegate::start(folder.path());
    let alice = crate::http::new_user(&server, "alice", "correct horse");
    server.signal("TERM");
    server.ended();
    let url = format!("http://{nobody}/");
    let server = Tidegate::start_with(folder.path(), &[("TIDEGATE_AUTH__LOGIN_URL", &url)]);
    let server = server.may_warn(&["gave no answer"]);
    assert_eq!(code(&log_in(&server, "alice", "correct horse")), (503, "UNAVAILABLE".to_owned()));
    Socket::open(&server, &alice.token);
    server.signal("TERM");
    let (ended, logs) = server.ended();
    assert_eq!(ended, Some(0));
    assert!(logs.contains("gave no answer") && !logs.contains("correct horse"), "{logs}");
}
