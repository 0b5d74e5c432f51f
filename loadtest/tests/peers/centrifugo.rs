//! A small server that speaks as much of Centrifugo's client protocol as a run needs, by its published definition and with
//! decoders of its own: JSON by serde_json, protobuf by hand.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use lifecycle::Tasks;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// What it does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// One publication is confirmed and reaches nobody.
    Lose,
    /// Publications have no offset.
    NoHistory,
}

#[derive(Clone)]
pub struct Peer {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    fault: Option<Fault>,
    offsets: HashMap<String, u64>,
    subscribers: HashMap<String, Vec<mpsc::Sender<Vec<u8>>>>,
    published: u64,
}

/// A command, however it was written.
enum Command {
    Pong,
    Connect,
    Subscribe(String),
    Publish(String, Vec<u8>),
}

impl Peer {
    pub async fn start(tasks: &Tasks, fault: Option<Fault>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let peer = Self { address, state: Arc::new(Mutex::new(State { fault, ..State::default() })) };
        let (accepting, sockets) = (peer.clone(), tasks.clone());
        tasks.spawn("peer", async move {
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        let (stream, _) = accepted.expect("accepted");
                        sockets.spawn("peer socket", serve(accepting.clone(), stream));
                    }
                    () = sockets.draining() => return,
                }
            }
        });
        peer
    }
}

async fn serve(peer: Peer, mut stream: TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8(head).expect("text");
    assert!(head.starts_with("GET /connection/websocket HTTP/1.1\r\n"), "{head}");
    let header = |name: &str| {
        let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(name));
        line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned())
    };
    let protocol = header("sec-websocket-protocol");
    let binary = protocol.as_deref() == Some("centrifuge-protobuf");
    let accept = client::handshake::expected_accept(&header("sec-websocket-key").expect("a key"));
    let chosen = protocol.map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n")).unwrap_or_default();
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{chosen}\r\n"
    );
    stream.write_all(answer.as_bytes()).await.expect("answered");
    stream.set_nodelay(true).expect("a TCP socket");
    let (mut read, mut write) = stream.into_split();
    let (sender, mut out) = mpsc::channel::<Vec<u8>>(100_000);
    let writing = async move {
        while let Some(reply) = out.recv().await {
            if write.write_all(&frame(binary, &reply)).await.is_err() {
                return;
            }
        }
    };
    let reading = async {
        while let Some(payload) = message(&mut read).await {
            for (id, command) in commands(binary, &payload) {
                answer_command(&peer, &sender, binary, id, command);
            }
        }
    };
    tokio::select! {
        () = writing => {}
        () = reading => {}
    }
}

fn answer_command(peer: &Peer, sender: &mpsc::Sender<Vec<u8>>, binary: bool, id: u64, command: Command) {
    let say = |bytes: Vec<u8>| sender.try_send(bytes).expect("room");
    let mut state = peer.state.lock().expect("no panic");
    match command {
        Command::Pong => {}
        Command::Connect => {
            say(reply(binary, id, 5, "connect"));
            // Its application ping, which wants an empty answer.
            say(if binary { vec![0] } else { b"{}".to_vec() });
        }
        Command::Subscribe(channel) => {
            state.subscribers.entry(channel).or_default().push(sender.clone());
            say(reply(binary, id, 6, "subscribe"));
        }
        Command::Publish(channel, data) => {
            state.published += 1;
            let offset = state.offsets.entry(channel.clone()).or_default();
            *offset += 1;
            let offset = if state.fault == Some(Fault::NoHistory) {
                0
            } else {
                *state.offsets.get(&channel).expect("set")
            };
            if !(state.fault == Some(Fault::Lose) && state.published == 30) {
                let push = push(binary, &channel, &data, offset);
                for subscriber in state.subscribers.get(&channel).into_iter().flatten() {
                    // One that has left needs nothing.
                    let _ = subscriber.try_send(push.clone());
                }
            }
            say(reply(binary, id, 8, "publish"));
        }
    }
}

fn commands(binary: bool, payload: &[u8]) -> Vec<(u64, Command)> {
    if binary {
        return protobuf_commands(payload);
    }
    let text = std::str::from_utf8(payload).expect("text");
    let read = |line: &str| {
        let value: Value = serde_json::from_str(line).expect("JSON");
        let channel = |command: &str| value[command]["channel"].as_str().expect("a channel").to_owned();
        let command = if value["connect"].is_object() {
            assert!(value["connect"]["token"].as_str().is_some_and(|token| token.matches('.').count() == 2));
            Command::Connect
        } else if value["subscribe"].is_object() {
            Command::Subscribe(channel("subscribe"))
        } else if value["publish"].is_object() {
            Command::Publish(channel("publish"), value["publish"]["data"].to_string().into_bytes())
        } else {
            Command::Pong
        };
        (value["id"].as_u64().unwrap_or(0), command)
    };
    text.lines().map(read).collect()
}

fn protobuf_commands(mut payload: &[u8]) -> Vec<(u64, Command)> {
    let mut commands = Vec::new();
    while !payload.is_empty() {
        let length = varint(&mut payload) as usize;
        let (mut command, rest) = payload.split_at(length);
        payload = rest;
        let (mut id, mut found) = (0, Command::Pong);
        while !command.is_empty() {
            match varint(&mut command) {
                0x08 => id = varint(&mut command),
                key => {
                    let mut fields = strings(bytes(&mut command));
                    let first = fields.remove(0);
                    let channel = String::from_utf8(first).expect("text");
                    found = match key >> 3 {
                        4 => Command::Connect,
                        5 => Command::Subscribe(channel),
                        7 => Command::Publish(channel, fields.remove(0)),
                        other => panic!("command {other}"),
                    };
                }
            }
        }
        commands.push((id, found));
    }
    commands
}

/// The length-delimited fields of a message that has no others.
fn strings(mut message: &[u8]) -> Vec<Vec<u8>> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        assert_eq!(varint(&mut message) & 7, 2);
        fields.push(bytes(&mut message).to_vec());
    }
    fields
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let (byte, rest) = bytes.split_first().expect("a varint");
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return value;
        }
    }
}

fn bytes<'a>(from: &mut &'a [u8]) -> &'a [u8] {
    let length = varint(from) as usize;
    let (taken, rest) = from.split_at(length);
    *from = rest;
    taken
}

fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_bytes(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    put(out, field << 3 | 2);
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn delimited(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, message.len() as u64);
    out.extend_from_slice(message);
    out
}

fn reply(binary: bool, id: u64, field: u64, name: &str) -> Vec<u8> {
    if !binary {
        return json!({ "id": id, name: {} }).to_string().into_bytes();
    }
    let mut reply = vec![0x08];
    put(&mut reply, id);
    put_bytes(&mut reply, field, &[]);
    delimited(&reply)
}

fn push(binary: bool, channel: &str, data: &[u8], offset: u64) -> Vec<u8> {
    if !binary {
        let offset = if offset == 0 { String::new() } else { format!(",\"offset\":{offset}") };
        let data = std::str::from_utf8(data).expect("text");
        return format!("{{\"push\":{{\"channel\":\"{channel}\",\"pub\":{{\"data\":{data}{offset}}}}}}}")
            .into_bytes();
    }
    let mut publication = Vec::new();
    put_bytes(&mut publication, 4, data);
    if offset > 0 {
        publication.push(6 << 3);
        put(&mut publication, offset);
    }
    let mut push = Vec::new();
    put_bytes(&mut push, 2, channel.as_bytes());
    put_bytes(&mut push, 4, &publication);
    let mut reply = Vec::new();
    put_bytes(&mut reply, 4, &push);
    delimited(&reply)
}

fn frame(binary: bool, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![if binary { 0x82 } else { 0x81 }];
    match payload.len() {
        short @ ..=125 => frame.push(short as u8),
        medium => {
            frame.push(126);
            frame.extend_from_slice(&u16::try_from(medium).expect("short").to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame
}

/// One masked, unfragmented message; `None` at the end.
async fn message(read: &mut OwnedReadHalf) -> Option<Vec<u8>> {
    loop {
        let (first, second) = (read.read_u8().await.ok()?, read.read_u8().await.ok()?);
        let length = match second & 0x7f {
            126 => usize::from(read.read_u16().await.ok()?),
            127 => return None,
            short => usize::from(short),
        };
        let mut mask = [0; 4];
        read.read_exact(&mut mask).await.ok()?;
        let mut payload = vec![0; length];
        read.read_exact(&mut payload).await.ok()?;
        payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        match first {
            0x81 | 0x82 => return Some(payload),
            0x88 => return None,
            _ => {}
        }
    }
}
