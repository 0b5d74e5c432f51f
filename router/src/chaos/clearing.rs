//! A router alone, in whose conversations nobody says anything any more: it takes their touched marks away, and meets each outcome that
//! this can have, again and again. Then all is well and it is stopped in order, or it dies and another follows.
//!
//! Checked in each life: what the dead one could not take away is there for the next, which tells those heads again; a mark that was
//! taken away late leaves that of what was said since; where all is well no mark stays. And at the end all that is checked of other worlds.

use std::time::Duration;

use bus::{Bus, Limits, NodeInbox};
use futures_util::future::FutureExt as _;
use lifecycle::Tasks;
use proto::{ConversationId, GroupId, NodeId, Payload, Seq, ServerFrame, UserId};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use store::mutation::{Mutation, break_rule};
use store::{Fault, Op, Rule, Store};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::clients::Clients;
use super::config;
use crate::RouterConfig;
use crate::worker::Worker;

/// How long something is said in each life.
const TALK: Duration = Duration::from_millis(500);
/// After a message its mark stays for longer: until then its head is still to be told again.
const STAYS: Duration = Duration::from_secs(4);
/// For a take-over, and until heads were told for the last time.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a life ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// In order, when all was well for a while.
    Stopped,
    /// With its marks still to be taken away, as far as it knows.
    Killed,
}

struct World<'a> {
    store: &'a Store,
    bus: Bus,
    clients: Clients,
    /// Hears what everybody is told.
    ear: NodeInbox,
    /// Heads that the next router must tell again.
    owed: Vec<(ConversationId, Seq)>,
}

/// Each outcome, in a life that goes on and in one that ends; then one in which nothing goes wrong. Gives the clients, for their check.
pub async fn every_outcome(
    store: &Store,
    seed: u64,
    config: impl Fn() -> RouterConfig,
) -> Result<Clients, String> {
    let bus = Bus::local(Limits { commands: 1_000, deliveries: 100_000 });
    let ear = bus.node(NodeId(2));
    ["alice", "bob", "carol"].iter().for_each(|name| ear.subscribe_user(&UserId::parse(name).unwrap()));
    ear.subscribe_group(&GroupId::parse("team").unwrap());
    let clients = Clients::new(vec![bus.clone()], StdRng::seed_from_u64(seed));
    let mut world = World { store, bus, clients, ear, owed: Vec::new() };
    let ends = [End::Stopped, End::Killed];
    // What is late arrives in the next life.
    let outcomes = [Fault::Fail, Fault::UnknownNever, Fault::UnknownLate, Fault::UnknownApplied];
    let lives = outcomes.iter().flat_map(|fault| ends.map(|end| (Some(fault), end)));
    for (number, (fault, end)) in (0..).zip(lives.chain([(None, End::Stopped)])) {
        let lived = world.life(number, config(), fault, end).await;
        lived.map_err(|violation| format!("life {number}, {fault:?}, {end:?}: {violation}"))?;
    }
    Ok(world.clients)
}

impl World<'_> {
    async fn life(
        &mut self,
        number: u64,
        config: RouterConfig,
        fault: Option<&Fault>,
        end: End,
    ) -> Result<(), String> {
        let tasks = Tasks::default();
        let worker = Worker::new(0, number, config, self.bus.clone(), self.store.clone(), tasks.clone())
            .seeded(number);
        let mut run = Box::pin(worker.only(self.clients.partitions()).run(oneshot::channel().0));
        tokio::select! {
            () = &mut run => return Err("the router has stopped by itself".to_owned()),
            lived = self.meets(fault, end) => lived?,
        }
        if end == End::Stopped {
            tasks.drain();
            run.await;
            return Ok(());
        }
        drop(run);
        heal(self.store);
        // What it told before its death is no telling again.
        self.heard();
        // One that timed out after it took place leaves nothing to be found.
        if !matches!(fault, Some(Fault::UnknownApplied)) {
            let marked = self.marked().await?;
            let newest = |id: ConversationId| (id.clone(), self.clients.newest(&id));
            self.owed = marked.into_iter().map(newest).collect();
        }
        Ok(())
    }

    async fn meets(&mut self, fault: Option<&Fault>, end: End) -> Result<(), String> {
        let mut owed = std::mem::take(&mut self.owed);
        self.wait("heads are told again", async |world| {
            let heard = world.heard();
            owed.retain(|(of, head)| !heard.iter().any(|(id, last)| id == of && last >= head));
            Ok(owed.is_empty())
        })
        .await?;
        if let Some(fault) = fault {
            program(self.store, Rule::new(fault.clone()).op(Op::ClearTouched).times(usize::MAX));
        }
        let (before, began, calls_before) = (self.heads(), Instant::now(), calls(self.store));
        self.clients.talk(TALK).await;
        self.clients.finish().await?;
        let spoken: Vec<ConversationId> =
            self.heads().into_iter().filter(|head| !before.contains(head)).map(|(id, _)| id).collect();
        if spoken.is_empty() {
            return Err("nothing was said".to_owned());
        }
        deliver_late(self.store).await;
        let marked = self.marked().await?;
        if began.elapsed() < STAYS && !spoken.iter().all(|id| marked.contains(id)) {
            return Err(format!("of {spoken:?} only {marked:?} are marked soon after"));
        }
        if let Some(fault) = fault {
            // Each conversation, and one of them for the second time.
            let tries = calls_before + spoken.len();
            self.wait("marks are taken away", async |world| Ok(calls(world.store) > tries)).await?;
            let marked = self.marked().await?;
            if !matches!(fault, Fault::UnknownApplied) && !spoken.iter().all(|id| marked.contains(id)) {
                return Err(format!(
                    "of {spoken:?} only {marked:?} are marked, though no mark can be taken away"
                ));
            }
            if end == End::Killed {
                return Ok(());
            }
            heal(self.store);
        }
        self.wait("no mark stays", async |world| Ok(world.marked().await?.is_empty())).await
    }

    /// Waits, while nothing new is said.
    async fn wait(
        &mut self,
        what: &str,
        mut is_so: impl AsyncFnMut(&Self) -> Result<bool, String>,
    ) -> Result<(), String> {
        let until = Instant::now() + PATIENCE;
        while !is_so(self).await? {
            if Instant::now() > until {
                return Err(format!("in vain: {what}"));
            }
            self.clients.rest().await;
        }
        Ok(())
    }

    /// The heads that were told since the last look.
    fn heard(&self) -> Vec<(ConversationId, Seq)> {
        let mut deliveries = Vec::new();
        if self.ear.recv(&mut deliveries).now_or_never().is_none() {
            return Vec::new();
        }
        let head = |payload| match payload {
            Payload::Fanout(fanout) => match fanout.frame.frame() {
                ServerFrame::Head(head) => Some((head.conversation.clone(), head.last)),
                _ => None,
            },
            _ => None,
        };
        deliveries.into_iter().filter_map(|delivery| head(delivery.payload)).collect()
    }

    fn heads(&self) -> Vec<(ConversationId, Seq)> {
        let mut heads: Vec<(ConversationId, Seq)> =
            self.clients.conversations().map(|id| (id.clone(), self.clients.newest(id))).collect();
        heads.dedup();
        heads
    }

    async fn marked(&self) -> Result<Vec<ConversationId>, String> {
        let mut marked = Vec::new();
        for partition in self.clients.partitions() {
            marked.extend(self.store.touched(partition).await.map_err(|error| error.to_string())?);
        }
        Ok(marked)
    }
}

fn program(store: &Store, rule: Rule) {
    match store {
        Store::Memory(memory) => memory.program(rule),
        Store::Cql(cql) => cql.program(rule),
        _ => unreachable!("nothing can be programmed there"),
    }
}

fn heal(store: &Store) {
    match store {
        Store::Memory(memory) => memory.heal(),
        Store::Cql(cql) => cql.heal(),
        _ => unreachable!("nothing was programmed there"),
    }
}

/// How often a mark was to be taken away, since something was programmed.
fn calls(store: &Store) -> usize {
    match store {
        Store::Memory(memory) => memory.calls(Op::ClearTouched),
        Store::Cql(cql) => cql.calls(Op::ClearTouched),
        _ => unreachable!("nothing is counted there"),
    }
}

async fn deliver_late(store: &Store) -> usize {
    match store {
        Store::Memory(memory) => memory.deliver_late(),
        Store::Cql(cql) => cql.deliver_late().await,
        _ => unreachable!("nothing is late there"),
    }
}

/// On the store in memory, under a paused clock.
fn in_memory(seed: u64) -> Result<u64, String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let store = Store::memory();
        let lives = every_outcome(&store, seed, || config(&mut StdRng::seed_from_u64(seed)));
        Box::pin(lives).await?.check(&store).await
    })
}

#[test]
fn a_lone_router_falls_quiet_and_meets_each_outcome_of_taking_its_marks_away() {
    let acknowledged: u64 = (0..8)
        .map(|seed| in_memory(seed).unwrap_or_else(|violation| panic!("seed {seed}: {violation}")))
        .sum();
    assert!(acknowledged > 500, "{acknowledged} acknowledged");
}

#[test]
fn heads_that_the_next_one_does_not_tell_are_noticed() {
    break_rule(Some(Mutation::QuietLoad));
    let lived = in_memory(1);
    break_rule(None);
    assert!(lived.as_ref().is_err_and(|violation| violation.contains("heads are told again")), "{lived:?}");
}
