//! Groups of few tell those who wrote how far others are, once a second.

use proto::client_frame::{Recipient, Send};
use proto::command::GroupRequest;
use proto::{ConversationId, Payload, Seq, ServerFrame, Target};

use super::pieces::{message, team, user, users};
use super::stand::Stand;

fn says(stand: &mut Stand, name: &str, number: u64) {
    let to = Recipient::Conversation(ConversationId::group(&team()));
    let command = stand.command_of(name, Send { to, ..message(number) });
    stand.command(command);
    stand.persists();
    stand.written();
    stand.deliveries();
}

fn reads(stand: &mut Stand, name: &str, delivered: u64, read: u64) {
    let name = user(name);
    stand.turn(|conversation, turn| conversation.note_reach(&name, Seq(delivered), Seq(read), turn));
}

/// `to: who delivered read`, sorted; nothing but receipts.
fn receipts(stand: &mut Stand) -> Vec<String> {
    let told = stand.deliveries().into_iter().filter_map(|delivery| {
        let Payload::Fanout(fanout) = &delivery.payload else { return None };
        let ServerFrame::Receipt(receipt) = fanout.frame.frame() else { return None };
        let Target::User(to) = &delivery.target else { panic!("told to users") };
        let seq = |seq: Option<Seq>| seq.map_or("-".to_owned(), |seq| seq.to_string());
        let (delivered, read) = (seq(receipt.delivered), seq(receipt.read));
        assert_eq!(receipt.unread, None, "one's own business");
        Some(format!("{to}: {} {delivered} {read}", receipt.user))
    });
    let mut told: Vec<String> = told.collect();
    told.sort();
    told
}

#[test]
fn authors_hear_once_how_far_a_member_is() {
    let mut stand = Stand::group(&["anna", "bert"]);
    says(&mut stand, "olga", 1);
    says(&mut stand, "anna", 2);
    reads(&mut stand, "bert", 2, 0);
    reads(&mut stand, "bert", 3, 0);
    reads(&mut stand, "bert", 0, 2);
    reads(&mut stand, "anna", 3, 3);
    assert_eq!(receipts(&mut stand), [""; 0], "not yet");
    stand.after(1_000);
    assert_eq!(receipts(&mut stand), ["anna: bert 3 2", "olga: anna 3 3", "olga: bert 3 2"]);
    reads(&mut stand, "bert", 3, 2);
    stand.after(1_000);
    assert_eq!(receipts(&mut stand), [""; 0], "nothing new");
    reads(&mut stand, "bert", 0, 3);
    stand.after(1_000);
    assert_eq!(receipts(&mut stand), ["anna: bert - 3"], "only whose message it is");
}

#[test]
fn nobody_is_told_of_what_is_not_there_of_strangers_or_in_groups_of_many() {
    let mut stand = Stand::group(&["anna"]);
    says(&mut stand, "olga", 1);
    reads(&mut stand, "eve", 2, 2);
    reads(&mut stand, "anna", 900, 900);
    stand.after(1_000);
    assert_eq!(receipts(&mut stand), ["olga: anna 2 2"], "up to the head");

    let many: Vec<String> =
        (0..proto::limits::RECEIPT_MEMBERS_MAX).map(|number| format!("u{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut stand = Stand::of(ConversationId::group(&team()), false);
    stand.rules.group.members_max = 500;
    let create = GroupRequest::Create { name: "Team".into(), members: users(&many), settings: None };
    stand.change(1, "olga", create);
    stand.load_new_group();
    stand.persists();
    says(&mut stand, "olga", 1);
    reads(&mut stand, "u1", 2, 2);
    stand.after(1_000);
    assert_eq!(receipts(&mut stand), [""; 0]);
}

#[test]
fn who_left_meanwhile_is_not_told_of() {
    let mut stand = Stand::group(&["anna"]);
    says(&mut stand, "olga", 1);
    reads(&mut stand, "anna", 2, 2);
    stand.change(9, "olga", GroupRequest::Remove(users(&["anna"])));
    stand.persists();
    stand.deliveries();
    stand.after(1_000);
    assert_eq!(receipts(&mut stand), [""; 0]);
}

#[test]
fn who_wrote_and_left_hears_nothing() {
    let mut stand = Stand::group(&["anna", "bert"]);
    says(&mut stand, "anna", 1);
    says(&mut stand, "bert", 2);
    stand.change(9, "olga", GroupRequest::Remove(users(&["anna"])));
    stand.persists();
    stand.deliveries();
    reads(&mut stand, "olga", 3, 3);
    stand.after(1_000);
    assert_eq!(receipts(&mut stand), ["bert: olga 3 3"]);
}
