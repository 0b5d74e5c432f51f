//! Who talks to whom, computed from the number of a message.

pub mod mixed;

use std::ops::Range;
use std::sync::Arc;

use proto::{ConversationId, GroupId, UserId};

use crate::wire::outgoing::To;
use mixed::{Mixed, Target};

/// Connections are numbered from 0; one connection is one device of one user. A place is one conversation of one
/// connection, where it may miss something; places are numbered, too, those of one connection together.
#[derive(Clone, Debug)]
pub struct Topology {
    users: Vec<UserId>,
    shape: Shape,
    /// Connections that send: the first so many.
    senders: u64,
    /// From sender to next sender: neighbouring messages come from distant connections.
    stride: u64,
    /// Those of this process, which numbers its own from 0.
    mine: Range<usize>,
}

#[derive(Clone, Debug)]
enum Shape {
    /// 0 with 1, 2 with 3 …
    Pairs,
    /// Everybody in one.
    Group(ConversationId),
    /// Friends and groups of all sizes.
    Mixed(Arc<Mixed>),
}

impl Topology {
    /// Pairs of users who write to each other. `connections` is rounded down to an even number.
    pub fn pairs(prefix: &str, connections: usize) -> Self {
        Self::new(prefix, connections & !1, Shape::Pairs)
    }

    /// One group that everybody is in and writes to.
    pub fn group(prefix: &str, connections: usize, group: &GroupId) -> Self {
        Self::new(prefix, connections, Shape::Group(ConversationId::group(group)))
    }

    /// Friends and groups of all sizes.
    pub fn mixed(prefix: &str, mixed: Mixed) -> Self {
        Self::new(prefix, mixed.users(), Shape::Mixed(Arc::new(mixed)))
    }

    fn new(prefix: &str, connections: usize, shape: Shape) -> Self {
        let users = users_of(prefix, 0..connections);
        let senders = connections.max(1) as u64;
        Self { users, shape, senders, stride: coprime_near_golden(senders), mine: 0..connections }
    }

    /// Of a group, only the first `senders` write.
    #[must_use]
    pub fn with_senders(self, senders: usize) -> Self {
        let senders = senders.max(1) as u64;
        Self { senders, stride: coprime_near_golden(senders), ..self }
    }

    /// Only those connections are of this process.
    #[must_use]
    pub fn with_mine(self, mine: Range<usize>) -> Self {
        Self { mine, ..self }
    }

    /// The places of this process.
    pub fn my_places(&self) -> Range<usize> {
        match self.mine.end.checked_sub(1).filter(|last| self.mine.contains(last)) {
            Some(last) => self.places_of(self.mine.start).start..self.places_of(last).end,
            None => 0..0,
        }
    }

    /// Whether a connection has one place alone.
    pub fn has_one_place_each(&self) -> bool {
        !matches!(self.shape, Shape::Mixed(_))
    }

    /// The group that everybody is in, if there is one.
    pub fn common_group(&self) -> Option<String> {
        match &self.shape {
            Shape::Group(group) => Some(group.as_str().to_owned()),
            Shape::Pairs | Shape::Mixed(_) => None,
        }
    }

    /// Everybody, in the order of connections.
    pub fn users(&self) -> &[UserId] {
        &self.users
    }

    /// The connections that this process has.
    pub fn mine(&self) -> Range<usize> {
        self.mine.clone()
    }

    /// The connection that sends message `number`.
    pub fn sender(&self, number: u64) -> usize {
        if let Shape::Mixed(mixed) = &self.shape {
            return mixed.address(number).sender;
        }
        let sender = u128::from(number) * u128::from(self.stride) % u128::from(self.senders);
        usize::try_from(sender).unwrap_or(0)
    }

    /// Where message `number` goes.
    pub fn to(&self, number: u64) -> To<'_> {
        let user = |who: usize| To::User(self.users[who].as_str(), who);
        match &self.shape {
            Shape::Pairs => user(self.sender(number) ^ 1),
            Shape::Group(group) => To::Conversation(group.as_str()),
            Shape::Mixed(mixed) => match mixed.address(number).target {
                Target::Friend { who, .. } => user(who),
                Target::Group(group) => To::Conversation(mixed.group(group).as_str()),
            },
        }
    }

    /// Whether connection `who` must receive message `number`.
    pub fn receives(&self, who: usize, number: u64) -> bool {
        match &self.shape {
            Shape::Pairs => who == self.sender(number) ^ 1,
            Shape::Group(_) => who != self.sender(number),
            Shape::Mixed(mixed) => mixed.receives(who, number),
        }
    }

    /// How many connections must receive message `number`.
    pub fn recipients(&self, number: u64) -> u32 {
        match &self.shape {
            Shape::Pairs => 1,
            Shape::Group(_) => u32::try_from(self.users.len().saturating_sub(1)).unwrap_or(u32::MAX),
            Shape::Mixed(mixed) => mixed.recipients(number),
        }
    }

    /// Where connection `who` has message `number`, sent or received.
    pub fn place(&self, who: usize, number: u64) -> Option<usize> {
        match &self.shape {
            Shape::Pairs | Shape::Group(_) => Some(who),
            Shape::Mixed(mixed) => mixed.place(who, number),
        }
    }

    /// Where connection `who` has that conversation.
    pub fn place_of(&self, who: usize, conversation: &ConversationId) -> Option<usize> {
        self.places_of(who).find(|place| self.conversation(*place) == *conversation)
    }

    /// All places of connection `who`.
    pub fn places_of(&self, who: usize) -> Range<usize> {
        match &self.shape {
            Shape::Pairs | Shape::Group(_) => who..who + 1,
            Shape::Mixed(mixed) => mixed.places_of(who),
        }
    }

    /// The connection of a place.
    pub fn owner(&self, place: usize) -> usize {
        match &self.shape {
            Shape::Pairs | Shape::Group(_) => place,
            Shape::Mixed(mixed) => mixed.owner(place),
        }
    }

    /// The conversation of a place.
    pub fn conversation(&self, place: usize) -> ConversationId {
        match &self.shape {
            Shape::Pairs => ConversationId::direct(&self.users[place], &self.users[place ^ 1]),
            Shape::Group(group) => group.clone(),
            Shape::Mixed(mixed) => mixed.conversation(place, &self.users),
        }
    }

    /// The places that share the conversation of a place, if they are neighbours.
    pub fn companions(&self, place: usize) -> Range<usize> {
        match self.shape {
            Shape::Pairs => place & !1..(place & !1) + 2,
            Shape::Group(_) => 0..self.users.len(),
            // The users of such a run are new, and so are their conversations: what is heard first is the baseline.
            Shape::Mixed(_) => place..place + 1,
        }
    }
}

/// The users of some connections.
pub fn users_of(prefix: &str, connections: Range<usize>) -> Vec<UserId> {
    connections.map(|number| user(prefix, number)).collect()
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
        assert_eq!((pairs.users().len(), pairs.recipients(0)), (4, 1));
        assert_eq!(pairs.conversation(2), pairs.conversation(3));
        assert_eq!(pairs.companions(3), 2..4);
        for number in 0..20 {
            let receiving: Vec<usize> = (0..4).filter(|who| pairs.receives(*who, number)).collect();
            assert_eq!(receiving, [pairs.sender(number) ^ 1]);
        }
        let group = Topology::group("lt", 5, &GroupId::parse("all").expect("id"));
        assert_eq!((group.recipients(0), group.companions(3)), (4, 0..5));
        assert!((0..5).all(|who| group.receives(who, 7) != (who == group.sender(7))));
    }
}
