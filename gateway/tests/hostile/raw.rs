//! A client that sends bytes as the test has them, and reads frames as they are.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;

use crate::bench::{Bench, PATIENCE};

pub const TEXT: u8 = 0x81;
pub const PING: u8 = 0x89;

pub struct Raw {
    pub stream: TcpStream,
    /// The answer's head.
    pub head: String,
}

/// A client's frame.
pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..126 => frame.push(0x80 | short as u8),
        two @ 126..=0xFFFF => {
            frame.push(0xFE);
            frame.extend((two as u16).to_be_bytes());
        }
        eight => {
            frame.push(0xFF);
            frame.extend((eight as u64).to_be_bytes());
        }
    }
    // A key of zeros masks nothing, and is as good as any.
    frame.extend([0; 4]);
    frame.extend_from_slice(payload);
    frame
}

impl Raw {
    /// A connection that has not said anything.
    pub fn connect(bench: &Bench) -> TcpStream {
        let stream = TcpStream::connect(bench.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// A socket of a user, not read yet; of nobody with an empty name.
    pub fn open(bench: &Bench, name: &str, header: &str) -> Self {
        let mut stream = Self::connect(bench);
        let token =
            if name.is_empty() { String::new() } else { format!("?token={}", bench.token(name, 3_600)) };
        let request = format!(
            "GET /ws{token} HTTP/1.1\r\nhost: {}\r\nupgrade: websocket\r\nconnection: upgrade\r\n{header}\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            bench.address
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        assert!(head.starts_with("http/1.1 101"), "{head}");
        Self { stream, head }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Sends what the server may not want to read to its end.
    pub fn try_send(&mut self, bytes: &[u8]) {
        // It closes in the middle: that is what these tests are about.
        let _ = self.stream.write_all(bytes);
    }

    /// The first byte of the next frame, and its payload.
    pub fn frame(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut start = [0; 2];
        self.stream.read_exact(&mut start)?;
        let length = match start[1] {
            126 => {
                let mut bytes = [0; 2];
                self.stream.read_exact(&mut bytes)?;
                u16::from_be_bytes(bytes).into()
            }
            short => usize::from(short),
        };
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload)?;
        Ok((start[0], payload))
    }

    /// Reads, without answering anything, until the server closes; gives its code.
    pub fn closed(&mut self) -> u16 {
        loop {
            let (first, payload) = self.frame().expect("a close frame comes");
            if first == 0x88 {
                return u16::from_be_bytes([payload[0], payload[1]]);
            }
        }
    }

    /// Reads until the server has ended the connection.
    pub fn ended(mut self) {
        while self.frame().is_ok() {}
    }
}
