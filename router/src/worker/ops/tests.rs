//! FENCE A4, the look-up: which dedupe rows count. And what a flush writes, in which order.

use futures_util::future::FutureExt as _;
use proto::wire::{MembersChange, system::Change};
use proto::{Body, ClientMessageId, Epoch, GroupId, MessageId, Timestamp, UserId};
use store::{Batch, Bucket, Fault, GroupChange, GroupInfo, GroupSettings, HeadRow, Register, Rule};

use super::*;

const BUCKET: Bucket = Bucket(5 << 8);

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn direct() -> ConversationId {
    ConversationId::direct(&user("alice"), &user("bob"))
}

fn id(number: u64) -> ClientMessageId {
    ClientMessageId(u128::from(number).to_be_bytes())
}

fn entry_of(seq: u64, client_message_id: u64) -> Entry {
    Entry {
        seq: Seq(seq),
        message_id: MessageId(client_message_id),
        sender: user("alice"),
        time: Timestamp(0),
        counted: seq,
        client_message_id: id(client_message_id),
        body: Body::text("hi"),
    }
}

fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("the store in memory answers at once")
}

/// A log whose register says: from `start` on, entries of `epoch` count, in this bucket.
fn log(store: &Store, version: u64, epoch: u64, start: u64, bucket: Bucket, bucket_first: u64) {
    let new = Register {
        version,
        epoch: Epoch(epoch),
        start: Seq(start),
        bucket,
        bucket_first: Seq(bucket_first),
        window: 64,
        counted: start - 1,
    };
    let moved = now(store.move_register(&direct(), version.checked_sub(1).filter(|before| *before > 0), new));
    assert!(matches!(moved, Cas::Applied(_)));
}

fn append(store: &Store, epoch: u64, bucket: Bucket, entries: Vec<Entry>) {
    let batch = Batch { conversation: direct(), bucket, epoch: Epoch(epoch), entries, touched: None };
    now(store.append(Arc::new(batch))).unwrap();
}

fn found(store: &Store, number: u64, bucket: Bucket, oldest: Bucket, head: u64) -> Option<u64> {
    let asked = LookUp { id: id(number), bucket, oldest, head: Seq(head) };
    now(look_up(store, &direct(), asked)).unwrap().map(|entry| entry.seq.0)
}

#[test]
fn a4_a_row_counts_only_up_to_the_told_head() {
    let store = Store::memory();
    log(&store, 1, 1, 1, BUCKET, 1);
    append(&store, 1, BUCKET, vec![entry_of(1, 11), entry_of(2, 12)]);
    assert_eq!(found(&store, 12, BUCKET, BUCKET, 2), Some(2));
    assert_eq!(found(&store, 12, BUCKET, BUCKET, 1), None, "not told");
    assert_eq!(found(&store, 13, BUCKET, BUCKET, 2), None);
}

/// A dead owner's row at a seq that another entry wins is not a place in the log.
#[test]
fn a4_a_row_counts_only_if_its_entry_wins_the_seq() {
    let store = Store::memory();
    log(&store, 1, 1, 1, BUCKET, 1);
    append(&store, 1, BUCKET, vec![entry_of(1, 11)]);
    log(&store, 2, 2, 2, BUCKET, 1);
    append(&store, 2, BUCKET, vec![entry_of(2, 22)]);
    append(&store, 1, BUCKET, vec![entry_of(2, 12)]);
    assert_eq!(found(&store, 12, BUCKET, BUCKET, 2), None, "cut for ever");
    assert_eq!(found(&store, 22, BUCKET, BUCKET, 2), Some(2));
    // Sent again and appended by the new owner: of its two rows the one that wins counts.
    append(&store, 2, BUCKET, vec![entry_of(3, 12)]);
    assert_eq!(found(&store, 12, BUCKET, BUCKET, 3), Some(3));
}

#[test]
fn a4_the_buckets_that_the_age_reaches_are_read() {
    let store = Store::memory();
    let [old, left, present] = [Bucket(1 << 8), Bucket(3 << 8), BUCKET];
    log(&store, 1, 1, 1, old, 1);
    append(&store, 1, old, vec![entry_of(1, 11)]);
    now(store.write_index(&direct(), old, Seq(1))).unwrap();
    log(&store, 2, 1, 2, left, 2);
    append(&store, 1, left, vec![entry_of(2, 12)]);
    now(store.write_index(&direct(), left, Seq(2))).unwrap();
    log(&store, 3, 1, 3, present, 3);
    append(&store, 1, present, vec![entry_of(3, 13)]);
    assert_eq!(found(&store, 11, present, old, 3), Some(1));
    assert_eq!(found(&store, 11, present, left, 3), None, "older than its age says");
    assert_eq!(found(&store, 12, present, present, 3), Some(2), "the newest that was left, always");
    assert_eq!(found(&store, 13, present, present, 3), Some(3));
}

#[test]
fn a_look_up_that_cannot_read_says_so() {
    let store = Store::memory();
    let Store::Memory(memory) = &store else { panic!("in memory") };
    memory.program(Rule::new(Fault::Fail).op(store::Op::Dedupe));
    let asked = LookUp { id: id(1), bucket: BUCKET, oldest: BUCKET, head: Seq(1) };
    assert!(now(look_up(&store, &direct(), asked)).is_err());
}

fn owed(seq: u64) -> Arc<Flush> {
    let last = entry_of(seq, seq);
    Arc::new(Flush {
        conversation: direct(),
        partition: Partition::of(&direct()),
        cursors: vec![(
            user("alice"),
            store::Cursor { read: Seq(seq), read_counted: seq, delivered: Seq(seq) },
        )],
        relations: None,
        group: None,
        mentions: Vec::new(),
        overlays: Vec::new(),
        confirmations: Vec::new(),
        listed_again: Vec::new(),
        head: Some(HeadRow {
            conversation: direct(),
            seq: last.seq,
            counted: last.counted,
            last,
            retention_seconds: 0,
            confirming: None,
        }),
        inbox: Vec::new(),
        clear: Some(Seq(seq)),
    })
}

/// The mark says that projections may lack something: it goes last, and not at all if anything before it failed.
#[test]
fn the_mark_is_taken_away_only_after_everything_was_written() {
    for op in [store::Op::AdvanceCursor, store::Op::WriteProjection] {
        let store = Store::memory();
        let Store::Memory(memory) = &store else { panic!("in memory") };
        log(&store, 1, 1, 1, BUCKET, 1);
        let partition = Partition::of(&direct());
        let batch = Batch {
            conversation: direct(),
            bucket: BUCKET,
            epoch: Epoch(1),
            entries: vec![entry_of(1, 1)],
            touched: Some(partition),
        };
        now(store.append(Arc::new(batch))).unwrap();
        memory.program(Rule::new(Fault::Fail).op(op));
        assert!(now(flush(store.clone(), vec![owed(1)])).is_err());
        assert_eq!(now(store.touched(partition)).unwrap(), [direct()]);
        now(flush(store.clone(), vec![owed(1)])).unwrap();
        assert_eq!(now(store.touched(partition)).unwrap(), []);
        assert_eq!(now(store.heads(&[direct()])).unwrap()[0].as_ref().unwrap().seq, Seq(1));
        assert_eq!(now(store.cursor(&user("alice"), &direct())).unwrap().read, Seq(1));
    }
}

/// DESIGN 6.11: what a take-over has to run again.
#[test]
fn what_the_head_row_lacks_up_to_the_told_head_is_missing() {
    let store = Store::memory();
    log(&store, 1, 1, 1, BUCKET, 1);
    append(&store, 1, BUCKET, (1..=450).map(|seq| entry_of(seq, seq)).collect());
    now(flush(store.clone(), vec![owed(20)])).unwrap();
    let recovered = now(recover(&store, &direct(), Seq(440), None)).unwrap();
    let seqs: Vec<u64> = recovered.missing.iter().map(|entry| entry.seq.0).collect();
    assert_eq!(seqs, (21..=440).collect::<Vec<_>>(), "over several pages");
    assert_eq!(recovered.head.unwrap().seq, Seq(20));
}

/// However far behind the head it is: it wrote the lists, and may have died before it told whom they concern.
#[test]
fn whom_the_last_write_of_a_dead_owner_moved_is_looked_up() {
    let store = Store::memory();
    let group = GroupId::parse("team").unwrap();
    let id = ConversationId::group(&group);
    let joined = |seq, name: &str| {
        let users = vec![name.to_owned()];
        Entry {
            body: Body::system(Change::Joined(MembersChange { users, first_number: 0 })),
            ..entry_of(seq, seq)
        }
    };
    let entries =
        vec![joined(1, "bob"), joined(2, "carol"), entry_of(3, 3), joined(4, "dave"), entry_of(5, 5)];
    let epoch = Epoch(1);
    let (bucket, bucket_first, start) = (BUCKET, Seq(1), Seq(1));
    let register = Register { version: 1, epoch, start, bucket, bucket_first, window: 64, counted: 0 };
    assert!(matches!(now(store.move_register(&id, None, register)), Cas::Applied(_)));
    let batch = Batch { conversation: id.clone(), bucket, epoch, entries, touched: None };
    now(store.append(Arc::new(batch))).unwrap();
    let info = GroupInfo {
        group,
        name: "Team".into(),
        owner: user("alice"),
        created: Timestamp(0),
        dismissed: false,
        members: 3,
        watermark: Seq(4),
        settings: GroupSettings { changed_since: Seq(2), ..GroupSettings::default() },
    };
    now(store.apply_group(GroupChange { info, joined: Vec::new(), left: Vec::new() })).unwrap();
    let moved = |held_from| now(recover(&store, &id, Seq(5), held_from)).unwrap().moved;
    assert_eq!(moved(Some(Seq(5))), [user("carol"), user("dave")]);
    assert_eq!(moved(Some(Seq(2))), [], "whoever loads it has read them");
    assert_eq!(moved(None), [], "nobody died");
}
