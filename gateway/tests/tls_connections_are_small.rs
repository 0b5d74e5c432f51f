//! What an idle connection costs in allocated memory, with TLS and without, and whether `/metrics` says the same: a process of
//! its own, which counts only what the gateway's threads allocate.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

#[expect(dead_code, reason = "the other tests use the rest")]
#[path = "tls/authority.rs"]
mod authority;
#[expect(dead_code, reason = "the other tests use the rest")]
#[path = "sockets/bench.rs"]
mod bench;
#[expect(dead_code, reason = "the other tests use the rest")]
#[path = "sockets/client.rs"]
mod client;
#[path = "tls/counted.rs"]
mod counted;
#[expect(dead_code, reason = "the other tests use the rest")]
#[path = "tls/encrypted.rs"]
mod encrypted;
#[path = "hostile/watch.rs"]
mod watch;

use std::sync::Arc;

use authority::Authority;
use bench::Bench;
use client::Client;
use counted::{held, uncounted};
use encrypted::Encrypted;
use gateway::TlsPort;
use gateway::tls::Tls;
use rustls::{ClientConfig, ClientConnection, ServerConnection};
use watch::Watch;

/// A power of two, so that tables are as full as they get; below the usual limit of open files with both ends here.
const SESSIONS: usize = 256;
const COMPONENTS: [&str; 6] = ["task", "registration", "session", "interest", "queued", "tls"];

struct Costs {
    /// Allocated for each, by the gateway's threads.
    measured: f64,
    /// By component, as the metrics have it.
    told: [f64; 6],
}

fn told(watch: &Watch) -> [f64; 6] {
    COMPONENTS.map(|component| {
        let label = format!("component=\"{component}\"");
        watch.risen("gateway_memory_bytes", &[&label])
    })
}

/// Opens sessions, one after the other, and says what each costs.
fn costs<S>(watch: &Watch, open: impl Fn(&str) -> S) -> Costs {
    let (before, told_before, each) = (held(), told(watch), SESSIONS as f64);
    let sessions: Vec<S> = (0..SESSIONS).map(|number| open(&format!("user-{number}"))).collect();
    watch.expect("gateway_sessions", &[], each);
    // What the handshakes held is free again in the next turns of the shard.
    watch.until(|| told(watch)[4] < 1.0);
    let mut costs = Costs { measured: (held() - before) as f64 / each, told: [0.0; 6] };
    for (cost, (after, before)) in costs.told.iter_mut().zip(told(watch).into_iter().zip(told_before)) {
        *cost = (after - before) / each;
    }
    drop(sessions);
    watch.expect("gateway_sessions", &[], 0.0);
    eprintln!("{:.0} bytes measured; {COMPONENTS:?} told as {:.0?}", costs.measured, costs.told);
    costs
}

#[test]
fn the_metrics_say_what_a_connection_costs() {
    uncounted(|| {
        let watch = Watch::begin();
        let authority = Authority::new();
        let listen = Some("127.0.0.1:0".parse().unwrap());
        let port = TlsPort { listen, tls: Tls::open(authority.files()).unwrap(), handshakes_percent: 100 };
        let bench = Bench::with(|config| config.tls = Some(port));
        let client = authority.client(&["http/1.1"]);
        // Buffers of the threads, pools and tables are there after this.
        drop(Encrypted::settled(&bench, &client, "warm"));
        drop(bench.connect("warm"));
        watch.expect("gateway_sessions", &[], 0.0);

        let plain = costs(&watch, |name| -> Client { bench.connect(name) });
        let tls = costs(&watch, |name| Encrypted::settled(&bench, &client, name));
        for costs in [&plain, &tls] {
            let sum: f64 = costs.told.iter().sum();
            let ratio = sum / costs.measured;
            assert!((0.85..=1.15).contains(&ratio), "{sum} bytes told, {} measured", costs.measured);
        }
        assert!(plain.told[5].abs() < 1.0, "no TLS, no bytes of it");
        assert!(plain.measured < 1_100.0, "{} bytes", plain.measured);
        let more = tls.measured - plain.measured;
        let ratio = tls.told[5] / more;
        assert!((0.9..=1.1).contains(&ratio), "{} bytes told, {more} measured", tls.told[5]);
        let buffered = buffered(&client, &server_config(&authority));
        eprintln!("TLS costs {more:.0} bytes more; rustls with buffers of its own {buffered:.0}");
        assert!(more < buffered * 0.5, "{more} bytes, with buffers {buffered}");
        bench.drain();
    });
}

fn server_config(authority: &Authority) -> Arc<rustls::ServerConfig> {
    use rustls_pki_types::pem::PemObject as _;
    let files = authority.files();
    let key = rustls_pki_types::PrivateKeyDer::from_pem_file(files.key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    Arc::new(builder.with_single_cert(vec![authority.certificate.clone()], key).unwrap())
}

/// What rustls' usual connection holds on the server's side after its handshake and one message.
fn buffered(client: &Arc<ClientConfig>, server: &Arc<rustls::ServerConfig>) -> f64 {
    const CONNECTIONS: usize = 16;
    let mut clients: Vec<_> = (0..CONNECTIONS)
        .map(|_| ClientConnection::new(Arc::clone(client), "localhost".try_into().unwrap()).unwrap())
        .collect();
    let mut servers = Vec::with_capacity(CONNECTIONS);
    let mut wire = Vec::with_capacity(64 * 1024);
    let before = held();
    for client in &mut clients {
        let mut server = counted::counted(|| Box::new(ServerConnection::new(Arc::clone(server)).unwrap()));
        for round in 0..4 {
            if round == 2 {
                std::io::Write::write_all(&mut client.writer(), b"a message").unwrap();
            }
            wire.clear();
            while client.wants_write() {
                client.write_tls(&mut wire).unwrap();
            }
            let mut reading = &wire[..];
            counted::counted(|| {
                while !reading.is_empty() {
                    server.read_tls(&mut reading).unwrap();
                    server.process_new_packets().unwrap();
                }
                let mut read = [0; 64];
                let _nothing_yet = std::io::Read::read(&mut server.reader(), &mut read);
            });
            wire.clear();
            counted::counted(|| {
                while server.wants_write() {
                    server.write_tls(&mut wire).unwrap();
                }
            });
            let mut reading = &wire[..];
            while !reading.is_empty() {
                client.read_tls(&mut reading).unwrap();
                client.process_new_packets().unwrap();
            }
        }
        assert!(!server.is_handshaking());
        servers.push(server);
    }
    (held() - before) as f64 / CONNECTIONS as f64
}
