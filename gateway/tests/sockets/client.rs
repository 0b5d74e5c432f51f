//! A raw RFC 6455 client: says exactly what the test says.

#[path = "patient.rs"]
pub mod patient;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use proto::server_frame::{Nack, Welcome};
use proto::{Encoding, ServerFrame};
use tokio::time::Instant;
use tungstenite::client::IntoClientRequest as _;
use tungstenite::handshake::client::Response;
use tungstenite::http::HeaderValue;
use tungstenite::{Error, HandshakeError, Message, WebSocket};

use crate::bench::{Bench, PATIENCE};
use patient::Patient;

pub struct Client {
    pub socket: WebSocket<Patient>,
    pub response: Response,
}

/// What a refused handshake was answered.
pub struct Refused {
    pub status: u16,
    pub words: String,
}

impl Client {
    /// A handshake with these headers; the answer may be a refusal.
    pub fn open(address: SocketAddr, path: &str, headers: &[(&'static str, &str)]) -> Result<Self, Refused> {
        let stream = Patient::connect(address, PATIENCE).unwrap();
        let mut request = format!("ws://{address}{path}").into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, HeaderValue::from_str(value).unwrap());
        }
        match tungstenite::client(request, stream) {
            Ok((socket, response)) => Ok(Self { socket, response }),
            Err(HandshakeError::Failure(Error::Http(response))) => {
                let words = response.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default();
                Err(Refused { status: response.status().as_u16(), words: words.into_owned() })
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// A socket that sent its token as a subprotocol.
    pub fn with_token(address: SocketAddr, token: &str) -> Self {
        Self::with_protocols(address, &format!("tidegate.v1.json, bearer.{token}"))
    }

    pub fn with_protocols(address: SocketAddr, protocols: &str) -> Self {
        match Self::open(address, "/ws", &[("sec-websocket-protocol", protocols)]) {
            Ok(client) => client,
            Err(refused) => panic!("{} {}", refused.status, refused.words),
        }
    }

    /// A socket without any proof.
    pub fn anonymous(address: SocketAddr) -> Self {
        Self::with_protocols(address, "tidegate.v1.json")
    }

    pub fn send(&mut self, json: &str) {
        self.socket.send(Message::text(json)).unwrap();
    }

    pub fn send_message(&mut self, number: u8, to: &str) {
        self.send(&send_frame(number, to));
    }

    /// The next frame of the server; pings are answered on the way.
    pub fn frame(&mut self) -> ServerFrame {
        loop {
            match self.socket.read().expect("a frame arrives") {
                Message::Text(text) => return ServerFrame::decode(Encoding::Json, text.as_bytes()).unwrap(),
                Message::Binary(bytes) => return ServerFrame::decode(Encoding::Proto, &bytes).unwrap(),
                Message::Close(close) => panic!("closed instead of a frame: {close:?}"),
                _ => {}
            }
        }
    }

    pub fn expect_welcome(&mut self) -> Welcome {
        match self.frame() {
            ServerFrame::Welcome(welcome) => *welcome,
            other => panic!("{other:?} instead of welcome"),
        }
    }

    pub fn expect_nack(&mut self) -> Nack {
        match self.frame() {
            ServerFrame::Nack(nack) => nack,
            other => panic!("{other:?} instead of nack"),
        }
    }

    pub fn expect_event(&mut self) -> u64 {
        match self.frame() {
            ServerFrame::Event(event) => event.entry.seq.0,
            other => panic!("{other:?} instead of event"),
        }
    }

    /// Reads until the server closes; gives its close code.
    pub fn closed(&mut self) -> u16 {
        loop {
            match self.socket.read() {
                Ok(Message::Close(Some(close))) => return close.code.into(),
                Ok(_) => {}
                Err(error) => panic!("no close frame came: {error}"),
            }
        }
    }

    /// The code of the close frame, before which nothing is told.
    pub fn closed_at_once(&mut self) -> u16 {
        match self.socket.read() {
            Ok(Message::Close(Some(close))) => close.code.into(),
            other => panic!("{other:?} instead of a close frame"),
        }
    }

    /// Waits until the session is interested: only then is a `sync` carried out.
    pub fn settle(&mut self, bench: &Bench) {
        self.send(r#"{"sync":{}}"#);
        let command = bench.command();
        assert!(matches!(command.request, proto::Request::Sync(_)), "{command:?}");
        bench.reply(&command, proto::Reply::Settled);
    }

    /// Sends bytes as they are.
    pub fn raw(&mut self) -> &mut Patient {
        self.socket.get_mut()
    }

    /// Fails when anything but a ping arrives within a moment.
    pub fn expect_silence(&mut self, moment: Duration) {
        self.raw().set_read_timeout(Some(moment)).unwrap();
        match self.socket.read() {
            Err(Error::Io(error)) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            other => panic!("{other:?} instead of silence"),
        }
        self.raw().set_read_timeout(Some(PATIENCE)).unwrap();
    }
}

pub fn send_frame(number: u8, to: &str) -> String {
    format!(
        r#"{{"send":{{"client_message_id":"01890a5d-ac96-774b-bcce-b302099a80{number:02x}","to_user":"{to}","body":{{"text":"hi"}}}}}}"#
    )
}

/// One HTTP request as text; gives everything that was answered until the peer closes.
pub fn http(address: SocketAddr, request: &str) -> String {
    let mut stream = Patient::connect(address, PATIENCE).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Waits until `found` gives something.
pub fn wait_for<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < until, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}
