//! More than there is room for becomes a gap, told once, while the socket is read on.

use bus::Received;
use bus::nats::multiplex::Multiplex;
use futures_util::StreamExt as _;
use lifecycle::Tasks;
use proto::Target;

use crate::rig::{PATIENCE, Publisher, config, flush, nats_config, receive, receive_many, user};
use crate::server::Server;

async fn overflow(messages_max: usize, bytes_max: usize) {
    let Some(server) = Server::start("") else { return };
    let publisher = Publisher::connect(&server.url()).await;
    let mut config = config(nats_config(&[server.url()]));
    (config.messages_max, config.bytes_max) = (messages_max, bytes_max);
    let multiplex = Multiplex::open(config, &Tasks::default()).unwrap();
    multiplex.subscribe_user(&user("alice"));
    multiplex.subscribe_user(&user("end"));
    flush(&multiplex).await;
    for number in 0..1_000 {
        publisher.0.publish("user.alice", format!("{number:0100}").into()).await.unwrap();
    }
    // What the publisher hears of itself was published after them: the server has them all. Its flush would not say so.
    let mut echo = publisher.0.subscribe("echo").await.unwrap();
    publisher.0.publish("echo", "".into()).await.unwrap();
    echo.next().await.expect("the server is there");
    // A round trip of the connection behind all of them: they were read, though nobody took them.
    multiplex.subscribe("another");
    tokio::time::timeout(PATIENCE, multiplex.flush()).await.expect("the socket is read");
    let (received, messages) = receive(&multiplex).await;
    assert_eq!(received, Received::Gap);
    assert!(!messages.is_empty() && messages.len() <= 20, "{}", messages.len());
    for (number, (_, payload)) in messages.iter().enumerate() {
        assert_eq!(*payload, format!("{number:0100}"), "the first ones are kept, in order");
    }
    publisher.publish(Target::User(user("end")), "end").await;
    assert_eq!(receive_many(&multiplex, 1).await, (false, vec!["end".to_owned()]), "a gap is told once");
}

#[tokio::test]
async fn too_many_messages() {
    overflow(20, 1024 * 1024).await;
}

#[tokio::test]
async fn too_many_bytes() {
    overflow(1_000, 4_000).await;
}
