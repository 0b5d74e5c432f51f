//! Who is asked, who counts, and what rows of several owners say together.

use proto::{Epoch, Seq, Timestamp};

use super::*;

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn message(numbers: u32) -> Confirming {
    Confirming { seq: Seq(9), sender: user("ann"), until: Timestamp(1), numbers }
}

fn people(numbers: impl IntoIterator<Item = u32>, names: &[&str]) -> People {
    let mut people = People::default();
    for number in numbers {
        people.insert(&user("whoever"), number);
    }
    for name in names {
        people.insert(&user(name), 0);
    }
    people
}

fn row(epoch: u64, people: &People) -> ConfirmationRow {
    let id = ConversationId::parse("g.team").unwrap();
    ConfirmationRow { conversation: id, seq: Seq(9), epoch: Epoch(epoch), value: people.encode() }
}

#[test]
fn who_joined_later_and_who_sent_it_is_not_asked() {
    for (name, number, asked) in
        [("bob", 2, true), ("cat", 3, true), ("dan", 4, false), ("ann", 1, false), ("eve", 0, true)]
    {
        assert_eq!(message(3).asks(&user(name), number), asked, "{name}");
    }
}

#[test]
fn it_counts_who_is_there_and_was() {
    // 1 sent it, 3 has left, 65 and 200 came later.
    let present = people([1, 2, 4, 64, 65, 200], &[]);
    let counted = |confirmed: &People| Count::of(&message(64), Some(1), &present, confirmed);
    assert_eq!(counted(&people([], &[])), Count { confirmed: 0, of: 3 });
    assert_eq!(counted(&people([2, 3, 64, 65], &[])), Count { confirmed: 2, of: 3 });
    assert_eq!(counted(&people([2, 4, 64], &[])), Count { confirmed: 3, of: 3 });
    let gone = people([2, 4], &[]);
    assert_eq!(Count::of(&message(64), None, &gone, &people([4], &[])), Count { confirmed: 1, of: 2 });
}

#[test]
fn members_of_old_count_by_name() {
    let present = people([1, 2], &["ann", "bob", "cat"]);
    let confirmed = people([2], &["bob", "left"]);
    assert_eq!(Count::of(&message(1), Some(0), &present, &confirmed), Count { confirmed: 1, of: 3 });
}

#[test]
fn rows_of_all_owners_add_up_and_survive_the_store() {
    let (one, other) = (people([1, 63, 64, 100_000], &["bob"]), people([2, 64], &["cat", "bob"]));
    let both = People::of_rows(&[row(1, &one), row(2, &other)]).unwrap();
    assert_eq!(both, people([1, 2, 63, 64, 100_000], &["bob", "cat"]));
    assert!(both.encode().len() < 12_600, "a bit for each of 100,000");
    assert_eq!(People::of_rows(&[row(1, &people([], &[]))]).unwrap(), People::default());
    let cut = ConfirmationRow { value: people([], &["bob"]).encode().slice(..6), ..row(1, &one) };
    assert!(People::of_rows(&[cut]).is_err());
}

#[test]
fn the_two_of_a_direct_conversation_have_their_places() {
    let id = ConversationId::direct(&user("bob"), &user("ann"));
    let numbers = ["ann", "bob", "cat"].map(|name| number_in_direct(&id, &user(name)));
    assert_eq!(numbers, [Some(1), Some(2), None]);
    let confirmed = people([2], &[]);
    assert_eq!(Count::of(&message(2), Some(1), &People::of_two(), &confirmed), Count { confirmed: 1, of: 1 });
}
