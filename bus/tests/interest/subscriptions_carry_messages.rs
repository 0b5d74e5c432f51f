//! What is subscribed is received, once it is in force, and nothing else.

use bus::Received;
use bus::nats::multiplex::Multiplex;
use lifecycle::Tasks;
use proto::Target;

use crate::rig::{Publisher, config, flush, group, nats_config, open, receive, receive_many, user};
use crate::server::Server;

#[tokio::test]
async fn messages_of_users_groups_and_subjects_arrive_in_order() {
    let Some(server) = Server::start("") else { return };
    let (multiplex, publisher) = (open(server.url()), Publisher::connect(&server.url()).await);
    multiplex.subscribe_user(&user("alice@example.org"));
    multiplex.subscribe_group(&group("team"));
    multiplex.subscribe("some.subject");
    flush(&multiplex).await;
    publisher.publish(Target::User(user("alice@example.org")), "1").await;
    publisher.publish(Target::User(user("bob")), "2").await;
    publisher.publish(Target::Group(group("team")), "3").await;
    publisher.0.publish("some.subject", "4".into()).await.unwrap();
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("a", "b");
    publisher.0.publish_with_headers("some.subject", headers, "5".into()).await.unwrap();
    let (gap, payloads) = receive_many(&multiplex, 4).await;
    assert_eq!((gap, payloads), (false, ["1", "3", "4", "5"].map(str::to_owned).to_vec()));
}

#[tokio::test]
async fn nothing_arrives_after_unsubscribe() {
    let Some(server) = Server::start("") else { return };
    let (multiplex, publisher) = (open(server.url()), Publisher::connect(&server.url()).await);
    multiplex.subscribe_user(&user("alice"));
    multiplex.subscribe_user(&user("bob"));
    flush(&multiplex).await;
    multiplex.unsubscribe_user(&user("alice"));
    flush(&multiplex).await;
    publisher.publish(Target::User(user("alice")), "for nobody").await;
    publisher.publish(Target::User(user("bob")), "for bob").await;
    assert_eq!(
        receive(&multiplex).await,
        (Received::Deliveries, vec![("user.bob".to_owned(), "for bob".to_owned())])
    );
    assert_eq!((multiplex.subscriptions(), multiplex.waiting()), (1, 0));
}

#[tokio::test]
async fn those_of_a_queue_group_share_messages() {
    let Some(server) = Server::start("") else { return };
    let publisher = Publisher::connect(&server.url()).await;
    let member = || {
        let mut config = config(nats_config(&[server.url()]));
        config.queue_group = Some("router".into());
        let multiplex = Multiplex::open(config, &Tasks::default()).unwrap();
        multiplex.subscribe("work.>");
        multiplex
    };
    let (one, other) = (member(), member());
    flush(&one).await;
    flush(&other).await;
    for number in 0..200 {
        publisher.0.publish("work.x", number.to_string().into()).await.unwrap();
    }
    publisher.0.flush().await.unwrap();
    let (mut ours, mut all) = (0, Vec::new());
    while all.len() < 200 {
        let (_, messages) = tokio::select! {
            received = receive(&one) => { ours += received.1.len(); received }
            received = receive(&other) => received,
        };
        all.extend(messages.into_iter().map(|(_, payload)| payload.parse::<u32>().unwrap()));
    }
    all.sort_unstable();
    assert_eq!(all, (0..200).collect::<Vec<_>>(), "each message goes to one of them");
    assert!((1..200).contains(&ours));
}

#[tokio::test]
async fn a_dropped_connection_is_closed() {
    let Some(server) = Server::start("") else { return };
    let tasks = Tasks::default();
    let multiplex = Multiplex::open(config(nats_config(&[server.url()])), &tasks).unwrap();
    multiplex.subscribe_user(&user("alice"));
    flush(&multiplex).await;
    drop(multiplex);
    tasks.close(crate::rig::PATIENCE).await.expect("its task ends");
}

#[tokio::test]
async fn a_large_message_arrives_whole() {
    let Some(server) = Server::start("") else { return };
    let (multiplex, publisher) = (open(server.url()), Publisher::connect(&server.url()).await);
    multiplex.subscribe_user(&user("alice"));
    flush(&multiplex).await;
    let text: String = (0..90_000).map(|number| format!("{number:010}")).collect();
    publisher.publish(Target::User(user("alice")), &text).await;
    let (gap, payloads) = receive_many(&multiplex, 1).await;
    assert!(!gap && payloads == [text]);
}
