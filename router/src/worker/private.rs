//! What users change for themselves: written by the owner of the conversation, one change of a user after the other, so that
//! what is told of each includes all before it.

use std::collections::VecDeque;

use hashbrown::HashMap;
use proto::{Code, Command, ConversationId, Delivery, Partition, UserId};

use super::incarnation::Incarnation;
use super::ops::Done;
use crate::conversation::View;
use crate::reader::{self, Seen};

/// Changes of one user that wait for one that is under way.
const WAITING_OF_USER_MAX: usize = 32;
/// Changes of all users that wait.
const WAITING_MAX: usize = 10_000;

/// Users with a change under way, and what waits for it.
#[derive(Default)]
pub struct PrivateQueue {
    users: HashMap<UserId, VecDeque<Command>>,
    waiting: usize,
}

impl PrivateQueue {
    /// Gives the command back if it may begin. `Err`: there is no room for it.
    fn admit(&mut self, command: Command) -> Result<Option<Command>, Box<Command>> {
        let Some(queue) = self.users.get_mut(&command.origin.user) else {
            self.users.insert(command.origin.user.clone(), VecDeque::new());
            return Ok(Some(command));
        };
        if queue.len() >= WAITING_OF_USER_MAX || self.waiting >= WAITING_MAX {
            return Err(Box::new(command));
        }
        queue.push_back(command);
        self.waiting += 1;
        Ok(None)
    }

    /// The change of a user has ended: those that waited for it, of which the first may begin.
    fn end(&mut self, user: &UserId) -> VecDeque<Command> {
        let waited = self.users.remove(user).unwrap_or_default();
        self.waiting -= waited.len();
        waited
    }
}

impl Incarnation<'_> {
    /// Begins a change, or lets it wait for one that is under way.
    pub(super) fn change_private(&mut self, command: Command, id: ConversationId, view: Option<View>) {
        let command = match self.private.admit(command) {
            Ok(Some(command)) => command,
            Ok(None) => return self.metrics.private_waiting.set(self.private.waiting as f64),
            Err(command) => return self.refuse(&command, Code::Busy, "too many changes of this user wait"),
        };
        let user = command.origin.user.clone();
        if self.too_many_reads(&command) {
            self.begin_next_private(&user);
            return;
        }
        self.forget_plain(&user, &id);
        let (store, moment) = (self.store.clone(), self.moment());
        self.ops.push(Box::pin(async move {
            let seen = view.map(Seen::from);
            Done::Private(user, id, Box::pin(reader::answer(store, command, seen, moment)).await)
        }));
    }

    /// A change has ended, one way or another.
    pub(super) fn private_done(&mut self, user: &UserId, id: &ConversationId, told: Vec<Delivery>) {
        self.answered(told);
        self.forget_plain(user, id);
        self.begin_next_private(user);
    }

    /// What waited is looked at anew: the first begins, unless its conversation has another owner by now.
    fn begin_next_private(&mut self, user: &UserId) {
        for command in self.private.end(user) {
            let of = command.conversation().map(|id| Partition::of(&id));
            if of.is_some_and(|partition| !self.serving.contains_key(&partition)) {
                self.keep(command);
            } else {
                self.read(command);
            }
        }
        self.metrics.private_waiting.set(self.private.waiting as f64);
    }

    fn forget_plain(&mut self, user: &UserId, id: &ConversationId) {
        if let Some(slot) = self.table.find(id).and_then(|key| self.table.get_mut(key)) {
            slot.conversation.forget_plain(user);
        }
    }
}

#[cfg(test)]
mod tests {
    use proto::command::{Origin, Source};
    use proto::{DeviceId, Epoch, NodeId, Request, SessionRef, Timestamp, TraceId};

    use super::*;

    fn command(user: &str) -> Command {
        Command {
            origin: Origin {
                user: UserId::parse(user).unwrap(),
                device: DeviceId::unnamed(),
                session: SessionRef { node: NodeId(1), session: 1 },
                source: Source::Client,
            },
            deadline: Timestamp(0),
            epoch: Epoch(0),
            once: None,
            trace: TraceId::default(),
            request: Request::Connected(None),
        }
    }

    #[test]
    fn one_change_of_a_user_at_a_time_and_so_many_wait() {
        let mut queue = PrivateQueue::default();
        assert!(queue.admit(command("bob")).unwrap().is_some());
        for _ in 0..WAITING_OF_USER_MAX {
            assert!(queue.admit(command("bob")).unwrap().is_none());
        }
        assert!(queue.admit(command("bob")).is_err(), "there is no room");
        assert!(queue.admit(command("alice")).unwrap().is_some(), "others do not wait for bob");
        let bob = UserId::parse("bob").unwrap();
        assert_eq!(queue.end(&bob).len(), WAITING_OF_USER_MAX);
        assert_eq!(queue.waiting, 0);
        assert!(queue.admit(command("bob")).unwrap().is_some());
        assert!(queue.end(&bob).is_empty() && queue.end(&bob).is_empty());
    }
}
