//! The mapping from conversations to partitions is part of the stored data: these vectors may never change.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proto::{ConversationId, Partition, UserId};

/// FNV-1a 64 as published, written down a second time.
fn reference(text: &str) -> u16 {
    let mut hash: u64 = 14_695_981_039_346_656_037;
    for byte in text.as_bytes() {
        hash ^= u64::from(*byte);
        hash = hash.wrapping_mul(1_099_511_628_211);
    }
    u16::try_from(((hash >> 32) ^ hash) % 1024).unwrap()
}

#[test]
fn conversations_keep_their_partition() {
    for (text, partition) in [("g.a", 259), ("g.team", 611), ("d.alice.bob", 482), ("d.1~2e5.auth0~7cx", 716)]
    {
        let id = ConversationId::parse(text).unwrap();
        assert_eq!(Partition::of(&id).number(), partition, "{text}");
        assert_eq!(reference(text), partition, "{text}");
    }
}

#[test]
fn a_pair_is_where_its_direct_conversation_is() {
    for (one, other) in [("alice", "bob"), ("anna.k@example.com", "x|1"), ("me", "me")] {
        let (one, other) = (UserId::parse(one).unwrap(), UserId::parse(other).unwrap());
        let pair = ConversationId::pair(&one, &other);
        assert_eq!(ConversationId::parse(pair.as_str()), Ok(pair.clone()));
        assert_eq!(Partition::of(&pair), Partition::of(&ConversationId::direct(&other, &one)), "{pair}");
        assert!(pair.is_pair() && !pair.is_group() && pair.peer_of(&one).is_none());
    }
}

#[test]
fn users_keep_their_partition() {
    for (text, partition) in [("a", 192), ("foobar", 665), ("anna.k@example.com", 888)] {
        let user = UserId::parse(text).unwrap();
        assert_eq!(Partition::of_user(&user).number(), partition, "{text}");
        assert_eq!(reference(text), partition, "{text}");
    }
}

#[test]
fn conversations_spread_evenly() {
    let mut counts = vec![0_u32; 1024];
    for number in 0..102_400 {
        let one = UserId::parse(&format!("user-{number}")).unwrap();
        let other = UserId::parse(&format!("user-{}", number * 7 + 1)).unwrap();
        counts[usize::from(Partition::of(&ConversationId::direct(&one, &other)).number())] += 1;
    }
    let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
    // 100 each on average, standard deviation 10: five deviations either way.
    assert!(*least >= 50 && *most <= 150, "{least} to {most}");
}
