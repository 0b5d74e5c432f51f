//! A WebSocket as any tool would open it.

use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

use crate::process::{PATIENCE, Tidegate};

/// One socket with JSON frames.
pub struct Socket(WebSocket<TcpStream>);

impl Socket {
    /// Opens `/ws?token=…` and waits for `welcome`.
    pub fn open(server: &Tidegate, token: &str) -> Self {
        let mut socket = Self::try_open(server, &format!("?token={token}")).expect("a socket");
        socket.until("welcome");
        socket
    }

    /// Opens `/ws` with a query; the status when it is refused.
    pub fn try_open(server: &Tidegate, query: &str) -> Result<Self, u16> {
        let stream = TcpStream::connect(server.public()).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let request = format!("ws://{}/ws{query}", server.public()).into_client_request().expect("a request");
        match tungstenite::client(request, stream) {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(refused))) => {
                Err(refused.status().as_u16())
            }
            Err(other) => panic!("{other}"),
        }
    }

    /// Sends one frame.
    pub fn send(&mut self, frame: &Value) {
        self.0.send(Message::text(frame.to_string())).expect("sent");
    }

    /// Reads until a frame with that name; gives what is in it.
    pub fn until(&mut self, name: &str) -> Value {
        loop {
            match self.0.read().expect("a frame") {
                Message::Text(text) => {
                    let frame: Value = serde_json::from_str(&text).expect("JSON");
                    assert!(frame.get("nack").is_none() || name == "nack", "{frame}");
                    if let Some(content) = frame.get(name) {
                        return content.clone();
                    }
                }
                Message::Close(close) => panic!("closed while waiting for {name}: {close:?}"),
                _ => {}
            }
        }
    }

    /// Reads until the acknowledgement of that send; `None` when it is refused for now, or not answered for a second.
    pub fn ack_of(&mut self, client_message_id: &Value) -> Option<Value> {
        self.0.get_ref().set_read_timeout(Some(Duration::from_secs(1))).expect("a time-out");
        let ack = self.find_ack(client_message_id);
        self.0.get_ref().set_read_timeout(Some(PATIENCE)).expect("a time-out");
        ack
    }

    fn find_ack(&mut self, client_message_id: &Value) -> Option<Value> {
        loop {
            let text = match self.0.read() {
                Ok(Message::Text(text)) => text,
                Ok(Message::Close(close)) => panic!("closed while waiting for an ack: {close:?}"),
                Ok(_) => continue,
                Err(tungstenite::Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    return None;
                }
                Err(error) => panic!("{error}"),
            };
            let frame: Value = serde_json::from_str(&text).expect("JSON");
            let of_it = |frame: &&Value| frame["client_message_id"] == *client_message_id;
            if let Some(ack) = frame.get("ack").filter(of_it) {
                return Some(ack.clone());
            }
            if let Some(nack) = frame.get("nack").filter(of_it) {
                let advice = nack["retry_after_ms"].as_u64().unwrap_or_default();
                std::thread::sleep(Duration::from_millis(advice));
                return None;
            }
        }
    }

    /// Reads to the close frame; gives its code.
    pub fn close_code(mut self) -> u16 {
        loop {
            if let Message::Close(close) = self.0.read().expect("a frame") {
                return close.expect("a reason").code.into();
            }
        }
    }
}

/// A `send` frame to a user.
pub fn send_frame(client_message_id: &str, to_user: &str, text: &str) -> Value {
    serde_json::json!({ "send": {
        "client_message_id": client_message_id,
        "to_user": to_user,
        "body": { "text": text },
        "ack": "persisted",
    }})
}
