//! Who does not get through the handshake of TLS: what ends it, and what it costs.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use gateway::proxy::{ToldBy, TrustedProxies};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::authority::Authority;
use crate::bench::{Bench, PATIENCE};
use crate::encrypted::{Encrypted, connect};
use crate::watch::Watch;

const SHORT: Duration = Duration::from_millis(400);
const BUSY: &str = "gateway_tls_handshake_busy_microseconds_total";

fn raw(bench: &Bench) -> TcpStream {
    let stream = TcpStream::connect(bench.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// What the server says before it ends the connection.
fn answer(mut stream: TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    // A server that closes what it has not read resets the connection.
    let _ = stream.read_to_end(&mut answer);
    answer
}

#[test]
fn what_is_no_hello_is_answered_with_an_alert() {
    let watch = Watch::begin();
    let authority = Authority::new();
    let (bench, _) = authority.bench(|_| {});
    // Plain text, a hello of nonsense, a message that is longer than a hello may be.
    let endless = [&b"\x16\x03\x01\x40\x00\x01\x00\xff\xff"[..], &[0; 40_000]].concat();
    for hello in
        [&b"GET /ws HTTP/1.1\r\nhost: a\r\n\r\n"[..], b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x07", &endless]
    {
        let mut stream = raw(&bench);
        // It may be closed before all is sent.
        let _ = stream.write_all(hello);
        let answer = answer(stream);
        assert!(answer.is_empty() || answer[0] == 21, "{answer:?} is no alert");
    }
    watch.expect("gateway_tls_handshakes_total", &[r#"outcome="refused""#], 3.0);
    Encrypted::settled(&bench, &authority.client(&[]), "alice");
    bench.drain();
    watch.expect("gateway_connections", &[], 0.0);
}

#[test]
fn a_protocol_that_is_not_spoken_here_is_refused() {
    let watch = Watch::begin();
    let authority = Authority::new();
    let (bench, _) = authority.bench(|_| {});
    let refused = connect(bench.address, &authority.client(&["h2"])).err().unwrap();
    assert!(refused.to_string().contains("NoApplicationProtocol"), "{refused}");
    let stream = connect(bench.address, &authority.client(&["h2", "http/1.1"])).unwrap();
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    watch.expect("gateway_tls_handshakes_total", &[r#"outcome="refused""#], 1.0);
    drop(stream);
    bench.drain();
}

#[test]
fn a_hello_that_comes_byte_by_byte_is_cut_off() {
    let watch = Watch::begin();
    let authority = Authority::new();
    let (bench, _) = authority.bench(|config| {
        config.timeouts.handshake = SHORT;
        config.admission.handshakes_max = 4;
    });
    let slow: Vec<_> = (0..4)
        .map(|_| {
            let mut stream = raw(&bench);
            std::thread::Builder::new()
                .spawn(move || {
                    // As if the rest of a long hello were still to come.
                    for byte in b"\x16\x03\x01\x20\x00\x01\x00\x1f\xfc\x03\x03".iter().chain(&[7; 4_000]) {
                        if stream.write_all(&[*byte]).is_err() {
                            break;
                        }
                        std::thread::sleep(Duration::from_millis(20));
                    }
                })
                .unwrap()
        })
        .collect();
    // Waits in the kernel until their time is over: all handshakes are taken.
    Encrypted::settled(&bench, &authority.client(&[]), "alice");
    slow.into_iter().for_each(|thread| thread.join().unwrap());
    watch.expect("gateway_tls_handshakes_total", &[r#"outcome="timeout""#], 4.0);
    bench.drain();
    watch.expect("gateway_tls_connections", &[], 0.0);
}

#[test]
fn silence_before_and_in_the_middle_of_a_handshake_is_cut_off() {
    let watch = Watch::begin();
    let authority = Authority::new();
    let (bench, _) = authority.bench(|config| config.timeouts.handshake = SHORT);
    let silent = raw(&bench);
    // A hello, and then nothing more.
    let mut half = raw(&bench);
    let name = "localhost".try_into().unwrap();
    let mut tls = rustls::ClientConnection::new(authority.client(&[]), name).unwrap();
    tls.write_tls(&mut half).unwrap();
    assert!(answer(silent).is_empty());
    assert_eq!(answer(half)[0], 22, "the server's part of the handshake");
    watch.expect("gateway_tls_handshakes_total", &[r#"outcome="timeout""#], 2.0);
    // And a handshake without a request behind it is what a plain connection without one is.
    let mut idle = connect(bench.address, &authority.client(&[])).unwrap();
    assert_eq!(idle.read(&mut [0; 16]).unwrap(), 0, "closed in order");
    watch.expect("gateway_handshakes_total", &[r#"outcome="head_timeout""#], 1.0);
    bench.drain();
}

#[test]
fn who_is_one_too_many_costs_no_handshake() {
    let watch = Watch::begin();
    let authority = Authority::new();
    let (bench, _) = authority.bench(|config| {
        let prefixes = vec!["127.0.0.1".parse().unwrap()];
        config.proxies = TrustedProxies { prefixes, told_by: ToldBy::ProxyProtocol };
        config.admission.per_address_max = 0;
    });
    // The proxy says whose connection it is before anything is encrypted.
    let preface = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\x0a\x00\x00\x01\x10\x00\x01\xbb";
    let mut stream = raw(&bench);
    stream.write_all(preface).unwrap();
    assert!(answer(stream).is_empty());
    watch.expect("gateway_handshakes_total", &[r#"outcome="address_full""#], 1.0);
    assert!(watch.risen(BUSY, &[]) < 0.5, "no time was spent on it");
    bench.drain();
    watch.expect("gateway_connections", &[], 0.0);
}

#[test]
fn a_client_that_leaves_in_the_middle_leaves_nothing() {
    let watch = Watch::begin();
    let authority = Authority::new();
    let (bench, _) = authority.bench(|_| {});
    for _ in 0..20 {
        let mut stream = raw(&bench);
        let name = "localhost".try_into().unwrap();
        let mut tls = rustls::ClientConnection::new(authority.client(&[]), name).unwrap();
        tls.write_tls(&mut stream).unwrap();
    }
    watch.expect("gateway_tls_handshakes_total", &[r#"outcome="cut_off""#], 20.0);
    watch.expect("gateway_connections", &[], 0.0);
    watch.expect("gateway_tls_connections", &[], 0.0);
    assert!(watch.risen(BUSY, &[]) > 0.0, "their hellos were answered");
    bench.drain();
}

#[test]
fn a_record_that_nobody_encrypted_ends_the_connection_and_nothing_else() {
    let watch = Watch::begin();
    let authority = Authority::new();
    let (bench, _) = authority.bench(|_| {});
    let config = authority.client(&[]);
    let mut random = SmallRng::seed_from_u64(7);
    let mut witness = Encrypted::settled(&bench, &config, "alice");
    for number in 0..60 {
        let mut socket = connect(bench.address, &config).unwrap();
        let mut record = vec![random.random_range(19..25), 3, 3, 0, random.random_range(1..200)];
        let length = if number % 2 == 0 { record[4].into() } else { random.random_range(0..400) };
        record.extend((0..length).map(|_| random.random::<u8>()));
        // Half of a message of the handshake may be among them, so something must follow.
        record.extend([0xFF; 512]);
        let _ = socket.sock.write_all(&record);
        // An alert that is right for once, a reset, or the end.
        let _ = socket.read(&mut [0; 1_024]);
        assert!(socket.read(&mut [0; 16]).is_err(), "{record:?} is no way to end a connection");
    }
    witness.settle(&bench);
    drop(witness);
    watch.expect("gateway_tls_connections", &[], 0.0);
    bench.drain();
}
