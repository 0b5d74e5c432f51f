//! The process that is killed: appends to several conversations at once and says what was acknowledged.

use std::path::Path;
use std::time::Duration;

use lifecycle::Tasks;
use proto::{Body, ClientMessageId, ConversationId, Entry, GroupId, MessageId, Seq, Timestamp, UserId};
use store::{Embedded, EmbeddedConfig, Store};

use crate::life::Life;

/// Small tables, so that they are written out and merged while the process is killed; unless entries are large, where
/// the journal is to grow.
pub fn config(dir: &Path, entry_bytes: usize) -> EmbeddedConfig {
    EmbeddedConfig {
        path: dir.join("data"),
        group_commit_records_max: 64,
        group_commit_interval: Duration::ZERO,
        queue_records_max: 64,
        reader_threads: 1,
        read_queue_max: 4,
        cache_bytes: 1 << 20,
        memtable_bytes: if entry_bytes < 1_000 { 128 << 10 } else { 1 << 30 },
        journal_bytes_max: 1 << 30,
    }
}

pub fn conversation(number: u64) -> ConversationId {
    ConversationId::group(&GroupId::parse(&format!("g{number}")).unwrap())
}

/// The one content of a seq.
pub fn entry(number: u64, seq: u64, bytes: usize) -> Entry {
    Entry {
        seq: Seq(seq),
        message_id: MessageId(number << 32 | seq),
        sender: UserId::parse("alice").unwrap(),
        time: Timestamp(seq),
        counted: seq,
        client_message_id: ClientMessageId((u128::from(number) << 64 | u128::from(seq)).to_be_bytes()),
        body: Body::text(format!("{number} {seq} ").repeat(bytes / 6)),
    }
}

async fn append_for_ever(life: &Life, number: u64, bytes: usize) {
    let mut log = life.load(number).await;
    loop {
        let seqs = log.next..=log.next + log.next % 3;
        let entries = seqs.map(|seq| entry(number, seq, bytes)).collect();
        life.append(&mut log, entries).await;
        println!("ack {number} {} .", log.next - 1);
    }
}

#[test]
#[ignore = "the child of the other tests"]
fn writes_until_it_is_killed() {
    let Some(dir) = std::env::var_os("STORE_KILL_DIR") else { return };
    let bytes = usize::try_from(crate::from_env("STORE_KILL_BYTES").unwrap()).unwrap();
    let conversations = crate::from_env("STORE_KILL_CONVERSATIONS").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let config = config(Path::new(&dir), bytes);
        let store = Store::Embedded(Embedded::open(&config, &Tasks::default()).unwrap());
        let life = Life::begin(store, conversations).await;
        let writers = (0..conversations).map(|number| append_for_ever(&life, number, bytes));
        futures_util::future::join_all(writers).await;
    });
}
