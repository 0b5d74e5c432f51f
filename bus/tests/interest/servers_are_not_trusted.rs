//! What a server says that it must not, or does not want, on connections played by the test.

use bus::Received;
use bus::nats::multiplex::Multiplex;
use lifecycle::Tasks;

use crate::fake::{Fake, INFO};
use crate::rig::{config, flush, nats_config, open, receive, receive_gap, user};

async fn connected() -> (Fake, Multiplex) {
    let fake = Fake::start().await;
    let multiplex = open(fake.url.clone());
    multiplex.subscribe_user(&user("alice"));
    flush(&multiplex).await;
    (fake, multiplex)
}

#[tokio::test]
async fn nonsense_ends_the_connection_and_is_a_gap() {
    for nonsense in [
        &b"HTTP/1.1 200 OK\r\n"[..],
        b"MSG user.alice 1 1001\r\n",
        b"MSG user.alice 1 2\r\nabcd\r\n",
        b"-ERR 'Slow Consumer'\r\n",
    ] {
        let (fake, multiplex) = connected().await;
        fake.say(nonsense).await;
        receive_gap(&multiplex).await;
        assert_eq!(fake.connections(), 2, "{:?}", String::from_utf8_lossy(nonsense));
    }
}

#[tokio::test]
async fn a_refused_subscription_leaves_the_others_alone() {
    let (fake, multiplex) = connected().await;
    fake.say(b"-ERR 'Permissions Violation for Subscription to \"user.alice\"'\r\n").await;
    fake.say(b"-ERR 'maximum subscriptions exceeded'\r\n").await;
    fake.say(b"MSG user.alice 2 2\r\nhi\r\n").await;
    let message = ("user.alice".to_owned(), "hi".to_owned());
    assert_eq!(receive(&multiplex).await, (Received::Deliveries, vec![message]));
    assert_eq!(fake.connections(), 1);
}

#[tokio::test]
async fn messages_may_come_in_pieces_between_other_things() {
    let (fake, multiplex) = connected().await;
    for piece in [
        &b"PI"[..],
        b"NG\r\nMSG user.al",
        b"ice 2",
        b" 5\r\nhel",
        b"lo\r",
        b"\n+OK\r\n",
        INFO.as_bytes(),
        b"\r\n",
    ] {
        fake.say(piece).await;
        tokio::task::yield_now().await;
    }
    let message = ("user.alice".to_owned(), "hello".to_owned());
    assert_eq!(receive(&multiplex).await, (Received::Deliveries, vec![message]));
    assert_eq!(fake.heard(|line| line == "PONG").await, 1, "the server was told that we live");
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_required() {
    let fake = Fake::start().await;
    let mut nats = nats_config(std::slice::from_ref(&fake.url));
    nats.tls.required = true;
    let multiplex = Multiplex::open(config(nats), &Tasks::default()).unwrap();
    multiplex.subscribe_user(&user("alice"));
    while fake.connections() < 3 {
        tokio::task::yield_now().await;
    }
    assert!(fake.told().is_empty(), "nothing is said in plain");
}

#[tokio::test]
async fn what_is_said_in_plain_before_tls_is_not_believed() {
    let info = "INFO {\"server_id\":\"F\",\"tls_required\":true,\"max_payload\":1000}\r\nPONG";
    let fake = Fake::start_with(info).await;
    let multiplex = open(fake.url.clone());
    multiplex.subscribe_user(&user("alice"));
    while fake.connections() < 3 {
        tokio::task::yield_now().await;
    }
    assert!(fake.told().is_empty());
}
