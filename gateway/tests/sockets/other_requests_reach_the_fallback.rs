//! The public port is one: what is not the socket is HTTP.

use crate::bench::Bench;
use crate::client::http;

#[test]
fn a_request_reaches_the_handler_with_its_body_and_peer() {
    let bench = Bench::start();
    let answer = http(
        bench.address,
        "POST /api/v1/messages HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello",
    );
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with("POST /api/v1/messages 5 true"), "{answer}");
}

#[test]
fn a_connection_serves_several_requests() {
    let bench = Bench::start();
    let answer = http(
        bench.address,
        "GET /one HTTP/1.1\r\nhost: x\r\n\r\nGET /two HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    );
    assert!(answer.contains("GET /one 0 true"), "{answer}");
    assert!(answer.ends_with("GET /two 0 true"), "{answer}");
}

#[test]
fn an_ordinary_request_for_the_socket_is_told_to_upgrade() {
    let bench = Bench::start();
    let answer = http(bench.address, "GET /ws HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 426"), "{answer}");
    assert!(answer.contains("upgrade: websocket"), "{answer}");
}
