//! A server that goes away and comes back: everything is subscribed again, and the gap is told when nothing is missing any more.

use std::time::Duration;

use bus::nats::multiplex::Multiplex;
use lifecycle::Tasks;
use proto::Target;

use crate::rig::{
    PATIENCE, Publisher, config, flush, group, nats_config, open, receive_gap, receive_many, user,
};
use crate::server::Server;

#[tokio::test]
async fn everything_is_subscribed_again_and_the_gap_is_told() {
    let Some(mut server) = Server::start("") else { return };
    let multiplex = open(server.url());
    for number in 0..500 {
        multiplex.subscribe_user(&user(&format!("u{number}")));
    }
    multiplex.subscribe_group(&group("team"));
    flush(&multiplex).await;
    server.kill();
    // Wishes while there is nobody to tell them.
    multiplex.unsubscribe_user(&user("u0"));
    multiplex.subscribe_user(&user("late"));
    server.run();
    receive_gap(&multiplex).await;
    let publisher = Publisher::connect(&server.url()).await;
    publisher.publish(Target::User(user("u0")), "u0").await;
    for target in [Target::User(user("u499")), Target::Group(group("team")), Target::User(user("late"))] {
        publisher.publish(target.clone(), &format!("{target:?}")).await;
    }
    let (gap, payloads) = receive_many(&multiplex, 3).await;
    assert_eq!((gap, payloads[0].contains("u499"), payloads.len()), (false, true, 3));
}

#[tokio::test]
async fn a_server_that_comes_late_is_connected_to() {
    let Some(mut server) = Server::start("") else { return };
    server.kill();
    let multiplex = open(server.url());
    multiplex.subscribe_user(&user("alice"));
    let waiting = tokio::time::timeout(Duration::from_millis(300), multiplex.flush()).await;
    assert!(waiting.is_err(), "nothing is in force yet");
    server.run();
    flush(&multiplex).await;
    let publisher = Publisher::connect(&server.url()).await;
    publisher.publish(Target::User(user("alice")), "hi").await;
    assert_eq!(receive_many(&multiplex, 1).await, (false, vec!["hi".to_owned()]), "nothing was lost before");
}

#[tokio::test]
async fn a_flush_outlives_the_connection_that_it_waits_for() {
    let Some(mut server) = Server::start("") else { return };
    let multiplex = open(server.url());
    multiplex.subscribe_user(&user("first"));
    flush(&multiplex).await;
    server.kill();
    multiplex.subscribe_user(&user("alice"));
    let (flushed, ()) = tokio::join!(tokio::time::timeout(PATIENCE, multiplex.flush()), async {
        tokio::task::yield_now().await;
        server.run();
    });
    flushed.expect("it is in force on the next connection");
}

#[tokio::test]
async fn a_server_that_says_nothing_any_more_is_left() {
    let Some(server) = Server::start("") else { return };
    let mut nats = nats_config(&[server.url()]);
    nats.ping_interval = Duration::from_millis(100);
    let multiplex = Multiplex::open(config(nats), &Tasks::default()).unwrap();
    multiplex.subscribe_user(&user("alice"));
    flush(&multiplex).await;
    server.pause();
    // Its socket stays open and its kernel accepts others: only silence tells.
    tokio::time::sleep(Duration::from_millis(600)).await;
    server.resume();
    receive_gap(&multiplex).await;
}
