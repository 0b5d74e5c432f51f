//! Sockets go on under another gateway at the byte where they stopped.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gateway::{Gateway, Inherited, Outside};
use proto::{Reply, Request, Target};

use crate::bench::{Bench, PATIENCE, direct, group, user};
use crate::client::patient::Patient;
use crate::client::{Client, send_frame, wait_for};

impl Bench {
    pub fn block_on<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(future)
    }

    /// Takes the gateway apart and begins another one with the pieces; gives how many sockets moved.
    pub fn moved(&mut self) -> usize {
        self.moved_while(|_| {})
    }

    /// The same with something that happens while it is frozen.
    pub fn moved_while(&mut self, frozen: impl FnOnce(&Self)) -> usize {
        self.moved_with(frozen, |_| {})
    }

    /// And with something before the other one has begun.
    pub fn moved_with(&mut self, frozen: impl FnOnce(&Self), beginning: impl FnOnce(&Self)) -> usize {
        let handover = self.running.handover();
        assert_eq!(Self::block_on(handover.freeze()), 0, "nothing is under way");
        frozen(self);
        self.go_on(Outside::Silent, beginning)
    }

    /// Takes the frozen gateway apart and begins another one.
    pub fn go_on(&mut self, outside: Outside, beginning: impl FnOnce(&Self)) -> usize {
        let handed = Self::block_on(self.running.handover().take(outside));
        let sockets = handed.sockets();
        let inherited = Inherited::of(handed.pieces).unwrap();
        assert_eq!((inherited.sockets(), inherited.address().unwrap()), (sockets, self.address));
        let (config, authenticator, sink, fallback) = &self.parts;
        self.running = Gateway::inherit(
            inherited,
            config.clone(),
            &self.bus,
            authenticator,
            sink,
            fallback,
            &self.tasks,
        )
        .unwrap();
        beginning(self);
        Self::block_on(self.running.begun());
        sockets
    }
}

/// A frame of a client, masked with zeros.
fn frame(first: u8, payload: &str) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    if length < 126 {
        return [&[first, 0x80 | length, 0, 0, 0, 0], payload.as_bytes()].concat();
    }
    [&[first, 0x80 | 126, 0, length, 0, 0, 0, 0], payload.as_bytes()].concat()
}

fn sent(bench: &Bench) -> proto::client_frame::Send {
    match bench.command().request {
        Request::Send(send) => send,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_session_goes_on_under_its_name() {
    let mut bench = Bench::start();
    bench.set_groups("alice", &["g"]);
    let mut client = Client::with_token(bench.address, &bench.token("alice", 3_600));
    let welcome = client.expect_welcome();
    client.settle(&bench);
    assert_eq!(bench.moved(), 1);

    let conversation = direct("alice", "bob");
    bench.event(Target::User(user("alice")), &conversation, 1, "to her");
    bench.event(Target::Group(group("g")), &proto::ConversationId::group(&group("g")), 2, "to the group");
    assert_eq!((client.expect_event(), client.expect_event()), (1, 2));
    client.send_message(3, "bob");
    let command = bench.command();
    assert_eq!(command.origin.session, welcome.session, "the session is the same");
    bench.reply(&command, Reply::Settled);
    bench.connect("bob");
}

#[test]
fn it_moves_again_and_again_while_both_sides_talk() {
    let mut bench = Bench::start();
    let mut clients = ["alice", "bob", "carol"].map(|name| bench.connect(name));
    let conversation = direct("alice", "bob");
    for round in 1..=5_u8 {
        let frozen_seq = u64::from(round) * 2;
        for name in ["alice", "bob", "carol"] {
            bench.event(Target::User(user(name)), &conversation, frozen_seq - 1, "before");
        }
        let sockets = bench.moved_while(|bench| {
            for (client, name) in clients.iter_mut().zip(["alice", "bob", "carol"]) {
                client.send_message(round, "dave");
                bench.event(Target::User(user(name)), &conversation, frozen_seq, "while frozen");
            }
            bench.expect_no_command();
        });
        assert_eq!(sockets, 3);
        for client in &mut clients {
            assert_eq!((client.expect_event(), client.expect_event()), (frozen_seq - 1, frozen_seq));
            let command = bench.command();
            bench.reply(&command, Reply::Settled);
        }
    }
}

#[test]
fn nothing_is_read_before_every_shard_has_its_users() {
    let mut bench = Bench::with(|config| config.shards = 2);
    let mut writer = Client::with_token(bench.address, &bench.token("alice", 3_600));
    let place = writer.expect_welcome().session.node;
    writer.settle(&bench);
    // The kernel chooses the shard: somebody comes to another one than the writer.
    let (name, mut reader) = wait_for("a reader at the other shard", || {
        let name = format!("bob-{}", rand::random::<u32>());
        let mut client = Client::with_token(bench.address, &bench.token(&name, 3_600));
        let elsewhere = client.expect_welcome().session.node != place;
        client.settle(&bench);
        elsewhere.then_some((name, client))
    });
    // That shard takes long to begin.
    let (slow, held) = (user(&name), Arc::new(Mutex::new(())));
    let hold = Arc::clone(&held);
    let told = Arc::clone(&bench.parts.2);
    bench.parts.2 = Arc::new(move |who, attendance| {
        if *who == slow {
            drop(hold.lock());
        }
        told(who, attendance);
    });
    let holding = held.lock().unwrap();
    bench.moved_with(
        |_| writer.send_message(1, &name),
        |bench| {
            bench.expect_no_command();
            drop(holding);
        },
    );
    let command = bench.command();
    assert!(matches!(command.request, Request::Send(_)), "{command:?}");
    bench.event(Target::User(user(&name)), &direct("alice", &name), 1, "what alice wrote");
    assert_eq!(reader.expect_event(), 1);
}

#[test]
fn over_nats_where_others_publish_meanwhile_sessions_are_told_to_resync() {
    let Some(mut bench) = Bench::over_nats(|_| {}) else { return };
    let publish = bench.publisher();
    let mut client = Client::with_token(bench.address, &bench.token("alice", 3_600));
    client.expect_welcome();
    client.send(r#"{"sync":{}}"#);
    assert!(matches!(client.frame(), proto::ServerFrame::Head(_)));
    publish();
    assert_eq!(client.expect_event(), 1);
    assert_eq!(
        bench.moved_while(|_| {
            publish();
        }),
        1
    );
    // The second one may have come before the gateway was taken, or not at all: then its head says so.
    loop {
        match client.frame() {
            proto::ServerFrame::Resync => break,
            proto::ServerFrame::Event(event) => assert_eq!(event.entry.seq.0, 2),
            other => panic!("{other:?}"),
        }
    }
    client.send(r#"{"sync":{}}"#);
    match client.frame() {
        proto::ServerFrame::Head(head) => assert_eq!(head.last.0, 2),
        other => panic!("{other:?}"),
    }
    publish();
    assert_eq!(client.expect_event(), 3);
}

#[test]
fn half_a_frame_moves_in_and_the_other_half_follows() {
    let mut bench = Bench::start();
    let mut half = bench.connect("half");
    let mut fragments = bench.connect("fragments");
    let text = send_frame(1, "bob");
    let whole = frame(0x81, &text);
    let (begin, rest) = text.split_at(40);
    let (begin, rest) = (frame(0x01, begin), frame(0x80, rest));
    for cut in [1, 5, 60] {
        half.raw().write_all(&whole[..cut]).unwrap();
        fragments.raw().write_all(&[&begin[..], &rest[..cut.min(3)]].concat()).unwrap();
        // The shard has its turns to read that while somebody else comes.
        let _somebody = bench.connect("somebody");
        assert!(bench.moved() >= 3);
        half.raw().write_all(&whole[cut..]).unwrap();
        fragments.raw().write_all(&rest[cut.min(3)..]).unwrap();
        for _ in 0..2 {
            let command = bench.command();
            bench.reply(&command, Reply::Settled);
            assert!(matches!(command.request, Request::Send(_)), "{command:?}");
        }
    }
    half.send_message(9, "bob");
    assert_eq!(sent(&bench).client_message_id.to_string().chars().last(), Some('9'));
}

#[test]
fn half_a_message_moves_out_and_the_other_half_follows() {
    let mut bench = Bench::with(|config| config.mailbox.unsent_bytes_max = 16 * 1024);
    let mut client = bench.connect("alice");
    let conversation = direct("alice", "bob");
    // More than a socket that is not read takes, less than a mailbox holds.
    let text = "x".repeat(60_000);
    let mut seq = 0;
    socket2::SockRef::from(&**client.raw()).set_recv_buffer_size(4_096).unwrap();
    for _ in 0..40 {
        seq += 1;
        bench.event(Target::User(user("alice")), &conversation, seq, &text);
    }
    assert_eq!(bench.moved(), 1);
    seq += 1;
    bench.event(Target::User(user("alice")), &conversation, seq, "the last");
    let mut heard = 0;
    loop {
        match client.frame() {
            proto::ServerFrame::Event(event) => {
                assert_eq!(event.entry.seq.0, heard + 1, "in order and once");
                heard += 1;
            }
            // What the mailbox had no room for, before or after.
            proto::ServerFrame::Head(head) => heard = head.last.0,
            other => panic!("{other:?}"),
        }
        if heard == seq {
            break;
        }
    }
}

#[test]
fn who_has_not_said_who_it_is_still_may() {
    let mut bench = Bench::start();
    let mut client = Client::anonymous(bench.address);
    let mut silent = Client::anonymous(bench.address);
    assert_eq!(bench.moved(), 2);
    let token = bench.token("alice", 600);
    client.send(&format!(r#"{{"hello":{{"auth":"{token}"}}}}"#));
    client.expect_welcome();
    client.settle(&bench);
    assert_eq!(silent.closed(), 4401, "and not for ever");
}

#[test]
fn a_connection_that_is_not_accepted_yet_waits() {
    let mut bench = Bench::start();
    let mut early = None;
    bench.moved_while(|bench| {
        let mut stream = TcpStream::connect(bench.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(b"GET /elsewhere HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        early = Some(stream);
    });
    let mut answer = String::new();
    early.unwrap().read_to_string(&mut answer).unwrap();
    assert!(answer.contains("GET /elsewhere"), "{answer}");
}

#[test]
fn a_frozen_gateway_goes_on_when_nobody_takes_it() {
    let bench = Bench::start();
    let mut client = bench.connect("alice");
    let handover = bench.running.handover();
    Bench::block_on(handover.freeze());
    client.send_message(1, "bob");
    bench.expect_no_command();
    Bench::block_on(handover.thaw());
    assert_eq!(sent(&bench).body, proto::Body::text("hi"));
    bench.connect("carol");
}

#[test]
fn commands_that_are_not_answered_are_waited_for() {
    let bench = Bench::start();
    let mut client = bench.connect("alice");
    client.send_message(1, "bob");
    let command = bench.command();
    let handover = bench.running.handover();
    let freezing = std::thread::Builder::new().name("freezing".to_owned());
    let freezing = freezing.spawn(move || Bench::block_on(handover.freeze())).unwrap();
    wait_for("the gateway freezes", || {
        client.send_message(2, "bob");
        let other = bench.command_within(Duration::from_millis(100));
        other.map_or(Some(()), |other| {
            bench.reply(&other, Reply::Settled);
            None
        })
    });
    assert!(!freezing.is_finished());
    bench.reply(&command, Reply::Settled);
    assert_eq!(freezing.join().unwrap(), 0);
}

#[test]
fn where_somebody_may_still_publish_sessions_are_told_to_resync() {
    let mut bench = Bench::start();
    let mut client = bench.connect("alice");
    assert_eq!(Bench::block_on(bench.running.handover().freeze()), 0);
    assert_eq!(bench.go_on(Outside::Publishes, |_| {}), 1);
    assert_eq!(client.frame(), proto::ServerFrame::Resync);
    client.settle(&bench);
}

#[test]
fn commands_that_are_never_answered_are_not_waited_for_and_stay_unanswered() {
    let mut bench = Bench::with(|config| config.session.unanswered_max = 1);
    let mut client = bench.connect("alice");
    client.send_message(1, "bob");
    let command = bench.command();
    client.send_message(2, "bob");
    assert_eq!(Bench::block_on(bench.running.handover().freeze()), 1);
    assert_eq!(bench.go_on(Outside::Silent, |_| {}), 1);
    // It waits for its answer as before, and has it late.
    bench.expect_no_command();
    bench.reply(&command, Reply::Settled);
    assert_eq!(sent(&bench).client_message_id.to_string().chars().last(), Some('2'));
}

#[test]
fn a_ticket_that_is_looked_at_meanwhile_opens_its_socket() {
    let mut bench = Bench::start();
    let held = bench.hold_tickets();
    let (address, ticket) = (bench.address, bench.ticket("alice"));
    let coming = std::thread::Builder::new().name("coming".to_owned());
    let coming = coming.spawn(move || Client::open(address, &format!("/ws?ticket={ticket}"), &[]));
    held.until_asked();
    let handover = bench.running.handover();
    let freezing = std::thread::Builder::new().name("freezing".to_owned());
    let freezing = freezing.spawn(move || Bench::block_on(handover.freeze())).unwrap();
    // Nobody new is let in: it is frozen.
    let mut late = None;
    wait_for("the gateway is frozen", || {
        let mut stream = Patient::connect(address, Duration::from_millis(200)).unwrap();
        stream.write_all(b"GET /elsewhere HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let answered = stream.read(&mut [0; 100]).is_ok();
        late = Some(stream);
        (!answered).then_some(())
    });
    held.let_go();
    assert_eq!(freezing.join().unwrap(), 0);
    let mut client = coming.unwrap().join().unwrap().ok().expect("let in");
    assert_eq!(bench.go_on(Outside::Silent, |_| {}), 1);
    client.expect_welcome();
    client.settle(&bench);
}
