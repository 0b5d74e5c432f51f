//! The data directory: one process at a time, one format, private, and everything there again after a restart.

#![allow(clippy::unwrap_used, reason = "a test fails where it panics")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lifecycle::Tasks;
use proto::{
    Body, ClientMessageId, ConversationId, Entry, Epoch, GroupId, MessageId, Partition, Seq, Timestamp,
    UserId,
};
use store::{
    Account, AccountDetails, AccountStatus, Batch, Bucket, Cas, Creation, Embedded, EmbeddedConfig,
    IncarnationId, Level, OpenError, Ownership, Register, Store, StoreError, VerifyError,
};

const ME: IncarnationId = IncarnationId(1);

fn config(path: &Path) -> EmbeddedConfig {
    EmbeddedConfig {
        path: path.to_owned(),
        group_commit_records_max: 64,
        group_commit_interval: Duration::ZERO,
        queue_records_max: 16,
        reader_threads: 1,
        read_queue_max: 4,
        cache_bytes: 1 << 20,
        memtable_bytes: 1 << 20,
        journal_bytes_max: 64 << 20,
    }
}

fn open(path: &Path) -> Result<Store, OpenError> {
    Embedded::open(&config(path), &Tasks::default()).map(Store::Embedded)
}

fn refusal(path: &Path) -> OpenError {
    match open(path) {
        Ok(_) => panic!("{} was opened", path.display()),
        Err(error) => error,
    }
}

fn log() -> ConversationId {
    ConversationId::group(&GroupId::parse("g").unwrap())
}

fn batch(seq: u64) -> Arc<Batch> {
    let entry = Entry {
        seq: Seq(seq),
        message_id: MessageId(seq),
        sender: UserId::parse("alice").unwrap(),
        time: Timestamp(seq),
        counted: seq,
        client_message_id: ClientMessageId(u128::from(seq).to_be_bytes()),
        body: Body::text("x"),
    };
    Arc::new(Batch {
        conversation: log(),
        bucket: Bucket(5),
        epoch: Epoch(1),
        entries: vec![entry],
        touched: Some(Partition::of(&log())),
    })
}

async fn rows(store: &Store) -> usize {
    store.bucket_rows(&log(), Bucket(5), Seq(1), 100).await.unwrap().len()
}

#[tokio::test]
async fn a_second_user_of_the_directory_is_refused_until_the_first_has_closed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let first = open(&path).unwrap();
    let message = refusal(&path).to_string();
    assert!(message.contains(path.to_str().unwrap()), "it names the directory: {message}");
    assert!(
        message.contains("in use") && message.contains("another data directory"),
        "and what to do: {message}"
    );
    first.close().await;
    open(&path).unwrap().close().await;
}

#[tokio::test]
async fn a_dropped_store_unlocks_its_directory() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let tasks = Tasks::default();
    let store = Store::Embedded(Embedded::open(&config(&path), &tasks).unwrap());
    store.append(batch(1)).await.unwrap();
    drop(store);
    tasks.close(Duration::from_secs(20)).await.expect("its threads end by themselves");
    assert_eq!(rows(&open(&path).unwrap()).await, 1);
}

#[tokio::test]
async fn a_closed_store_answers_that_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("data")).unwrap();
    store.close().await;
    store.close().await;
    assert!(matches!(store.append(batch(1)).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.index(&log()).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.write_index(&log(), Bucket(5), Seq(1)).await, Err(StoreError::Unavailable(_))));
}

#[tokio::test]
async fn the_directory_belongs_to_its_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("not/there/yet");
    open(&path).unwrap().close().await;
    for made in [path.clone(), path.join("db")] {
        assert_eq!(fs::metadata(&made).unwrap().permissions().mode() & 0o777, 0o700, "{}", made.display());
    }
}

#[tokio::test]
async fn a_newer_format_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    open(&path).unwrap().close().await;
    fs::write(path.join("FORMAT"), "tidegate-store 3\n").unwrap();
    let message = refusal(&path).to_string();
    assert!(message.contains("format 3") && message.contains("up to 2"), "{message}");
    assert_eq!(fs::read_to_string(path.join("FORMAT")).unwrap(), "tidegate-store 3\n");
}

#[tokio::test]
async fn a_file_that_names_no_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    open(&path).unwrap().close().await;
    for wrong in [&b""[..], b"1", b"tidegate-store one", b"\xff\xfe"] {
        fs::write(path.join("FORMAT"), wrong).unwrap();
        assert!(matches!(refusal(&path), OpenError::Format { .. }), "{wrong:?}");
    }
}

#[tokio::test]
async fn a_directory_from_before_formats_had_numbers_is_migrated() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let store = open(&path).unwrap();
    store.append(batch(1)).await.unwrap();
    store.close().await;
    fs::remove_file(path.join("FORMAT")).unwrap();
    let store = open(&path).unwrap();
    assert_eq!(fs::read_to_string(path.join("FORMAT")).unwrap(), "tidegate-store 2\n");
    assert_eq!(rows(&store).await, 1);
    store.close().await;
}

/// Before format 2 nobody was found by a nickname.
#[tokio::test]
async fn accounts_of_a_directory_of_before_are_found_by_their_nicknames() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let store = open(&path).unwrap();
    let mut made = Vec::new();
    for number in 0..2_500 {
        let account = Account {
            user: UserId::parse(&format!("u{number:04}")).unwrap(),
            username: format!("user{number}"),
            nickname: format!("Carla {number:04}"),
            email: None,
            password_hash: String::new(),
            status: AccountStatus::Active,
            created: Timestamp(7),
            details: AccountDetails::default(),
        };
        made.push(account);
    }
    let makes = made.iter().map(|account| store.create_account(account.clone()));
    for outcome in futures_util::future::join_all(makes).await {
        assert_eq!(outcome.unwrap(), Creation::Created);
    }
    store.close().await;
    forget_nicknames(&path.join("db"));
    fs::write(path.join("FORMAT"), "tidegate-store 1\n").unwrap();

    let store = open(&path).unwrap();
    assert_eq!(store.accounts_by_nickname("carla", 10_000).await.unwrap(), made);
    store.close().await;
}

/// Takes away what format 1 did not have.
fn forget_nicknames(db: &Path) {
    let database = fjall::Database::builder(db).open().unwrap();
    let state = database.keyspace("state", fjall::KeyspaceCreateOptions::default).unwrap();
    let rows: Vec<_> = state.range("N".."O").map(|row| row.into_inner().unwrap().0).collect();
    assert_eq!(rows.len(), 2_500);
    for key in rows {
        state.remove(key).unwrap();
    }
    database.persist(fjall::PersistMode::SyncAll).unwrap();
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let store = open(&path).unwrap();
    store.announce(ME).await.unwrap();
    let owned = match store.claim(Partition::of(&log()), Ownership::default(), ME).await {
        Cas::Applied(owned) => owned,
        other => panic!("{other:?}"),
    };
    let first = Register {
        version: 0,
        epoch: owned.epoch,
        start: Seq(1),
        bucket: Bucket(5),
        bucket_first: Seq(1),
        window: 64,
        counted: 0,
    };
    assert!(matches!(store.move_register(&log(), None, first).await, Cas::Applied(_)));
    for seq in 1..=3 {
        store.append(batch(seq)).await.unwrap();
    }
    store.close().await;

    let store = open(&path).unwrap();
    assert_eq!(rows(&store).await, 3);
    assert_eq!(store.owner(Partition::of(&log()), Level::Serial).await.unwrap(), owned);
    let register = store.register(&log(), Level::Serial).await.unwrap();
    assert_eq!(register, Some(Register { version: 1, ..first }));
    let old = store.verify(ME, vec![]).await;
    assert_eq!(old, Err(VerifyError::Fenced), "an incarnation of an earlier process is fenced");
    store.close().await;
}

#[tokio::test]
async fn a_touched_mark_knows_its_newest_append_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let store = open(&path).unwrap();
    let register = Register {
        version: 0,
        epoch: Epoch(1),
        start: Seq(1),
        bucket: Bucket(5),
        bucket_first: Seq(1),
        window: 64,
        counted: 0,
    };
    assert!(matches!(store.move_register(&log(), None, register).await, Cas::Applied(_)));
    for seq in 1..=3 {
        store.append(batch(seq)).await.unwrap();
    }
    store.close().await;

    let store = open(&path).unwrap();
    let partition = Partition::of(&log());
    store.clear_touched(partition, &log(), Seq(2)).await.unwrap();
    assert_eq!(store.touched(partition).await.unwrap(), [log()], "entry 3 is not projected yet");
    store.clear_touched(partition, &log(), Seq(3)).await.unwrap();
    assert!(store.touched(partition).await.unwrap().is_empty());
    store.close().await;
}
