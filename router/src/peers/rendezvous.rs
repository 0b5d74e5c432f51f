//! Rendezvous hashing (Thaler and Ravishankar, 1998): each partition goes to the member whose weight for it is highest,
//! so that a member that comes or goes moves no partition between others.

use proto::Partition;
use store::IncarnationId;

/// Of this incarnation and the others, the one whose partition it is.
pub fn first(me: IncarnationId, others: &[IncarnationId], partition: Partition) -> IncarnationId {
    let all = others.iter().copied().chain([me]);
    all.max_by_key(|member| weight(*member, partition)).unwrap_or(me)
}

/// The others that come before this incarnation.
pub fn before(me: IncarnationId, others: &[IncarnationId], partition: Partition) -> Vec<IncarnationId> {
    let mine = weight(me, partition);
    others.iter().copied().filter(|other| weight(*other, partition) > mine).collect()
}

/// The same in every process. The id breaks ties.
fn weight(member: IncarnationId, partition: Partition) -> (u64, IncarnationId) {
    #[expect(clippy::cast_possible_truncation, reason = "both halves count")]
    let (low, high) = (member.0 as u64, (member.0 >> 64) as u64);
    (mix(mix(mix(low) ^ high) ^ u64::from(partition.number())), member)
}

/// The finisher of splitmix64.
fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn members(count: u128) -> Vec<IncarnationId> {
        (1..=count).map(|n| IncarnationId(n << 64 | n)).collect()
    }

    fn owners(members: &[IncarnationId]) -> BTreeMap<Partition, IncarnationId> {
        Partition::all().map(|partition| (partition, first(members[0], &members[1..], partition))).collect()
    }

    #[test]
    fn shares_are_about_equal() {
        let members = members(4);
        let owners = owners(&members);
        for member in members {
            let share = owners.values().filter(|owner| **owner == member).count();
            assert!((200..=312).contains(&share), "a share of {share} of 1,024 for one of four");
        }
    }

    #[test]
    fn who_comes_or_goes_moves_only_its_own_partitions() {
        let (four, five) = (owners(&members(4)), owners(&members(5)));
        let newcomer = members(5)[4];
        for (partition, owner) in &five {
            assert!(*owner == newcomer || four[partition] == *owner, "{partition} moved between others");
        }
    }

    #[test]
    fn every_member_computes_the_same() {
        let members = members(5);
        for partition in Partition::all() {
            let seen: Vec<_> = members
                .iter()
                .map(|me| {
                    let others: Vec<_> = members.iter().copied().filter(|other| other != me).collect();
                    first(*me, &others, partition)
                })
                .collect();
            assert!(seen.windows(2).all(|two| two[0] == two[1]));
        }
    }
}
