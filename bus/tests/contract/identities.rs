//! Who we are for a NATS server: every way in carries commands and deliveries on all connections.

use std::path::Path;

use bus::{Bus, NatsAuth, NatsConfig, NatsTls, Received, Secret};
use lifecycle::Tasks;
use proto::{NodeId, Partition, Target};

use crate::messages::{command, delivery, receive, take, user};
use crate::nats_server::NatsServer;
use crate::stand::{LIMITS, nats_config};

/// A command one way and a delivery the other.
async fn goes_through(config: NatsConfig) {
    let tasks = Tasks::default();
    let bus = Bus::nats(config, LIMITS, &tasks).await.unwrap();
    let (queue, inbox) = (bus.serve([Partition::of_user(&user("alice"))]), bus.node(NodeId(1)));
    bus.send_command(command("alice", 1)).unwrap();
    assert_eq!(take(&queue, 1).await, [1]);
    inbox.flush().await;
    bus.publish(&mut vec![delivery(Target::Node(NodeId(1)), 2)]);
    assert_eq!(receive(&inbox).await, (Received::Deliveries, vec![2]));
}

async fn is_refused(config: NatsConfig) {
    let refused = Bus::nats(config, LIMITS, &Tasks::default()).await;
    assert!(matches!(refused.err(), Some(bus::ConnectError::Unreachable(_))));
}

#[tokio::test]
async fn a_token_lets_in() {
    let Some(server) = NatsServer::start_with(&["--auth", "of-everybody"], &[]).await else { return };
    let config = |auth| NatsConfig { auth, ..nats_config(&server.url(), "chat") };
    goes_through(config(NatsAuth::Token(Secret::new("of-everybody")))).await;
    is_refused(config(NatsAuth::Token(Secret::new("of-nobody")))).await;
    is_refused(config(NatsAuth::None)).await;
}

#[tokio::test]
async fn a_key_lets_in() {
    let folder = tempfile::tempdir().unwrap();
    let (key, other) = (nkeys::KeyPair::new_user(), nkeys::KeyPair::new_user());
    let file = folder.path().join("nats.conf");
    std::fs::write(&file, format!("authorization {{ users = [ {{ nkey = {} }} ] }}", key.public_key()))
        .unwrap();
    let file = file.to_str().unwrap();
    let Some(server) = NatsServer::start_with(&["-c", file], &[]).await else { return };
    let config = |key: &nkeys::KeyPair| {
        let auth = NatsAuth::NKey(Secret::new(format!("{}\n", key.seed().unwrap())));
        NatsConfig { auth, ..nats_config(&server.url(), "chat") }
    };
    goes_through(config(&key)).await;
    is_refused(config(&other)).await;
}

#[tokio::test]
async fn a_server_that_encrypts_is_trusted_by_its_authority() {
    let folder = tempfile::tempdir().unwrap();
    if !certificates(folder.path()) {
        return;
    }
    let path = |name: &str| folder.path().join(name);
    let text = |name: &str| path(name).to_str().unwrap().to_owned();
    let (certificate, key, roots) = (text("server.pem"), text("server.key"), text("ca.pem"));
    let arguments =
        ["--tls", "--tlscert", &certificate, "--tlskey", &key, "--tlsverify", "--tlscacert", &roots];
    let Some(server) = NatsServer::start_with(&arguments, &[]).await else { return };
    let tls =
        |client_certificate| NatsTls { required: true, roots_file: Some(path("ca.pem")), client_certificate };
    let config = |tls| NatsConfig { tls, ..nats_config(&server.url(), "chat") };
    goes_through(config(tls(Some((path("client.pem"), path("client.key")))))).await;
    is_refused(config(tls(None))).await;
    is_refused(config(NatsTls::default())).await;
}

/// An authority with a server and a client of its own, made by openssl; says when it is not there.
fn certificates(folder: &Path) -> bool {
    let run = |arguments: &str| {
        let run =
            std::process::Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output();
        run.is_ok_and(|output| output.status.success())
    };
    std::fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1").unwrap();
    let sign = |who: &str| {
        run(&format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {who}.key -out {who}.csr -subj /CN={who}"
        )) && run(&format!(
            "x509 -req -in {who}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out {who}.pem -extfile names"
        ))
    };
    let made = run(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -keyout ca.key -out ca.pem -subj /CN=authority",
    ) && sign("server")
        && sign("client");
    if !made {
        assert!(std::env::var_os("CI").is_none(), "in CI nothing is skipped: TLS to NATS needs openssl");
        eprintln!("skipped: TLS to NATS (the program openssl makes its certificates)");
    }
    made
}
