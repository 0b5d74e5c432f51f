//! The ring of published commands.

use bytes::Bytes;
use proto::{Partition, Timestamp};

use super::*;

fn outgoing(bytes: usize) -> Outgoing {
    Outgoing {
        partition: Partition::new(0).unwrap(),
        subject: "cmd".into(),
        payload: Bytes::from(vec![0; bytes]),
        deadline: Timestamp(0),
        order: 0,
        asked: None,
        forwarded: false,
    }
}

#[test]
fn each_command_comes_back_once_until_it_is_settled() {
    let mut recent = Recent::default();
    for number in 0..5 {
        assert_eq!(recent.push(outgoing(1)), (number, 0));
    }
    assert!(recent.take(2).is_some() && recent.take(2).is_none());
    recent.settle(3);
    assert!(recent.take(1).is_none(), "somebody may have received it");
    assert!(recent.take(4).is_some());
    assert_eq!(recent.bytes, 0);
    recent.settle(4);
    assert!(recent.is_empty());
    assert!(recent.take(5).is_none() && recent.take(u64::MAX).is_none());
    assert_eq!(recent.push(outgoing(1)), (5, 0), "numbers go on");
}

#[test]
fn the_oldest_is_forgotten_when_there_are_too_many() {
    let mut recent = Recent::default();
    for _ in 0..RECENT_COMMANDS_MAX {
        assert_eq!(recent.push(outgoing(0)).1, 0);
    }
    assert_eq!(recent.push(outgoing(0)).1, 1);
    assert!(recent.take(0).is_none() && recent.take(1).is_some());

    let mut recent = Recent::default();
    assert_eq!(recent.push(outgoing(RECENT_BYTES_MAX)).1, 0);
    assert_eq!(recent.push(outgoing(10)).1, 1);
    assert_eq!(recent.bytes, 10);
}
