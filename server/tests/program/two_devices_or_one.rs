//! Two devices of a user, or one: what one does the other hears; who is signed out, or replaced where one is allowed, is
//! closed, at whatever gateway. In one process and, where the services are, in a cluster.

use std::thread;
use std::time::{Duration, SystemTime};

use serde_json::json;

use crate::http::{User, delete_as, get_as, new_user, post, post_as};
use crate::places::{Places, in_a_cluster, in_one_process};
use crate::process::{Tidegate, until};
use crate::socket::Socket;
use crate::stand::say;

/// Two connects at the same moment, so many times.
const ROUNDS: usize = 12;
const ONE: [(&str, &str); 2] =
    [("TIDEGATE_GATEWAY__LOGIN_POLICY", "exclusive"), ("TIDEGATE_GATEWAY__SHARDS", "2")];
/// Revocation closes sockets within this.
const SOON: Duration = Duration::from_secs(2);

#[test]
fn of_two_that_connect_at_the_same_moment_one_is_left() {
    in_one_process(&ONE, one_is_left);
}

#[test]
fn of_two_that_connect_at_two_gateways_at_the_same_moment_one_is_left() {
    in_a_cluster(&ONE, one_is_left);
}

#[test]
fn who_is_signed_out_elsewhere_is_closed() {
    in_one_process(&[], signed_out);
}

#[test]
fn who_is_signed_out_elsewhere_is_closed_at_another_gateway() {
    in_a_cluster(&[], signed_out);
}

fn one_is_left(at: &Places<'_>) {
    let anna = new_user(at.api, "anna", "a long secret");
    let mut last = Socket::open(at.near, &anna.token);
    for _ in 0..ROUNDS {
        let token = &anna.token;
        let (mut one, mut other) = thread::scope(|scope| {
            let other = scope.spawn(|| Socket::open(at.far, token));
            (Socket::open(at.near, token), other.join().expect("no panic"))
        });
        assert_eq!(last.close_code(), 4409);
        let (of_one, of_other) = until(|| match (one.closed_by_now(), other.closed_by_now()) {
            (None, None) => None,
            codes => Some(codes),
        });
        let mut left = match (of_one, of_other) {
            (Some(4409), None) => other,
            (None, Some(4409)) => one,
            codes => panic!("one is to be left, with the other closed by 4409: {codes:?}"),
        };
        left.send(&json!({"ping": {}}));
        left.until("pong");
        assert_eq!(left.closed_by_now(), None);
        last = left;
    }
}

fn signed_out(at: &Places<'_>) {
    let phone = new_user(at.api, "anna", "a long secret");
    let bert = new_user(at.api, "bert", "a long secret");
    let laptop = log_in(at.api, "a long secret", "laptop");
    let (mut a, mut b) = (Socket::open(at.near, &phone.token), Socket::open(at.far, &laptop.token));
    // What one device sends the other hears.
    let ack = say(&mut a, 1, &bert.id, "from the phone");
    assert_eq!(b.until("event")["seq"], ack["seq"]);

    let path = at.url("/users/me/sessions");
    let sessions = get_as(&path, &phone.token).json()["sessions"].as_array().expect("sessions").clone();
    assert_eq!(sessions.len(), 3, "of the registration, too");
    let of_laptop = sessions.iter().find(|session| session["device"] == "laptop").expect("the laptop");
    let id = of_laptop["session_id"].as_str().expect("an id");
    let began = SystemTime::now();
    assert_eq!(delete_as(&format!("{path}/{id}"), &phone.token).status, 204);
    closed_soon(b, began);
    let again = json!({"refresh_token": laptop.refresh_token});
    assert_eq!(post(&at.url("/auth/refresh"), &again).status, 401);
    // Its access token has not ended, and is worth nothing any more.
    for place in [at.near, at.far] {
        let again = Socket::try_open(place, &format!("?token={}", laptop.token)).expect("a socket");
        assert_eq!(again.close_code(), 4401);
    }
    let body = json!({"to_user": bert.id, "body": {"text": "still here"}});
    assert_eq!(post_as(&at.url("/messages"), &laptop.token, &body).status, 401);

    // A new password ends the others, and not the one that changed it.
    let tablet = log_in(at.api, "a long secret", "tablet");
    let c = Socket::open(at.far, &tablet.token);
    let began = SystemTime::now();
    let change = json!({"old_password": "a long secret", "new_password": "another secret"});
    assert_eq!(post_as(&at.url("/users/me/password"), &phone.token, &change).status, 204);
    closed_soon(c, began);
    a.send(&json!({"ping": {}}));
    a.until("pong");
}

fn closed_soon(socket: Socket, began: SystemTime) {
    assert_eq!(socket.close_code(), 4401);
    let took = began.elapsed().expect("a clock that goes on");
    assert!(took < SOON, "{took:?}");
}

fn log_in(server: &Tidegate, password: &str, device: &str) -> User {
    let body = json!({"username": "anna", "password": password, "device": device});
    let login = post(&server.url("/api/v1/auth/login"), &body).json();
    let text = |name: &str| login[name].as_str().unwrap_or_else(|| panic!("{name} in {login}")).to_owned();
    User { id: text("user_id"), token: text("access_token"), refresh_token: text("refresh_token") }
}
