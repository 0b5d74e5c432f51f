//! As much of a NATS client as runs on many machines need: connect, subscribe, publish, read. The protocol is the text one
//! of <https://docs.nats.io/reference/reference-protocols/nats-protocol>.
//!
//! **Does not** speak TLS, and does not connect again by itself.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

/// Of connect, and of the first answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longer messages are refused.
const PAYLOAD_BYTES_MAX: usize = 64 << 20;
/// Where nobody says otherwise.
const PORT: u16 = 4222;

/// Where NATS is: `nats://[user:password@|token@]host[:port]`.
#[derive(Clone, PartialEq, Eq)]
pub struct NatsUrl {
    host: String,
    port: u16,
    user: Option<String>,
    password: Option<String>,
}

impl std::str::FromStr for NatsUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix("nats://").ok_or("an address of NATS begins with nats://")?;
        let (login, place) =
            rest.rsplit_once('@').map_or((None, rest), |(login, place)| (Some(login), place));
        let place = place.trim_end_matches('/');
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().map_err(|_| format!("{port:?} is no port"))?),
            None => (place, PORT),
        };
        if host.is_empty() {
            return Err("the address of NATS has no host".to_owned());
        }
        let (user, password) = match login.map(|login| login.split_once(':').unwrap_or((login, ""))) {
            Some((user, "")) => (Some(user.to_owned()), None),
            Some((user, password)) => (Some(user.to_owned()), Some(password.to_owned())),
            None => (None, None),
        };
        Ok(Self { host: host.to_owned(), port, user, password })
    }
}

impl std::fmt::Debug for NatsUrl {
    /// Without what proves who one is.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "nats://{}:{}", self.host, self.port)
    }
}

/// What was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Where.
    pub subject: String,
    /// What.
    pub payload: Vec<u8>,
}

/// Publishes and subscribes; clones share the connection.
#[derive(Clone, Debug)]
pub struct Publisher {
    stream: Arc<Mutex<TcpStream>>,
    /// The server takes no more in one message.
    pub payload_bytes_max: usize,
}

/// Reads what was subscribed to.
#[derive(Debug)]
pub struct Reader {
    stream: BufReader<TcpStream>,
    publisher: Publisher,
}

/// Connects, and waits until the server is satisfied with who this is.
pub fn connect(url: &NatsUrl) -> anyhow::Result<(Publisher, Reader)> {
    let at = || format!("{url:?}");
    let stream = TcpStream::connect((url.host.as_str(), url.port)).with_context(at)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let mut read = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    read.read_line(&mut line).with_context(at)?;
    let info = line.strip_prefix("INFO ").with_context(|| format!("{url:?} is no NATS server"))?;
    let info: Value = serde_json::from_str(info).with_context(at)?;
    if info["tls_required"] == json!(true) {
        bail!("{url:?} asks for TLS, which is not spoken here");
    }
    let mut hello = json!({
        "verbose": false, "pedantic": false, "tls_required": false, "protocol": 1,
        "name": "loadtest", "lang": "rust", "version": env!("CARGO_PKG_VERSION"),
    });
    match (&url.user, &url.password) {
        (Some(user), Some(password)) => (hello["user"], hello["pass"]) = (json!(user), json!(password)),
        (Some(token), None) => hello["auth_token"] = json!(token),
        (None, _) => {}
    }
    (&stream).write_all(format!("CONNECT {hello}\r\nPING\r\n").as_bytes()).with_context(at)?;
    let limit = info["max_payload"].as_u64().and_then(|bytes| usize::try_from(bytes).ok());
    let publisher =
        Publisher { stream: Arc::new(Mutex::new(stream)), payload_bytes_max: limit.unwrap_or(1 << 20) };
    loop {
        line.clear();
        read.read_line(&mut line).with_context(at)?;
        match line.trim_end() {
            "PONG" => break,
            "PING" => publisher.write(b"PONG\r\n").with_context(at)?,
            "" => bail!("{url:?} hung up"),
            other if other.starts_with("-ERR") => bail!("{url:?} says {other}"),
            _ => {}
        }
    }
    read.get_ref().set_read_timeout(None)?;
    Ok((publisher.clone(), Reader { stream: read, publisher }))
}

impl Publisher {
    /// Publishes one message of at most `payload_bytes_max`.
    pub fn publish(&self, subject: &str, payload: &[u8]) -> io::Result<()> {
        let mut bytes = format!("PUB {subject} {}\r\n", payload.len()).into_bytes();
        bytes.extend_from_slice(payload);
        bytes.extend_from_slice(b"\r\n");
        self.write(&bytes)
    }

    /// From now on, what is published at `subject` is read.
    pub fn subscribe(&self, subject: &str, number: u32) -> io::Result<()> {
        self.write(format!("SUB {subject} {number}\r\n").as_bytes())
    }

    /// Ends the connection, for its reader as well.
    pub fn close(&self) {
        // One that is gone already needs no end.
        let _ = self.stream.lock().unwrap_or_else(PoisonError::into_inner).shutdown(Shutdown::Both);
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner).write_all(bytes)
    }
}

impl Drop for Reader {
    /// The connection ends with its reader.
    fn drop(&mut self) {
        self.publisher.close();
    }
}

impl Reader {
    /// The next message; `None`: the connection is gone.
    pub fn read(&mut self) -> anyhow::Result<Option<Message>> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.stream.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            let line = line.trim_end();
            match line.split_once(' ').unwrap_or((line, "")) {
                ("MSG", rest) => return self.message(rest).map(Some),
                ("PING", _) => self.publisher.write(b"PONG\r\n")?,
                ("-ERR", why) => bail!("NATS says {why}"),
                _ => {}
            }
        }
    }

    /// `<subject> <sid> [reply] <bytes>`, and so many bytes.
    fn message(&mut self, head: &str) -> anyhow::Result<Message> {
        let mut fields = head.split(' ');
        let subject = fields.next().unwrap_or_default().to_owned();
        let length: usize = fields.next_back().unwrap_or_default().parse().context("a message of NATS")?;
        if length > PAYLOAD_BYTES_MAX {
            bail!("a message of {length} bytes at {subject}");
        }
        let mut payload = vec![0; length + 2];
        self.stream.read_exact(&mut payload)?;
        payload.truncate(length);
        Ok(Message { subject, payload })
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use lifecycle::Tasks;

    use super::*;

    #[test]
    fn addresses_are_read_and_shown_without_what_is_secret() {
        let url: NatsUrl = "nats://me:secret@far:5222".parse().expect("good");
        assert_eq!((url.host.as_str(), url.port), ("far", 5222));
        assert_eq!(format!("{url:?}"), "nats://far:5222");
        assert_eq!("nats://near".parse::<NatsUrl>().expect("good").port, PORT);
        for wrong in ["http://far", "nats://", "nats://far:port"] {
            assert!(wrong.parse::<NatsUrl>().is_err(), "{wrong}");
        }
    }

    /// Answers as a server does, from a script: what is said when so much was heard.
    fn server(script: Vec<(&'static str, &'static str)>) -> NatsUrl {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let run = move || {
            let (stream, _) = listener.accept().expect("accepted");
            let mut read = BufReader::new(stream.try_clone().expect("cloned"));
            for (wanted, said) in script {
                let mut line = String::new();
                while !line.starts_with(wanted) {
                    line.clear();
                    assert_ne!(read.read_line(&mut line).expect("read"), 0, "{wanted}");
                }
                (&stream).write_all(said.as_bytes()).expect("written");
            }
        };
        Tasks::default().thread("nats", run).expect("a thread");
        format!("nats://127.0.0.1:{port}").parse().expect("good")
    }

    #[test]
    fn messages_are_read_between_other_lines() {
        let url = server(vec![
            ("", "INFO {\"max_payload\":1000}\r\n"),
            ("PING", "PONG\r\n"),
            ("SUB", "PING\r\nMSG a.b 7 5\r\nhi\r\n!\r\nMSG a.b 7 reply 0\r\n\r\n"),
            ("PONG", ""),
        ]);
        let (publisher, mut reader) = connect(&url).expect("connected");
        assert_eq!(publisher.payload_bytes_max, 1000);
        publisher.subscribe("a.b", 7).expect("said");
        let message = |payload: &[u8]| Message { subject: "a.b".to_owned(), payload: payload.to_vec() };
        assert_eq!(reader.read().expect("read"), Some(message(b"hi\r\n!")));
        assert_eq!(reader.read().expect("read"), Some(message(b"")));
        assert_eq!(reader.read().expect("read"), None);
    }

    #[test]
    fn a_server_that_refuses_is_quoted() {
        let url = server(vec![("", "INFO {}\r\n"), ("PING", "-ERR 'Authorization Violation'\r\n")]);
        let error = format!("{:#}", connect(&url).expect_err("refused"));
        assert!(error.contains("Authorization Violation"), "{error}");
        let url = server(vec![("", "INFO {\"tls_required\":true}\r\n")]);
        assert!(format!("{:#}", connect(&url).expect_err("refused")).contains("TLS"));
    }
}
