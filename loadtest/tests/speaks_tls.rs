//! A server behind TLS is measured like any other, if it is the right one.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use lifecycle::Tasks;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

#[path = "../../client/tests/peer/server.rs"]
mod peer;

use peer::Peer;

const SECRET: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9-loadtest";

/// Takes TLS off connections to a peer; gives its own URL.
async fn encrypt(peer: &Peer, certificate: &Path, tasks: &Tasks) -> String {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    std::fs::write(certificate, made.cert.pem()).expect("written");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("protocols").with_no_client_auth();
    let config = builder.with_single_cert(vec![made.cert.der().clone()], key).expect("they fit");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let target = peer.url().trim_start_matches("ws://").split('/').next().expect("an address").to_owned();
    let own = tasks.clone();
    tasks.spawn("proxy", async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { return };
            let (acceptor, target) = (acceptor.clone(), target.clone());
            own.spawn("connection", async move {
                let Ok(mut encrypted) = acceptor.accept(stream).await else { return };
                let mut plain = TcpStream::connect(target).await.expect("the peer is there");
                // How it ends is for the two sides to say.
                let _ = tokio::io::copy_bidirectional(&mut encrypted, &mut plain).await;
            });
        }
    });
    format!("wss://localhost:{port}/ws")
}

async fn run(arguments: Vec<String>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
    command.args(arguments).args(["--secret", SECRET, "--quiet"]);
    tokio::task::spawn_blocking(move || command.output()).await.expect("run").expect("started")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_are_audited_over_tls_and_the_wrong_server_is_found_out() {
    let (tasks, folder) = (Tasks::default(), tempfile::tempdir().expect("a folder"));
    let peer = Peer::start(&tasks, None).await;
    let certificate = folder.path().join("server.pem");
    let url = encrypt(&peer, &certificate, &tasks).await;
    let words = |words: &str| -> Vec<String> {
        let file = certificate.to_str().expect("a path");
        words.replace("URL", &url).replace("FILE", file).split(' ').map(str::to_owned).collect()
    };
    let dm = "dm --connections 10 --rate 100 --seconds 2s --warm-up 100ms --lateness-max 20s --url URL";
    for trust in ["--ca-file FILE", "--insecure"] {
        let output = run(words(&format!("{dm} --text-bytes 20000 {trust} --require dm.lost<1"))).await;
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    }
    let idle = run(words("idle --connections 20 --hold 100ms --url URL --ca-file FILE")).await;
    assert_eq!(idle.status.code(), Some(0), "{}", text(&idle));
    let endure = "endure --clients 4 --groups 0 --rate 20 --seconds 1s --url URL --ca-file FILE";
    let endure = run(words(endure)).await;
    assert_eq!(endure.status.code(), Some(0), "{}", text(&endure));

    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    std::fs::write(&certificate, other.cert.pem()).expect("written");
    let stranger = run(words("idle --connections 2 --hold 100ms --url URL --ca-file FILE")).await;
    assert_ne!(stranger.status.code(), Some(0));
    assert!(text(&stranger).contains("invalid peer certificate"), "{}", text(&stranger));
    tasks.drain();
}
