//! What sockets do over TLS: the same as without.

use std::io::Read as _;
use std::time::Duration;

use gateway::TlsPort;
use gateway::tls::Tls;
use proto::server_frame::Page;
use proto::{ConversationId, Reply, Seq, ServerFrame, Target};
use tungstenite::Message;

use crate::authority::Authority;
use crate::bench::{Bench, PATIENCE, direct, event_frame, group, user};
use crate::encrypted::{Encrypted, connect, http};
use crate::watch::Watch;

const REQUEST: &str =
    "POST /api/x HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\nconnection: close\r\n\r\nabc";

#[test]
fn sockets_and_requests_share_the_port() {
    let watch = Watch::begin();
    let authority = Authority::new();
    let (bench, _) = authority.bench(|_| {});
    let config = authority.client(&["http/1.1"]);
    let answer = http(bench.address, &config, REQUEST);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with("POST /api/x 3 true"), "{answer}");
    let mut first = Encrypted::settled(&bench, &config, "alice");
    let conversation = direct("alice", "bob");
    bench.event(Target::User(user("alice")), &conversation, 1, "hi");
    assert!(matches!(first.frame(), ServerFrame::Event(event) if event.entry.seq == Seq(1)));
    assert_eq!(bench.running.tls_address(), Some(bench.address));
    drop(first);
    bench.drain();
    watch.expect("gateway_tls_connections", &[], 0.0);
}

#[test]
fn a_port_of_its_own_leaves_the_other_one_plain() {
    let _alone = Watch::begin();
    let authority = Authority::new();
    let listen = Some("127.0.0.1:0".parse().unwrap());
    let port = TlsPort { listen, tls: Tls::open(authority.files()).unwrap(), handshakes_percent: 50 };
    let bench = Bench::with(|config| {
        config.shards = 2;
        config.tls = Some(port);
    });
    assert_ne!(bench.running.tls_address(), Some(bench.address));
    let (mut plain, mut encrypted) =
        (bench.connect("alice"), Encrypted::settled(&bench, &authority.client(&[]), "alice"));
    bench.event(Target::User(user("alice")), &direct("alice", "bob"), 1, "hi");
    assert_eq!(plain.expect_event(), 1);
    assert!(matches!(encrypted.frame(), ServerFrame::Event(_)));
}

#[test]
fn large_messages_go_both_ways_whole() {
    let _alone = Watch::begin();
    let authority = Authority::new();
    let (bench, _) = authority.bench(|config| config.mailbox.bytes_max = 8 << 20);
    let mut client = Encrypted::settled(&bench, &authority.client(&[]), "alice");
    let text = "y".repeat(30_000);
    let id = "01890a5d-ac96-774b-bcce-b302099a8061";
    client.send(&format!(
        r#"{{"send":{{"client_message_id":"{id}","to_user":"bob","body":{{"text":"{text}"}}}}}}"#
    ));
    let command = bench.command();
    let conversation = direct("alice", "bob");
    let entry = |seq| match event_frame(&conversation, seq, &text) {
        ServerFrame::Event(event) => event.entry,
        other => panic!("{other:?}"),
    };
    let page = Page {
        conversation: conversation.clone(),
        from: Seq(1),
        to: Seq(40),
        entries: (1..=40).map(entry).collect(),
        head: Seq(40),
        overlays: Vec::new(),
    };
    bench.reply(&command, Reply::Frame(ServerFrame::Page(page)));
    match client.frame() {
        ServerFrame::Page(page) => assert_eq!(page.entries.len(), 40),
        other => panic!("{other:?}"),
    }
    // More than a record, in many small ones, and many in one record.
    for seq in 1..=200 {
        bench.event(Target::User(user("alice")), &conversation, seq, &text[..seq as usize]);
    }
    for seq in 1..=200 {
        assert!(matches!(client.frame(), ServerFrame::Event(event) if event.entry.seq == Seq(seq)));
    }
    for number in 0..200_u8 {
        client.0.write(Message::text(crate::client::send_frame(number % 10, "bob"))).unwrap();
    }
    client.0.flush().unwrap();
    (0..200).for_each(|_| bench.reply(&bench.command(), Reply::Settled));
    bench.drain();
}

#[test]
fn a_client_that_does_not_read_is_closed_and_others_do_not_notice() {
    let watch = Watch::begin();
    let authority = Authority::new();
    let (bench, _) = authority.bench(|config| {
        config.mailbox.lagging_timeout = Duration::from_millis(500);
        config.timeouts.close = PATIENCE;
    });
    for name in ["slow", "quick"] {
        bench.set_groups(name, &["g"]);
    }
    let config = authority.client(&[]);
    let mut slow = Encrypted::settled(&bench, &config, "slow");
    let mut quick = Encrypted::settled(&bench, &config, "quick");
    let (conversation, text) = (ConversationId::group(&group("g")), "x".repeat(8 * 1024));
    for seq in 1..=2_000 {
        bench.event(Target::Group(group("g")), &conversation, seq, &text);
        assert!(matches!(quick.frame(), ServerFrame::Event(event) if event.entry.seq == Seq(seq)));
    }
    watch.expect("gateway_closes_total", &[r#"code="4408""#, r#"by="server""#], 1.0);
    // What the kernel had taken comes whole, and then the reason.
    assert_eq!(slow.closed(), 4408);
    quick.settle(&bench);
    drop((slow, quick));
    bench.drain();
    watch.expect("gateway_tls_connections", &[], 0.0);
}

#[test]
fn a_drain_ends_sockets_and_their_tls_in_order() {
    let watch = Watch::begin();
    let authority = Authority::new();
    let (bench, _) = authority.bench(|_| {});
    let config = authority.client(&[]);
    let mut client = Encrypted::settled(&bench, &config, "alice");
    // Who has only shaken hands is not waited for.
    let mut idle = connect(bench.address, &config).unwrap();
    watch.expect("gateway_tls_handshakes_total", &[], 2.0);
    let ended = std::thread::Builder::new().spawn(move || {
        assert!(matches!(client.frame(), ServerFrame::Goaway(_)));
        assert_eq!(client.closed(), 1012);
        client.0.flush().unwrap();
        // An end without a close_notify would be an error here.
        assert_eq!(client.0.get_mut().read(&mut [0; 16]).unwrap(), 0);
        assert_eq!(idle.read(&mut [0; 16]).unwrap(), 0);
    });
    let report = bench.drain();
    ended.unwrap().join().unwrap();
    assert_eq!((report.told, report.closed, report.abandoned), (1, 1, 0));
}
