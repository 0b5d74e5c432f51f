//! Commands on their way to routers.
//!
//! Each is published with a reply subject that has its number. A server that finds nobody who listens answers there
//! with the status 503, and answers so before it echoes a mark that was published later: what did not come back before
//! its mark was handed to somebody, and is never sent again by us. What came back was received by nobody, and waits
//! until somebody serves its partition, at most until its deadline.
//!
//! A command that somebody received and did not answer, and that may come twice, joins those that wait, at its place in the order, when a heartbeat
//! tells that another owns its partition, or when a later one came back because nobody listens any more: it is published
//! again as a repetition, ahead of what was sent after it.
//!
//! **Guarantees.** [`Uplink::send`] never waits. No other command that anyone may have received is published twice.
//! Commands of one partition are published in the order in which they were sent; while nobody serves it, those that
//! were under way at the time may change places with each other.

mod recent;
mod waiting;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::{Client, Message, StatusCode, Subject, Subscriber};
use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _};
use lifecycle::Tasks;
use proto::{Command, Delivery, Epoch, Heartbeat, NodeId, Partition, Payload, Timestamp};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::connect::is_connected;
use crate::Busy;
use crate::metrics::NatsMeters;
use crate::subject::Subjects;
use crate::unanswered::{Asked, Outbound, To, Unanswered};
use recent::Recent;
use waiting::Waiting;

/// Between two marks, while commands are unsettled.
const MARK_PAUSE: Duration = Duration::from_millis(20);
/// Between two looks for unanswered commands past their deadline.
const LATE_PAUSE: Duration = Duration::from_secs(1);

/// See the module.
pub(super) struct Uplink {
    client: Client,
    subjects: Subjects,
    any: Subject,
    heartbeat: Subject,
    /// In front of a number: where a server says that nobody listens.
    unserved: String,
    mark: Subject,
    state: Mutex<State>,
    /// There is something unsettled or waiting where there was nothing.
    woken: Notify,
    meters: Arc<NatsMeters>,
}

struct State {
    recent: Recent,
    waiting: Waiting,
    unanswered: Unanswered<Outgoing>,
    /// Inboxes of this process: answers to their commands come here.
    nodes: Vec<NodeId>,
    next_late: Instant,
    /// Numbers commands in the order in which they were sent.
    order: u64,
    next_mark: Option<Instant>,
}

/// A command ready to be published.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub(super) partition: Partition,
    pub(super) subject: Subject,
    pub(super) payload: Bytes,
    pub(super) deadline: Timestamp,
    pub(super) order: u64,
    /// By what its answer is known, if that comes to this process.
    pub(super) asked: Option<Asked>,
    /// It came from the bus to one who does not serve it: it goes to its own partition only.
    pub(super) forwarded: bool,
}

impl Uplink {
    /// On a connection of its own; `bus` tells this process from others.
    pub(super) async fn open(
        client: Client,
        subjects: Subjects,
        bus: u64,
        commands_max: usize,
        meters: Arc<NatsMeters>,
        tasks: &Tasks,
    ) -> Result<Arc<Self>, async_nats::SubscribeError> {
        let unserved = subjects.unserved(bus);
        let answers = client.subscribe(format!("{unserved}*")).await?;
        let state = State {
            recent: Recent::default(),
            waiting: Waiting::new(commands_max),
            unanswered: Unanswered::default(),
            nodes: Vec::new(),
            next_late: Instant::now() + LATE_PAUSE,
            order: 0,
            next_mark: None,
        };
        let uplink = Arc::new(Self {
            client,
            any: subjects.any_command().into(),
            heartbeat: subjects.heartbeat().into(),
            mark: format!("{unserved}{MARK}").into(),
            unserved,
            subjects,
            state: Mutex::new(state),
            woken: Notify::new(),
            meters,
        });
        let (running, ended) = (Arc::clone(&uplink), tasks.clone());
        tasks.spawn("nats commands", async move {
            tokio::select! {
                () = running.run(answers) => {}
                () = ended.draining() => {}
            }
        });
        Ok(uplink)
    }

    pub(super) fn is_connected(&self) -> bool {
        is_connected(&self.client)
    }

    /// Publishes a heartbeat. Here, because what a router sends on this connection is little: behind a backlog of deliveries
    /// it would look dead when it is busy.
    pub(super) fn beat(&self, heartbeat: &Heartbeat) {
        if is_connected(&self.client) {
            // One that finds no room is one of ten in this second.
            let _ = handed_over(self.client.publish(self.heartbeat.clone(), heartbeat.to_envelope().into()));
        }
    }

    /// Publishes a command, or queues it behind others that wait for the same partition.
    pub(super) fn send(&self, command: Command) -> Result<(), Busy> {
        if !is_connected(&self.client) {
            self.meters.shared.commands_refused.increment(1);
            return Err(Busy(Box::new(command)));
        }
        let (partition, subject) = self.subjects.command(&command);
        let outgoing = Outgoing {
            partition,
            subject: subject.into(),
            payload: command.to_envelope().into(),
            deadline: command.deadline,
            order: 0,
            asked: Asked::by(&command),
            forwarded: false,
        };
        if self.accept(outgoing, command.origin.session.node) {
            return Ok(());
        }
        self.meters.shared.commands_refused.increment(1);
        Err(Busy(Box::new(command)))
    }

    /// Takes a command that came from the bus to this process, which does not serve its partition; `payload` is its
    /// envelope. `false`: there is no room.
    pub(super) fn forward(&self, command: &Command, payload: Bytes) -> bool {
        self.meters.commands_misrouted.increment(1);
        let (partition, subject) = self.subjects.command(command);
        let subject = subject.into();
        let mut state = self.lock();
        let order = state.next_order();
        let deadline = command.deadline;
        let outgoing =
            Outgoing { partition, subject, payload, deadline, order, asked: None, forwarded: true };
        let taken = state.waiting.put(outgoing, Instant::now()).is_ok();
        self.meters.commands_unserved.set(gauge(state.waiting.len()));
        drop(state);
        self.woken.notify_one();
        taken
    }

    /// Answers to the commands of this node come to this process from now on.
    pub(super) fn listens(&self, node: NodeId) {
        self.lock().nodes.push(node);
    }

    /// One inbox of the node is gone.
    pub(super) fn listens_no_more(&self, node: NodeId) {
        let nodes = &mut self.lock().nodes;
        if let Some(at) = nodes.iter().position(|other| *other == node) {
            nodes.swap_remove(at);
        }
    }

    /// These were received, answers among them. Takes out second answers to what was sent again.
    pub(super) fn answered(&self, deliveries: &mut Vec<Delivery>) {
        if deliveries.iter().any(|delivery| matches!(delivery.payload, Payload::Reply(..))) {
            let mut state = self.lock();
            deliveries.retain(|delivery| state.unanswered.answered(delivery));
        }
    }

    /// A heartbeat: somebody owns these partitions. What their former owners did not answer is theirs, before all that waits.
    pub(super) fn owned(&self, serving: &[(Partition, Epoch)]) {
        let now = Instant::now();
        let mut state = self.lock();
        for (partition, epoch) in serving {
            let lost = state.unanswered.owned(*partition, *epoch, now);
            self.send_again(&mut state, lost, now);
        }
        if state.next_late <= now {
            state.next_late = now + LATE_PAUSE;
            state.unanswered.forget_late(Timestamp(lifecycle::wall_clock_ms()));
        }
        self.meters.commands_unanswered.set(gauge(state.unanswered.len()));
        if state.waiting.len() > 0 {
            state.waiting.served(serving.iter().map(|(partition, _)| *partition), now);
            drop(state);
            self.woken.notify_one();
        }
    }

    /// Puts what was sent to owners that are gone where commands wait for one.
    fn send_again(&self, state: &mut State, lost: Vec<(Outgoing, Instant)>, now: Instant) {
        for (outgoing, sent) in lost {
            // It was made here, so it can be read.
            let Ok(mut command) = Command::from_envelope(outgoing.payload.clone()) else { continue };
            let waited_ms = u64::try_from(now.duration_since(sent).as_millis()).unwrap_or(u64::MAX);
            let Command { request, once, .. } = &mut command;
            request.repeat(once.as_mut(), waited_ms);
            self.meters.commands_again.increment(1);
            self.wait(state, Outgoing { payload: command.to_envelope().into(), ..outgoing }, now);
        }
    }

    fn accept(&self, mut outgoing: Outgoing, node: NodeId) -> bool {
        let mut state = self.lock();
        outgoing.order = state.next_order();
        outgoing.asked = outgoing.asked.filter(|_| state.nodes.contains(&node));
        if state.waiting.has(outgoing.partition) {
            let taken = state.waiting.put(outgoing, Instant::now()).is_ok();
            self.meters.commands_unserved.set(gauge(state.waiting.len()));
            return taken;
        }
        self.publish(&mut state, outgoing, false).is_ok()
    }

    /// Gives the number under which it was published, or the command back when the connection takes no more.
    fn publish(&self, state: &mut State, outgoing: Outgoing, to_any: bool) -> Result<u64, Box<Outgoing>> {
        let subject = if to_any { self.any.clone() } else { outgoing.subject.clone() };
        let payload = outgoing.payload.clone();
        let kept = outgoing.asked.is_some().then(|| outgoing.clone());
        if state.recent.is_empty() {
            state.next_mark = Some(Instant::now() + MARK_PAUSE);
            self.woken.notify_one();
        }
        let (number, forgotten) = state.recent.push(outgoing);
        if forgotten > 0 {
            self.meters.commands_unsettled_lost.increment(forgotten);
        }
        let reply: Subject = format!("{}{number}", self.unserved).into();
        let publish = self.client.publish_with_reply(subject, reply, payload);
        if handed_over(publish) {
            self.keep(state, kept, if to_any { To::Any } else { To::Owner });
            return Ok(number);
        }
        let taken = state.recent.take(number);
        Err(Box::new(taken.unwrap_or_else(|| unreachable!("it was put in a moment ago"))))
    }

    /// Remembers a command that has left until it is answered.
    fn keep(&self, state: &mut State, outgoing: Option<Outgoing>, to: To) {
        let Some((asked, outgoing)) = outgoing.and_then(|outgoing| Some((outgoing.asked?, outgoing))) else {
            return;
        };
        let (partition, order, deadline) = (outgoing.partition, outgoing.order, outgoing.deadline);
        let bytes = outgoing.payload.len();
        let outbound = Outbound { asked, partition, order, deadline, bytes, command: outgoing };
        if !state.unanswered.keep(outbound, to, Instant::now()) {
            self.meters.commands_not_kept.increment(1);
        }
    }

    async fn run(&self, mut answers: Subscriber) {
        loop {
            let wake = self.lock().wake(is_connected(&self.client));
            let sleep = async {
                match wake {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                answer = answers.next() => match answer {
                    Some(answer) => self.on_answer(&answer),
                    None => return,
                },
                () = self.woken.notified() => {}
                () = sleep => self.on_time(),
            }
        }
    }

    fn on_answer(&self, answer: &Message) {
        let Some(what) = answer.subject.strip_prefix(self.unserved.as_str()) else { return };
        if what == MARK {
            let upto: Option<[u8; 8]> = answer.payload.as_ref().try_into().ok();
            if let Some(upto) = upto.map(u64::from_be_bytes) {
                self.on_mark(upto);
            }
            return;
        }
        let (Some(StatusCode::NO_RESPONDERS), Ok(number)) = (answer.status, what.parse()) else { return };
        let now = Instant::now();
        let mut state = self.lock();
        let Some(outgoing) = state.recent.take(number) else { return };
        self.meters.commands_came_back.increment(1);
        state.waiting.came_back(outgoing.partition, number, now);
        if let Some(asked) = outgoing.asked {
            state.unanswered.forget(asked);
        }
        let lost = state.unanswered.unserved(outgoing.partition, outgoing.order);
        self.send_again(&mut state, lost, now);
        self.wait(&mut state, outgoing, now);
    }

    /// The server echoed a mark: what was published before it and did not come back was received.
    fn on_mark(&self, upto: u64) {
        let mut state = self.lock();
        state.recent.settle(upto);
        if state.recent.is_empty() {
            state.next_mark = None;
        }
        for (outgoing, to_any) in state.waiting.settled(upto) {
            if let Err(outgoing) = self.publish(&mut state, outgoing, to_any) {
                self.wait(&mut state, *outgoing, Instant::now());
            }
        }
        self.meters.commands_unserved.set(gauge(state.waiting.len()));
    }

    fn on_time(&self) {
        if !is_connected(&self.client) {
            return;
        }
        let now = Instant::now();
        let mut state = self.lock();
        let mut marked = state.next_mark.is_some_and(|at| at <= now);
        let (probes, late) = state.waiting.probes(now, Timestamp(lifecycle::wall_clock_ms()));
        self.meters.commands_late.increment(late);
        for (outgoing, to_any) in probes {
            let partition = outgoing.partition;
            match self.publish(&mut state, outgoing, to_any) {
                Ok(number) => {
                    state.waiting.probing(partition, number);
                    marked = true;
                }
                Err(outgoing) => self.wait(&mut state, *outgoing, now),
            }
        }
        self.meters.commands_unserved.set(gauge(state.waiting.len()));
        if marked && !state.recent.is_empty() {
            let upto = Bytes::copy_from_slice(&state.recent.newest().to_be_bytes());
            // Without room it is published with the next one.
            let _ = handed_over(self.client.publish(self.mark.clone(), upto));
            state.next_mark = Some(now + MARK_PAUSE);
        }
    }

    fn wait(&self, state: &mut State, outgoing: Outgoing, now: Instant) {
        if state.waiting.put(outgoing, now).is_err() {
            self.meters.commands_unserved_lost.increment(1);
        }
        self.meters.commands_unserved.set(gauge(state.waiting.len()));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Behind the subject of unserved commands, instead of a number.
const MARK: &str = "mark";

impl State {
    fn next_order(&mut self) -> u64 {
        self.order += 1;
        self.order
    }

    /// When there is something to do. Without a connection there is nothing to do but look for it again.
    fn wake(&self, connected: bool) -> Option<Instant> {
        let wake = [self.next_mark, self.waiting.next_due()].into_iter().flatten().min();
        if connected { wake } else { wake.map(|wake| wake.max(Instant::now() + MARK_PAUSE)) }
    }
}

/// Whether async-nats took a message at once. It never waits: a queue that is full is an answer.
pub(super) fn handed_over(publish: impl Future<Output = Result<(), async_nats::PublishError>>) -> bool {
    // Without the budget of the task, which would make a turn with many messages look like a full queue.
    matches!(tokio::task::coop::unconstrained(publish).now_or_never(), Some(Ok(())))
}

fn gauge(commands: usize) -> f64 {
    f64::from(u32::try_from(commands).unwrap_or(u32::MAX))
}
