//! Limits of an address, of a user, and of a user's commands by kind: what each answers, its metric, and that places return.

use std::io::{Read as _, Write as _};
use std::net::IpAddr;

use gateway::RateLimit;
use gateway::proxy::{ToldBy, TrustedProxies};
use proto::{Code, Reply};

use crate::bench::{Bench, PATIENCE};
use crate::client::patient::Patient;
use crate::client::{Client, Refused, wait_for};
use crate::watch::Watch;

/// Behind a proxy on this machine.
fn behind_proxy(told_by: ToldBy, change: impl FnOnce(&mut gateway::GatewayConfig)) -> Bench {
    Bench::with(|config| {
        config.proxies = TrustedProxies { prefixes: vec!["127.0.0.1".parse().unwrap()], told_by };
        change(config);
    })
}

fn open_for(bench: &Bench, client: &str, name: &str) -> Result<Client, Refused> {
    let path = format!("/ws?token={}", bench.token(name, 600));
    let mut client = Client::open(bench.address, &path, &[("x-forwarded-for", client)])?;
    client.expect_welcome();
    Ok(client)
}

#[test]
fn sockets_of_one_address_behind_a_proxy_are_bounded() {
    let watch = Watch::begin();
    let bench = behind_proxy(ToldBy::XForwardedFor, |config| config.admission.per_address_max = 2);
    let near = ["2001:db8::1", "2001:db8::2, 127.0.0.1", "9.9.9.9, 2001:db8:0:0:ffff::3"];
    let held: Vec<_> =
        near[..2].iter().map(|client| open_for(&bench, client, "alice").ok().unwrap()).collect();
    let refused = open_for(&bench, near[2], "bob").err().unwrap();
    assert_eq!((refused.status, refused.words.as_str()), (429, "too many connections from this address"));
    assert!(open_for(&bench, "2001:db8:0:1::1", "bob").is_ok(), "another /64 has its own places");
    watch.expect("gateway_handshakes_total", &[r#"outcome="address_full""#], 1.0);
    drop(held);
    wait_for("places of the address", || open_for(&bench, near[2], "bob").ok());
    bench.drain();
    watch.expect("gateway_connections", &[], 0.0);
}

#[test]
fn an_address_that_connects_too_often_waits() {
    let watch = Watch::begin();
    let bench = behind_proxy(ToldBy::XForwardedFor, |config| {
        config.admission.per_address_connects = RateLimit { per_second: 1, burst: 2 };
    });
    for _ in 0..2 {
        drop(open_for(&bench, "192.0.2.1", "alice").ok().unwrap());
    }
    let refused = open_for(&bench, "192.0.2.1", "alice").err().unwrap();
    assert_eq!((refused.status, refused.words.as_str()), (429, "too many new connections from this address"));
    watch.expect("gateway_handshakes_total", &[r#"outcome="address_rate""#], 1.0);
    assert!(open_for(&bench, "192.0.2.2", "alice").is_ok());
    wait_for("the address to have rested", || open_for(&bench, "192.0.2.1", "alice").ok());
    bench.drain();
}

#[test]
fn a_stranger_cannot_name_another_address() {
    let watch = Watch::begin();
    let bench = Bench::with(|config| config.admission.per_address_max = 1);
    // Loopback is no trusted proxy here: it is counted as itself, which is exempt.
    let held: Vec<_> = (0..3).map(|_| open_for(&bench, "192.0.2.1", "alice").ok().unwrap()).collect();
    drop(held);
    bench.drain();
    watch.expect("gateway_connections", &[], 0.0);
}

/// A PROXY header of version 2 for this client, then a request.
fn by_proxy_protocol(bench: &Bench, client: [u8; 4], request: &str) -> String {
    let mut stream = Patient::connect(bench.address, PATIENCE).unwrap();
    let head = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c";
    let ports = [10, 0, 0, 1, 0, 99, 0, 80];
    stream.write_all(&[&head[..], &client, &ports, request.as_bytes()].concat()).unwrap();
    let mut answer = Vec::new();
    let mut buffer = [0; 1_024];
    // The first line is enough: the socket stays open.
    while !answer.ends_with(b"\n") && !String::from_utf8_lossy(&answer).contains("\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(length) => answer.extend_from_slice(&buffer[..length]),
        }
    }
    drop(stream);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn the_proxy_protocol_names_the_client() {
    let watch = Watch::begin();
    let bench = behind_proxy(ToldBy::ProxyProtocol, |config| {
        config.admission.per_address_connects = RateLimit { per_second: 1, burst: 1 };
    });
    let request = "GET /elsewhere HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let loopback: IpAddr = [127, 0, 0, 1].into();
    assert!(bench.address.ip() == loopback);
    // The handler tells whether the address it was told is loopback.
    let answer = by_proxy_protocol(&bench, [192, 0, 2, 1], request);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let crowded = by_proxy_protocol(&bench, [192, 0, 2, 1], request);
    assert!(crowded.starts_with("HTTP/1.1 429"), "{crowded}");
    assert!(by_proxy_protocol(&bench, [192, 0, 2, 2], request).starts_with("HTTP/1.1 200"));
    watch.expect("gateway_handshakes_total", &[r#"outcome="address_rate""#], 1.0);

    let mut stranger = Patient::connect(bench.address, PATIENCE).unwrap();
    stranger.write_all(request.as_bytes()).unwrap();
    let heard = stranger.read(&mut [0; 16]);
    assert!(matches!(heard, Ok(0) | Err(_)), "who does not begin with it is closed without a word");
    watch.expect("gateway_handshakes_total", &[r#"outcome="proxy_malformed""#], 1.0);
    bench.drain();
    watch.expect("gateway_connections", &[], 0.0);
}

/// A connection that the proxy says is this client's, and that says nothing more.
fn silent(bench: &Bench, client: [u8; 4]) -> Patient {
    let mut stream = Patient::connect(bench.address, PATIENCE).unwrap();
    let head = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c";
    stream.write_all(&[&head[..], &client, &[10, 0, 0, 1, 0, 99, 0, 80]].concat()).unwrap();
    stream
}

#[test]
fn silent_connections_of_a_full_address_keep_no_handshakes_from_others() {
    let watch = Watch::begin();
    let bench = behind_proxy(ToldBy::ProxyProtocol, |config| {
        config.admission.per_address_max = 1;
        config.admission.handshakes_max = 20;
        config.timeouts.handshake = 10 * PATIENCE;
    });
    let own = silent(&bench, [192, 0, 2, 1]);
    let excess: Vec<_> = (0..60).map(|_| silent(&bench, [192, 0, 2, 1])).collect();
    let request = "GET /elsewhere HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    assert!(by_proxy_protocol(&bench, [192, 0, 2, 2], request).starts_with("HTTP/1.1 200"));
    for mut stream in excess {
        assert!(matches!(stream.read(&mut [0; 16]), Ok(0) | Err(_)), "closed without a word, and soon");
    }
    watch.expect("gateway_handshakes_total", &[r#"outcome="address_full""#], 60.0);
    drop(own);
    bench.drain();
    watch.expect("gateway_connections", &[], 0.0);
}

#[test]
fn a_connection_too_many_is_answered_and_closed() {
    let watch = Watch::begin();
    let bench = behind_proxy(ToldBy::ProxyProtocol, |config| {
        config.admission.per_address_connects = RateLimit { per_second: 1, burst: 1 };
        config.timeouts.handshake = 10 * PATIENCE;
    });
    drop(silent(&bench, [192, 0, 2, 1]));
    // It would keep the connection, and its body comes after the answer.
    let mut stream = silent(&bench, [192, 0, 2, 1]);
    stream.write_all(b"POST /elsewhere HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n").unwrap();
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).unwrap();
    stream.write_all(b"too late.").unwrap();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 429"), "{answer}");
    assert!(
        answer.contains("\r\nretry-after: 1\r\n") && answer.contains("\r\nconnection: close\r\n"),
        "{answer}"
    );
    watch.expect("gateway_handshakes_total", &[r#"outcome="address_rate""#], 1.0);
    drop(stream);
    bench.drain();
    watch.expect("gateway_connections", &[], 0.0);
}

#[test]
fn a_proxy_that_says_nothing_is_ended() {
    let watch = Watch::begin();
    let bench = behind_proxy(ToldBy::ProxyProtocol, |config| {
        config.timeouts.handshake = std::time::Duration::from_millis(200);
    });
    let mut silent = Patient::connect(bench.address, PATIENCE).unwrap();
    assert_eq!(silent.read(&mut [0; 16]).unwrap(), 0);
    watch.expect("gateway_handshakes_total", &[r#"outcome="proxy_silent""#], 1.0);
    bench.drain();
}

#[test]
fn sockets_of_one_user_are_bounded() {
    let watch = Watch::begin();
    let bench = Bench::with(|config| config.admission.per_user_max = 1);
    let held = bench.connect("alice");
    assert_eq!(open_for(&bench, "", "alice").err().map(|refused| refused.status), Some(429));
    watch.expect("gateway_handshakes_total", &[r#"outcome="user_full""#], 1.0);
    drop(held);
    wait_for("the place of the user", || open_for(&bench, "", "alice").ok());
    bench.drain();
    watch.expect("gateway_connections", &[], 0.0);
}

#[test]
fn commands_of_a_user_are_bounded_by_kind_over_all_sockets() {
    let watch = Watch::begin();
    let bench = Bench::with(|config| {
        config.shards = 2;
        config.admission.user_rates.writes = RateLimit { per_second: 1, burst: 3 };
        config.session.rate_strikes_max = 3;
    });
    let (mut one, mut two) = (bench.connect("alice"), bench.connect("alice"));
    for number in 0..3 {
        let client = if number % 2 == 0 { &mut one } else { &mut two };
        client.send_message(number, "bob");
        bench.reply(&bench.command(), Reply::Settled);
    }
    two.send_message(3, "bob");
    let nack = two.expect_nack();
    assert_eq!((nack.code, nack.frame), (Code::Rate, "send"));
    assert!((1..=1_000).contains(&nack.retry_after_ms), "{nack:?}");
    watch.expect("gateway_limited_total", &[r#"limit="user_writes""#], 1.0);

    one.send(r#"{"typing":{"to_user":"bob"}}"#);
    bench.reply(&bench.command(), Reply::Settled);
    let mut other = bench.connect("bob");
    other.send_message(4, "alice");
    bench.reply(&bench.command(), Reply::Settled);

    for number in 5..20 {
        // The server may be closing already.
        let _ = two.socket.send(tungstenite::Message::text(crate::client::send_frame(number, "bob")));
    }
    assert_eq!(two.closed(), 4429, "who does not listen is closed");
    watch.expect("gateway_closes_total", &[r#"code="4429""#], 1.0);
    bench.drain();
}
