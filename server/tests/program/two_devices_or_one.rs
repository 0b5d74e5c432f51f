//! Two devices of a user, or one: what one does the other hears; who is signed out, whose token runs out, or who is replaced where one is
//! allowed, is closed, at whatever gateway. In one process and, where the services are, in a cluster.

use std::thread;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::http::{User, delete_as, get_as, new_user, patch_as, post, post_as};
use crate::places::{Places, in_a_cluster, in_one_process};
use crate::process::{Tidegate, until};
use crate::socket::Socket;
use crate::stand::say;

/// Two connects at the same moment, so many times.
const ROUNDS: usize = 12;
const ONE: [(&str, &str); 2] =
    [("TIDEGATE_GATEWAY__LOGIN_POLICY", "exclusive"), ("TIDEGATE_GATEWAY__SHARDS", "2")];
const ONE_OF_EACH_KIND: [(&str, &str); 1] = [("TIDEGATE_GATEWAY__LOGIN_POLICY", "one_per_kind")];
/// A token that ends soon, which is told from its beginning on.
const SHORT_TTL: &str = "6s";
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
fn of_each_kind_of_device_the_newest_is_left() {
    in_one_process(&ONE_OF_EACH_KIND, one_of_each_kind);
}

#[test]
fn of_each_kind_of_device_the_newest_is_left_at_two_gateways() {
    in_a_cluster(&ONE_OF_EACH_KIND, one_of_each_kind);
}

fn one_of_each_kind(at: &Places<'_>) {
    let anna = new_user(at.api, "anna", "a long secret");
    let open = |place: &Tidegate, device: &str| {
        let mut socket = Socket::open(place, &anna.token);
        socket.send(&json!({"hello": {"device": device}}));
        socket
    };
    let old = open(at.near, "phone-a");
    let (mut web, mut new) = (open(at.far, "web-a"), open(at.far, "phone-b"));
    assert_eq!(old.close_code(), 4409);
    for socket in [&mut web, &mut new] {
        socket.send(&json!({"ping": {}}));
        socket.until("pong");
        assert_eq!(socket.closed_by_now(), None);
    }
}

#[test]
fn who_is_signed_out_elsewhere_is_closed() {
    in_one_process(&[], signed_out);
}

#[test]
fn who_is_signed_out_elsewhere_is_closed_at_another_gateway() {
    in_a_cluster(&[], signed_out);
}

#[test]
fn a_token_that_runs_out_ends_its_socket_and_a_fresh_one_keeps_it() {
    in_one_process(&[], run_out);
}

#[test]
fn a_token_that_runs_out_ends_its_socket_at_another_gateway_too() {
    in_a_cluster(&[], run_out);
}

fn run_out(at: &Places<'_>) {
    let phone = new_user(at.api, "anna", "a long secret");
    let query = format!("?token={}", at.token_for(&phone.id, SHORT_TTL));
    let [mut a, mut b] = [at.near, at.far].map(|place| Socket::try_open(place, &query).expect("a socket"));
    let ends = seconds(&a.until("welcome")["auth_expires"]);
    for socket in [&mut a, &mut b] {
        let told = seconds(&socket.until("auth_expiring")["expires"]);
        assert!(told.abs_diff(ends) <= 1, "a socket learns the end to a tenth of a second: {told}, {ends}");
    }
    a.send(&json!({"hello": {"auth": phone.token}}));
    let renewed = seconds(&a.until("welcome")["auth_expires"]);
    assert!(renewed > ends, "{renewed} after {ends}");
    assert_eq!(b.close_code(), 4401);
    a.send(&json!({"ping": {}}));
    a.until("pong");
}

fn seconds(time: &Value) -> u64 {
    time.as_str().and_then(|text| text.parse().ok()).expect("a time")
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

    // Of a disabled account nothing is left.
    let operator = at.service_token("operator", "server");
    let (b, began) = (Socket::open(at.far, &phone.token), SystemTime::now());
    let account = at.url(&format!("/server/users/{}", phone.id));
    assert_eq!(patch_as(&account, &operator, &json!({"status": "disabled"})).status, 200);
    closed_soon(a, began);
    closed_soon(b, began);
    assert_eq!(get_as(&at.url("/users/me"), &phone.token).status, 403);
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
