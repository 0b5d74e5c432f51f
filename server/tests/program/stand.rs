//! A cluster of processes over real services, and what its tests do again and again.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use xtask::proxy::{Proxy, Route, Rule};
use xtask::services::{Kind, address_of};

use crate::http::{User, get, get_as};
use crate::process::{Tidegate, until};
use crate::services::Services;
use crate::socket::{Socket, send_frame};

/// Each process has a folder of its own.
pub struct Cluster {
    services: Services,
    folder: PathBuf,
    provoked: Vec<&'static str>,
}

impl Cluster {
    /// With key and tables. `None`, with a word why, where the services are not.
    pub fn prepared(folder: &Path) -> Option<Self> {
        let services = Services::find(folder)?;
        let key = services.run(folder, &["key"]);
        assert!(key.contains("generated just now"), "{key}");
        assert!(services.run(folder, &["key"]).contains("was there already"));
        let made = services.run(folder, &["migrate"]);
        assert!(made.contains("is there now"), "{made}");
        let again = services.run(folder, &["migrate"]);
        assert!(again.contains("was there already"), "{again}");
        Some(Self { services, folder: folder.to_owned(), provoked: Vec::new() })
    }

    /// Processes started from now on may warn in lines with any of these words: the test provokes that.
    #[must_use]
    pub fn may_warn(mut self, words: &[&'static str]) -> Self {
        self.provoked.extend(words);
        self
    }

    /// The same, with something between all processes and each service that can be cut.
    pub fn behind_fronts(folder: &Path) -> Option<(Self, Fronts)> {
        let mut cluster = Self::prepared(folder)?;
        let Services { nats, cql, redis, .. } = &mut cluster.services;
        let fronts = Fronts {
            nats: front(Kind::Nats, nats),
            cql: front(Kind::Cql, cql),
            redis: front(Kind::Redis, redis),
        };
        Some((cluster, fronts))
    }

    /// What `tidegate <words>` says with the settings of an API process.
    pub fn run(&self, words: &[&str]) -> String {
        self.services.run(&self.folder, words).trim().to_owned()
    }

    pub fn start(&self, name: &str, role: &str) -> Tidegate {
        self.start_with(name, role, &[])
    }

    /// The same with more settings.
    pub fn start_with<'a>(
        &'a self,
        name: &str,
        role: &'a str,
        more: &[(&'static str, &'static str)],
    ) -> Tidegate {
        let folder = self.folder.join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        let mut settings = self.services.settings(role);
        settings.extend([("TIDEGATE_GATEWAY__SHARDS", "1"), ("TIDEGATE_GATEWAY__DRAIN_NOTICE", "100ms")]);
        settings.extend(more);
        Tidegate::start_with(&folder, &settings).may_warn(&self.provoked)
    }
}

/// Between all processes and the services.
pub struct Fronts {
    pub nats: Proxy,
    pub cql: Proxy,
    pub redis: Proxy,
}

/// Puts a proxy in front of the service, and its address into the URL.
fn front(kind: Kind, url: &mut String) -> Proxy {
    let service = address_of(kind, url).expect("an address");
    let proxy = Proxy::start(SocketAddr::from(([127, 0, 0, 1], 0)), Route::To(service)).expect("it listens");
    let scheme = url.find("://").map_or("", |at| &url[..at + 3]);
    *url = format!("{scheme}{}", proxy.address());
    proxy
}

/// Lets a service be away, and back.
pub fn away(service: &Proxy) {
    service.rule(Rule::Cut);
}

pub fn back(service: &Proxy) {
    service.rule(Rule::Through);
}

/// Until all of them are.
pub fn until_ready<'a>(processes: impl IntoIterator<Item = &'a Tidegate>) {
    for process in processes {
        let ready = until(|| Some(get(&process.admin_url("/ready"))).filter(|answer| answer.status == 200));
        assert_eq!(ready.text, "ready\n");
    }
}

/// Until the process says that it misses this.
pub fn until_missing(process: &Tidegate, what: &str) {
    until(|| {
        let ready = get(&process.admin_url("/ready"));
        (ready.status == 503 && ready.text.contains(what)).then_some(())
    });
}

/// The `send` of a text that no other frame of the test has.
pub fn frame(number: u32, to_user: &str, text: &str) -> Value {
    send_frame(&format!("01890a5d-ac96-774b-bcce-{number:012x}"), to_user, text)
}

/// Sends until it is acknowledged, as a client does whom nobody answers.
pub fn say(socket: &mut Socket, number: u32, to_user: &str, text: &str) -> Value {
    say_frame(socket, &mut frame(number, to_user, text))
}

pub fn say_frame(socket: &mut Socket, frame: &mut Value) -> Value {
    until(|| try_to_say(socket, frame)?.ok())
}

/// Sends once more. The acknowledgement or the refusal; `None` when nothing comes for a second.
pub fn try_to_say(socket: &mut Socket, frame: &mut Value) -> Option<Result<Value, Value>> {
    socket.send(frame);
    let send = &mut frame["send"];
    send["attempt"] = json!(send["attempt"].as_u64().unwrap_or_default() + 1);
    socket.answer_to(&send["client_message_id"])
}

/// Until the event with that seq comes, or the head, which is told where an event may have been lost.
pub fn until_told(socket: &mut Socket, seq: &str) {
    until(|| {
        let (name, told) = socket.until_any(&["event", "head"]);
        (told[if name == "event" { "seq" } else { "last_seq" }] == seq).then_some(())
    });
}

pub fn status(api: &Tidegate, user: &User) -> String {
    let found = get_as(&api.url(&format!("/api/v1/users/{}/presence", user.id)), &user.token);
    found.json()["state"].as_str().expect("a state").to_owned()
}

/// What a router's metric says, over its workers.
pub fn metric(router: &Tidegate, name: &str) -> u64 {
    let metrics = get(&router.admin_url("/metrics")).text;
    let lines = metrics.lines().filter(|line| line.split(['{', ' ']).next() == Some(name));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>() as u64
}

/// All texts of a conversation, in order.
pub fn history(api: &Tidegate, conversation: &Value, reader: &User) -> Vec<String> {
    let conversation = conversation.as_str().expect("an id");
    let path = format!("/api/v1/conversations/{conversation}/messages?limit=200");
    // A partition that has just changed hands is unavailable for a moment.
    let found = until(|| Some(get_as(&api.url(&path), &reader.token)).filter(|found| found.status != 503));
    assert_eq!(found.status, 200, "{}", found.text);
    let found = found.json();
    let messages = found["messages"].as_array().expect("messages").iter();
    messages.map(|message| message["body"]["text"].as_str().expect("a text").to_owned()).collect()
}
