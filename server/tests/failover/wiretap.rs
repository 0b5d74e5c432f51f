//! Between one process and a service: passes everything on, and notes what the process publishes if that is NATS.
//! Can hold back what the service answers.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use lifecycle::Tasks;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// One message that the process published: subject and payload.
#[derive(Clone, Debug)]
pub struct Published {
    pub subject: String,
    pub payload: Vec<u8>,
}

/// See the module.
pub struct Wiretap {
    address: SocketAddr,
    published: Arc<Mutex<Vec<Published>>>,
    held: watch::Sender<bool>,
}

impl Wiretap {
    /// In front of NATS at `host:port`.
    pub async fn nats(server: &str, tasks: &Tasks) -> Self {
        Self::start(server, true, tasks).await
    }

    /// In front of any other service at `host:port`: nothing is noted.
    pub async fn other(server: &str, tasks: &Tasks) -> Self {
        Self::start(server, false, tasks).await
    }

    async fn start(server: &str, noting: bool, tasks: &Tasks) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tap = Self {
            address: listener.local_addr().unwrap(),
            published: Arc::default(),
            held: watch::Sender::new(false),
        };
        let (published, server, pumps) = (Arc::clone(&tap.published), server.to_owned(), tasks.clone());
        let (held, never) = (tap.held.subscribe(), watch::Sender::new(false));
        tasks.spawn("wiretap", async move {
            loop {
                let Ok((client, _)) = listener.accept().await else { return };
                let Ok(server) = TcpStream::connect(&server).await else { continue };
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                let published = noting.then(|| Arc::clone(&published));
                pumps.spawn("wiretap out", pump(from_client, to_server, never.subscribe(), published));
                pumps.spawn("wiretap in", pump(from_server, to_client, held.clone(), None));
            }
        });
        tap
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Whether what the service answers waits here.
    pub fn hold(&self, held: bool) {
        self.held.send_replace(held);
    }

    /// How many messages there were.
    pub fn len(&self) -> usize {
        self.published.lock().unwrap().len()
    }

    /// All after the first `from`.
    pub fn since(&self, from: usize) -> Vec<Published> {
        self.published.lock().unwrap()[from..].to_vec()
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut held: watch::Receiver<bool>,
    published: Option<Arc<Mutex<Vec<Published>>>>,
) {
    let (mut buffer, mut unread) = (vec![0; 64 * 1024], Vec::new());
    loop {
        let Ok(read @ 1..) = from.read(&mut buffer).await else { return };
        if let Some(published) = &published {
            unread.extend_from_slice(&buffer[..read]);
            while let Some((message, length)) = next(&unread) {
                unread.drain(..length);
                published.lock().unwrap().extend(message);
            }
        }
        if held.wait_for(|held| !held).await.is_err() || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

/// The first operation of a client, if it is whole: what it publishes, if it does, and its bytes.
fn next(bytes: &[u8]) -> Option<(Option<Published>, usize)> {
    let end = bytes.windows(2).position(|two| two == b"\r\n")?;
    let line = std::str::from_utf8(&bytes[..end]).unwrap();
    let words: Vec<&str> = line.split(' ').collect();
    if !matches!(words[0], "PUB" | "HPUB") {
        return Some((None, end + 2));
    }
    let length: usize = words[words.len() - 1].parse().unwrap();
    let whole = end + 2 + length + 2;
    let payload = bytes.get(end + 2..whole)?[..length].to_vec();
    Some((Some(Published { subject: words[1].to_owned(), payload }), whole))
}
