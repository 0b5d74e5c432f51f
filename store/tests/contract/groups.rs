//! Groups, members both ways, and changes that arrive in any order.

use proto::group::{History, JoinPolicy, Room, TokenHash};
use proto::{LinkId, Seq, Timestamp, UserId};
use store::{GroupChange, GroupInfo, GroupSettings, Invitation, JoinRequest, Link, Member, Role, Store};

use crate::engines::contract;
use crate::samples::{group, named, user};

contract!(
    members_are_found_both_ways,
    the_same_change_again_changes_nothing,
    an_older_change_is_ignored,
    a_change_of_thousands_is_one_change,
    members_come_in_pages,
    a_member_that_left_is_gone_both_ways,
    who_left_can_come_back,
    a_change_in_parts_is_applied_whole,
    many_members_come_in_pages,
    groups_do_not_mix,
    a_member_that_changed_has_one_row,
);

/// Everything that a group can have; the watermark tells them apart.
fn settings(watermark: u64) -> GroupSettings {
    let expires = Timestamp(watermark + 1_000);
    GroupSettings {
        numbers_given: 300,
        changed_since: Seq(watermark),
        description: "what it is about \0".to_owned(),
        announcement: format!("at {watermark}"),
        avatar: "https://example.com/a.png".to_owned(),
        attributes: vec![("colour".to_owned(), "blue".to_owned()), ("size".to_owned(), String::new())],
        join: JoinPolicy::Invitation,
        history: Some(History::FromJoining),
        read_only: true,
        members_max: 100_000,
        muted_until: Timestamp(88),
        requests: vec![JoinRequest {
            user: user("dave"),
            note: "please".to_owned(),
            asked: Timestamp(5),
            expires,
        }],
        invitations: vec![Invitation { user: user("erin"), by: user("alice"), expires }],
        links: vec![Link {
            link: LinkId::parse("l1").unwrap(),
            token: TokenHash([7; 32]),
            by: user("alice"),
            expires,
            uses_max: 5,
            uses: 2,
        }],
        room: Some(Room::WithoutHistory),
    }
}

fn info(name: &str, watermark: u64) -> GroupInfo {
    GroupInfo {
        group: group(name),
        name: "Grüße \u{1f44b}\0".to_owned(),
        owner: user("alice"),
        created: Timestamp(5),
        dismissed: watermark > 100,
        members: 3,
        watermark: Seq(watermark),
        settings: settings(watermark),
    }
}

fn member(name: &str, role: Role) -> Member {
    Member {
        user: user(name),
        role,
        joined_at: Timestamp(9),
        floor: Seq(4),
        nickname: format!("{name} \u{1f44b}\0"),
        muted_until: Timestamp(77),
        number: 300,
    }
}

fn change(name: &str, watermark: u64, joined: &[&str], left: &[&str]) -> GroupChange {
    GroupChange {
        info: info(name, watermark),
        joined: joined.iter().map(|name| member(name, Role::Member)).collect(),
        left: left.iter().map(|name| user(name)).collect(),
    }
}

async fn names(store: &Store, name: &str) -> Vec<String> {
    let members = store.members(&group(name), None, 100).await.unwrap();
    let prefix = named("");
    members.iter().map(|member| member.user.as_str().strip_prefix(&prefix).unwrap().to_owned()).collect()
}

async fn members_are_found_both_ways(store: Store) {
    assert_eq!(store.group(&group("g")).await.unwrap(), None);
    let roles = [("alice", Role::Owner), ("bob", Role::Admin), ("carol", Role::Member)];
    let joined: Vec<Member> = roles.iter().map(|(name, role)| member(name, *role)).collect();
    let made = GroupChange { info: info("g", 1), joined: joined.clone(), left: vec![] };
    store.apply_group(made).await.unwrap();
    assert_eq!(store.group(&group("g")).await.unwrap(), Some(info("g", 1)));
    assert_eq!(store.members(&group("g"), None, 100).await.unwrap(), joined);
    for member in joined {
        assert_eq!(store.groups_of(&member.user).await.unwrap(), [group("g")]);
        assert_eq!(store.member(&group("g"), &member.user).await.unwrap(), Some(member));
    }
    assert_eq!(store.member(&group("g"), &user("dave")).await.unwrap(), None);
    assert!(store.groups_of(&user("dave")).await.unwrap().is_empty());
}

async fn the_same_change_again_changes_nothing(store: Store) {
    for _ in 0..2 {
        store.apply_group(change("g", 7, &["bob", "carol"], &["dave"])).await.unwrap();
        assert_eq!(names(&store, "g").await, ["bob", "carol"]);
        assert_eq!(store.group(&group("g")).await.unwrap(), Some(info("g", 7)));
    }
}

/// In parts that all had its watermark, a crash between two would lose the members of the later ones.
async fn a_change_of_thousands_is_one_change(store: Store) {
    let many: Vec<String> = (0..2_500).map(|n| format!("u{n:04}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    store.apply_group(change("g", 7, &many, &[])).await.unwrap();
    store.apply_group(change("g", 8, &["last"], &many[1..])).await.unwrap();
    assert_eq!(names(&store, "g").await, ["last", "u0000"]);
    assert!(store.groups_of(&user("u2499")).await.unwrap().is_empty());
}

async fn an_older_change_is_ignored(store: Store) {
    store.apply_group(change("g", 7, &["bob"], &[])).await.unwrap();
    store.apply_group(change("g", 200, &[], &["bob"])).await.unwrap();
    store.apply_group(change("g", 7, &["bob"], &[])).await.unwrap();
    assert!(names(&store, "g").await.is_empty());
    assert!(store.groups_of(&user("bob")).await.unwrap().is_empty());
    assert_eq!(store.group(&group("g")).await.unwrap(), Some(info("g", 200)));
}

async fn members_come_in_pages(store: Store) {
    let all: Vec<String> = (0..25).map(|number| format!("user{number:02}")).collect();
    let joined: Vec<&str> = all.iter().map(String::as_str).collect();
    store.apply_group(change("g", 1, &joined, &[])).await.unwrap();
    let (mut seen, mut after): (Vec<String>, Option<UserId>) = (Vec::new(), None);
    loop {
        let page = store.members(&group("g"), after, 7).await.unwrap();
        assert!(page.len() <= 7);
        let Some(last) = page.last() else { break };
        after = Some(last.user.clone());
        seen.extend(page.iter().map(|member| member.user.to_string()));
    }
    assert_eq!(seen, all.iter().map(|name| named(name)).collect::<Vec<_>>());
}

async fn a_member_that_left_is_gone_both_ways(store: Store) {
    store.apply_group(change("g", 1, &["bob", "bobby"], &[])).await.unwrap();
    store.apply_group(change("h", 1, &["bob"], &[])).await.unwrap();
    store.apply_group(change("g", 2, &[], &["bob", "nobody"])).await.unwrap();
    assert_eq!(names(&store, "g").await, ["bobby"]);
    assert_eq!(store.member(&group("g"), &user("bob")).await.unwrap(), None);
    assert_eq!(store.groups_of(&user("bob")).await.unwrap(), [group("h")]);
}

async fn who_left_can_come_back(store: Store) {
    for (watermark, joined, left) in [(1, true, false), (2, false, true), (3, true, false), (4, true, true)] {
        let joined: &[&str] = if joined { &["bob"] } else { &[] };
        let left: &[&str] = if left { &["bob"] } else { &[] };
        store.apply_group(change("g", watermark, joined, left)).await.unwrap();
        let groups = if joined.is_empty() { vec![] } else { vec![group("g")] };
        assert_eq!(names(&store, "g").await, joined, "of one change, who left and joined is there");
        assert_eq!(store.groups_of(&user("bob")).await.unwrap(), groups);
    }
}

async fn a_change_in_parts_is_applied_whole(store: Store) {
    store.apply_group(change("g", 1, &["bob"], &[])).await.unwrap();
    for part in
        [change("g", 5, &["carol"], &[]), change("g", 5, &["dave"], &[]), change("g", 5, &[], &["bob"])]
    {
        store.apply_group(part).await.unwrap();
    }
    assert_eq!(names(&store, "g").await, ["carol", "dave"], "parts have the same watermark");
}

async fn many_members_come_in_pages(store: Store) {
    let all: Vec<String> = (0..2_500).map(|number| format!("user{number:04}")).collect();
    for part in all.chunks(1_000) {
        let joined: Vec<&str> = part.iter().map(String::as_str).collect();
        store.apply_group(change("g", 1, &joined, &[])).await.unwrap();
    }
    let (mut seen, mut after): (Vec<String>, Option<UserId>) = (Vec::new(), None);
    loop {
        let page = store.members(&group("g"), after, 1_200).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.user.clone());
        seen.extend(page.iter().map(|member| member.user.to_string()));
    }
    assert_eq!(seen, all.iter().map(|name| named(name)).collect::<Vec<_>>());
}

async fn groups_do_not_mix(store: Store) {
    store.apply_group(change("g", 1, &["bob"], &[])).await.unwrap();
    store.apply_group(change("gg", 9, &["bobby"], &[])).await.unwrap();
    assert_eq!(names(&store, "g").await, ["bob"]);
    assert_eq!(names(&store, "gg").await, ["bobby"]);
    assert_eq!(store.groups_of(&user("bob")).await.unwrap(), [group("g")]);
}

async fn a_member_that_changed_has_one_row(store: Store) {
    store.apply_group(change("g", 1, &["bob", "carol"], &[])).await.unwrap();
    let mut bob = member("bob", Role::Admin);
    (bob.nickname, bob.muted_until) = (String::new(), Timestamp(0));
    let change = GroupChange { info: info("g", 2), joined: vec![bob.clone()], left: vec![] };
    store.apply_group(change).await.unwrap();
    assert_eq!(store.member(&group("g"), &user("bob")).await.unwrap(), Some(bob));
    assert_eq!(names(&store, "g").await, ["bob", "carol"]);
    assert_eq!(store.group(&group("g")).await.unwrap(), Some(info("g", 2)));
}
