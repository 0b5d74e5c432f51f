//! Measures one interest connection with a million subscriptions, against a NATS server of its own.
//!
//! ```text
//! cargo bench -p bus --bench interest_million -- [--subscriptions N] [--rate N] [--seconds N] [--bytes N] [--names short|long]
//! ```
//!
//! The names exist before anything is measured and stay, as in a gateway, whose own tables hold them: what is measured is what a
//! subscription adds. `--names short` are of at most 15 bytes, `--names long` numbers of 19 digits. `--rate` is the pace of
//! subscriptions a second. Messages go to users at random for `--seconds`, as fast as one publisher can. Then the server
//! is killed and started again. The program `nats-server` is found as tests find it.

#![allow(clippy::unwrap_used, reason = "a measurement that cannot run should panic")]

#[path = "../tests/interest/server.rs"]
#[allow(dead_code, reason = "made for tests, which do more with it")]
mod server;

use std::sync::Arc;
use std::time::Duration;

use bus::nats::multiplex::{Message, Multiplex, MultiplexConfig};
use bus::subject::Subjects;
use bus::{NatsAuth, NatsConfig, NatsTls, Received};
use lifecycle::Tasks;
use proto::{Target, UserId};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use server::Server;
use tokio::time::{Instant, timeout};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What to measure.
struct Plan {
    subscriptions: u32,
    rate: u32,
    seconds: u64,
    bytes: usize,
    long_names: bool,
}

impl Plan {
    fn from_args() -> Self {
        let mut plan =
            Self { subscriptions: 1_000_000, rate: 200_000, seconds: 5, bytes: 200, long_names: true };
        let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
        while let Some(name) = args.next() {
            let value = args.next().unwrap();
            match name.as_str() {
                "--subscriptions" => plan.subscriptions = value.parse().unwrap(),
                "--rate" => plan.rate = value.parse().unwrap(),
                "--seconds" => plan.seconds = value.parse().unwrap(),
                "--bytes" => plan.bytes = value.parse().unwrap(),
                "--names" => plan.long_names = value == "long",
                other => panic!("unknown {other}"),
            }
        }
        plan
    }

    fn name(&self, number: u32) -> UserId {
        let text = if self.long_names {
            format!("{}", 1_000_000_000_000_000_000_u64 + u64::from(number))
        } else {
            format!("user-{number}")
        };
        UserId::parse(&text).unwrap()
    }
}

/// Resident bytes of a process.
fn resident(process: u32) -> i64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<i64>().unwrap() * 1024
}

fn mebibytes(bytes: i64) -> i64 {
    bytes / (1024 * 1024)
}

fn open(plan: &Plan, server: &Server) -> Multiplex {
    let nats = NatsConfig {
        urls: vec![server.url()],
        prefix: String::new(),
        auth: NatsAuth::None,
        tls: NatsTls::default(),
        connect_timeout: Duration::from_secs(5),
        ping_interval: Duration::from_secs(10),
        reconnect_pause_max: Duration::from_secs(1),
        subscribes_per_second: plan.rate,
    };
    let config = MultiplexConfig {
        nats: Arc::new(nats),
        subjects: Subjects::new("").unwrap(),
        name: "measured".to_owned(),
        queue_group: None,
        subscribes_per_second: plan.rate,
        messages_max: 100_000,
        answers: None,
        bytes_max: 64 * 1024 * 1024,
    };
    Multiplex::open(config, &Tasks::default()).unwrap()
}

/// Publishes to names at random from a thread of its own, until it is told to end. Gives how many were published.
fn publish(url: String, names: Arc<Vec<UserId>>, bytes: usize, end: Instant) -> std::thread::JoinHandle<u64> {
    let name = std::thread::Builder::new().name("publisher".to_owned());
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let client = Box::pin(async_nats::connect(url)).await.unwrap();
            let (mut random, subjects) = (SmallRng::seed_from_u64(1), Subjects::new("").unwrap());
            let payload = bytes::Bytes::from(vec![b'x'; bytes]);
            let mut published = 0;
            while Instant::now() < end {
                for _ in 0..100 {
                    let user = names[random.random_range(0..names.len())].clone();
                    let subject = subjects.delivery(&Target::User(user));
                    client.publish(subject, payload.clone()).await.unwrap();
                    published += 1;
                }
            }
            client.flush().await.unwrap();
            published
        })
    };
    name.spawn(run).unwrap()
}

async fn messages(plan: &Plan, server: &Server, multiplex: &Multiplex, names: &Arc<Vec<UserId>>) {
    let start = Instant::now();
    let end = start + Duration::from_secs(plan.seconds);
    let publisher = publish(server.url(), Arc::clone(names), plan.bytes, end);
    let (mut received, mut gaps, mut batch, mut last) = (0_u64, 0, Vec::<Message>::new(), start);
    // One second of silence ends it.
    while let Ok(what) = timeout(Duration::from_secs(1), multiplex.recv(&mut batch)).await {
        received += batch.len() as u64;
        gaps += u32::from(what == Received::Gap);
        last = Instant::now();
    }
    let published = publisher.join().unwrap();
    let took = last - start;
    println!(
        "messages: {published} published, {received} received in {took:.2?}, {:.0} a second, {gaps} gaps",
        u32::try_from(received).map_or(f64::INFINITY, f64::from) / took.as_secs_f64()
    );
}

async fn measure(plan: Plan) {
    let Some(mut server) =
        Server::start("max_payload: 1048576\nmax_pending: 536870912\nwrite_deadline: \"60s\"")
    else {
        return;
    };
    let multiplex = open(&plan, &server);
    let names: Arc<Vec<UserId>> = Arc::new((0..plan.subscriptions).map(|number| plan.name(number)).collect());
    multiplex.flush().await;
    let us = std::process::id();
    let before = (resident(us), resident(server.process()));
    println!("before: we {} MiB, server {} MiB", mebibytes(before.0), mebibytes(before.1));

    let start = Instant::now();
    for name in names.iter() {
        multiplex.subscribe_user(name);
    }
    let called = start.elapsed();
    multiplex.flush().await;
    let took = start.elapsed();
    let after = (resident(us), resident(server.process()));
    println!("subscribe: {called:.2?} to ask, {took:.2?} until in force, pace {} a second", plan.rate);
    let each = |bytes: i64| bytes / i64::from(plan.subscriptions);
    println!(
        "memory: we {} MiB, {} bytes a subscription; server {} MiB, {} bytes a subscription",
        mebibytes(after.0),
        each(after.0 - before.0),
        mebibytes(after.1),
        each(after.1 - before.1),
    );

    messages(&plan, &server, &multiplex, &names).await;

    server.kill();
    let start = Instant::now();
    server.run();
    let up = start.elapsed();
    let mut batch = Vec::new();
    while multiplex.recv(&mut batch).await != Received::Gap {}
    println!("restart: server up after {up:.2?}, everything in force again after {:.2?}", start.elapsed());
    println!(
        "memory then: we {} MiB, server {} MiB",
        mebibytes(resident(us)),
        mebibytes(resident(server.process()))
    );
}

fn main() {
    // One thread, as a gateway shard has.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(Box::pin(measure(Plan::from_args())));
}
