//! A NATS server played by the test: it accepts everything, remembers when it was told what, and says what the test wants.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// See the module. Ends with the test's runtime.
#[derive(Clone)]
pub struct Fake {
    pub url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    connections: usize,
    /// When each `SUB` and `UNSUB` came, over all connections.
    told: Vec<Instant>,
    lines: Vec<String>,
    say: Option<mpsc::Sender<Vec<u8>>>,
}

/// What it introduces itself with.
pub const INFO: &str = r#"INFO {"server_id":"F","version":"2","max_payload":1000}"#;

impl Fake {
    pub async fn start() -> Self {
        Self::start_with(INFO).await
    }

    pub async fn start_with(info: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("nats://{}", listener.local_addr().unwrap());
        let fake = Self { url, state: Arc::default() };
        let state = Arc::clone(&fake.state);
        lifecycle::Tasks::default().spawn("fake server", async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (said, says) = mpsc::channel(16);
                {
                    let mut state = state.lock().unwrap();
                    state.connections += 1;
                    state.say = Some(said);
                }
                serve(stream, &state, says, info).await;
            }
        });
        fake
    }

    /// Says this on the newest connection; nothing closes it.
    pub async fn say(&self, bytes: &[u8]) {
        let say = self.state.lock().unwrap().say.clone().expect("somebody has connected");
        say.send(bytes.to_vec()).await.unwrap();
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.state.lock().unwrap().connections
    }

    /// When each change of subscriptions was told.
    pub fn told(&self) -> Vec<Instant> {
        self.state.lock().unwrap().told.clone()
    }

    /// Waits until a line came for which this holds, and gives how many there are.
    pub async fn heard(&self, is: impl Fn(&str) -> bool) -> usize {
        let until = Instant::now() + crate::rig::PATIENCE;
        loop {
            let count = self.state.lock().unwrap().lines.iter().filter(|line| is(line)).count();
            if count > 0 {
                return count;
            }
            assert!(Instant::now() < until, "it was never said");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

async fn serve(
    mut stream: tokio::net::TcpStream,
    state: &Mutex<State>,
    mut says: mpsc::Receiver<Vec<u8>>,
    info: &str,
) {
    let (reader, mut writer) = stream.split();
    writer.write_all(format!("{info}\r\n").as_bytes()).await.unwrap();
    let mut lines = BufReader::with_capacity(1024 * 1024, reader).lines();
    loop {
        tokio::select! {
            line = lines.next_line() => {
                let Ok(Some(line)) = line else { return };
                if line == "PING" && writer.write_all(b"PONG\r\n").await.is_err() {
                    return;
                }
                let mut state = state.lock().unwrap();
                if line.starts_with("SUB ") || line.starts_with("UNSUB ") {
                    state.told.push(Instant::now());
                }
                state.lines.push(line);
            }
            said = says.recv() => match said {
                // Nothing to say is to hang up.
                Some(said) if said.is_empty() => return,
                Some(said) => writer.write_all(&said).await.unwrap(),
                None => return,
            }
        }
    }
}
