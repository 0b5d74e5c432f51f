//! TLS with certificates of our own, against a server that asks for them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use bus::NatsTls;
use bus::nats::multiplex::Multiplex;
use lifecycle::Tasks;
use proto::Target;

use crate::rig::{config, flush, nats_config, receive_gap, receive_many, user};
use crate::server::Server;

fn openssl(folder: &Path, arguments: &str) {
    let mut command = Command::new("openssl");
    command.current_dir(folder).args(arguments.split(' ')).stdout(Stdio::null()).stderr(Stdio::null());
    assert!(command.status().unwrap().success(), "openssl {arguments}");
}

/// Makes `ca.pem`, and a certificate and key for the server and for us.
fn certificates(folder: &Path) {
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
    openssl(folder, &format!("req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=test-ca"));
    std::fs::write(folder.join("server.ext"), "subjectAltName=IP:127.0.0.1,DNS:localhost\n").unwrap();
    std::fs::write(folder.join("client.ext"), "extendedKeyUsage=clientAuth\n").unwrap();
    for name in ["server", "client"] {
        openssl(folder, &format!("req {key} -keyout {name}.key -out {name}.csr -subj /CN={name}"));
        let sign = format!("x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2");
        openssl(folder, &format!("{sign} -extfile {name}.ext -out {name}.pem"));
    }
}

fn has_openssl() -> bool {
    let found = Command::new("openssl").arg("version").stdout(Stdio::null()).status().is_ok();
    if !found {
        assert!(std::env::var_os("CI").is_none(), "no openssl program");
        eprintln!("skipped: no openssl program to make certificates with");
    }
    found
}

fn start() -> Option<(Server, PathBuf)> {
    if !has_openssl() {
        return None;
    }
    let mut made = PathBuf::new();
    let server = Server::start_with(|folder| {
        certificates(folder);
        made = folder.to_owned();
        let file = |name: &str| folder.join(name).display().to_string();
        let (certificate, key, ca) = (file("server.pem"), file("server.key"), file("ca.pem"));
        format!(
            "tls {{ cert_file: \"{certificate}\", key_file: \"{key}\", ca_file: \"{ca}\", verify: true }}"
        )
    })?;
    Some((server, made))
}

fn open(server: &Server, tls: NatsTls) -> Multiplex {
    let mut nats = nats_config(&[server.url()]);
    nats.tls = tls;
    let multiplex = Multiplex::open(config(nats), &Tasks::default()).unwrap();
    multiplex.subscribe_user(&user("alice"));
    multiplex
}

fn ours(folder: &Path) -> NatsTls {
    NatsTls {
        required: true,
        roots_file: Some(folder.join("ca.pem")),
        client_certificate: Some((folder.join("client.pem"), folder.join("client.key"))),
    }
}

async fn keeps_out(server: &Server, tls: NatsTls) {
    let multiplex = open(server, tls);
    let waiting = tokio::time::timeout(Duration::from_millis(300), multiplex.flush()).await;
    assert!(waiting.is_err(), "there must be no connection");
}

#[tokio::test]
async fn certificates_of_both_sides_are_checked() {
    let Some((server, folder)) = start() else { return };
    flush(&open(&server, ours(&folder))).await;
    // A server that asks for TLS gets it, whether or not we would.
    flush(&open(&server, NatsTls { required: false, ..ours(&folder) })).await;
    keeps_out(&server, NatsTls { client_certificate: None, ..ours(&folder) }).await;
    keeps_out(&server, NatsTls { roots_file: Some(folder.join("client.pem")), ..ours(&folder) }).await;
    keeps_out(&server, NatsTls { roots_file: Some(folder.join("no.pem")), ..ours(&folder) }).await;
}

#[tokio::test]
async fn messages_and_restarts_are_the_same_as_in_plain() {
    let Some((mut server, folder)) = start() else { return };
    let multiplex = open(&server, ours(&folder));
    for number in 0..2_000 {
        multiplex.subscribe_user(&user(&format!("u{number}")));
    }
    flush(&multiplex).await;
    server.kill();
    server.run();
    receive_gap(&multiplex).await;
    // async-nats asks for the process's own; another test may have chosen it before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let options = async_nats::ConnectOptions::new()
        .add_root_certificates(folder.join("ca.pem"))
        .add_client_certificate(folder.join("client.pem"), folder.join("client.key"));
    let publisher = crate::rig::Publisher(Box::pin(options.connect(server.url())).await.unwrap());
    for number in 0..2_000 {
        let text = format!("{number} {}", "x".repeat(number));
        publisher.0.publish(format!("user.u{number}"), text.into()).await.unwrap();
    }
    publisher.publish(Target::User(user("alice")), "end").await;
    let (_, payloads) = receive_many(&multiplex, 100).await;
    assert!(payloads.iter().enumerate().all(|(at, text)| text.starts_with(&format!("{at} "))));
}
