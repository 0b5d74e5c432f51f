//! A client of a socket over TLS.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;

use proto::{Encoding, ServerFrame};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, StreamOwned};
use rustls_pki_types::ServerName;
use tungstenite::client::IntoClientRequest as _;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Message, WebSocket};

use crate::bench::{Bench, PATIENCE};
use crate::client::patient::Patient;

pub type Stream = StreamOwned<ClientConnection, Patient>;

/// Connected, and its hands shaken.
pub fn connect(address: SocketAddr, config: &Arc<ClientConfig>) -> io::Result<Stream> {
    let tcp = Patient::connect(address, PATIENCE)?;
    let name = ServerName::try_from("localhost").unwrap();
    let tls = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(tls, tcp);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

/// One request, and everything that is answered until the server ends the connection in order.
pub fn http(address: SocketAddr, config: &Arc<ClientConfig>, request: &str) -> String {
    let mut stream = connect(address, config).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

pub struct Encrypted(pub WebSocket<Stream>);

impl Encrypted {
    /// A welcomed socket.
    pub fn open(bench: &Bench, config: &Arc<ClientConfig>, name: &str) -> Self {
        Self::on(connect(bench.running.tls_address().unwrap(), config).unwrap(), bench, name)
    }

    /// The same with a connection of which the hands are shaken.
    pub fn on(stream: Stream, bench: &Bench, name: &str) -> Self {
        let url = format!("wss://localhost/ws?token={}", bench.token(name, 3_600));
        let limits = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        let request = url.into_client_request().unwrap();
        let (socket, _) = tungstenite::client::client_with_config(request, stream, Some(limits)).unwrap();
        let mut client = Self(socket);
        assert!(matches!(client.frame(), ServerFrame::Welcome(_)));
        client
    }

    /// And interested.
    pub fn settled(bench: &Bench, config: &Arc<ClientConfig>, name: &str) -> Self {
        let mut client = Self::open(bench, config, name);
        client.settle(bench);
        client
    }

    /// A command and its answer.
    pub fn settle(&mut self, bench: &Bench) {
        self.send(r#"{"sync":{}}"#);
        let command = bench.command();
        assert!(matches!(command.request, proto::Request::Sync(_)), "{command:?}");
        bench.reply(&command, proto::Reply::Settled);
    }

    pub fn send(&mut self, json: &str) {
        self.0.send(Message::text(json)).unwrap();
    }

    pub fn frame(&mut self) -> ServerFrame {
        loop {
            match self.0.read().expect("a frame arrives") {
                Message::Text(text) => return ServerFrame::decode(Encoding::Json, text.as_bytes()).unwrap(),
                Message::Close(close) => panic!("closed instead of a frame: {close:?}"),
                _ => {}
            }
        }
    }

    pub fn closed(&mut self) -> u16 {
        loop {
            if let Message::Close(Some(close)) = self.0.read().expect("a close frame comes") {
                return close.code.into();
            }
        }
    }

    /// What the server showed.
    pub fn certificate(&self) -> &[u8] {
        &self.0.get_ref().conn.peer_certificates().unwrap()[0]
    }

    pub fn was_resumed(&self) -> bool {
        self.0.get_ref().conn.handshake_kind() == Some(HandshakeKind::Resumed)
    }
}
