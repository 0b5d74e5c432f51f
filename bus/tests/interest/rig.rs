//! One interest connection and a publisher beside it.

use std::sync::Arc;
use std::time::Duration;

use bus::nats::multiplex::{Message, Multiplex, MultiplexConfig};
use bus::subject::Subjects;
use bus::{NatsAuth, NatsConfig, NatsTls, Received};
use lifecycle::Tasks;
use proto::{GroupId, Target, UserId};

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

pub fn group(name: &str) -> GroupId {
    GroupId::parse(name).unwrap()
}

pub fn nats_config(urls: &[String]) -> NatsConfig {
    NatsConfig {
        urls: urls.to_vec(),
        prefix: String::new(),
        auth: NatsAuth::None,
        tls: NatsTls::default(),
        connect_timeout: Duration::from_secs(2),
        ping_interval: Duration::from_secs(2),
        reconnect_pause_max: Duration::from_millis(500),
        subscribes_per_second: 100_000,
    }
}

pub fn config(nats: NatsConfig) -> MultiplexConfig {
    MultiplexConfig {
        nats: Arc::new(nats),
        subjects: Subjects::new("").unwrap(),
        name: "a test".to_owned(),
        queue_group: None,
        subscribes_per_second: 100_000,
        messages_max: 1_000,
        answers: None,
        bytes_max: 1024 * 1024,
    }
}

/// Connects to one server as nobody in particular.
pub fn open(url: String) -> Multiplex {
    Multiplex::open(config(nats_config(&[url])), &Tasks::default()).unwrap()
}

/// Waits for the subscriptions made so far.
pub async fn flush(multiplex: &Multiplex) {
    tokio::time::timeout(PATIENCE, multiplex.flush()).await.expect("subscriptions come into force");
}

/// What comes next, as texts of subject and payload.
pub async fn receive(multiplex: &Multiplex) -> (Received, Vec<(String, String)>) {
    let mut messages: Vec<Message> = Vec::new();
    let receiving = tokio::time::timeout(PATIENCE, multiplex.recv(&mut messages));
    let received = receiving.await.expect("something is received");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let texts = messages.iter().map(|message| (text(&message.subject), text(&message.payload))).collect();
    (received, texts)
}

/// Receives until so many messages came, and tells whether there was a gap among them.
pub async fn receive_many(multiplex: &Multiplex, count: usize) -> (bool, Vec<String>) {
    let (mut gap, mut payloads) = (false, Vec::new());
    while payloads.len() < count {
        let (received, messages) = receive(multiplex).await;
        gap |= received == Received::Gap;
        payloads.extend(messages.into_iter().map(|(_, payload)| payload));
    }
    (gap, payloads)
}

/// Receives until there is a gap; what came before does not matter.
pub async fn receive_gap(multiplex: &Multiplex) {
    while receive(multiplex).await.0 != Received::Gap {}
}

/// What publishes.
pub struct Publisher(pub async_nats::Client);

impl Publisher {
    pub async fn connect(url: &str) -> Self {
        Self(Box::pin(async_nats::connect(url)).await.unwrap())
    }

    /// Publishes, and waits until the server has it.
    pub async fn publish(&self, target: Target, payload: &str) {
        let subject = Subjects::new("").unwrap().delivery(&target);
        self.0.publish(subject, payload.to_owned().into()).await.unwrap();
        self.0.flush().await.unwrap();
    }
}
