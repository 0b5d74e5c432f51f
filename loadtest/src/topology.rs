//! Who talks to whom, computed from the number of a message.

use proto::{ConversationId, GroupId, UserId};

use crate::wire::outgoing::To;

/// Connections are numbered from 0; one connection is one device of one user, in one conversation.
#[derive(Clone, Debug)]
pub struct Topology {
    users: Vec<UserId>,
    /// `None`: pairs, 0 with 1, 2 with 3 …
    group: Option<ConversationId>,
    /// Connections that send.
    senders: u64,
    /// From sender to next sender: neighbouring messages come from distant connections.
    stride: u64,
}

impl Topology {
    /// Pairs of users who write to each other. `connections` is rounded down to an even number.
    pub fn pairs(prefix: &str, connections: usize) -> Self {
        Self::new(prefix, connections & !1, None)
    }

    /// One group that everybody is in and writes to.
    pub fn group(prefix: &str, connections: usize, group: &GroupId) -> Self {
        Self::new(prefix, connections, Some(ConversationId::group(group)))
    }

    fn new(prefix: &str, connections: usize, group: Option<ConversationId>) -> Self {
        let users = (0..connections).map(|number| user(prefix, number)).collect();
        let senders = connections.max(1) as u64;
        Self { users, group, senders, stride: coprime_near_golden(senders) }
    }

    /// Everybody, in the order of connections.
    pub fn users(&self) -> &[UserId] {
        &self.users
    }

    /// The connection that sends message `number`.
    pub fn sender(&self, number: u64) -> usize {
        let sender = u128::from(number) * u128::from(self.stride) % u128::from(self.senders);
        usize::try_from(sender).unwrap_or(0)
    }

    /// Where message `number` goes.
    pub fn to(&self, number: u64) -> To<'_> {
        match &self.group {
            Some(group) => To::Conversation(group.as_str()),
            None => To::User(self.users[self.sender(number) ^ 1].as_str()),
        }
    }

    /// Whether connection `who` must receive message `number`.
    pub fn receives(&self, who: usize, number: u64) -> bool {
        let sender = self.sender(number);
        match self.group {
            Some(_) => who != sender,
            None => who == sender ^ 1,
        }
    }

    /// How many connections must receive each message.
    pub fn recipients(&self) -> u32 {
        match self.group {
            Some(_) => u32::try_from(self.users.len().saturating_sub(1)).unwrap_or(u32::MAX),
            None => 1,
        }
    }

    /// The conversation of connection `who`.
    pub fn conversation(&self, who: usize) -> ConversationId {
        match &self.group {
            Some(group) => group.clone(),
            None => ConversationId::direct(&self.users[who], &self.users[who ^ 1]),
        }
    }

    /// The connections that share the conversation of connection `who`.
    pub fn companions(&self, who: usize) -> std::ops::Range<usize> {
        match self.group {
            Some(_) => 0..self.users.len(),
            None => who & !1..(who & !1) + 2,
        }
    }
}

fn user(prefix: &str, number: usize) -> UserId {
    UserId::parse(&format!("{prefix}-{number}"))
        .unwrap_or_else(|_| unreachable!("the prefix was checked when it was given"))
}

fn coprime_near_golden(count: u64) -> u64 {
    let start = (count as f64 * 0.618) as u64;
    (start.max(1)..).find(|stride| greatest_common_divisor(*stride, count) == 1).unwrap_or(1)
}

fn greatest_common_divisor(one: u64, other: u64) -> u64 {
    if other == 0 { one } else { greatest_common_divisor(other, one % other) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn everybody_sends_equally_often_and_neighbours_are_far_apart() {
        for count in [2, 10, 100, 5000] {
            let topology = Topology::pairs("lt", count);
            let senders: BTreeSet<usize> = (0..count as u64).map(|number| topology.sender(number)).collect();
            assert_eq!(senders.len(), count);
        }
        let topology = Topology::pairs("lt", 5000);
        assert!((0..5000).all(|number| topology.sender(number).abs_diff(topology.sender(number + 1)) > 1));
    }

    #[test]
    fn a_pair_shares_its_conversation_and_a_group_is_everybodys() {
        let pairs = Topology::pairs("lt", 5);
        assert_eq!((pairs.users().len(), pairs.recipients()), (4, 1));
        assert_eq!(pairs.conversation(2), pairs.conversation(3));
        assert_eq!(pairs.companions(3), 2..4);
        for number in 0..20 {
            let receiving: Vec<usize> = (0..4).filter(|who| pairs.receives(*who, number)).collect();
            assert_eq!(receiving, [pairs.sender(number) ^ 1]);
        }
        let group = Topology::group("lt", 5, &GroupId::parse("all").expect("id"));
        assert_eq!((group.recipients(), group.companions(3)), (4, 0..5));
        assert!((0..5).all(|who| group.receives(who, 7) != (who == group.sender(7))));
    }
}
