//! `deploy/nats/permissions.conf` on a real server: each role may do its part, and a gateway nothing more.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Event, ServerError};
use bus::{Bus, NatsAuth, NatsConfig, Received, Secret};
use lifecycle::Tasks;
use proto::{GroupId, NodeId, Partition, Target};
use tokio::sync::mpsc;

use crate::messages::{SOON, command, delivery, heartbeat, receive, take, user};
use crate::nats_server::NatsServer;
use crate::stand::{LIMITS, nats_config};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/nats/permissions.conf");
const PASSWORDS: &[(&str, &str)] = &[
    ("TIDEGATE_GATEWAY_PASSWORD", "of-gateway"),
    ("TIDEGATE_ROUTER_PASSWORD", "of-router"),
    ("TIDEGATE_API_PASSWORD", "of-api"),
];

fn config(server: &NatsServer, role: &str) -> NatsConfig {
    let auth = NatsAuth::UserPassword(role.to_owned(), Secret::new(format!("of-{role}")));
    NatsConfig { auth, ..nats_config(&server.url(), "") }
}

async fn bus(server: &NatsServer, role: &str, tasks: &Tasks) -> Bus {
    Bus::nats(config(server, role), LIMITS, tasks).await.unwrap()
}

#[tokio::test]
async fn each_role_may_do_its_part() {
    let Some(server) = NatsServer::start_with(&["-c", FILE], PASSWORDS).await else { return };
    let tasks = Tasks::default();
    let (gateway, router) = (bus(&server, "gateway", &tasks).await, bus(&server, "router", &tasks).await);
    let api = bus(&server, "api", &tasks).await;
    let (shard, requests) = (gateway.node(NodeId(1)), api.node(NodeId(2)));
    shard.subscribe_user(&user("alice"));
    shard.subscribe_group(&GroupId::parse("team").unwrap());
    shard.subscribe_presence(&user("bob"));
    shard.flush().await;
    requests.flush().await;
    let alice = Partition::of_user(&user("alice"));

    // Nobody serves yet: this one comes back and waits.
    gateway.send_command(command("alice", 1)).unwrap();
    let queue = router.serve([alice]);
    assert_eq!(take(&queue, 1).await, [1]);
    api.send_command(command("alice", 2)).unwrap();
    assert_eq!(take(&queue, 1).await, [2]);

    router.publish(&mut vec![delivery(Target::Node(NodeId(2)), 1), delivery(Target::User(user("alice")), 2)]);
    assert_eq!(receive(&requests).await, (Received::Deliveries, vec![1]));
    assert_eq!(receive(&shard).await, (Received::Deliveries, vec![2]));
    router.publish(&mut vec![delivery(Target::Group(GroupId::parse("team").unwrap()), 3)]);
    assert_eq!(receive(&shard).await, (Received::Deliveries, vec![3]));
    let watched = |mark| delivery(Target::Presence(user("bob")), mark);
    router.publish(&mut vec![watched(5)]);
    assert_eq!(receive(&shard).await, (Received::Deliveries, vec![5]));
    api.publish(&mut vec![watched(6)]);
    assert_eq!(receive(&shard).await, (Received::Deliveries, vec![6]));
    // A revocation.
    api.publish(&mut vec![delivery(Target::User(user("alice")), 4)]);
    assert_eq!(receive(&shard).await, (Received::Deliveries, vec![4]));

    let heartbeats = gateway.heartbeats();
    router.beat(heartbeat(1, alice, 7));
    let mut heard = Vec::new();
    tokio::time::timeout(SOON, heartbeats.recv(&mut heard)).await.expect("gateways hear routers");
    assert_eq!(*heard[0], heartbeat(1, alice, 7));
}

#[tokio::test]
async fn a_gateway_speaks_for_nobody_else() {
    let Some(server) = NatsServer::start_with(&["-c", FILE], PASSWORDS).await else { return };
    let (told, mut complaints) = mpsc::channel(16);
    let told = Arc::new(told);
    let options = async_nats::ConnectOptions::with_user_and_password("gateway".into(), "of-gateway".into());
    let options = options.event_callback(move |event| {
        let told = Arc::clone(&told);
        async move {
            if let Event::ServerError(ServerError::Other(text)) = event {
                let _ = told.send(text).await;
            }
        }
    });
    let gateway = Box::pin(options.connect(server.url())).await.unwrap();
    let mut refused = async |subject: &str| {
        let complaint = tokio::time::timeout(SOON, complaints.recv()).await;
        let complaint = complaint.unwrap_or_else(|_| panic!("{subject} is refused")).unwrap().to_lowercase();
        assert!(complaint.contains("permissions violation") && complaint.contains(subject), "{complaint}");
    };
    for subject in ["user.alice", "group.team", "node.0000000000000001", "router.heartbeat"] {
        gateway.publish(subject, "forged".into()).await.unwrap();
        refused(subject).await;
    }
    for subject in ["cmd.>", "cmd.any", "router.>", ">"] {
        let _subscriber = gateway.subscribe(subject).await.unwrap();
        refused(subject).await;
    }
}

#[tokio::test]
async fn a_wrong_password_is_refused_at_once() {
    let Some(server) = NatsServer::start_with(&["-c", FILE], PASSWORDS).await else { return };
    let auth = NatsAuth::UserPassword("gateway".into(), Secret::new("of-router"));
    let config = NatsConfig { auth, ..nats_config(&server.url(), "") };
    let tasks = Tasks::default();
    let refused = tokio::time::timeout(Duration::from_secs(5), Bus::nats(config, LIMITS, &tasks)).await;
    let error = refused.expect("it does not try for ever").err().expect("it is refused");
    let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert!(source.contains("authorization"), "{error}: {source}");
}
