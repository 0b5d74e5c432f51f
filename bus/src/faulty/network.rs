//! Messages on their way, and what becomes of each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lifecycle::sim::Random;
use proto::{Command, Delivery, Heartbeat, Partition, Payload, ServerFrame};
use tokio::time::Instant;

use super::{Conditions, Loss, Lost, Observer};
use crate::local::Local;
use crate::queue::SharedQueue;
use crate::unanswered::{Asked, Outbound, To, Unanswered};

/// What nobody serves is offered again after this long,
const OFFER_AGAIN: Duration = Duration::from_millis(50);
/// until this long after it was sent.
const OFFERED_FOR: Duration = Duration::from_millis(proto::limits::COMMAND_DEADLINE_MS);

/// See the module.
pub(super) struct State {
    pub(super) conditions: Conditions,
    random: Random,
    observer: Observer,
    pub(super) loss: Option<Loss>,
    /// Whether what an owner took who is gone is sent again.
    pub(super) sends_again: bool,
    members: BTreeMap<u64, Member>,
    queue: BTreeMap<(Instant, u64), Arrival>,
    sequence: u64,
}

struct Member {
    local: Arc<Local>,
    cut_until: Option<Instant>,
    /// Until then it hears no heartbeat but its own.
    deaf_until: Option<Instant>,
    missed: bool,
    unanswered: Unanswered<Command>,
}

/// What arrives where.
enum Arrival {
    /// At the middle, which chooses a router.
    Command { command: Box<Command>, sent: Instant },
    /// At a router, perhaps one that no longer serves.
    Chosen { router: u64, queue: Arc<SharedQueue>, command: Box<Command> },
    /// At an endpoint.
    Message { to: u64, message: Message },
}

/// What is told to endpoints.
#[derive(Clone)]
pub(super) enum Message {
    Deliveries(Vec<Delivery>),
    Beat(Arc<Heartbeat>),
    Gap,
}

impl Member {
    fn keep(&mut self, command: &Command, order: u64) {
        let here = self.local.has_inbox(command.origin.session.node);
        let Some(asked) = Asked::by(command).filter(|_| here) else { return };
        let (partition, deadline) = (command.partition(), command.deadline);
        let outbound = Outbound { asked, partition, order, deadline, bytes: 0, command: command.clone() };
        self.unanswered.keep(outbound, To::Owner, Instant::now());
    }

    fn owned(&mut self, heartbeat: &Heartbeat, now: Instant) -> Vec<(Command, Instant)> {
        let mut again = Vec::new();
        for (partition, epoch) in &heartbeat.serving {
            again.extend(self.unanswered.owned(*partition, *epoch, now));
        }
        again
    }
}

impl Loss {
    fn takes(&self, delivery: &Delivery, now: Instant) -> bool {
        now < self.until
            && match (self.of, &delivery.payload) {
                (Lost::Told, payload) => matches!(payload, Payload::Fanout(_)),
                (Lost::Events, Payload::Fanout(fanout)) => {
                    matches!(fanout.frame.frame(), ServerFrame::Event(_))
                }
                (Lost::Events, _) => false,
            }
    }
}

impl State {
    pub(super) fn new(random: Random, conditions: Conditions, observer: Observer) -> Self {
        let (members, queue) = (BTreeMap::new(), BTreeMap::new());
        Self { conditions, random, observer, loss: None, sends_again: false, members, queue, sequence: 0 }
    }

    pub(super) fn join(&mut self, number: u64, local: Arc<Local>) {
        let unanswered = Unanswered::default();
        let member = Member { local, cut_until: None, deaf_until: None, missed: false, unanswered };
        self.members.insert(number, member);
    }

    pub(super) fn leave(&mut self, number: u64) {
        self.members.remove(&number);
    }

    pub(super) fn cut(&mut self, number: u64, pause: Duration) {
        let until = Instant::now() + pause;
        if let Some(member) = self.members.get_mut(&number) {
            member.cut_until = Some(until);
            self.at(until, Arrival::Message { to: number, message: Message::Gap });
        }
    }

    pub(super) fn deafen(&mut self, number: u64, until: Instant) {
        if let Some(member) = self.members.get_mut(&number) {
            member.deaf_until = Some(until);
        }
    }

    pub(super) fn tell_gaps(&mut self) {
        let now = Instant::now();
        let missed: Vec<u64> =
            self.members.iter_mut().filter(|(_, member)| member.missed).map(|(number, _)| *number).collect();
        for to in missed {
            self.at(now, Arrival::Message { to, message: Message::Gap });
        }
    }

    fn is_cut(&self, number: u64, now: Instant) -> bool {
        self.members.get(&number).is_none_or(|member| member.cut_until.is_some_and(|until| now < until))
    }

    /// Half of the attempts to send over a cut connection notice it.
    pub(super) fn notices_cut(&mut self, number: u64) -> bool {
        self.is_cut(number, Instant::now()) && self.random.per_mille(500)
    }

    fn at(&mut self, moment: Instant, arrival: Arrival) {
        self.sequence += 1;
        self.queue.insert((moment, self.sequence), arrival);
    }

    /// How long one message takes; `None` when it is lost.
    fn way(&mut self) -> Option<Duration> {
        let Conditions { delay_us, slow, slow_ms, lost, .. } = self.conditions;
        if self.random.per_mille(lost) {
            None
        } else if self.random.per_mille(slow) {
            Some(Duration::from_millis(self.random.between(1..slow_ms.max(1) + 1)))
        } else {
            Some(Duration::from_micros(self.random.between(50..delay_us.max(51))))
        }
    }

    fn copies(&mut self) -> usize {
        if self.random.per_mille(self.conditions.doubled) { 2 } else { 1 }
    }

    pub(super) fn send_command(&mut self, from: u64, command: Command) {
        if self.sends_again {
            self.sequence += 1;
            let order = self.sequence;
            if let Some(member) = self.members.get_mut(&from) {
                member.keep(&command, order);
            }
        }
        let now = Instant::now();
        if self.is_cut(from, now) {
            return;
        }
        for _ in 0..self.copies() {
            if let Some(way) = self.way() {
                let command = Box::new(command.clone());
                self.at(now + way, Arrival::Command { command, sent: now });
            }
        }
    }

    pub(super) fn publish(&mut self, from: u64, deliveries: Vec<Delivery>) {
        for delivery in &deliveries {
            (self.observer)(delivery);
        }
        let now = Instant::now();
        let is_cut = self.is_cut(from, now);
        let others: Vec<u64> =
            self.members.iter().filter(|(_, m)| m.local.has_inboxes()).map(|(n, _)| *n).collect();
        let usual = Duration::from_micros(self.random.between(50..self.conditions.delay_us.max(51)));
        for to in others {
            let mut together = Vec::with_capacity(deliveries.len());
            for delivery in &deliveries {
                if !self.members.get(&to).is_some_and(|member| member.local.wants(&delivery.target)) {
                    continue;
                }
                if self.loss.is_some_and(|loss| loss.takes(delivery, now)) {
                    continue;
                }
                if is_cut || self.is_cut(to, now) {
                    self.missed(to);
                    continue;
                }
                if self
                    .random
                    .per_mille(self.conditions.slow + self.conditions.lost + self.conditions.doubled)
                {
                    self.send_apart(now, to, delivery);
                } else {
                    together.push(delivery.clone());
                }
            }
            if !together.is_empty() {
                self.at(now + usual, Arrival::Message { to, message: Message::Deliveries(together) });
            }
        }
    }

    /// A delivery with a fate of its own: slow, lost or doubled.
    fn send_apart(&mut self, now: Instant, to: u64, delivery: &Delivery) {
        let Conditions { slow, slow_ms, lost, doubled, .. } = self.conditions;
        let fate = self.random.below(slow + lost + doubled);
        if fate < lost {
            return self.missed(to);
        }
        let copies = if fate < lost + doubled { 2 } else { 1 };
        for _ in 0..copies {
            let way = Duration::from_millis(self.random.between(1..slow_ms.max(1) + 1));
            let message = Message::Deliveries(vec![delivery.clone()]);
            self.at(now + way, Arrival::Message { to, message });
        }
    }

    fn missed(&mut self, to: u64) {
        if let Some(member) = self.members.get_mut(&to) {
            member.missed = true;
        }
    }

    pub(super) fn broadcast(&mut self, from: u64, message: Message) {
        let now = Instant::now();
        if self.is_cut(from, now) {
            return;
        }
        let all: Vec<u64> = self.members.keys().copied().collect();
        for to in all {
            if let Some(way) = self.way() {
                self.at(now + way, Arrival::Message { to, message: message.clone() });
            }
        }
    }

    /// Lets everything arrive that is due; tells when the next thing is.
    pub(super) fn advance(&mut self, now: Instant) -> Option<Instant> {
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= now) {
            let ((moment, _), arrival) = entry.remove_entry();
            match arrival {
                Arrival::Command { command, sent } => self.choose(moment, command, sent),
                Arrival::Chosen { router, queue, command } if !self.is_cut(router, moment) => {
                    if let Some(member) = self.members.get(&router) {
                        queue.push(*command, member.local.limits.commands);
                    }
                }
                Arrival::Chosen { .. } => {}
                Arrival::Message { to, message } => self.arrive(moment, to, message),
            }
        }
        self.queue.first_key_value().map(|((moment, _), _)| *moment)
    }

    /// One of those that serve the partition, like a queue group; sometimes anyone.
    fn choose(&mut self, now: Instant, command: Box<Command>, sent: Instant) {
        let misrouted = self.random.per_mille(self.conditions.misrouted);
        let mut serving = self.queues(now, (!misrouted).then(|| command.partition()));
        if serving.is_empty() && self.random.per_mille(500) {
            serving = self.queues(now, None);
        }
        if serving.is_empty() {
            if now < sent + OFFERED_FOR {
                self.at(now + OFFER_AGAIN, Arrival::Command { command, sent });
            }
            return;
        }
        let chosen = usize::try_from(self.random.below(serving.len() as u64)).unwrap_or(0);
        let (router, queue) = serving[chosen].clone();
        if let Some(way) = self.way() {
            self.at(now + way, Arrival::Chosen { router, queue, command });
        }
    }

    /// Those who can be reached and serve a partition, or any.
    fn queues(&self, now: Instant, partition: Option<Partition>) -> Vec<(u64, Arc<SharedQueue>)> {
        let reachable = self.members.iter().filter(|(number, _)| !self.is_cut(**number, now));
        let queue = |(number, member): (&u64, &Member)| {
            let queue = match partition {
                Some(partition) => member.local.queue_of(partition),
                None => member.local.any_queue(),
            };
            queue.map(|queue| (*number, queue))
        };
        reachable.filter_map(queue).collect()
    }

    fn arrive(&mut self, now: Instant, to: u64, message: Message) {
        let is_cut = self.is_cut(to, now);
        let Some(member) = self.members.get_mut(&to) else { return };
        match message {
            Message::Gap => {
                if !is_cut {
                    member.missed = false;
                    member.local.tell_gap();
                }
            }
            Message::Deliveries(_) if is_cut => member.missed = true,
            _ if is_cut => {}
            Message::Deliveries(mut deliveries) => {
                deliveries.retain(|delivery| member.unanswered.answered(delivery));
                member.local.publish(&mut deliveries);
            }
            Message::Beat(beat)
                if beat.router != to && member.deaf_until.is_some_and(|until| now < until) => {}
            Message::Beat(heartbeat) => {
                member.local.hear(Arc::clone(&heartbeat));
                let again = member.owned(&heartbeat, now);
                for (command, sent) in again {
                    self.send_again(to, command, now.duration_since(sent));
                }
            }
        }
    }

    /// What an owner took who is gone.
    fn send_again(&mut self, from: u64, mut command: Command, waited: Duration) {
        let waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        let Command { request, once, .. } = &mut command;
        request.repeat(once.as_mut(), waited_ms);
        self.send_command(from, command);
    }
}
