//! What decoding costs: `cargo bench -p gateway --bench websocket`.
//!
//! Small frames by the nanosecond, large ones by the gigabyte, next to tungstenite on the same bytes. Each figure is
//! the best of several rounds, as anything slower measures the machine's other work.

#![allow(missing_docs, clippy::unwrap_used, reason = "a measurement, not a library")]

use std::hint::black_box;
use std::io::{self, Read, Write};
use std::time::Duration;

use gateway::websocket::{Decoder, Limits};
use tokio::time::Instant;
use tungstenite::protocol::{Role, WebSocket, WebSocketConfig};

const ROUNDS: usize = 15;
const LIMITS: Limits = Limits { message_bytes_max: 1 << 20, frames_per_message_max: 64 };
/// Bytes of one read, as the gateway's per-thread buffer.
const READ_BYTES: usize = 64 * 1024;

fn main() {
    println!("{:<34} {:>12} {:>12} {:>14}", "frames", "ns/frame", "MB/s", "tungstenite ns");
    for (payload, frames) in [(0, 20_000), (30, 20_000), (150, 20_000), (1_000, 10_000), (60_000, 300)] {
        for (name, opcode) in [("binary", 2), ("text", 1)] {
            let stream = stream(opcode, payload, frames);
            let ours = best_of(|| ours(&stream), frames);
            let theirs = best_of(|| theirs(&stream), frames);
            let megabytes = stream.len() as f64 / ours.as_secs_f64() / 1e6;
            println!(
                "{:<34} {:>12.1} {:>12.0} {:>14.1}",
                format!("{frames} {name} of {payload} bytes"),
                ours.as_nanos() as f64 / frames as f64,
                megabytes,
                theirs.as_nanos() as f64 / frames as f64,
            );
        }
    }
}

/// Masked frames, one after the other.
fn stream(opcode: u8, payload: usize, frames: usize) -> Vec<u8> {
    let key = [0x37, 0xFA, 0x21, 0x3D];
    let mut frame = vec![0x80 | opcode];
    match payload {
        0..126 => frame.push(0x80 | payload as u8),
        _ => {
            frame.push(0x80 | 126);
            frame.extend((payload as u16).to_be_bytes());
        }
    }
    frame.extend(key);
    frame.extend((0..payload).map(|i| b'a' ^ key[i % 4]));
    frame.repeat(frames)
}

/// The shortest time of a run that must see `frames` messages.
fn best_of(mut run: impl FnMut() -> (usize, Duration), frames: usize) -> Duration {
    let rounds = (0..ROUNDS).map(|_| {
        let (messages, time) = run();
        assert_eq!(messages, frames, "every message is seen");
        time
    });
    rounds.min().unwrap()
}

/// Copies each read into one buffer, as a socket does, and decodes it there.
fn ours(stream: &[u8]) -> (usize, Duration) {
    let mut decoder = Decoder::new(LIMITS);
    let mut buffer = vec![0; READ_BYTES];
    let mut messages = 0;
    let start = Instant::now();
    for read in stream.chunks(READ_BYTES) {
        let input = &mut buffer[..read.len()];
        input.copy_from_slice(read);
        let mut events = decoder.events(input);
        while let Some(event) = events.next().unwrap() {
            black_box(event);
            messages += 1;
        }
    }
    (messages, start.elapsed())
}

fn theirs(stream: &[u8]) -> (usize, Duration) {
    let config = WebSocketConfig::default().read_buffer_size(READ_BYTES);
    let mut socket = WebSocket::from_raw_socket(Pipe(stream), Role::Server, Some(config));
    let mut messages = 0;
    let start = Instant::now();
    while let Ok(message) = socket.read() {
        black_box(message);
        messages += 1;
    }
    (messages, start.elapsed())
}

struct Pipe<'a>(&'a [u8]);

impl Read for Pipe<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.0.read(out)
    }
}

impl Write for Pipe<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
