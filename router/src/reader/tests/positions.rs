//! Read and delivered cursors: persisted first, then told to whom it concerns.

use proto::client_frame::Position;
use proto::limits;
use proto::server_frame::Receipt;
use store::Cursor;

use super::*;

fn at(id: &ConversationId, seq: u64) -> Position {
    Position { conversation: id.clone(), seq: Seq(seq) }
}

/// Receipts with the users they are for; the answer must be that it is settled.
fn receipts(deliveries: Vec<Delivery>) -> Vec<(String, Receipt)> {
    let receipts = deliveries.iter().filter_map(|delivery| match (&delivery.target, &delivery.payload) {
        (Target::User(to), Payload::Fanout(fanout)) => match fanout.frame.frame() {
            ServerFrame::Receipt(receipt) => Some((to.to_string(), receipt.clone())),
            other => panic!("no receipt but {other:?}"),
        },
        _ => None,
    });
    let receipts = receipts.collect();
    assert!(matches!(answered_with(deliveries), Reply::Settled));
    receipts
}

fn cursor(stand: &Stand, name: &str, id: &ConversationId) -> Cursor {
    Stand::now(stand.store.cursor(&user(name), id)).unwrap()
}

#[test]
fn reading_tells_the_own_devices_what_is_unread_and_the_peer_how_far_one_is() {
    let stand = Stand::new();
    let id = direct("alice", "bob");
    stand.log(&id, 20, 20);
    let told = receipts(stand.answers("bob", Request::Read(at(&id, 12))));
    let own = Receipt {
        conversation: id.clone(),
        user: user("bob"),
        delivered: None,
        read: Some(Seq(12)),
        // 18 of 20 count, 11 of the first 12.
        unread: Some(7),
    };
    let peer = Receipt { unread: None, ..own.clone() };
    assert_eq!(told, [("bob".to_owned(), own), ("alice".to_owned(), peer)]);
    let stored = Cursor { read: Seq(12), read_counted: 11, delivered: Seq(12) };
    assert_eq!(cursor(&stand, "bob", &id), stored, "persisted, and what is read was delivered");
}

#[test]
fn reading_never_goes_back() {
    let stand = Stand::new();
    let id = direct("alice", "bob");
    stand.log(&id, 20, 20);
    receipts(stand.answers("bob", Request::Read(at(&id, 12))));
    let told = receipts(stand.answers("bob", Request::Read(at(&id, 5))));
    assert_eq!((told[0].1.read, told[0].1.unread), (Some(Seq(12)), Some(7)));
}

#[test]
fn nobody_reads_past_the_told_head() {
    let stand = Stand::new();
    let id = direct("alice", "bob");
    stand.log(&id, 30, 20);
    let told = receipts(stand.answers("bob", Request::Read(at(&id, 30))));
    assert_eq!((told[0].1.read, told[0].1.unread), (Some(Seq(20)), Some(0)));
    receipts(stand.answers("alice", Request::Delivered(at(&id, 30))));
    assert_eq!(cursor(&stand, "alice", &id).delivered, Seq(20));
}

#[test]
fn delivered_is_told_to_the_peer_alone_and_reads_nothing() {
    let stand = Stand::new();
    let id = direct("alice", "bob");
    stand.log(&id, 20, 20);
    let told = receipts(stand.answers("bob", Request::Delivered(at(&id, 9))));
    let receipt = Receipt {
        conversation: id.clone(),
        user: user("bob"),
        delivered: Some(Seq(9)),
        read: None,
        unread: None,
    };
    assert_eq!(told, [("alice".to_owned(), receipt)]);
    assert_eq!(cursor(&stand, "bob", &id), Cursor { read: Seq(0), read_counted: 0, delivered: Seq(9) });
}

#[test]
fn in_a_group_and_with_oneself_no_peer_is_told() {
    let stand = Stand::new();
    let (team, own) = (stand.group("team", &[("alice", 1)]), direct("alice", "alice"));
    stand.log(&team, 5, 5);
    stand.log(&own, 5, 5);
    for id in [&team, &own] {
        let told = receipts(stand.answers("alice", Request::Read(at(id, 3))));
        assert_eq!(told.iter().map(|(to, _)| to.as_str()).collect::<Vec<_>>(), ["alice"]);
        assert_eq!(receipts(stand.answers("alice", Request::Delivered(at(id, 5)))), []);
    }
}

#[test]
fn in_an_empty_conversation_nothing_is_delivered() {
    let stand = Stand::new();
    assert_eq!(receipts(stand.answers("bob", Request::Delivered(at(&direct("alice", "bob"), 3)))), []);
}

#[test]
fn strangers_move_no_cursor() {
    let stand = Stand::new();
    let (id, team) = (direct("alice", "bob"), stand.group("team", &[("alice", 1)]));
    stand.log(&id, 5, 5);
    stand.log(&team, 5, 5);
    for id in [&id, &team] {
        assert_eq!(stand.refused("eve", Request::Read(at(id, 3))), Code::Forbidden);
        assert_eq!(stand.refused("eve", Request::Delivered(at(id, 3))), Code::Forbidden);
        assert_eq!(cursor(&stand, "eve", id), Cursor::default());
    }
}

#[test]
fn what_could_not_be_persisted_is_not_told() {
    let stand = Stand::new();
    let id = direct("alice", "bob");
    stand.log(&id, 20, 20);
    stand.breaks(Op::AdvanceCursor);
    assert_eq!(stand.refused("bob", Request::Read(at(&id, 12))), Code::Unavailable);
    assert_eq!(stand.refused("bob", Request::Delivered(at(&id, 12))), Code::Unavailable);
}

#[test]
fn in_a_group_of_few_that_is_not_in_memory_those_who_wrote_hear_at_once() {
    let stand = Stand::new();
    let team = stand.group("team", &[("alice", 1), ("bob", 1), ("carol", 1)]);
    stand.log(&team, 20, 20);
    let told = receipts(stand.answers("bob", Request::Delivered(at(&team, 15))));
    let delivered = Receipt {
        conversation: team.clone(),
        user: user("bob"),
        delivered: Some(Seq(15)),
        read: None,
        unread: None,
    };
    assert_eq!(told, [("alice".to_owned(), delivered.clone())]);
    let told = receipts(stand.answers("bob", Request::Read(at(&team, 12))));
    let read = Receipt { delivered: None, read: Some(Seq(12)), ..delivered };
    assert_eq!(told[0], ("alice".to_owned(), read), "of what was delivered before, that it is read");
    assert_eq!((told.len(), told[1].0.as_str()), (2, "bob"));
    assert_eq!(receipts(stand.answers("bob", Request::Read(at(&team, 7)))).len(), 1, "nothing new");
    assert!(receipts(stand.answers("alice", Request::Delivered(at(&team, 20)))).is_empty(), "one's own");
}

#[test]
fn who_wrote_and_left_hears_nothing_and_nobody_in_a_group_of_many() {
    let stand = Stand::new();
    let team = stand.group("team", &[("bob", 1), ("carol", 1)]);
    stand.log(&team, 20, 20);
    assert!(receipts(stand.answers("bob", Request::Delivered(at(&team, 20)))).is_empty());

    let names: Vec<String> = (0..limits::RECEIPT_MEMBERS_MAX).map(|number| format!("u{number}")).collect();
    let mut members: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 1)).collect();
    members.push(("alice", 1));
    let crowd = stand.group("crowd", &members);
    stand.log(&crowd, 20, 20);
    assert!(receipts(stand.answers("u1", Request::Delivered(at(&crowd, 20)))).is_empty());
}

#[test]
fn a_move_that_is_stored_is_settled_even_if_nobody_can_be_told() {
    let stand = Stand::new();
    let team = stand.group("team", &[("alice", 1), ("bob", 1)]);
    stand.log(&team, 20, 20);
    stand.breaks(Op::Page);
    assert!(receipts(stand.answers("bob", Request::Delivered(at(&team, 20)))).is_empty());
    assert_eq!(cursor(&stand, "bob", &team).delivered, Seq(20));
}
