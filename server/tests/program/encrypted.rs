//! Everything over TLS: the API, the sockets, a certificate that is renewed meanwhile, and files that cannot be used.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::client::tls::Trust;
use ::client::{Client, ClientConfig, Notice, Notices, TokenSource};
use lifecycle::Tasks;
use proto::client_frame::Recipient;
use proto::{Body, UserId};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::http::get;
use crate::process::{PATIENCE, Tidegate, command, loud_lines, until};

/// A certificate for localhost that signs itself, and its key.
pub struct Pair {
    certificate: PathBuf,
    key: PathBuf,
}

impl Pair {
    pub fn make(folder: &Path) -> Self {
        let pair = Self { certificate: folder.join("server.pem"), key: folder.join("server.key") };
        pair.renew();
        pair
    }

    fn renew(&self) {
        let made =
            rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("as made for the test");
        std::fs::write(&self.certificate, made.cert.pem()).expect("as made for the test");
        std::fs::write(&self.key, made.signing_key.serialize_pem()).expect("as made for the test");
    }

    pub fn settings(&self) -> [(&str, &str); 2] {
        [
            ("TIDEGATE_TLS__CERTIFICATE_FILE", self.certificate.to_str().expect("as made for the test")),
            ("TIDEGATE_TLS__KEY_FILE", self.key.to_str().expect("as made for the test")),
        ]
    }

    /// Nobody else.
    pub fn trust(&self) -> Trust {
        Trust::file(&self.certificate).expect("as made for the test")
    }

    /// Asks for something with a connection of its own; `None` when the server's certificate is not this one.
    fn ask(&self, url: &str, body: Option<&Value>) -> Option<(u16, Value)> {
        let pem = std::fs::read(&self.certificate).expect("as made for the test");
        let roots = Arc::new(vec![ureq::tls::Certificate::from_pem(&pem).expect("as made for the test")]);
        let tls = ureq::tls::TlsConfig::builder().root_certs(ureq::tls::RootCerts::Specific(roots)).build();
        let config = ureq::Agent::config_builder().http_status_as_error(false).tls_config(tls);
        let agent = ureq::Agent::new_with_config(config.timeout_global(Some(PATIENCE)).build());
        let answer = match body {
            Some(body) => agent.post(url).header("content-type", "application/json").send(body.to_string()),
            None => agent.get(url).call(),
        };
        let mut answer = answer.ok()?;
        let text = answer.body_mut().read_to_string().expect("text");
        Some((answer.status().as_u16(), serde_json::from_str(&text).unwrap_or_default()))
    }

    fn login(&self, server: &str, name: &str) -> (String, String) {
        let credentials = json!({ "username": name, "password": "123456" });
        let registered = self.ask(&format!("{server}/api/v1/auth/register"), Some(&credentials));
        assert_eq!(registered.expect("trusted").0, 201);
        let (status, login) = self
            .ask(&format!("{server}/api/v1/auth/login"), Some(&credentials))
            .expect("as made for the test");
        assert_eq!(status, 200);
        let text = |name: &str| login[name].as_str().expect(name).to_owned();
        (text("user_id"), text("access_token"))
    }

    async fn connect(&self, server: &str, token: &str, tasks: &Tasks) -> (Client, Notices) {
        let url = server.replacen("https", "wss", 1);
        let mut config = ClientConfig::new(url, TokenSource::fixed(token));
        config.trust = Some(self.trust());
        Client::connect(config, tasks).await.expect("connected")
    }
}

/// The next text that a client hears.
pub async fn next_text(notices: &mut Notices) -> String {
    loop {
        let notice = tokio::time::timeout(PATIENCE, notices.recv()).await.expect("in time");
        if let Notice::Event(event) = notice.expect("the client lives")
            && let Some(proto::wire::body::Kind::Text(text)) = event.entry.body.to_wire().kind
        {
            return text;
        }
    }
}

#[test]
fn a_chat_over_tls_goes_on_while_the_certificate_is_renewed() {
    let folder = tempfile::tempdir().expect("as made for the test");
    let pair = Pair::make(folder.path());
    let server = Tidegate::start_with(folder.path(), &pair.settings());
    let port = server.public().rsplit(':').next().unwrap().to_owned();
    let https = format!("https://localhost:{port}");
    assert!(server.greeting.contains(&https), "{}", server.greeting);
    let (_, alice) = pair.login(&https, "alice");
    let (bob_id, bob) = pair.login(&https, "bob");
    let page = pair.ask(&format!("{https}/"), None).expect("the page");
    assert_eq!(page.0, 200);

    let tasks = Tasks::default();
    let runtime = Runtime::new().unwrap();
    let (alice, bob, mut heard) = runtime.block_on(async {
        let (alice, _) = pair.connect(&https, &alice, &tasks).await;
        let (bob, heard) = pair.connect(&https, &bob, &tasks).await;
        (alice, bob, heard)
    });
    let mut states = [alice.state(), bob.state()];
    states.iter_mut().for_each(|state| drop(state.borrow_and_update()));
    let to_bob = || Recipient::User(UserId::parse(&bob_id).unwrap());
    runtime.block_on(async {
        alice.send(to_bob(), Body::text("before")).await.expect("acknowledged");
        assert_eq!(next_text(&mut heard).await, "before");
    });

    pair.renew();
    server.signal("HUP");
    until(|| pair.ask(&format!("{https}/"), None));
    runtime.block_on(async {
        alice.send(to_bob(), Body::text("after")).await.expect("acknowledged");
        assert_eq!(next_text(&mut heard).await, "after");
    });
    assert!(states.iter().all(|state| !state.has_changed().unwrap()), "neither had to connect again");

    // The requests' connections have ended; shards tell their figures ten times a second.
    until(|| {
        let metrics = get(&server.admin_url("/metrics")).text;
        let reloads = "gateway_tls_reloads_total{outcome=\"changed\"} 1\n";
        (metrics.contains(reloads) && metrics.contains("gateway_tls_connections 2\n")).then_some(())
    });
    drop((alice, bob));
    tasks.drain();
    runtime.block_on(tasks.close(PATIENCE)).expect("the clients end");
    server.signal("TERM");
    let (code, logs) = server.ended();
    assert_eq!((code, loud_lines(&logs)), (Some(0), Vec::<&str>::new()));
    assert!(logs.contains("certificate reloaded"), "{logs}");
}

#[test]
fn files_that_cannot_be_used_are_refused_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::make(folder.path());
    let checked = |argument: &[&str], words: &str| {
        let mut command = command(folder.path());
        let output = command.envs(pair.settings()).args(argument).output().expect("it runs");
        let text = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
        assert!(text.contains(words), "{words} in {text}");
        output.status.code()
    };
    assert_eq!(checked(&["check-config"], "the configuration is valid"), Some(0));
    std::fs::write(&pair.key, rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap();
    assert_eq!(checked(&["check-config"], "tls.key_file: the key in "), Some(2));
    assert_eq!(checked(&[], "is not the one of the certificate in "), Some(2));
    std::fs::write(&pair.certificate, "nothing").unwrap();
    assert_eq!(checked(&["check-config"], "has no certificate in PEM form"), Some(2));
    std::fs::remove_file(&pair.certificate).unwrap();
    assert_eq!(checked(&["check-config"], "server.pem cannot be read: No such file"), Some(2));
}
