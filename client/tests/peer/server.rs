//! A small, honest chat server in memory, which makes mistakes on demand. It verifies no token: a token is the user's
//! name, or a JWT whose `sub` is.

#![allow(dead_code, reason = "each test uses its part")]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lifecycle::Tasks;
use proto::client_frame::{Recipient, Send, Sync};
use proto::server_frame::{Ack, ConversationState, Delta, Event, Head, Limits, Nack, Page, Pong, Welcome};
use proto::{
    ClientFrame, Code, ConversationId, ConversationKind, Encoding, Entry, MessageId, NodeId, Seq,
    ServerFrame, SessionRef, Timestamp, UserId,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// A mistake, made at one message: its number counts from 1 over all that are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The message is stored and acknowledged, but neither pushed nor shown in history.
    Lose(u64),
    /// It is stored and acknowledged, but not pushed; a head follows.
    KeepBack(u64),
    /// It is pushed twice.
    Double(u64),
    /// It is pushed after the next of its conversation.
    Delay(u64),
    /// Its sender gets it as an event, too.
    Echo(u64),
    /// It is refused at its first try, for now.
    Refuse(u64),
    /// It is stored, but its socket ends before it is acknowledged.
    Hangup(u64),
    /// All first tries of users whose number is odd are refused, for now; not of a message.
    Favour,
    /// It has no answer and is not stored.
    Ignore(u64),
    /// No list has any conversation; not of a message.
    Unlist,
    /// Reads, counted from 1 over `sync` and `fetch`, are refused from this one to that one, for now; not of a message.
    BusyReads(u64, u64),
}

/// The running peer; ends with its tasks.
#[derive(Clone)]
pub struct Peer {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    fault: Option<Fault>,
    logs: HashMap<ConversationId, Vec<Entry>>,
    groups: HashMap<ConversationId, Vec<UserId>>,
    sessions: HashMap<u64, (UserId, mpsc::Sender<Out>)>,
    sends: u64,
    stored: u64,
    connects: u64,
    reads: u64,
    delayed: Option<(ConversationId, Event)>,
    seen: Vec<Send>,
}

enum Out {
    Frame(ServerFrame),
    Hangup,
}

impl Peer {
    pub async fn start(tasks: &Tasks, fault: Option<Fault>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let peer = Self { address, state: Arc::new(Mutex::new(State { fault, ..State::default() })) };
        let (accepting, tasks_of_sockets) = (peer.clone(), tasks.clone());
        tasks.spawn("peer", async move {
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        let (stream, _) = accepted.expect("accepted");
                        tasks_of_sockets.spawn("peer socket", serve(accepting.clone(), stream));
                    }
                    () = tasks_of_sockets.draining() => return,
                }
            }
        });
        peer
    }

    pub fn url(&self) -> String {
        format!("ws://{}/ws", self.address)
    }

    /// Sockets that were opened so far.
    pub fn connects(&self) -> u64 {
        self.state().connects
    }

    /// Every `send` that came, in order.
    pub fn seen(&self) -> Vec<Send> {
        self.state().seen.clone()
    }

    pub fn log_of(&self, conversation: &ConversationId) -> Vec<Entry> {
        self.state().logs.get(conversation).cloned().unwrap_or_default()
    }

    /// Sends a frame to every socket.
    pub async fn tell_all(&self, frame: ServerFrame) {
        let senders: Vec<_> = self.state().sessions.values().map(|(_, sender)| sender.clone()).collect();
        for sender in senders {
            sender.send(Out::Frame(frame.clone())).await.expect("a socket");
        }
    }

    /// Ends every socket without a word.
    pub async fn hang_up(&self) {
        let senders: Vec<_> = self.state().sessions.drain().map(|(_, (_, sender))| sender).collect();
        for sender in senders {
            // A socket that ended by itself needs no end.
            let _ = sender.send(Out::Hangup).await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds the lock")
    }
}

async fn serve(peer: Peer, mut stream: TcpStream) {
    let Some(head) = read_head(&mut stream).await else { return };
    if head.starts_with("POST") {
        return make_group(&peer, stream, &head).await;
    }
    let header = |name: &str| {
        let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(name));
        line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned()).expect(name)
    };
    let protocols = header("sec-websocket-protocol");
    let (subprotocol, token) = protocols.split_once(", bearer.").expect("a bearer");
    if token == "refused" {
        let _ = stream.write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n").await;
        return;
    }
    let encoding = if subprotocol == "tidegate.v1.json" { Encoding::Json } else { Encoding::Proto };
    let accept = client::handshake::expected_accept(&header("sec-websocket-key"));
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: {subprotocol}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await.expect("answered");
    let user = user_of(token);
    let (sender, mut out) = mpsc::channel(100_000);
    let session = {
        let mut state = peer.state();
        state.connects += 1;
        let session = state.connects;
        state.sessions.insert(session, (user.clone(), sender.clone()));
        session
    };
    stream.set_nodelay(true).expect("a TCP socket");
    let (mut read, mut write) = stream.into_split();
    sender.send(Out::Frame(welcome(&user, session))).await.expect("room");
    if head.lines().next().is_some_and(|asked| asked.contains("?resume=")) {
        for answer in answers(&peer, session, &user, ClientFrame::Sync(Sync::default())) {
            sender.send(answer).await.expect("room");
        }
    }
    let writing = async move {
        while let Some(Out::Frame(frame)) = out.recv().await {
            if write.write_all(&frame.encode_message(encoding)).await.is_err() {
                return;
            }
        }
    };
    let reading = async {
        while let Some(payload) = read_message(&mut read).await {
            let frame = ClientFrame::decode(encoding, &payload).expect("a client frame");
            for answer in answers(&peer, session, &user, frame) {
                if sender.send(answer).await.is_err() {
                    return;
                }
            }
        }
    };
    tokio::select! {
        () = writing => {}
        () = reading => {}
    }
    peer.state().sessions.remove(&session);
}

fn answers(peer: &Peer, session: u64, user: &UserId, frame: ClientFrame) -> Vec<Out> {
    let frames = match frame {
        ClientFrame::Send(send) => return peer.state().take(session, user, send),
        ClientFrame::Sync(_) if peer.state().refuses_read() => vec![busy("sync")],
        ClientFrame::Fetch(_) if peer.state().refuses_read() => vec![busy("fetch")],
        ClientFrame::Sync(_) => vec![peer.state().delta(user)],
        ClientFrame::Fetch(fetch) => {
            let state = peer.state();
            let log = state.logs.get(&fetch.conversation).map_or(&[][..], Vec::as_slice);
            let head = log.len() as u64;
            let to = if fetch.to == Seq::ZERO { head } else { fetch.to.0.min(head) };
            let to = to.min(fetch.from.0 + 49);
            let shown = |entry: &&Entry| (fetch.from.0..=to).contains(&entry.seq.0) && !state.hides(entry);
            vec![ServerFrame::Page(Page {
                conversation: fetch.conversation.clone(),
                from: fetch.from,
                to: Seq(to),
                entries: log.iter().filter(shown).cloned().collect(),
                head: Seq(head),
                overlays: Vec::new(),
            })]
        }
        ClientFrame::Ping => vec![ServerFrame::Pong(Pong { heads: vec![], server_time: Timestamp(1) })],
        _ => vec![],
    };
    frames.into_iter().map(Out::Frame).collect()
}

impl State {
    fn hides(&self, entry: &Entry) -> bool {
        self.fault == Some(Fault::Lose(entry.message_id.0))
    }

    fn refuses_read(&mut self) -> bool {
        self.reads += 1;
        matches!(self.fault, Some(Fault::BusyReads(from, to)) if (from..=to).contains(&self.reads))
    }

    fn members(&self, conversation: &ConversationId) -> Vec<UserId> {
        match conversation.kind() {
            ConversationKind::Direct(one, other) => vec![one, other],
            ConversationKind::Pair(..) => Vec::new(),
            ConversationKind::Group(_) => self.groups.get(conversation).cloned().unwrap_or_default(),
        }
    }

    fn delta(&self, user: &UserId) -> ServerFrame {
        let listed = self.fault != Some(Fault::Unlist);
        let of_user =
            self.logs.iter().filter(|(conversation, _)| listed && self.members(conversation).contains(user));
        let conversations = of_user.map(|(conversation, log)| ConversationState {
            conversation: conversation.clone(),
            head: Seq(log.len() as u64),
            unread: 0,
            read_seq: Seq::ZERO,
            last: None,
            name: None,
            peer: None,
            time: Timestamp(1),
            left: false,
            settings: None,
            mention_unread: 0,
            confirm_seqs: Vec::new(),
            invitation: None,
            retention_seconds: 0,
        });
        ServerFrame::Delta(Delta {
            conversations: conversations.collect(),
            cursor: "c".into(),
            ..Delta::default()
        })
    }

    /// Stores a send once, pushes it to everybody else, and says what the sender gets.
    fn take(&mut self, session: u64, user: &UserId, send: Send) -> Vec<Out> {
        self.seen.push(send.clone());
        self.sends += u64::from(send.attempt == 0);
        if send.attempt == 0 && self.fault == Some(Fault::Refuse(self.sends)) {
            let nack = Nack::of_send(send.client_message_id, Code::Busy, "later").retry_after_ms(10);
            return vec![Out::Frame(ServerFrame::Nack(nack))];
        }
        if self.fault == Some(Fault::Ignore(self.sends)) {
            return Vec::new();
        }
        let number = user.as_str().rsplit('-').next().and_then(|number| number.parse::<u64>().ok());
        if self.fault == Some(Fault::Favour)
            && send.attempt == 0
            && number.is_some_and(|number| number % 2 == 1)
        {
            let nack = Nack::of_send(send.client_message_id, Code::Busy, "later").retry_after_ms(10);
            return vec![Out::Frame(ServerFrame::Nack(nack))];
        }
        let conversation = match &send.to {
            Recipient::Conversation(conversation) => conversation.clone(),
            Recipient::User(other) => ConversationId::direct(user, other),
        };
        let log = self.logs.entry(conversation.clone()).or_default();
        let found = log.iter().find(|entry| entry.client_message_id == send.client_message_id).cloned();
        let entry = match found {
            Some(entry) => {
                self.push(session, &conversation, &entry);
                entry
            }
            None => {
                self.stored += 1;
                let entry = Entry {
                    seq: Seq(log.len() as u64 + 1),
                    message_id: MessageId(self.stored),
                    sender: user.clone(),
                    time: Timestamp(1),
                    counted: 1,
                    client_message_id: send.client_message_id,
                    body: send.body,
                };
                log.push(entry.clone());
                self.push(session, &conversation, &entry);
                if self.fault == Some(Fault::Hangup(self.stored)) {
                    return vec![Out::Hangup];
                }
                entry
            }
        };
        let (seq, message_id, time) = (entry.seq, entry.message_id, entry.time);
        let client_message_id = send.client_message_id;
        vec![Out::Frame(ServerFrame::Ack(Ack { client_message_id, conversation, seq, message_id, time }))]
    }

    fn push(&mut self, from: u64, conversation: &ConversationId, entry: &Entry) {
        let number = entry.message_id.0;
        let event = Event { conversation: conversation.clone(), entry: entry.clone() };
        let (mut frames, mut to_sender) = (vec![ServerFrame::Event(event.clone())], false);
        match self.fault {
            Some(Fault::Lose(at)) if at == number => frames.clear(),
            Some(Fault::KeepBack(at)) if at == number => {
                frames = vec![ServerFrame::Head(Head::of(conversation.clone(), entry.seq))];
            }
            Some(Fault::Double(at)) if at == number => frames.push(ServerFrame::Event(event.clone())),
            Some(Fault::Echo(at)) if at == number => to_sender = true,
            Some(Fault::Delay(at)) if at == number => {
                self.delayed = Some((conversation.clone(), event));
                return;
            }
            _ => {}
        }
        let behind = |(other, delayed): &mut (ConversationId, Event)| {
            other == conversation && delayed.entry.sender == entry.sender
        };
        if let Some((_, delayed)) = self.delayed.take_if(behind) {
            frames.push(ServerFrame::Event(delayed));
        }
        let members = self.members(conversation);
        for (session, (user, sender)) in &self.sessions {
            if members.contains(user) && (*session != from || to_sender) {
                for frame in &frames {
                    // A socket that is ending needs nothing any more.
                    let _ = sender.try_send(Out::Frame(frame.clone()));
                }
            }
        }
    }
}

fn busy(frame: &'static str) -> ServerFrame {
    ServerFrame::Nack(Nack::of(frame, Code::Busy, "later").retry_after_ms(10))
}

fn welcome(user: &UserId, session: u64) -> ServerFrame {
    ServerFrame::Welcome(Box::new(Welcome {
        session: SessionRef { node: NodeId(1), session },
        user: user.clone(),
        ping_ms: 25_000,
        limits: Limits {
            frame_bytes: 65_536,
            body_bytes: 32_768,
            unanswered: 64,
            commands_per_second: 1000,
            page_entries: 50,
        },
        server_time: Timestamp(1),
        auth_expires: 0,
    }))
}

fn user_of(token: &str) -> UserId {
    let claims = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let claims = claims.and_then(|json| serde_json::from_slice::<serde_json::Value>(&json).ok());
    let user = claims.and_then(|claims| claims["sub"].as_str().map(str::to_owned));
    UserId::parse(user.as_deref().unwrap_or(token)).expect("a user")
}

/// `POST /api/v1/groups` and `…/members`: everybody named becomes a member.
async fn make_group(peer: &Peer, mut stream: TcpStream, head: &str) {
    let lower = head.to_ascii_lowercase();
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    let mut body = vec![0; length.parse().expect("a number")];
    stream.read_exact(&mut body).await.expect("a body");
    let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    let path = head.split(' ').nth(1).expect("a path");
    let name = match body["group_id"].as_str() {
        Some(name) => name,
        None => path.split('/').nth(4).expect("a group"),
    };
    let token = head.lines().find_map(|line| line.strip_prefix("Authorization: Bearer ")).expect("a token");
    let mut users = vec![user_of(token)];
    for list in ["member_ids", "user_ids"] {
        let named = body[list].as_array().into_iter().flatten();
        users.extend(named.map(|user| UserId::parse(user.as_str().expect("text")).expect("a user")));
    }
    let group = ConversationId::group(&proto::GroupId::parse(name).expect("a group"));
    peer.state().groups.entry(group).or_default().extend(users);
    stream.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}").await.expect("answered");
}

async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

/// One masked, unfragmented message; `None` at the end, also at a close frame.
async fn read_message(read: &mut OwnedReadHalf) -> Option<Vec<u8>> {
    loop {
        let (first, second) = (read.read_u8().await.ok()?, read.read_u8().await.ok()?);
        let length = match second & 0x7f {
            126 => usize::from(read.read_u16().await.ok()?),
            127 => usize::try_from(read.read_u64().await.ok()?).ok()?,
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
