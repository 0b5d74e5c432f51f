//! A WebSocket as any tool would open it.

use std::time::Duration;

use serde_json::Value;
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

use crate::patient::Patient;
use crate::process::{PATIENCE, Tidegate, until};

/// One socket with JSON frames.
pub struct Socket(WebSocket<Patient>);

impl Socket {
    /// Opens `/ws?token=…` and waits for `welcome`.
    pub fn open(server: &Tidegate, token: &str) -> Self {
        let mut socket = Self::try_open(server, &format!("?token={token}")).expect("a socket");
        socket.until("welcome");
        socket
    }

    /// Opens `/ws` with a query; the status when it is refused.
    pub fn try_open(server: &Tidegate, query: &str) -> Result<Self, u16> {
        let stream = Patient::connect(server.public(), PATIENCE).expect("a connection");
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

    /// Sends whatever it is; `false` when the connection takes nothing more.
    pub fn send_raw(&mut self, message: Message) -> bool {
        self.0.send(message).is_ok()
    }

    /// The next frame, or the code of the close frame.
    pub fn frame_or_close(&mut self) -> Result<Value, u16> {
        loop {
            match self.0.read() {
                Ok(Message::Text(text)) => return Ok(serde_json::from_str(&text).expect("JSON")),
                Ok(Message::Close(close)) => return Err(close.expect("a reason").code.into()),
                Ok(_) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Reads until a frame with that name; gives what is in it.
    pub fn until(&mut self, name: &str) -> Value {
        let (found, content) = self.until_any(&[name, "nack"]);
        assert_eq!(found, name, "{content}");
        content
    }

    /// Reads until a frame with one of these names; gives which, and what is in it.
    pub fn until_any<'a>(&mut self, names: &[&'a str]) -> (&'a str, Value) {
        loop {
            let frame = self.frame().unwrap_or_else(|| panic!("none of {names:?} in time"));
            if let Some(name) = names.iter().find(|name| frame.get(**name).is_some()) {
                return (name, frame[*name].clone());
            }
        }
    }

    /// Reads until the acknowledgement or the refusal of that send, and waits as the refusal advises; `None` when there is
    /// no frame for a second.
    pub fn answer_to(&mut self, client_message_id: &Value) -> Option<Result<Value, Value>> {
        self.0.get_ref().set_read_timeout(Some(Duration::from_secs(1))).expect("a time-out");
        let answer = self.find_answer(client_message_id);
        self.0.get_ref().set_read_timeout(Some(PATIENCE)).expect("a time-out");
        if let Some(Err(nack)) = &answer {
            let advice = nack["retry_after_ms"].as_u64().unwrap_or_default();
            std::thread::sleep(Duration::from_millis(advice));
        }
        answer
    }

    fn find_answer(&mut self, client_message_id: &Value) -> Option<Result<Value, Value>> {
        loop {
            let frame = self.frame()?;
            let of_it = |frame: &&Value| frame["client_message_id"] == *client_message_id;
            if let Some(ack) = frame.get("ack").filter(of_it) {
                return Some(Ok(ack.clone()));
            }
            if let Some(nack) = frame.get("nack").filter(of_it) {
                return Some(Err(nack.clone()));
            }
        }
    }

    /// The next frame; `None` when there is none until the time-out.
    fn frame(&mut self) -> Option<Value> {
        // Some pings, half a minute apart, and nothing else is silence too.
        for _ in 0..4 {
            match self.0.read() {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).expect("JSON")),
                Ok(Message::Close(close)) => panic!("closed while waiting for a frame: {close:?}"),
                Ok(_) => {}
                Err(tungstenite::Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    return None;
                }
                Err(error) => panic!("{error}"),
            }
        }
        None
    }

    /// Every text frame that waits to be read.
    pub fn waiting(mut self) -> Vec<String> {
        self.0.get_ref().set_nonblocking(true).expect("a mode");
        let mut waiting = Vec::new();
        loop {
            match self.0.read() {
                Ok(Message::Text(text)) => waiting.push(text.to_string()),
                Ok(_) => {}
                Err(tungstenite::Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    return waiting;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Reads until the connection breaks without a word.
    pub fn broken(mut self) {
        loop {
            match self.0.read() {
                Ok(Message::Close(close)) => panic!("closed in order: {close:?}"),
                Ok(_) => {}
                Err(tungstenite::Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    panic!("it does not break");
                }
                Err(_) => return,
            }
        }
    }

    /// The code of the close frame, if it comes within a moment; whatever else comes is read away.
    pub fn closed_by_now(&mut self) -> Option<u16> {
        self.0.get_ref().set_read_timeout(Some(Duration::from_millis(20))).expect("a time-out");
        let code = loop {
            match self.0.read() {
                Ok(Message::Close(close)) => break Some(close.expect("a reason").code.into()),
                Ok(_) => {}
                Err(tungstenite::Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    break None;
                }
                Err(error) => panic!("{error}"),
            }
        };
        self.0.get_ref().set_read_timeout(Some(PATIENCE)).expect("a time-out");
        code
    }

    /// Reads to the close frame; gives its code.
    pub fn close_code(mut self) -> u16 {
        // Pings would keep the time-out of one read from ever being reached.
        until(|| self.closed_by_now())
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
