//! Who never gets as far as a session: heads that do not end, heads without end, sockets that never say who they are.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use crate::bench::Bench;
use crate::memory::held;
use crate::raw::Raw;
use crate::watch::Watch;

const SHORT: Duration = Duration::from_millis(400);

#[test]
fn a_head_that_comes_byte_by_byte_is_cut_off() {
    let watch = Watch::begin();
    let bench = Bench::with(|config| {
        config.timeouts.handshake = SHORT;
        config.admission.handshakes_max = 4;
    });
    let slow: Vec<_> = (0..4)
        .map(|_| {
            let mut stream = Raw::connect(&bench);
            std::thread::Builder::new()
                .spawn(move || {
                    for byte in b"GET /ws HTTP/1.1\r\nhost: a\r\nx-header: and so on and on".iter().cycle() {
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
    bench.connect("alice");
    slow.into_iter().for_each(|thread| thread.join().unwrap());
    watch.expect("gateway_handshakes_total", &[r#"outcome="head_timeout""#], 4.0);
    bench.drain();
    watch.expect("gateway_connections", &[], 0.0);
}

#[test]
fn a_flood_of_headers_is_answered_431() {
    let watch = Watch::begin();
    let bench = Bench::start();
    for header in [format!("x-long: {}\r\n", "x".repeat(64 * 1024)), "x-many: y\r\n".repeat(2_000)] {
        let mut stream = Raw::connect(&bench);
        // The server stops reading in the middle.
        let _ = stream.write_all(format!("GET /ws HTTP/1.1\r\nhost: a\r\n{header}\r\n").as_bytes());
        let mut answer = [0; 12];
        if stream.read_exact(&mut answer).is_ok() {
            assert_eq!(&answer, b"HTTP/1.1 431");
        }
    }
    watch.expect("gateway_handshakes_total", &[r#"outcome="head_too_large""#], 2.0);
    bench.drain();
    watch.expect("gateway_connections", &[], 0.0);
}

#[test]
fn sockets_that_never_say_who_they_are_are_closed_with_4401_and_leave_nothing() {
    const SOCKETS: usize = 300;
    let watch = Watch::begin();
    let bench = Bench::with(|config| {
        config.timeouts.hello = SHORT;
        config.timeouts.close = SHORT;
    });
    bench.connect("warm");
    watch.expect("gateway_sessions", &[], 0.0);
    let before = held();
    let mut silent: Vec<_> = (0..SOCKETS).map(|_| Raw::open(&bench, "", "")).collect();
    assert!(silent.iter_mut().all(|socket| socket.closed() == 4401));
    watch.expect("gateway_closes_total", &[r#"code="4401""#, r#"by="server""#], SOCKETS as f64);
    drop(silent);
    watch.expect("gateway_connections", &[], 0.0);
    let left = held() - before;
    assert!(left < 256 * 1024, "{left} bytes are left of {SOCKETS} sockets");
    bench.drain();
}
