//! A socket that is read as fast as it may, by the clock.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tungstenite::WebSocket;
use tungstenite::client::IntoClientRequest as _;
use tungstenite::http::HeaderValue;

use crate::bench::PATIENCE;
use crate::client::patient::Patient;

const STEP: Duration = Duration::from_millis(100);
/// How many bytes may be read in a tenth of a second.
#[derive(Clone)]
pub struct Pace(Arc<AtomicUsize>);

impl Pace {
    pub fn unbounded() -> Self {
        Self(Arc::new(AtomicUsize::new(usize::MAX)))
    }

    pub fn set(&self, bytes_per_step: usize) {
        self.0.store(bytes_per_step, Ordering::SeqCst);
    }
}

pub struct Trickle {
    stream: Patient,
    pace: Pace,
}

/// Opens a socket with a token that is read at this pace. With a small `buffer` in the kernel, what is not read stays with
/// the server.
pub fn open(address: SocketAddr, token: &str, pace: &Pace, buffer: Option<usize>) -> WebSocket<Trickle> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
    if let Some(bytes) = buffer {
        socket.set_recv_buffer_size(bytes).unwrap();
    }
    socket.connect(&address.into()).unwrap();
    let stream = Patient::new(socket.into(), PATIENCE).unwrap();
    let mut request = format!("ws://{address}/ws").into_client_request().unwrap();
    let protocols = HeaderValue::from_str(&format!("tidegate.v1.json, bearer.{token}")).unwrap();
    request.headers_mut().insert("sec-websocket-protocol", protocols);
    let trickle = Trickle { stream, pace: pace.clone() };
    tungstenite::client(request, trickle).expect("the handshake is accepted").0
}

impl Read for Trickle {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.pace.0.load(Ordering::SeqCst) {
                usize::MAX => return self.stream.read(into),
                0 => std::thread::sleep(STEP),
                pace => {
                    std::thread::sleep(STEP);
                    let length = pace.min(into.len());
                    return self.stream.read(&mut into[..length]);
                }
            }
        }
    }
}

impl Write for Trickle {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
