//! The proxy between real sockets: passing, delaying, holding back, cutting; and the front of a cluster.

use std::io::{Read as _, Write as _};

use super::*;
use crate::stopwatch::Stopwatch;

/// A server that gives back what it gets, for any number of connections.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread("echo", move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            thread("echo-one", move || {
                let mut buffer = [0; 1024];
                while let Ok(length @ 1..) = (&stream).read(&mut buffer) {
                    (&stream).write_all(&buffer[..length]).unwrap();
                }
            })
            .unwrap();
        }
    })
    .unwrap();
    address
}

fn proxy() -> (Proxy, TcpStream) {
    let proxy = Proxy::start("127.0.0.1:0".parse().unwrap(), Route::To(echo())).unwrap();
    let stream = TcpStream::connect(proxy.address()).unwrap();
    (proxy, stream)
}

/// Says a word and waits for it to come back.
fn say(mut stream: &TcpStream) -> std::io::Result<()> {
    stream.write_all(b"word")?;
    stream.read_exact(&mut [0; 4])
}

#[test]
fn bytes_pass_and_a_delay_counts_in_each_direction() {
    let (proxy, stream) = proxy();
    say(&stream).unwrap();
    proxy.rule(Rule::Delay(Duration::from_millis(50)));
    let began = Stopwatch::start();
    say(&stream).unwrap();
    assert!(began.elapsed() >= Duration::from_millis(100));
}

#[test]
fn what_is_held_back_comes_later_and_whole() {
    let (proxy, stream) = proxy();
    say(&stream).unwrap();
    proxy.rule(Rule::Hold);
    (&stream).write_all(b"word").unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert!((&stream).read_exact(&mut [0; 4]).is_err(), "it is held back");
    proxy.rule(Rule::Through);
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    (&stream).read_exact(&mut [0; 4]).unwrap();
}

#[test]
fn a_cut_closes_open_and_new_connections_until_it_is_mended() {
    let (proxy, stream) = proxy();
    say(&stream).unwrap();
    proxy.rule(Rule::Cut);
    assert!(say(&stream).is_err());
    let next = TcpStream::connect(proxy.address()).unwrap();
    assert!(say(&next).is_err());
    proxy.rule(Rule::Through);
    say(&TcpStream::connect(proxy.address()).unwrap()).unwrap();
}

#[test]
fn a_front_passes_over_those_that_are_gone() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let front = Front::new(vec![gone, echo()], vec![gone]);
    let proxy = Proxy::start("127.0.0.1:0".parse().unwrap(), Route::Front(front)).unwrap();
    let request = b"GET /ws HTTP/1.1\r\n\r\n";
    for _ in 0..4 {
        let mut stream = TcpStream::connect(proxy.address()).unwrap();
        stream.write_all(request).unwrap();
        let mut back = vec![0; request.len()];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(back, request);
    }
    let mut nobody = TcpStream::connect(proxy.address()).unwrap();
    nobody.write_all(b"GET /api HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(nobody.read(&mut [0; 1]).unwrap_or(0), 0, "nobody serves that");
}
