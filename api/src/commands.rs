//! The API as a node of the bus: sends commands to the routers and waits for their replies.
//!
//! ```text
//! handler ──ask──► pending[number] ──send_command──► router
//! handler ◄──one-shot── pending[number] ◄──inbox── reply
//! ```
//!
//! **Guarantees.** At most `pending_max` commands wait. Each waits no longer than `timeout`, and the command carries
//! that as its deadline, so that nothing is carried out after its caller was told that nobody answered. When its reply is
//! late a command is sent again, under the same number, and is carried out once: routers know it by its id, or it is one that changes
//! nothing the second time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bus::{Bus, NodeInbox};
use futures_util::future::try_join_all;
use hashbrown::HashMap;
use lifecycle::{Tasks, wall_clock_ms};
use proto::command::Once;
use proto::delivery::{Control, GroupDone, HeadState};
use proto::{
    ClientMessageId, Code, Command, ConversationId, Delivery, DeviceId, LoginId, NodeId, Origin, Partition,
    Payload, Reply, Request, ServerFrame, SessionRef, Target, Timestamp, TraceId, UserId,
};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::caller::Asker;
use crate::idempotency::{CallId, KEY_KNOWN_MS};
use crate::metrics::CommandMetrics;
use crate::problem::Problem;

/// How long to wait for a reply before sending the same command again.
const REPEAT_AFTER: Duration = Duration::from_millis(800);

/// Sends commands and finds the replies.
pub(crate) struct Commands {
    bus: Bus,
    node: NodeId,
    pending: Mutex<HashMap<u64, oneshot::Sender<Reply>>>,
    next: AtomicU64,
    pending_max: usize,
    timeout: Duration,
    metrics: CommandMetrics,
}

/// One pending command; dropping it makes room.
struct Pending<'a> {
    commands: &'a Commands,
    number: u64,
    reply: oneshot::Receiver<Reply>,
}

impl Commands {
    /// Opens an inbox on the bus and receives until the drain begins and nothing is pending any more.
    pub(crate) fn start(bus: Bus, pending_max: usize, timeout: Duration, tasks: &Tasks) -> Arc<Self> {
        let node = NodeId(rand::random());
        let inbox = bus.node(node);
        let commands = Arc::new(Self {
            bus,
            node,
            pending: Mutex::default(),
            next: AtomicU64::new(1),
            pending_max,
            timeout,
            metrics: CommandMetrics::new(),
        });
        tasks.spawn("api inbox", Arc::clone(&commands).receive(inbox, tasks.clone()));
        commands
    }

    /// Sends a command and waits for its reply; a refusal is a problem.
    pub(crate) async fn ask(&self, asker: &Asker, mut request: Request) -> Result<Reply, Problem> {
        let started = Instant::now();
        let deadline = Timestamp(wall_clock_ms()).plus_ms(millis(self.timeout));
        let mut once = changes(&request).then(|| once(asker));
        let mut pending = self.pending()?;
        loop {
            self.send(asker, (pending.number, deadline), once, request.clone())?;
            let wait = self.timeout.saturating_sub(started.elapsed()).min(REPEAT_AFTER);
            if let Ok(Ok(reply)) = tokio::time::timeout(wait, &mut pending.reply).await {
                self.metrics.seconds.record(started.elapsed());
                return match reply {
                    Reply::Frame(ServerFrame::Nack(nack)) => Err(nack.into()),
                    // A router that cannot know whether an earlier attempt was carried out says nothing about it.
                    Reply::Settled if once.is_some() || matches!(request, Request::Send(_)) => {
                        Err(Problem::new(Code::Unavailable, "whether it was done is not known; ask again"))
                    }
                    reply => Ok(reply),
                };
            }
            if started.elapsed() >= self.timeout {
                self.metrics.unanswered.increment(1);
                return Err(Problem::new(Code::Unavailable, "no router answered in time"));
            }
            self.metrics.repeated.increment(1);
            request.repeat(once.as_mut(), millis(wait));
        }
    }

    /// Changes a group.
    pub(crate) async fn change_group(&self, asker: &Asker, request: Request) -> Result<GroupDone, Problem> {
        match self.ask(asker, request).await? {
            Reply::GroupDone(done) => Ok(done),
            _ => Err(unexpected()),
        }
    }

    /// Conversations as their owners see them, in the order asked.
    pub(crate) async fn heads(
        &self,
        asker: &Asker,
        conversations: &[ConversationId],
    ) -> Result<Vec<HeadState>, Problem> {
        let mut by_partition: BTreeMap<Partition, Vec<ConversationId>> = BTreeMap::new();
        for conversation in conversations {
            by_partition.entry(Partition::of(conversation)).or_default().push(conversation.clone());
        }
        let asked = by_partition.into_values().map(|ids| async move {
            match self.ask(asker, Request::Heads(ids)).await? {
                Reply::Heads(heads) => Ok(heads),
                _ => Err(unexpected()),
            }
        });
        let mut found: HashMap<ConversationId, HeadState> = try_join_all(asked)
            .await?
            .into_iter()
            .flatten()
            .map(|head| (head.conversation.clone(), head))
            .collect();
        conversations.iter().map(|id| found.remove(id).ok_or_else(unexpected)).collect()
    }

    /// Tells the gateways to close the sockets of a login, or of all logins of the user.
    pub(crate) fn revoke(&self, user: &UserId, login: Option<LoginId>) {
        let payload = Payload::Control(Control::Revoke(login));
        let delivery = Delivery { target: Target::User(user.clone()), payload, trace: TraceId::default() };
        self.bus.publish(&mut vec![delivery]);
    }

    /// Tells the gateways that the user shows their presence to others than before.
    pub(crate) fn presence_rules(&self, user: &UserId) {
        let payload = Payload::Control(Control::PresenceRules);
        let delivery =
            Delivery { target: Target::Presence(user.clone()), payload, trace: TraceId::default() };
        self.bus.publish(&mut vec![delivery]);
    }

    fn pending(&self) -> Result<Pending<'_>, Problem> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, reply) = oneshot::channel();
        let mut table = self.table();
        if table.len() >= self.pending_max {
            return Err(Problem::new(Code::Busy, "too many commands are waiting for their answer"));
        }
        table.insert(number, sender);
        self.metrics.pending.increment(1.0);
        Ok(Pending { commands: self, number, reply })
    }

    fn send(
        &self,
        asker: &Asker,
        (number, deadline): (u64, Timestamp),
        once: Option<Once>,
        request: Request,
    ) -> Result<(), Problem> {
        let mut command = Command {
            origin: Origin {
                user: asker.user.clone(),
                device: DeviceId::unnamed(),
                session: SessionRef { node: self.node, session: number },
                source: asker.source,
            },
            deadline,
            epoch: proto::Epoch::default(),
            trace: TraceId(rand::random()),
            once,
            request,
        };
        command.epoch = self.bus.epoch(command.partition());
        self.bus.send_command(command).map_err(|_| match self.bus.is_connected() {
            true => Problem::new(Code::Busy, "the routers have more work than they take on"),
            false => Problem::new(Code::Unavailable, "the routers cannot be reached"),
        })
    }

    async fn receive(self: Arc<Self>, inbox: NodeInbox, tasks: Tasks) {
        let mut deliveries = Vec::new();
        loop {
            tokio::select! {
                // What was lost is asked for again, or times out: a gap needs no answer here.
                _ = inbox.recv(&mut deliveries) => self.deliver(&mut deliveries),
                () = tasks.draining() => break,
            }
        }
        let last_call = Instant::now() + self.timeout;
        while !self.table().is_empty() {
            match tokio::time::timeout_at(last_call, inbox.recv(&mut deliveries)).await {
                Ok(_) => self.deliver(&mut deliveries),
                Err(_) => break,
            }
        }
    }

    fn deliver(&self, deliveries: &mut Vec<Delivery>) {
        for delivery in deliveries.drain(..) {
            let Payload::Reply(number, reply) = delivery.payload else { continue };
            if let Some(waiting) = self.table().remove(&number) {
                // A caller that gave up meanwhile is no loss.
                let _ = waiting.send(reply);
            }
        }
    }

    fn table(&self) -> std::sync::MutexGuard<'_, HashMap<u64, oneshot::Sender<Reply>>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.commands.table().remove(&self.number);
        self.commands.metrics.pending.decrement(1.0);
    }
}

/// Whether it appends something that is known by [`once`].
fn changes(request: &Request) -> bool {
    matches!(request, Request::Group(..) | Request::Contact(..))
}

/// What a change is known by: the call that asks for it, which may have been made at another process, or nothing but this try.
fn once(asker: &Asker) -> Once {
    match asker.call {
        Some(CallId(id)) => Once { id, attempt: 1, age_ms: KEY_KNOWN_MS },
        None => Once { id: ClientMessageId::now(), attempt: 0, age_ms: 0 },
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A reply that does not belong to what was asked.
pub(crate) fn unexpected() -> Problem {
    tracing::error!("router gave a reply that does not belong to the command");
    Problem::new(Code::Internal, "the router gave an answer that nobody understands")
}
