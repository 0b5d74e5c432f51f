//! Where TLS is spoken beside the plain port: plain sockets move, encrypted ones are sent away as by a drain, and whoever comes back
//! finds everything.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use ::client::tls::{TlsLink, Trust};
use ::client::{Client, ClientConfig, StartAt, State, TokenSource};
use lifecycle::Tasks;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tungstenite::{Message, WebSocket};
use xtask::services::Ports;

use super::{Pair, Stand, Stop};
use crate::encrypted::{Pair as Certificate, next_text};
use crate::patient::Patient;
use crate::process::{PATIENCE, loud_lines};
use crate::socket::Socket;
use crate::stand::say;

/// A socket over TLS, one frame after the other.
struct Encrypted(WebSocket<Link>);

/// Blocks, as its socket does.
struct Link {
    tls: TlsLink,
    tcp: Patient,
}

impl Read for Link {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.tls.read(&mut self.tcp, into)
    }
}

impl Write for Link {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.tls.write(&mut self.tcp, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tls.flush(&mut self.tcp)
    }
}

impl Encrypted {
    fn open(port: SocketAddr, trust: &Trust, token: &str) -> Self {
        let tcp = Patient::connect(port, PATIENCE).expect("a connection");
        let link = Link { tls: TlsLink::new(trust, "localhost").expect("a name"), tcp };
        let (socket, _) = tungstenite::client(url(port, token), link).expect("a socket");
        let mut encrypted = Self(socket);
        encrypted.frame("welcome");
        encrypted
    }

    /// The next frame, which has this name.
    fn frame(&mut self, name: &str) -> Value {
        loop {
            match self.0.read().expect("a frame") {
                Message::Text(text) => {
                    let frame: Value = serde_json::from_str(&text).expect("JSON");
                    return frame.get(name).unwrap_or_else(|| panic!("{name} in {frame}")).clone();
                }
                Message::Close(close) => panic!("closed instead of {name}: {close:?}"),
                _ => {}
            }
        }
    }

    /// The code with which it is closed, before anything else is said; its end follows.
    fn close_code(mut self) -> u16 {
        let code = loop {
            match self.0.read().expect("a close frame") {
                Message::Close(close) => break close.expect("a reason").code.into(),
                Message::Text(text) => panic!("{text} instead of a close frame"),
                _ => {}
            }
        };
        while self.0.read().is_ok() {}
        code
    }
}

fn url(port: SocketAddr, token: &str) -> String {
    format!("wss://localhost:{}/ws?token={token}", port.port())
}

#[test]
fn plain_sockets_move_and_who_comes_back_over_tls_finds_everything() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = Certificate::make(folder.path());
    let port = Ports::new().take().unwrap();
    let listen = port.to_string();
    let mut settings = certificate.settings().to_vec();
    settings.extend([("TIDEGATE_TLS__LISTEN", listen.as_str()), ("TIDEGATE_GATEWAY__SHARDS", "2")]);
    let stand = Stand::start_with(folder.path(), &settings);
    let trust = certificate.trust();
    let mut pair = Pair::open(stand.server(), 1);
    pair.talk();
    let mut writer = Socket::open(stand.server(), &stand.server().token_of("anna"));
    let (carol, dora) = (stand.server().token_of("carol"), stand.server().token_of("dora"));

    let (tasks, runtime) = (Tasks::default(), Runtime::new().unwrap());
    let mut config = ClientConfig::new(url(port, "").replace("?token=", ""), TokenSource::fixed(dora));
    (config.trust, config.start_at) = (Some(trust.clone()), StartAt::Beginning);
    let (dora, mut heard) = runtime.block_on(Client::connect(config, &tasks)).unwrap();
    let mut states = dora.state();
    states.borrow_and_update();
    say(&mut writer, 1, "dora", "word 1");
    assert_eq!(runtime.block_on(next_text(&mut heard)), "word 1");

    let stop = AtomicBool::new(false);
    let mut said = 1;
    thread::scope(|scope| {
        let stopping = Stop(&stop);
        let writing = scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                said += 1;
                say(&mut writer, said, "dora", &format!("word {said}"));
            }
        });
        for _ in 0..2 {
            let mut sent_away = Encrypted::open(port, &trust, &carol);
            let leaving = scope.spawn(move || {
                let wait = sent_away.frame("goaway")["reconnect_after_ms"].as_u64().unwrap_or_default();
                (wait <= 700, sent_away.close_code())
            });
            let (code, told) = stand.upgrade();
            assert_eq!(code, Some(0), "{told}");
            assert!(told.contains("3 sockets moved to process"), "the plain ones: {told}");
            assert_eq!(leaving.join().expect("no panic"), (true, 1012));
            pair.talk();
        }
        drop(stopping);
        writing.join().expect("no panic");
    });
    // Told to come back, and back: over TLS, at the process that goes on.
    runtime.block_on(async {
        let online = states.wait_for(|state| matches!(state, State::Online(_)));
        tokio::time::timeout(PATIENCE, online).await.expect("in time").expect("it lives");
        for number in 2..=said {
            assert_eq!(next_text(&mut heard).await, format!("word {number}"));
        }
    });
    let mut carol = Encrypted::open(port, &trust, &carol);
    carol.0.send(Message::text(json!({ "ping": {} }).to_string())).expect("sent");
    carol.frame("pong");
    drop((dora, carol));
    tasks.drain();
    runtime.block_on(tasks.close(PATIENCE)).expect("the client ends");
    let logs = stand.stop();
    assert_eq!(loud_lines(&logs), Vec::<&str>::new());
}
