//! A population: a few users write much and many write little, a few groups are large and many are small, as Zipf found
//! it of words. Everything follows from numbers, so that every process and every audit agrees.

use std::ops::Range;

use proto::{ConversationId, GroupId, UserId};

/// Friends of a user are so far away, on both sides.
const DISTANCES: [usize; 3] = [1, 7, 31];
/// Friends of each user.
const FRIENDS: usize = DISTANCES.len() * 2;
/// The smallest group.
const MEMBERS_MIN: usize = 3;

/// See the module.
#[derive(Clone, Debug)]
pub struct Mixed {
    users: usize,
    /// Shares of users, rising to 1; the rank of a user is spread over all numbers.
    user_shares: Vec<f64>,
    group_shares: Vec<f64>,
    /// Of 1000 messages, so many go to a group.
    group_per_mille: u64,
    groups: Vec<Group>,
    /// The groups of each user.
    groups_of: Vec<Vec<u32>>,
    /// The first place of each user, and the end.
    first_place: Vec<usize>,
    /// From the user of one rank to that of the next.
    stride: u64,
}

#[derive(Clone, Debug)]
struct Group {
    conversation: ConversationId,
    members: Vec<u32>,
}

/// Where one message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// To a user, `side` of the sender's friends.
    Friend {
        /// The recipient.
        who: usize,
        /// Which of the sender's friends.
        side: usize,
    },
    /// To the group of that number.
    Group(usize),
}

/// Who sends one message, and where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The connection that sends it.
    pub sender: usize,
    /// Where it goes.
    pub target: Target,
}

/// What a population is made from.
#[derive(Clone, Copy, Debug)]
pub struct Population {
    /// How many users.
    pub users: usize,
    /// How many groups.
    pub groups: usize,
    /// Members of the largest.
    pub members_max: usize,
    /// The exponent: 0 is everybody alike, 1 is Zipf's law.
    pub skew: f64,
    /// The share of messages that go to a group.
    pub group_share: f64,
}

impl Mixed {
    /// The groups of a run are called `lt-<run>-<number>`.
    pub fn new(population: &Population, run: u32) -> Self {
        let users = population.users.max(2 * DISTANCES[DISTANCES.len() - 1] + 2);
        let groups: Vec<Group> = (0..population.groups)
            .map(|number| {
                let share = 1.0 / (number as f64 + 1.0).powf(population.skew);
                let size = ((population.members_max as f64 * share) as usize).clamp(MEMBERS_MIN, users);
                Group::new(run, number, size, users)
            })
            .collect();
        let mut groups_of = vec![Vec::new(); users];
        for (number, group) in groups.iter().enumerate() {
            for member in &group.members {
                groups_of[*member as usize].push(number as u32);
            }
        }
        let mut first_place = vec![0];
        for own in &groups_of {
            first_place.push(first_place[first_place.len() - 1] + FRIENDS + own.len());
        }
        let group_per_mille = if groups.is_empty() { 0 } else { (population.group_share * 1000.0) as u64 };
        Self {
            users,
            user_shares: shares(users, population.skew),
            group_shares: shares(groups.len(), population.skew),
            group_per_mille,
            groups,
            groups_of,
            first_place,
            stride: super::coprime_near_golden(users as u64),
        }
    }

    /// How many users; a few more than asked for where friends would meet themselves.
    pub fn users(&self) -> usize {
        self.users
    }

    /// Every group with its members.
    pub fn groups(&self) -> impl Iterator<Item = (&ConversationId, &[u32])> {
        self.groups.iter().map(|group| (&group.conversation, &group.members[..]))
    }

    pub(super) fn group(&self, number: usize) -> &ConversationId {
        &self.groups[number].conversation
    }

    /// Who sends message `number` to whom.
    pub fn address(&self, number: u64) -> Address {
        let mut random = Mixer(number);
        if random.draw() % 1000 < self.group_per_mille {
            let group = pick(&self.group_shares, random.share());
            let members = &self.groups[group].members;
            let sender = members[(random.draw() % members.len() as u64) as usize] as usize;
            return Address { sender, target: Target::Group(group) };
        }
        // Neighbours in rank are no neighbours in number.
        let sender = self.user_of_rank(pick(&self.user_shares, random.share()));
        let side = (random.draw() % FRIENDS as u64) as usize;
        Address { sender, target: Target::Friend { who: self.friend(sender, side), side } }
    }

    fn user_of_rank(&self, rank: usize) -> usize {
        (rank as u128 * u128::from(self.stride) % self.users as u128) as usize
    }

    /// Friends at even sides are ahead, at odd sides behind; who is ahead of one has that one behind.
    fn friend(&self, who: usize, side: usize) -> usize {
        let distance = DISTANCES[side / 2];
        let step = if side.is_multiple_of(2) { distance } else { self.users - distance };
        (who + step) % self.users
    }

    pub(super) fn receives(&self, who: usize, number: u64) -> bool {
        let address = self.address(number);
        match address.target {
            Target::Friend { who: friend, .. } => friend == who,
            Target::Group(group) => who != address.sender && self.place_in(who, group).is_some(),
        }
    }

    pub(super) fn recipients(&self, number: u64) -> u32 {
        match self.address(number).target {
            Target::Friend { .. } => 1,
            Target::Group(group) => self.groups[group].members.len() as u32 - 1,
        }
    }

    pub(super) fn places_of(&self, who: usize) -> Range<usize> {
        self.first_place[who]..self.first_place[who + 1]
    }

    pub(super) fn owner(&self, place: usize) -> usize {
        self.first_place.partition_point(|first| *first <= place) - 1
    }

    pub(super) fn place(&self, who: usize, number: u64) -> Option<usize> {
        let address = self.address(number);
        match address.target {
            Target::Friend { side, .. } if who == address.sender => Some(self.first_place[who] + side),
            Target::Friend { who: friend, side } if who == friend => Some(self.first_place[who] + (side ^ 1)),
            Target::Friend { .. } => None,
            Target::Group(group) => self.place_in(who, group),
        }
    }

    fn place_in(&self, who: usize, group: usize) -> Option<usize> {
        let at = self.groups_of[who].iter().position(|own| *own as usize == group)?;
        Some(self.first_place[who] + FRIENDS + at)
    }

    pub(super) fn conversation(&self, place: usize, users: &[UserId]) -> ConversationId {
        let who = self.owner(place);
        let at = place - self.first_place[who];
        if at < FRIENDS {
            return ConversationId::direct(&users[who], &users[self.friend(who, at)]);
        }
        self.group(self.groups_of[who][at - FRIENDS] as usize).clone()
    }
}

impl Group {
    fn new(run: u32, number: usize, size: usize, users: usize) -> Self {
        let group = GroupId::parse(&format!("lt-{run:06x}-{number}"))
            .unwrap_or_else(|_| unreachable!("made of hex digits and a number"));
        let mut random = Mixer(number as u64 ^ 0x6772_6f75_7073);
        let first = random.draw() as usize % users;
        let stride = (random.draw() as usize % users.max(2)) | 1;
        let mut members: Vec<u32> = Vec::with_capacity(size);
        let mut seen = std::collections::HashSet::new();
        let mut at = first;
        while members.len() < size {
            if seen.insert(at) {
                members.push(at as u32);
                at = (at + stride) % users;
            } else {
                at = (at + 1) % users;
            }
        }
        members.sort_unstable();
        Self { conversation: ConversationId::group(&group), members }
    }
}

/// Shares of ranks with weight 1 / rank^skew, added up.
fn shares(count: usize, skew: f64) -> Vec<f64> {
    let mut sum = 0.0;
    let mut shares: Vec<f64> = (0..count)
        .map(|rank| {
            sum += 1.0 / (rank as f64 + 1.0).powf(skew);
            sum
        })
        .collect();
    for share in &mut shares {
        *share /= sum;
    }
    shares
}

fn pick(shares: &[f64], share: f64) -> usize {
    shares.partition_point(|upto| *upto < share).min(shares.len().saturating_sub(1))
}

/// Numbers that look random and follow from the first (splitmix64).
struct Mixer(u64);

impl Mixer {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// From 0 to 1.
    fn share(&mut self) -> f64 {
        (self.draw() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::super::Topology;
    use super::*;

    fn population() -> Population {
        Population { users: 200, groups: 12, members_max: 100, skew: 1.0, group_share: 0.3 }
    }

    #[test]
    fn sender_recipients_and_places_agree_for_every_message() {
        let topology = Topology::mixed("lt", Mixed::new(&population(), 7));
        for number in 0..3000 {
            let sender = topology.sender(number);
            let receiving: Vec<usize> = (0..200).filter(|who| topology.receives(*who, number)).collect();
            assert_eq!(receiving.len(), topology.recipients(number) as usize, "{number}");
            assert!(!receiving.contains(&sender));
            let conversation = topology.conversation(topology.place(sender, number).expect("the sender's"));
            for who in receiving {
                let place = topology.place(who, number).expect("a place");
                assert_eq!(
                    (topology.owner(place), topology.conversation(place)),
                    (who, conversation.clone())
                );
                assert_eq!(topology.place_of(who, &conversation), Some(place));
            }
        }
    }

    #[test]
    fn few_write_much_and_few_groups_are_large() {
        let mixed = Mixed::new(&population(), 7);
        let mut sent = vec![0; 200];
        for number in 0..20_000 {
            sent[mixed.address(number).sender] += 1;
        }
        sent.sort_unstable_by(|one, other| other.cmp(one));
        assert!(sent[0] > 10 * sent[150] && sent[150] > 0, "{sent:?}");
        let sizes: Vec<usize> = mixed.groups().map(|(_, members)| members.len()).collect();
        assert_eq!((sizes[0], sizes[1], sizes[11]), (100, 50, 8));
        let to_groups =
            (0..10_000).filter(|number| matches!(mixed.address(*number).target, Target::Group(_)));
        assert!((2800..3200).contains(&to_groups.count()));
    }
}
