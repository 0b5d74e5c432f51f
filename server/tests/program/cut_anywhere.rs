//! Connections that break anywhere: in a handshake, in a frame, between a `send` and its `ack`. Who was cut off comes back, at either
//! gateway, and sends again what nobody answered, under the same id. At the end everything is there once, at the place that was
//! acknowledged, each sender's messages in their order; and who listened, cut off as often, has all of it. In one process and, where
//! the services are, in a cluster.
//!
//! `TIDEGATE_TEST_CUTS=10000 cargo test -p server --test program cut_anywhere -- --nocapture` cuts so many times, and says what it saw.
//! On 2026-11-23 (a debug build, 2 cores): 10,000 cuts in 13 s in one process, 25,398 messages; in 59 s in a cluster, 20,286 messages.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::{HandshakeError, Message, WebSocket};
use xtask::random::Random;

use crate::http::{User, get_as, new_user, post_as};
use crate::patient::Patient;
use crate::places::{self, FAST, Places};
use crate::process::{PATIENCE, Tidegate, until};

/// Unless `TIDEGATE_TEST_CUTS` says otherwise.
const CUTS: usize = 1_000;
/// Who says something all the time, and who only listens.
const SENDERS: usize = 4;
const LISTENERS: usize = 2;
/// About a handshake; and some messages, there and back.
const HANDSHAKE_BYTES: usize = 700;
const TALK_BYTES: usize = 1_500;
const TALK_SENDS: usize = 5;
/// A listener to whom nothing comes for so long asks.
const SILENCE: Duration = Duration::from_millis(500);
/// Who has no answer for so many of these sends again.
const SILENCES_MAX: u32 = 10;

/// As [`FAST`], and a cut socket may not be missed before its user is back.
fn settings() -> Vec<(&'static str, &'static str)> {
    [&FAST[..], &[("TIDEGATE_GATEWAY__PER_USER_MAX", "1000")]].concat()
}

#[test]
fn in_one_process() {
    places::in_one_process(&settings(), all_is_there_once);
}

#[test]
fn in_a_cluster() {
    places::in_a_cluster(&settings(), all_is_there_once);
}

/// What all of them share.
struct Talk<'a> {
    at: &'a Places<'a>,
    cuts: AtomicUsize,
    wanted: usize,
    is_over: AtomicBool,
}

fn all_is_there_once(at: &Places<'_>) {
    let wanted = std::env::var("TIDEGATE_TEST_CUTS").ok().and_then(|cuts| cuts.parse().ok()).unwrap_or(CUTS);
    let seed = u64::from(std::process::id());
    println!("{wanted} cuts by seed {seed}");
    let users: Vec<User> = (0..SENDERS + LISTENERS)
        .map(|number| new_user(at.api, &format!("user{number}"), "a long secret"))
        .collect();
    let ids: Vec<&String> = users.iter().map(|user| &user.id).collect();
    let group = json!({"group_id": "team", "name": "Team", "member_ids": &ids[1..]});
    let made = post_as(&at.url("/groups"), &users[0].token, &group);
    assert_eq!(made.status, 201, "{}", made.text);

    let (began, talk) = (SystemTime::now(), Talk { at, cuts: 0.into(), wanted, is_over: false.into() });
    let (said, heard) = thread::scope(|scope| {
        let mut all = users.iter().enumerate().map(|(number, user)| {
            let random = Random::of_seed((seed << 8) + (number as u64) * 2 + 1);
            let link = Link { talk: &talk, token: &user.token, random };
            scope.spawn(move || if number < SENDERS { says(link, number) } else { hears(link) })
        });
        let senders: Vec<_> = all.by_ref().take(SENDERS).collect();
        let listeners: Vec<_> = all.collect();
        let said: Vec<_> = senders.into_iter().map(|sender| sender.join().expect("no panic")).collect();
        talk.is_over.store(true, Ordering::SeqCst);
        let heard: Vec<_> =
            listeners.into_iter().map(|listener| listener.join().expect("no panic")).collect();
        (said, heard)
    });
    let (cuts, took) = (talk.cuts.load(Ordering::SeqCst), began.elapsed().unwrap_or_default());

    let stored = history(at, &users[0]);
    let total: usize = said.iter().map(Vec::len).sum();
    assert_eq!(stored.len() - 1, total, "each message once, after the making of the group");
    for (seq, id) in said.iter().flatten() {
        assert_eq!(stored[*seq - 1], *id, "at the place that was acknowledged");
    }
    for of_one in &said {
        assert!(of_one.is_sorted_by_key(|(seq, _)| *seq), "in the order in which they were said");
    }
    for of_one in heard {
        assert!(of_one.into_iter().eq((1..).zip(stored.iter().cloned())), "who listened heard just that");
    }
    println!("{cuts} cuts in {took:?}: {total} messages, each once");
    assert!(cuts >= wanted);
}

/// Each entry of the conversation, by its id, from the first on.
fn history(at: &Places<'_>, reader: &User) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/conversations/g.team/messages?after=0&limit=200{cursor}");
        let page =
            until(|| Some(get_as(&at.url(&path), &reader.token)).filter(|page| page.status == 200)).json();
        for entry in page["messages"].as_array().expect("messages") {
            assert_eq!(entry["seq"], json!((all.len() + 1).to_string()), "without a hole");
            all.push(entry["client_message_id"].clone());
        }
        let Some(next) = page["next_cursor"].as_str() else { return all };
        cursor = format!("&cursor={next}");
    }
}

/// Says one message after the other until there were cuts enough. Gives each, and where it was acknowledged.
fn says(mut link: Link<'_>, number: usize) -> Vec<(usize, Value)> {
    let (mut said, mut attempt) = (Vec::new(), 0);
    while attempt > 0 || !link.has_enough() {
        let Some(mut line) = link.open() else { continue };
        while attempt > 0 || !link.has_enough() {
            let id = json!(format!("01890a5d-ac96-774b-bcd3-{number:04x}{:08x}", said.len()));
            let frame = json!({"send": {"client_message_id": id, "conversation": "g.team", "attempt": attempt,
                "body": {"text": "hi"}}});
            attempt += 1;
            match line.send(&frame).and_then(|()| line.answer_to(&id)) {
                Ok(Some(seq)) => {
                    said.push((seq, id));
                    attempt = 0;
                }
                // Not now: it is sent again.
                Ok(None) => {}
                Err(error) => {
                    link.was_cut(&error);
                    break;
                }
            }
        }
    }
    said
}

/// Listens until it has everything; fetches what was said while it was away.
fn hears(mut link: Link<'_>) -> Vec<(usize, Value)> {
    let mut heard: Vec<(usize, Value)> = Vec::new();
    loop {
        let Some(mut line) = link.open() else { continue };
        let mut is_fetching = false;
        let failed = loop {
            if !is_fetching {
                let fetch =
                    json!({"fetch": {"conversation": "g.team", "from_seq": (heard.len() + 1).to_string()}});
                if let Err(failed) = line.send(&fetch) {
                    break failed;
                }
                is_fetching = true;
            }
            let was_over = link.talk.is_over.load(Ordering::SeqCst);
            let frame = match line.read() {
                Ok(Some(frame)) => frame,
                Ok(None) => {
                    is_fetching = false;
                    continue;
                }
                Err(failed) => break failed,
            };
            let entries = match (frame.get("page"), frame.get("event")) {
                (Some(page), _) => page["entries"].as_array().cloned().unwrap_or_default(),
                (_, Some(event)) => vec![event.clone()],
                _ => Vec::new(),
            };
            for entry in &entries {
                let (seq, id) = (seq(&entry["seq"]), &entry["client_message_id"]);
                match heard.get(seq - 1) {
                    Some(known) => assert_eq!(known.1, *id, "what was told at {seq} never changes"),
                    None if seq == heard.len() + 1 => heard.push((seq, id.clone())),
                    None => is_fetching = false,
                }
            }
            if let Some(page) = frame.get("page") {
                let is_behind = heard.len() < seq(&page["head"]);
                is_fetching &= !is_behind;
                if was_over && !is_behind {
                    return heard;
                }
            }
            is_fetching &= frame.get("head").is_none();
        };
        link.was_cut(&failed);
    }
}

/// How one user comes to a server, again and again.
struct Link<'a> {
    talk: &'a Talk<'a>,
    token: &'a str,
    random: Random,
}

impl Link<'_> {
    fn has_enough(&self) -> bool {
        self.talk.cuts.load(Ordering::SeqCst) >= self.talk.wanted
    }

    /// By us, and not by the server.
    fn was_cut(&self, error: &io::Error) {
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}");
        self.talk.cuts.fetch_add(1, Ordering::SeqCst);
    }

    /// `None`: it broke before the `welcome`.
    fn open(&mut self) -> Option<Line> {
        let near = self.random.below(2) == 0;
        let server: &Tidegate = if near { self.talk.at.near } else { self.talk.at.far };
        let stream = Patient::connect(server.public(), PATIENCE).expect("a connection");
        let mut wire = Wire { stream, up: usize::MAX, down: usize::MAX };
        let point = if self.has_enough() { 4 } else { self.random.below(8) };
        if point == 0 {
            let way = if self.random.below(2) == 0 { &mut wire.up } else { &mut wire.down };
            *way = self.random.below(HANDSHAKE_BYTES);
        }
        let url = format!("ws://{}/ws?token={}", server.public(), self.token);
        let request = url.into_client_request().expect("a request");
        let socket = match tungstenite::client(request, wire) {
            Ok((socket, _)) => socket,
            Err(HandshakeError::Failure(error)) => {
                self.was_cut(&broken(error));
                return None;
            }
            Err(HandshakeError::Interrupted(_)) => panic!("no handshake in time"),
        };
        let mut line = Line { socket, sends: usize::MAX };
        loop {
            match line.read() {
                Ok(Some(frame)) if frame.get("welcome").is_some() => break,
                Ok(_) => {}
                Err(error) => {
                    self.was_cut(&error);
                    return None;
                }
            }
        }
        let wire = line.socket.get_mut();
        match point {
            0..4 => wire.down = self.random.below(TALK_BYTES),
            4 if self.has_enough() => {}
            4 | 5 => wire.up = self.random.below(TALK_BYTES),
            _ => line.sends = 1 + self.random.below(TALK_SENDS),
        }
        line.socket.get_ref().stream.set_read_timeout(Some(SILENCE)).expect("a time-out");
        Some(line)
    }
}

/// A socket that breaks after some bytes, or as soon as some frames have left.
struct Line {
    socket: WebSocket<Wire>,
    sends: usize,
}

impl Line {
    fn send(&mut self, frame: &Value) -> io::Result<()> {
        self.socket.send(Message::text(frame.to_string())).map_err(broken)?;
        self.sends -= 1;
        if self.sends == 0 { Err(self.socket.get_ref().cut()) } else { Ok(()) }
    }

    /// The next frame; `None` when none comes for a moment.
    fn read(&mut self) -> io::Result<Option<Value>> {
        match self.socket.read() {
            Ok(Message::Text(text)) => Ok(Some(serde_json::from_str(&text).expect("JSON"))),
            Ok(Message::Close(close)) => panic!("nobody closes it: {close:?}"),
            Ok(_) => Ok(None),
            Err(tungstenite::Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(broken(error)),
        }
    }

    /// Where it was appended; `None` when it is to be sent again.
    fn answer_to(&mut self, id: &Value) -> io::Result<Option<usize>> {
        let mut silences = 0;
        while silences < SILENCES_MAX {
            let Some(frame) = self.read()? else {
                silences += 1;
                continue;
            };
            if frame["ack"]["client_message_id"] == *id {
                return Ok(Some(seq(&frame["ack"]["seq"])));
            }
            let nack = &frame["nack"];
            if nack["client_message_id"] == *id {
                let advice = nack["retry_after_ms"].as_u64().unwrap_or_else(|| panic!("for good: {nack}"));
                thread::sleep(Duration::from_millis(advice));
                return Ok(None);
            }
        }
        Ok(None)
    }
}

fn broken(error: tungstenite::Error) -> io::Error {
    match error {
        tungstenite::Error::Io(error) => error,
        other => panic!("{other}"),
    }
}

fn seq(value: &Value) -> usize {
    value.as_str().and_then(|seq| seq.parse().ok()).unwrap_or_else(|| panic!("no number: {value}"))
}

/// A connection, and the bytes that still pass, there and back.
struct Wire {
    stream: Patient,
    up: usize,
    down: usize,
}

impl Wire {
    fn cut(&self) -> io::Error {
        // The server may have been faster.
        let _ = self.stream.shutdown(Shutdown::Both);
        io::ErrorKind::ConnectionReset.into()
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(self.down);
        if most == 0 {
            return Err(self.cut());
        }
        let read = self.stream.read(&mut buffer[..most])?;
        self.down -= read;
        Ok(read)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let most = bytes.len().min(self.up);
        if most == 0 {
            return Err(self.cut());
        }
        let written = self.stream.write(&bytes[..most])?;
        self.up -= written;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
