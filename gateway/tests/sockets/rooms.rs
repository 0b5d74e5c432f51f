//! Live rooms: who is in one is known to the gateway alone, and only the router lets them in.

use proto::command::Source;
use proto::delivery::{Class, Control, RoomAnswer, RoomOpen};
use proto::server_frame::{Event, Nack, Room};
use proto::{Body, Code, Command, ConversationId, Payload, Reply, Request, Seq, ServerFrame, Target};

use crate::bench::{Bench, PATIENCE, event_frame, group};
use crate::client::{Client, wait_for};

const OPEN: RoomOpen = RoomOpen { history: false, head: Seq(1) };

fn conversation(room: &str) -> ConversationId {
    ConversationId::group(&group(room))
}

fn asks(bench: &Bench, client: &mut Client, room: &str) -> Command {
    client.send(&format!(r#"{{"join_room":{{"room":"{room}"}}}}"#));
    let command = bench.command();
    assert_eq!(command.request, Request::JoinRoom(group(room)));
    command
}

fn answers(bench: &Bench, command: &Command, answer: Result<RoomOpen, Nack>) {
    let Request::JoinRoom(room) = &command.request else { panic!("{command:?}") };
    bench.reply(command, Reply::Room(RoomAnswer { room: room.clone(), answer }));
}

fn enters(bench: &Bench, client: &mut Client, room: &str) {
    let command = asks(bench, client, room);
    answers(bench, &command, Ok(OPEN));
    assert_eq!(client.frame(), told(room, true));
}

fn leaves(client: &mut Client, room: &str) {
    client.send(&format!(r#"{{"leave_room":{{"room":"{room}"}}}}"#));
    assert_eq!(client.frame(), told(room, false));
}

fn told(room: &str, joined: bool) -> ServerFrame {
    let head = if joined { Seq(1) } else { Seq::ZERO };
    ServerFrame::Room(Room { room: group(room), joined, history: false, head })
}

fn says(bench: &Bench, room: &str, text: &str) {
    let ServerFrame::Event(Event { mut entry, .. }) = event_frame(&conversation(room), 1, text) else {
        return;
    };
    entry.seq = Seq::ZERO;
    let frame = ServerFrame::Live(Event { conversation: conversation(room), entry });
    bench.fan_out(Target::Group(group(room)), Class::Live, &conversation(room), 0, None, frame);
}

fn hears(client: &mut Client) -> Body {
    match client.frame() {
        ServerFrame::Live(event) => event.entry.body,
        other => panic!("{other:?} instead of a live message"),
    }
}

#[test]
fn who_is_in_a_room_hears_it_and_nobody_else() {
    let bench = Bench::start();
    let (mut ann, mut ben) = (bench.connect("ann"), bench.connect("ben"));
    let command = asks(&bench, &mut ann, "stream");
    says(&bench, "stream", "before");
    answers(&bench, &command, Ok(OPEN));
    assert_eq!(ann.frame(), told("stream", true), "what was said before is not heard");
    enters(&bench, &mut ben, "stream");
    says(&bench, "stream", "one");
    assert_eq!((hears(&mut ann), hears(&mut ben)), (Body::text("one"), Body::text("one")));
    leaves(&mut ann, "stream");
    says(&bench, "stream", "two");
    assert_eq!(hears(&mut ben), Body::text("two"));
    enters(&bench, &mut ann, "stream");
    says(&bench, "stream", "three");
    assert_eq!(hears(&mut ann), Body::text("three"));
}

#[test]
fn a_command_says_that_it_comes_from_somebody_in_the_room() {
    let bench = Bench::start();
    let mut ann = bench.connect("ann");
    let fetch = r#"{"fetch":{"conversation":"g.stream"}}"#;
    ann.send(fetch);
    assert_eq!(bench.command().origin.source, Source::Client);
    let command = asks(&bench, &mut ann, "stream");
    ann.send(fetch);
    assert_eq!(bench.command().origin.source, Source::Client, "to ask is not to be in it");
    answers(&bench, &command, Ok(OPEN));
    assert_eq!(ann.frame(), told("stream", true));
    ann.send(fetch);
    assert_eq!(bench.command().origin.source, Source::Room);
    ann.send(r#"{"fetch":{"conversation":"g.other"}}"#);
    assert_eq!(bench.command().origin.source, Source::Client, "of another conversation");
    leaves(&mut ann, "stream");
    ann.send(fetch);
    assert_eq!(bench.command().origin.source, Source::Client);
}

#[test]
fn a_room_with_history_tells_its_head_once_everything_after_it_is_heard() {
    let bench = Bench::start();
    let mut ann = bench.connect("ann");
    let command = asks(&bench, &mut ann, "lobby");
    answers(&bench, &command, Ok(RoomOpen { history: true, head: Seq(4) }));
    let room = Room { room: group("lobby"), joined: true, history: true, head: Seq(4) };
    assert_eq!(ann.frame(), ServerFrame::Room(room));
    let heads = bench.command();
    assert_eq!(heads.request, Request::Heads(vec![conversation("lobby")]));
    assert_eq!(heads.origin.source, Source::Room);
}

#[test]
fn a_refusal_and_a_leave_before_the_answer_leave_nothing_behind() {
    let bench = Bench::start();
    let mut ann = bench.connect("ann");
    for room in ["one", "two", "three"] {
        let command = asks(&bench, &mut ann, room);
        answers(&bench, &command, Err(Nack::of("join_room", Code::NotFound, "no such room")));
        assert_eq!(ann.expect_nack().code, Code::NotFound, "more of them than a socket may be in");
    }
    let late = asks(&bench, &mut ann, "one");
    leaves(&mut ann, "one");
    answers(&bench, &late, Ok(OPEN));
    // The bench allows two rooms.
    enters(&bench, &mut ann, "two");
    enters(&bench, &mut ann, "three");
    says(&bench, "one", "unheard");
    says(&bench, "two", "heard");
    assert_eq!(hears(&mut ann), Body::text("heard"));
    ann.send(r#"{"join_room":{"room":"four"}}"#);
    let nack = ann.expect_nack();
    assert_eq!((nack.code, nack.frame), (Code::TooMany, "join_room"));
}

#[test]
fn a_join_that_finds_no_room_on_the_bus_takes_no_other_back() {
    // Nobody takes commands: `Connected` and one join at least fill the queue.
    let (bench, backend) = Bench::without_backend(bus::Limits { commands: 2, deliveries: 100 }, |config| {
        config.session.rooms_max = 10;
        config.timeouts.connected_retry = PATIENCE;
    });
    let mut ann = Client::with_token(bench.address, &bench.token("ann", 600));
    ann.expect_welcome();
    let mut asked = Vec::new();
    for room in ["one", "two", "three"] {
        ann.send(&format!(r#"{{"join_room":{{"room":"{room}"}}}}"#));
        ann.send(r#"{"ping":{}}"#);
        match ann.frame() {
            ServerFrame::Nack(nack) => {
                assert_eq!((nack.code, nack.frame), (Code::Busy, "join_room"));
                break;
            }
            ServerFrame::Pong(_) => asked.push(room),
            other => panic!("{other:?}"),
        }
    }
    assert!((1..=2).contains(&asked.len()), "{asked:?}");
    // Asked again it is refused too, and the first question stands.
    ann.send(r#"{"join_room":{"room":"one"}}"#);
    assert!(matches!(ann.frame(), ServerFrame::Pong(_)));
    assert_eq!(ann.expect_nack().code, Code::Busy);
    bench.tasks.thread_with_runtime("backend", backend).expect("a backend");
    for room in asked {
        answers(&bench, &bench.command(), Ok(OPEN));
        assert_eq!(ann.frame(), told(room, true));
    }
}

#[test]
fn a_room_that_ends_sends_everybody_out() {
    let bench = Bench::start();
    let (mut ann, mut ben) = (bench.connect("ann"), bench.connect("ben"));
    enters(&bench, &mut ann, "stream");
    enters(&bench, &mut ben, "stream");
    bench.publish(Target::Group(group("stream")), Payload::Control(Control::RoomEnded(group("stream"))));
    assert_eq!((ann.frame(), ben.frame()), (told("stream", false), told("stream", false)));
    enters(&bench, &mut ann, "other");
    says(&bench, "stream", "to nobody");
    says(&bench, "other", "to ann");
    assert_eq!(hears(&mut ann), Body::text("to ann"));
}

#[test]
fn who_does_not_read_misses_messages_and_is_told_how_many() {
    let bench = Bench::with(|config| {
        config.mailbox.bytes_max = 16 * 1024;
        config.mailbox.unsent_bytes_max = 16 * 1024;
    });
    let mut ann = bench.connect("ann");
    enters(&bench, &mut ann, "stream");
    let text = "x".repeat(4 * 1024);
    let said = 4_000_u64;
    for _ in 0..said {
        says(&bench, "stream", &text);
    }
    let (mut heard, mut missed) = (0, 0);
    // What is missed is told at the latest when everything that waited was taken.
    wait_for("every message to be heard or told as missed", || {
        match ann.frame() {
            ServerFrame::Live(_) => heard += 1,
            ServerFrame::Head(head) => {
                assert_eq!((&head.conversation, head.last), (&conversation("stream"), Seq::ZERO));
                missed += head.missed;
            }
            other => panic!("{other:?}"),
        }
        (heard + missed == said).then_some(())
    });
    assert!(missed > 0 && heard > 0, "{heard} heard, {missed} missed");
}

#[test]
fn the_rooms_of_a_socket_move_with_it() {
    let mut bench = Bench::start();
    let (mut ann, mut ben) = (bench.connect("ann"), bench.connect("ben"));
    enters(&bench, &mut ann, "stream");
    assert_eq!(bench.moved(), 2);
    says(&bench, "stream", "after");
    assert_eq!(hears(&mut ann), Body::text("after"));
    ann.send(r#"{"fetch":{"conversation":"g.stream"}}"#);
    assert_eq!(bench.command().origin.source, Source::Room);
    ben.send(r#"{"fetch":{"conversation":"g.stream"}}"#);
    assert_eq!(bench.command().origin.source, Source::Client);
}
