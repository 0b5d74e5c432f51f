//! Subjects as other backends see them.

use proto::client_frame::{Recipient, Sync};
use proto::command::GroupRequest;
use proto::{
    Command, ConversationId, Epoch, GroupId, NodeId, Origin, Partition, Request, SessionRef, Target,
    Timestamp, TraceId, UserId,
};

use super::{PrefixError, Subjects};

fn user(text: &str) -> UserId {
    UserId::parse(text).unwrap()
}

fn command(request: Request) -> Command {
    Command {
        origin: Origin {
            user: user("anna.k@example.com"),
            device: proto::DeviceId::unnamed(),
            session: SessionRef { node: NodeId(1), session: 2 },
            source: proto::command::Source::Client,
        },
        deadline: Timestamp(0),
        epoch: Epoch(0),
        once: None,
        trace: TraceId(0),
        request,
    }
}

#[test]
fn dots_of_ids_are_spelled_as_slashes() {
    let subjects = Subjects::new("").unwrap();
    let target = Target::User(user("anna.k@example.com"));
    assert_eq!(subjects.delivery(&target), "user.anna/k@example/com");
    assert_eq!(subjects.target("user.anna/k@example/com"), Some(target));
}

#[test]
fn every_target_is_found_again_in_its_subject() {
    for prefix in ["", "tidegate", "eu.chat-1"] {
        let subjects = Subjects::new(prefix).unwrap();
        for target in [
            Target::User(user("a")),
            Target::User(user("auth0|x.y_z-1:2+3=4~5")),
            Target::Group(GroupId::parse("..").unwrap()),
            Target::Presence(user("auth0|x.y")),
            Target::Node(NodeId(0)),
            Target::Node(NodeId(u64::MAX)),
            Target::Everyone,
        ] {
            let subject = subjects.delivery(&target);
            assert!(subject.starts_with(prefix));
            assert_eq!(subjects.target(&subject), Some(target), "{subject}");
        }
    }
}

#[test]
fn commands_go_to_the_owner_of_their_partition() {
    let subjects = Subjects::new("chat").unwrap();
    let group = GroupId::parse("team.a").unwrap();
    let partition = Partition::of(&ConversationId::group(&group));
    let join = command(Request::Group(group.clone(), GroupRequest::Join));
    let (found, subject) = subjects.command(&join);
    assert_eq!((found, join.partition()), (partition, partition));
    assert_eq!(subject, format!("chat.cmd.{partition}.group.team/a"));
    assert_eq!(subjects.partition(&subject), Some(partition));
    assert_eq!(subjects.commands_of(partition), format!("chat.cmd.{partition}.>"));

    let direct = command(Request::Typing(Recipient::User(user("bob"))));
    let (partition, subject) = subjects.command(&direct);
    assert_eq!(partition, direct.partition());
    assert_eq!(subject, format!("chat.cmd.{partition}.user.anna/k@example/com"));
    assert_eq!(subjects.partition(&subject), Some(partition));

    let own = command(Request::Sync(Sync::default()));
    let partition = Partition::of_user(&user("anna.k@example.com"));
    let subject = format!("chat.cmd.{partition}.user.anna/k@example/com");
    assert_eq!(subjects.command(&own), (partition, subject));
}

#[test]
fn foreign_subjects_are_not_taken_for_ours() {
    let subjects = Subjects::new("chat").unwrap();
    for subject in [
        "user.bob",
        "chat.user",
        "chat.user.",
        "chat.user.b.c",
        "chat.user.*",
        "chat.group.>",
        "chat.node.1",
        "chat.node.00000000000000001",
        "chat.node.000000000000000G",
        "chat.node.000000000000000A",
        "chat.presence",
        "chat.presence.",
        "chat.presence.b.c",
        "chat.away.bob",
        "chatuser.bob",
    ] {
        assert_eq!(subjects.target(subject), None, "{subject}");
    }
    for subject in [
        "cmd.1.user.bob",
        "chat.cmd.any",
        "chat.cmd.1024.user.bob",
        "chat.cmd.1.user",
        "chat.cmd.1.user.",
        "chat.cmd.1.room.bob",
        "chat.cmd.1.user.b.c",
        "chat.dmc.1.user.bob",
    ] {
        assert_eq!(subjects.partition(subject), None, "{subject}");
    }
    assert_eq!(subjects.any_command(), "chat.cmd.any");
    assert_eq!(subjects.heartbeat(), "chat.router.heartbeat");
    assert_eq!(subjects.unserved(0xab), "chat.unserved.00000000000000ab.");
}

#[test]
fn prefixes_that_would_change_the_meaning_of_a_subject_are_refused() {
    let long = "x".repeat(65);
    for prefix in [".", "a.", ".a", "a..b", "a b", "a*", ">", "a/b", "ä", &long] {
        assert_eq!(Subjects::new(prefix), Err(PrefixError), "{prefix}");
    }
}

#[test]
fn the_backend_document_spells_them_the_same() {
    let document = include_str!("../../../docs/BACKEND.md");
    let subjects = Subjects::new("").unwrap();
    let (_, own) = subjects.command(&command(Request::Sync(Sync::default())));
    let group = GroupId::parse("team").unwrap();
    let (_, of_group) = subjects.command(&command(Request::Group(group.clone(), GroupRequest::Join)));
    let spelled = [
        own,
        of_group,
        subjects.any_command(),
        subjects.delivery(&Target::User(user("bob"))),
        subjects.delivery(&Target::Group(group)),
        subjects.delivery(&Target::Presence(user("bob"))),
        subjects.delivery(&Target::Everyone),
        subjects.delivery(&Target::Node(NodeId(1))),
        subjects.heartbeat(),
        format!("{}7", subjects.unserved(1)),
        format!("{}mark", subjects.unserved(1)),
    ];
    let rows = document.lines().filter(|line| line.starts_with("| `") && line.matches('|').count() == 5);
    let documented: Vec<_> = rows.map(|line| line.split('`').nth(1).unwrap()).take(spelled.len()).collect();
    for (spelled, documented) in spelled.iter().zip(&documented) {
        let fits = |(token, pattern): (&str, &str)| pattern.starts_with('<') || token == pattern;
        assert_eq!(spelled.split('.').count(), documented.split('.').count(), "{spelled} {documented}");
        assert!(spelled.split('.').zip(documented.split('.')).all(fits), "{spelled} is {documented}");
    }
    assert_eq!(documented.len(), spelled.len());
}
