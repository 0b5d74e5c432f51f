//! A whole server without sockets: store in memory, bus, router, API.

use std::net::IpAddr;
use std::sync::LazyLock;
use std::time::Duration;

use api::{
    Api, ApiConfig, ClientAddress, Foundation, RateLimit, Registration, RoomMakers, Tickets, UserRates,
};
use auth::{Issuer, Scopes, SharedVerifier, SigningKey, Verifier};
use axum::body::Body;
use bus::{Bus, Limits};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use lifecycle::{Tasks, wall_clock_ms};
use proto::{Delivery, NodeId, UserId};
use router::{GroupRules, History, Router, RouterConfig};
use serde_json::{Value, json};
use store::{Ephemeral, LocalConfig, Others, PresenceConfig, Store};
use tower::ServiceExt as _;

use super::document::operations;

/// Longer than anything here takes.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Server {
    pub ephemeral: Ephemeral,
    pub tickets: Tickets,
    pub bus: Bus,
    pub store: Store,
    pub issuer: Issuer,
    pub verifier: SharedVerifier,
    pub tasks: Tasks,
    http: axum::Router,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    pub json: Value,
}

/// A user with tokens.
#[derive(Clone, Debug)]
pub struct Person {
    pub id: String,
    pub access: String,
    pub refresh: String,
}

/// So many that no test meets the limit by itself.
const PLENTY: RateLimit = RateLimit { per_second: 10_000, burst: 10_000 };

pub fn config() -> ApiConfig {
    ApiConfig {
        access_ttl: Duration::from_secs(900),
        refresh_ttl: Duration::from_secs(3_600),
        registration: Registration::Open,
        rooms_made_by: RoomMakers::Services,
        password_chars_min: 6,
        body_bytes_max: 1 << 20,
        request_timeout: Duration::from_secs(20),
        command_timeout: Duration::from_secs(10),
        pending_commands_max: 1_000,
        hash_workers: 2,
        hash_queue_max: 100,
        tickets_max: 100,
        ticket_ttl: Duration::from_secs(30),
        groups_per_user_max: 20,
        idempotency_bytes_max: 1 << 20,
        idempotency_ttl: Duration::from_secs(3_600),
        presence_grace: Duration::ZERO,
        user_rates: UserRates { writes: PLENTY, reads: PLENTY },
        cors_origins: Vec::new(),
    }
}

fn ephemeral_config() -> LocalConfig {
    let presence = PresenceConfig {
        writes_per_second: 1_000,
        devices_max: 1_000,
        beat: Duration::from_secs(5),
        silent_after: Duration::from_secs(15),
        retention: Duration::from_secs(3_600),
    };
    LocalConfig { presence, attempts_max: 1_000, others: Others::None }
}

fn router_config() -> RouterConfig {
    RouterConfig {
        workers: 1,
        heartbeat_interval: Duration::from_millis(100),
        suspect_after: Duration::from_millis(500),
        listen: Duration::ZERO,
        steady_after: Duration::from_secs(1),
        grace: Duration::from_secs(3),
        claims_max: 128,
        commands_kept_max: 4_096,
        group: GroupRules { members_max: 2_000, history: History::FromJoining },
        recall_window: Duration::from_secs(120),
        edit_window: Duration::from_secs(86_400),
        retention: Duration::ZERO,
        retention_sweep: Duration::ZERO,
        contacts: router::ContactRules::OPEN,
        confirms: router::ConfirmRules::USUAL,
        bucket_entries_max: 50,
        bucket_bytes_max: 50 << 20,
        conversation_queue_max: 1_000,
        commands_wait_max: Duration::from_secs(1),
        commands_waiting_max: 16_384,
        conversations_max: 10_000,
        conversation_idle: Duration::from_secs(600),
        loads_max: 64,
        reads_max: 1_000,
        flush_interval: Duration::from_millis(20),
        quiet_after: Duration::from_millis(200),
        give_up_after: Duration::from_secs(10),
        turn_interval: Duration::from_millis(1),
        restart_pause: Duration::from_millis(20),
        lease: Duration::from_secs(30),
        drain_timeout: Duration::from_secs(10),
    }
}

impl Server {
    pub async fn start() -> Self {
        Self::with(config()).await
    }

    pub async fn with(config: ApiConfig) -> Self {
        Self::with_router(config, router_config()).await
    }

    /// With these rules of contacts.
    pub async fn with_contacts(contacts: router::ContactRules) -> Self {
        Self::with_router(config(), RouterConfig { contacts, ..router_config() }).await
    }

    async fn with_router(config: ApiConfig, router: RouterConfig) -> Self {
        let server = Self::without_router(config);
        let (bus, store, tasks) = (server.bus.clone(), server.store.clone(), server.tasks.clone());
        Router::start(router, bus, store, router::Sight::default(), tasks).await.unwrap();
        server
    }

    /// Nobody answers commands.
    pub fn without_router(config: ApiConfig) -> Self {
        let (bus, store, tasks) =
            (Bus::local(Limits { commands: 10_000, deliveries: 10_000 }), Store::memory(), Tasks::default());
        let issuer = Issuer::new(SigningKey::generate(), "tidegate", "tidegate");
        let verifier = SharedVerifier::new(issuer.trusted_by(Verifier::new(5)));
        let ephemeral = Ephemeral::local(ephemeral_config());
        let tickets = Tickets::new(ephemeral.clone(), config.tickets_max, config.ticket_ttl);
        let http = axum::Router::new();
        let parts = Self { http, ephemeral, tickets, bus, store, issuer, verifier, tasks };
        parts.process(config)
    }

    /// Another process of the API, which shares everything but its memory.
    pub fn another_process(&self) -> Self {
        self.process(config())
    }

    fn process(&self, config: ApiConfig) -> Self {
        let Self { ephemeral, tickets, bus, store, issuer, verifier, tasks, .. } = self;
        let foundation = Foundation {
            store: store.clone(),
            bus: bus.clone(),
            verifier: verifier.clone(),
            issuer: issuer.clone(),
            ephemeral: ephemeral.clone(),
            tickets: tickets.clone(),
            elsewhere: None,
        };
        let http = Api::new(config, foundation, tasks).router();
        Self {
            http,
            ephemeral: ephemeral.clone(),
            tickets: tickets.clone(),
            bus: bus.clone(),
            store: store.clone(),
            issuer: issuer.clone(),
            verifier: verifier.clone(),
            tasks: tasks.clone(),
        }
    }

    /// A token for a user without an account.
    pub fn token(&self, user: &str, scopes: &str) -> String {
        let user = UserId::parse(user).unwrap();
        self.issuer.issue(&user, None, &Scopes::new(scopes), wall_clock_ms() / 1_000, 900)
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let asked = (request.method().to_string(), request.uri().path().to_owned());
        let response = self.http.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        is_documented(&asked.0, &asked.1, status);
        Answer { status, headers, text, json }
    }

    /// The status of a path that may give anything, not only text.
    pub async fn http_status(&self, path: &str) -> u16 {
        let answer = self.http.clone().oneshot(request("GET", path, "", Body::empty())).await;
        answer.unwrap().status().as_u16()
    }

    pub async fn get(&self, path: &str, token: &str) -> Answer {
        self.send(request("GET", path, token, Body::empty())).await
    }

    pub async fn delete(&self, path: &str, token: &str) -> Answer {
        self.send(request("DELETE", path, token, Body::empty())).await
    }

    pub async fn post(&self, path: &str, token: &str, body: Value) -> Answer {
        self.send(request("POST", path, token, Body::from(body.to_string()))).await
    }

    pub async fn patch(&self, path: &str, token: &str, body: Value) -> Answer {
        self.send(request("PATCH", path, token, Body::from(body.to_string()))).await
    }

    pub async fn put(&self, path: &str, token: &str, body: Value) -> Answer {
        self.send(request("PUT", path, token, Body::from(body.to_string()))).await
    }

    pub async fn post_nothing(&self, path: &str, token: &str) -> Answer {
        self.send(request("POST", path, token, Body::empty())).await
    }

    /// A new account, logged in.
    pub async fn register(&self, username: &str) -> Person {
        let body = json!({"username": username, "password": "123456"});
        let answer = self.post("/api/v1/auth/register", "", body).await;
        answer.person(201)
    }

    /// Sends a text and gives the answer's members.
    pub async fn say(&self, from: &Person, to: &Person, text: &str) -> Value {
        let body = json!({"to_user": to.id, "body": {"text": text}});
        self.post("/api/v1/messages", &from.access, body).await.expect(201)
    }

    /// Hears what is published to a user.
    pub fn listen(&self, user: &str) -> Listener {
        let inbox = self.bus.node(NodeId(rand::random()));
        inbox.subscribe_user(&UserId::parse(user).unwrap());
        Listener { inbox, heard: Vec::new() }
    }
}

/// Whatever is answered to an operation of the document is in the document.
fn is_documented(method: &str, path: &str, status: u16) {
    static OPERATIONS: LazyLock<Vec<(String, String, Value)>> =
        LazyLock::new(|| operations(&serde_json::from_str(&Api::document()).unwrap()));
    let parts: Vec<&str> = path.split('/').collect();
    let exact = |pattern: &str| {
        let pattern: Vec<&str> = pattern.split('/').collect();
        let fits = |(part, other): (&&str, &&str)| part == other || part.starts_with('{');
        let all = pattern.len() == parts.len() && pattern.iter().zip(&parts).all(fits);
        all.then(|| pattern.iter().filter(|part| !part.starts_with('{')).count())
    };
    // `/users/me` is not a user called so.
    let route = OPERATIONS.iter().filter_map(|one| Some((exact(&one.1)?, &one.1))).max();
    let Some((_, route)) = route else { return };
    let operation = OPERATIONS.iter().find(|one| one.0 == method && one.1 == *route);
    if let Some((_, _, operation)) = operation {
        let says = &operation["responses"][status.to_string()];
        assert!(says.is_object(), "{method} {route} answers {status}, which is not in the document");
    }
}

pub struct Listener {
    inbox: bus::NodeInbox,
    heard: Vec<Delivery>,
}

impl Listener {
    /// Waits for something that `wanted` makes something of.
    pub async fn hear<T>(&mut self, wanted: impl Fn(&Delivery) -> Option<T>) -> T {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            if let Some(found) = self.heard.iter().find_map(&wanted) {
                return found;
            }
            let mut batch = Vec::new();
            tokio::time::timeout_at(deadline, self.inbox.recv(&mut batch)).await.expect("never heard");
            self.heard.append(&mut batch);
        }
    }
}

pub fn request(method: &str, path: &str, token: &str, body: Body) -> Request<Body> {
    let address: IpAddr = "192.0.2.1".parse().unwrap();
    let mut request = Request::builder().method(method).uri(path).extension(ClientAddress(address));
    if !token.is_empty() {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    request.body(body).unwrap()
}

impl Answer {
    /// The body of an answer with this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json
    }

    /// Checks that it is a problem with this code, and gives its detail.
    #[track_caller]
    pub fn problem(self, status: u16, name: &str) -> String {
        assert_eq!((self.status, &self.json["name"]), (status, &json!(name)), "{}", self.text);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.json["status"], json!(status));
        assert_eq!(self.json["type"], json!(format!("urn:tidegate:problem:{name}")));
        let code = u16::try_from(self.json["code"].as_u64().unwrap()).unwrap();
        assert_eq!(proto::Code::from_number(code).unwrap().name(), name);
        assert!(StatusCode::from_u16(status).unwrap().canonical_reason().is_some());
        self.json["detail"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub fn person(self, status: u16) -> Person {
        let json = self.expect(status);
        let text = |name: &str| json[name].as_str().unwrap().to_owned();
        Person { id: text("user_id"), access: text("access_token"), refresh: text("refresh_token") }
    }
}
