//! What readers are answered, from a store in memory that answers at once: no io, no clock, no task.

mod lists;
mod pages;
mod positions;

use futures_util::future::FutureExt as _;
use proto::command::Origin;
use proto::{
    Body, ClientMessageId, DeviceId, Entry, Epoch, GroupId, MessageId, NodeId, SessionRef, TraceId, UserId,
};
use store::{
    Batch, Bucket, Fault, GroupChange, GroupInfo, HeadRow, InboxRow, Member, Op, Register, Role, Rule,
};

use super::*;

const NOW: Timestamp = Timestamp(1_790_000_000_000);
const SESSION: SessionRef = SessionRef { node: NodeId(7), session: 9 };

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn direct(one: &str, other: &str) -> ConversationId {
    ConversationId::direct(&user(one), &user(other))
}

fn group(name: &str) -> ConversationId {
    ConversationId::group(&GroupId::parse(name).unwrap())
}

/// The time, where entries are kept for ever unless something else is set.
fn at(now: Timestamp) -> Moment {
    Moment { now, retention_ms: 0 }
}

/// A store that holds what these tests put there.
struct Stand {
    store: Store,
}

impl Stand {
    fn new() -> Self {
        Self { store: Store::memory() }
    }

    /// What is ready at once; nothing here ever waits.
    fn now<T>(future: impl Future<Output = T>) -> T {
        future.now_or_never().expect("the store in memory answers at once")
    }

    /// A log of `last` entries of which only those up to `told` are in the head row; every tenth does not count.
    fn log(&self, id: &ConversationId, last: u64, told: u64) {
        let register = Register {
            version: 1,
            epoch: Epoch(1),
            start: Seq(1),
            bucket: Bucket::at(NOW),
            bucket_first: Seq(1),
            window: 64,
            counted: 0,
        };
        let moved = Self::now(self.store.move_register(id, None, register));
        assert!(matches!(moved, store::Cas::Applied(_)));
        let entries: Vec<Entry> = (1..=last).map(|seq| entry(seq, NOW)).collect();
        let head = entries[usize::try_from(told).unwrap() - 1].clone();
        let (bucket, epoch, conversation) = (register.bucket, Epoch(1), id.clone());
        let batch = Batch { conversation, bucket, epoch, entries, touched: None };
        Self::now(self.store.append(batch.into())).unwrap();
        self.head(id, head);
    }

    /// A told log whose entries were made one after the other, and are kept for ten seconds.
    fn log_in_time(&self, id: &ConversationId, last: u64) {
        let bucket = Bucket::at(NOW);
        let register = Register {
            version: 1,
            epoch: Epoch(1),
            start: Seq(1),
            bucket,
            bucket_first: Seq(1),
            window: 64,
            counted: 0,
        };
        let moved = Self::now(self.store.move_register(id, None, register));
        assert!(matches!(moved, store::Cas::Applied(_)));
        let entries: Vec<Entry> = (1..=last).map(|seq| entry(seq, NOW.plus_ms(seq * 1_000))).collect();
        let last = entries[entries.len() - 1].clone();
        let (epoch, conversation) = (Epoch(1), id.clone());
        let batch = Batch { conversation, bucket, epoch, entries, touched: None };
        Self::now(self.store.append(batch.into())).unwrap();
        let (seq, counted) = (last.seq, last.counted);
        let row =
            HeadRow { conversation: id.clone(), seq, counted, last, retention_seconds: 10, confirming: None };
        Self::now(self.store.write_projection(vec![row], Vec::new())).unwrap();
    }

    /// The head row, without a log behind it.
    fn head(&self, id: &ConversationId, last: Entry) {
        let row = HeadRow {
            conversation: id.clone(),
            seq: last.seq,
            counted: last.counted,
            last,
            retention_seconds: 0,
            confirming: None,
        };
        Self::now(self.store.write_projection(vec![row], Vec::new())).unwrap();
    }

    /// A line of the user's list.
    fn line(&self, name: &str, id: &ConversationId, time: Timestamp, left: bool) {
        let row = InboxRow { user: user(name), conversation: id.clone(), time, left };
        Self::now(self.store.write_projection(Vec::new(), vec![row])).unwrap();
    }

    /// A group whose members may read from their floors on.
    fn group(&self, name: &str, members: &[(&str, u64)]) -> ConversationId {
        let info = GroupInfo {
            group: GroupId::parse(name).unwrap(),
            name: name.to_uppercase(),
            owner: user("olga"),
            created: NOW,
            dismissed: false,
            members: u32::try_from(members.len()).unwrap(),
            watermark: Seq(1),
            settings: store::GroupSettings::default(),
        };
        let member = |(name, floor): &(&str, u64)| Member {
            user: user(name),
            role: Role::Member,
            joined_at: NOW,
            floor: Seq(*floor),
            nickname: String::new(),
            muted_until: Timestamp(0),
            number: 0,
        };
        let joined = members.iter().map(member).collect();
        Self::now(self.store.apply_group(GroupChange { info, joined, left: Vec::new() })).unwrap();
        group(name)
    }

    fn answers(&self, name: &str, request: Request) -> Vec<Delivery> {
        self.answers_at(NOW, name, request, None)
    }

    fn answers_at(&self, now: Timestamp, name: &str, request: Request, view: Option<View>) -> Vec<Delivery> {
        Self::now(answer(
            self.store.clone(),
            command(name, Source::Client, request),
            view.map(Seen::from),
            at(now),
        ))
    }

    /// The code of the refusal that is the only answer.
    fn refused(&self, name: &str, request: Request) -> Code {
        let deliveries = self.answers(name, request);
        assert_eq!(deliveries.len(), 1, "a refusal is all that is told");
        match frame(deliveries) {
            ServerFrame::Nack(nack) => nack.code,
            other => panic!("not refused but {other:?}"),
        }
    }

    /// All reads fail from now on.
    fn breaks(&self, op: Op) {
        let Store::Memory(memory) = &self.store else { panic!("in memory") };
        memory.program(Rule::new(Fault::Fail).op(op).times(usize::MAX));
    }
}

fn command(name: &str, source: Source, request: Request) -> Command {
    Command {
        origin: Origin { user: user(name), device: DeviceId::unnamed(), session: SESSION, source },
        deadline: NOW.plus_ms(10_000),
        epoch: Epoch(1),
        once: None,
        trace: TraceId(5),
        request,
    }
}

fn entry(seq: u64, time: Timestamp) -> Entry {
    Entry {
        seq: Seq(seq),
        message_id: MessageId(seq),
        sender: user("alice"),
        time,
        counted: seq - seq / 10,
        client_message_id: ClientMessageId(u128::from(seq).to_be_bytes()),
        body: Body::text("hi"),
    }
}

/// The answer to the session, which comes last and once.
fn answered_with(mut deliveries: Vec<Delivery>) -> Reply {
    let last = deliveries.pop().expect("an answer");
    assert!(deliveries.iter().all(|other| !matches!(other.payload, Payload::Reply(..))), "one answer");
    assert_eq!((last.target, last.trace), (Target::Node(SESSION.node), TraceId(5)));
    match last.payload {
        Payload::Reply(session, reply) if session == SESSION.session => reply,
        other => panic!("no answer to the session but {other:?}"),
    }
}

fn frame(deliveries: Vec<Delivery>) -> ServerFrame {
    match answered_with(deliveries) {
        Reply::Frame(frame) => frame,
        other => panic!("no frame but {other:?}"),
    }
}

#[test]
fn a_store_that_does_not_answer_is_told_as_unavailable_with_advice() {
    let stand = Stand::new();
    stand.breaks(Op::GroupsOf);
    match frame(stand.answers("alice", Request::Connected(None))) {
        ServerFrame::Nack(nack) => {
            assert_eq!((nack.code, nack.frame), (Code::Unavailable, "connected"));
            assert!(nack.retry_after_ms > 0);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn connected_is_answered_with_the_groups_of_the_user() {
    let stand = Stand::new();
    stand.group("one", &[("alice", 1), ("bob", 1)]);
    stand.group("two", &[("bob", 1)]);
    let Reply::Groups(groups) = answered_with(stand.answers("alice", Request::Connected(None))) else {
        panic!("no groups")
    };
    assert_eq!(groups, [GroupId::parse("one").unwrap()]);
    assert!(matches!(answered_with(stand.answers("alice", Request::Disconnected)), Reply::Settled));
}

#[test]
fn who_connects_with_a_login_that_has_ended_is_told_so_instead() {
    let stand = Stand::new();
    let login = LoginId::parse("phone").unwrap();
    let told = stand.answers("alice", Request::Connected(Some(login.clone())));
    let [Delivery { target, payload, .. }] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(*target, Target::User(user("alice")));
    assert!(matches!(payload, Payload::Control(Control::Revoke(Some(ended))) if *ended == login));
}

#[test]
fn typing_is_told_to_the_others_and_not_to_the_session_that_types() {
    use proto::client_frame::Recipient;
    let stand = Stand::new();
    let team = stand.group("team", &[("alice", 1)]);
    let told = stand.answers("alice", Request::Typing(Recipient::User(user("bob"))));
    assert_eq!(told[0].target, Target::User(user("bob")));
    let told = stand.answers("alice", Request::Typing(Recipient::Conversation(team.clone())));
    assert_eq!(told[0].target, Target::Group(GroupId::parse("team").unwrap()));
    let Payload::Fanout(fanout) = &told[0].payload else { panic!("no signal") };
    assert_eq!(fanout.except, Some(SESSION));
    assert!(matches!(answered_with(told), Reply::Settled));
    assert_eq!(stand.refused("eve", Request::Typing(Recipient::Conversation(team))), Code::Forbidden);
}
