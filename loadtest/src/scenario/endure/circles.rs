//! Who talks to whom: pairs, and groups across the pairs; all from the number of a message.

use proto::client_frame::Recipient;
use proto::{ConversationId, GroupId, UserId};

use crate::topology::Topology;

/// Of so many messages one goes to the sender's group.
const GROUP_SHARE: u64 = 4;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Circles {
    pairs: Topology,
    groups: Vec<GroupId>,
}

/// Where one message goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub sender: usize,
    pub to: Recipient,
    pub conversation: ConversationId,
    /// How many others must be shown it.
    pub recipients: u32,
}

impl Circles {
    /// `users` is rounded down to an even number; each belongs to one of `groups`.
    pub(super) fn new(prefix: &str, run: u32, users: usize, groups: usize) -> Self {
        let name = |number| {
            GroupId::parse(&format!("lt-{run:06x}-{number}"))
                .unwrap_or_else(|_| unreachable!("made of hex digits and a number"))
        };
        Self { pairs: Topology::pairs(prefix, users), groups: (0..groups).map(name).collect() }
    }

    pub(super) fn users(&self) -> &[UserId] {
        self.pairs.users()
    }

    /// Every group with its members.
    pub(super) fn groups(&self) -> Vec<(GroupId, Vec<UserId>)> {
        let members = |index| self.members(index).map(|who| self.users()[who].clone()).collect();
        self.groups.iter().enumerate().map(|(index, group)| (group.clone(), members(index))).collect()
    }

    /// Neighbours of a pair are in different groups, if there are several.
    fn members(&self, group: usize) -> impl Iterator<Item = usize> {
        (group..self.users().len()).step_by(self.groups.len().max(1))
    }

    /// Where message `number` goes.
    pub(super) fn address(&self, number: u64) -> Address {
        let sender = self.pairs.sender(number);
        // Rounds of all senders, so that each comes to its turn in both kinds.
        let round = number / self.users().len() as u64;
        if !self.groups.is_empty() && (number + round).is_multiple_of(GROUP_SHARE) {
            let group = sender % self.groups.len();
            let conversation = ConversationId::group(&self.groups[group]);
            let recipients = u32::try_from(self.members(group).count() - 1).unwrap_or(u32::MAX);
            return Address {
                sender,
                to: Recipient::Conversation(conversation.clone()),
                conversation,
                recipients,
            };
        }
        let to = Recipient::User(self.users()[sender ^ 1].clone());
        Address { sender, to, conversation: self.pairs.conversation(sender), recipients: 1 }
    }

    /// Every conversation, and somebody who may read it.
    pub(super) fn conversations(&self) -> Vec<(ConversationId, usize)> {
        let pairs = (0..self.users().len()).step_by(2).map(|who| (self.pairs.conversation(who), who));
        let groups = self.groups.iter().enumerate().map(|(who, group)| (ConversationId::group(group), who));
        pairs.chain(groups).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn everybody_writes_to_their_pair_and_to_their_group() {
        let circles = Circles::new("lt", 7, 20, 3);
        let addresses: Vec<Address> = (0..4000).map(|number| circles.address(number)).collect();
        for who in 0..20 {
            let own: HashSet<&ConversationId> =
                addresses.iter().filter(|one| one.sender == who).map(|one| &one.conversation).collect();
            assert_eq!(own.len(), 2, "{who}");
        }
        let members: usize = circles.groups().iter().map(|(_, members)| members.len()).sum();
        assert_eq!((members, circles.conversations().len()), (20, 13));
        let alone = Circles::new("lt", 7, 4, 0);
        assert!((0..100).all(|number| alone.address(number).recipients == 1));
    }
}
