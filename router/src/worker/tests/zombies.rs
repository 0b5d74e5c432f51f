//! FENCE L5: where who was replaced serves after a load without a check, a command may be stored twice, through two owners who
//! were replaced and live on.
//!
//! ```text
//! a (epoch 1)  ── appends the command, which bears epoch 3 ──► told nobody, but stored
//! b (epoch 2)  ── loads: settles it; then leaves the bucket, with no append of its own to be checked
//! c (epoch 3)  ── loads the new bucket only; the command is not in the ring, and new by its epoch (A4)
//! ```

use std::time::Duration;

use bus::{Bus, Limits, NodeInbox};
use lifecycle::Tasks;
use proto::client_frame::{AckMode, Recipient, Send};
use proto::command::Source;
use proto::{
    Body, ClientMessageId, ConversationId, Epoch, Partition, Payload, Reply, Request, Seq, ServerFrame,
    UserId,
};
use store::mutation::{Mutation, break_rule};
use store::{Level, PageRange, Register, Replicated, Store, Weather};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::super::Worker;
use super::stand::{NODE, command, config, run};
use crate::RouterConfig;

/// Longer than anything here takes, on the paused clock.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at what is waited for.
const LOOK: Duration = Duration::from_millis(5);
/// Enough for a load and a roll-over; a worker looks at its own fence less often.
const MOMENT: Duration = Duration::from_millis(200);

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn conversation() -> ConversationId {
    ConversationId::direct(&user("alice"), &user("bob"))
}

fn id(number: u8) -> ClientMessageId {
    ClientMessageId([number; 16])
}

/// A router that hears nobody but itself.
struct Deaf {
    bus: Bus,
    inbox: NodeInbox,
}

impl Deaf {
    fn start(number: u64, store: &Store, partitions: &[Partition], tasks: &Tasks) -> Self {
        let bus = Bus::local(Limits { commands: 100, deliveries: 1_000 });
        let inbox = bus.node(NODE);
        let config = RouterConfig {
            listen: Duration::ZERO,
            bucket_entries_max: 2,
            restart_pause: Duration::from_secs(3_600),
            ..config()
        };
        let worker = Worker::new(0, number, config, bus.clone(), store.clone(), tasks.clone());
        let worker = worker.only(partitions.to_vec()).seeded(number);
        tasks.spawn_local(async move { worker.run(oneshot::channel().0).await });
        Self { bus, inbox }
    }

    /// For the first time, as far as its sender knows.
    fn say(&self, id: ClientMessageId, from: &str, to: &str, epoch: u64) {
        let send = Send {
            client_message_id: id,
            to: Recipient::User(user(to)),
            body: Body::text("hello"),
            ack: AckMode::Persisted,
            attempt: 0,
            age_ms: 0,
            after: None,
        };
        let mut command = command(&user(from), Source::Client, 1, Request::Send(send));
        command.epoch = Epoch(epoch);
        self.bus.send_command(command).unwrap();
    }

    /// Waits for its place in the log.
    async fn acknowledged(&self, id: ClientMessageId) -> Seq {
        let mut deliveries = Vec::new();
        loop {
            timeout(PATIENCE, self.inbox.recv(&mut deliveries)).await.expect("it is acknowledged");
            for delivery in deliveries.drain(..) {
                if let Payload::Reply(_, Reply::Frame(ServerFrame::Ack(ack))) = delivery.payload
                    && ack.client_message_id == id
                {
                    return ack.seq;
                }
            }
        }
    }
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            sleep(LOOK).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}

async fn owned_under(store: &Store, epoch: u64) {
    let partition = Partition::of(&conversation());
    until("the next owner", async || {
        store.owner(partition, Level::Quorum).await.unwrap().epoch == Epoch(epoch)
    })
    .await;
}

async fn register(store: &Store) -> Register {
    store.register(&conversation(), Level::Quorum).await.unwrap().expect("it was loaded")
}

/// The place at which the command is acknowledged, and all of its places in the log.
async fn said_to_the_first_and_the_third() -> (Seq, Vec<Seq>) {
    let (tasks, command) = (Tasks::default(), id(7));
    let store = Store::Replicated(Replicated::new(1, Weather::calm()));
    let own = Partition::of(&conversation());
    let other = Partition::of(&ConversationId::direct(&user("alice"), &user("carol")));
    let a = Deaf::start(1, &store, &[own, other], &tasks);
    owned_under(&store, 1).await;
    a.say(id(1), "alice", "bob", 1);
    a.acknowledged(id(1)).await;
    // Otherwise the next owners would load it before anybody asks.
    until("no mark", async || store.touched(own).await.unwrap().is_empty()).await;
    // From this check on, the first owner does not look at its fence for a second.
    a.say(id(2), "alice", "carol", 1);
    a.acknowledged(id(2)).await;
    let b = Deaf::start(2, &store, &[own], &tasks);
    owned_under(&store, 2).await;
    let c = Deaf::start(3, &store, &[own], &tasks);
    owned_under(&store, 3).await;
    a.say(command, "alice", "bob", 3);
    let bucket = register(&store).await.bucket;
    until("the first owner appends", async || {
        let rows = store.bucket_tail(&conversation(), bucket, 10).await.unwrap();
        rows.iter().any(|row| row.entry.client_message_id == command)
    })
    .await;
    b.say(id(3), "bob", "alice", 2);
    until("the second owner loads", async || register(&store).await.epoch == Epoch(2)).await;
    sleep(MOMENT).await;
    c.say(command, "alice", "bob", 3);
    let acknowledged = c.acknowledged(command).await;
    let (from, to) = (Seq(1), acknowledged);
    let range = PageRange { from, to, limit: 100, bytes: usize::MAX, backwards: false, head: to };
    let log = store.page(&conversation(), range).await.unwrap();
    let places = log.iter().filter(|entry| entry.client_message_id == command).map(|entry| entry.seq);
    (acknowledged, places.collect())
}

#[test]
fn l5_what_a_replaced_owner_appended_is_not_appended_again() {
    run(async |_| assert_eq!(said_to_the_first_and_the_third().await, (Seq(2), vec![Seq(2)])));
}

#[test]
fn l5_without_a_check_after_a_load_it_is_there_twice() {
    break_rule(Some(Mutation::NoVerifyAfterLoad));
    run(async |_| assert_eq!(said_to_the_first_and_the_third().await.1.len(), 2));
    break_rule(None);
}
