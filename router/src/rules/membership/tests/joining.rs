//! Coming in: by request, by invitation, through a link.

use proto::group::{JoinPolicy, NewLink, TokenHash};
use proto::{LinkId, limits};

use super::*;

fn stand(policy: JoinPolicy) -> Stand {
    let mut stand = Stand { group: Group::default(), seq: 0, rules: RULES, later_ms: 0 };
    let settings = GroupEdit { join: Some(policy), ..GroupEdit::default() };
    let create = GroupRequest::Create {
        name: "Team".into(),
        members: users(&["ann"]),
        settings: Some(Box::new(settings)),
    };
    stand.does("olga", create).unwrap();
    stand
}

fn ask() -> GroupRequest {
    GroupRequest::AskToJoin { note: "please".into() }
}

fn link(number: u8, expires: Timestamp, uses_max: u32) -> GroupRequest {
    let link = LinkId::parse(&format!("l{number}")).unwrap();
    GroupRequest::MakeLink(NewLink { link, token: TokenHash([number; 32]), expires, uses_max })
}

fn by_link(number: u8) -> GroupRequest {
    GroupRequest::JoinByLink(TokenHash([number; 32]))
}

#[test]
fn who_asked_comes_in_when_approved() {
    let mut stand = stand(JoinPolicy::Request);
    assert_eq!(stand.does("bob", GroupRequest::Join), Err(Code::JoinClosed));
    assert_eq!(stand.does("bob", ask()), Ok(Changed::default()));
    assert!(stand.group.awaits_answer(&user("bob")));
    let request = stand.settings().requests.remove(0);
    assert_eq!((request.user, request.note.as_str()), (user("bob"), "please"));
    let seq = stand.seq;
    assert_eq!(stand.does("bob", ask()), Ok(Changed::default()));
    assert_eq!(stand.seq, seq, "asked once");
    assert_eq!(stand.may_send("bob", Source::Client), Err(Code::Forbidden));
    let changed = stand.does("olga", GroupRequest::Approve(users(&["bob"]))).unwrap();
    assert_eq!(joined(&changed), ["bob"]);
    assert!(!stand.group.awaits_answer(&user("bob")) && stand.settings().requests.is_empty());
    assert_eq!(stand.does("olga", GroupRequest::Approve(users(&["bob"]))), Ok(Changed::default()));
    assert_eq!(stand.does("olga", GroupRequest::Approve(users(&["eve"]))), Err(Code::NotFound));
}

#[test]
fn a_request_is_refused_or_ends_by_itself() {
    let mut stand = stand(JoinPolicy::Request);
    stand.does("bob", ask()).unwrap();
    stand.does("olga", GroupRequest::Reject(users(&["bob"]))).unwrap();
    assert_eq!(stand.does("olga", GroupRequest::Reject(users(&["bob"]))), Ok(Changed::default()));
    assert_eq!(stand.does("olga", GroupRequest::Approve(users(&["bob"]))), Err(Code::NotFound));
    stand.does("bob", ask()).unwrap();
    stand.later_ms = limits::JOIN_REQUEST_TTL_MS;
    assert_eq!(stand.does("olga", GroupRequest::Approve(users(&["bob"]))), Err(Code::NotFound), "too late");
    stand.does("eve", ask()).unwrap();
    let waiting: Vec<_> = stand.settings().requests.into_iter().map(|request| request.user).collect();
    assert_eq!(waiting, [user("eve")], "what has ended makes room");
}

#[test]
fn requests_that_wait_are_bounded() {
    let mut stand = stand(JoinPolicy::Request);
    for number in 0..limits::JOIN_REQUESTS_MAX {
        stand.does(&format!("u{number}"), ask()).unwrap();
    }
    assert_eq!(stand.does("bob", ask()), Err(Code::TooMany));
    assert_eq!(stand.does("u7", ask()), Ok(Changed::default()), "waits already");
    let long = GroupRequest::AskToJoin { note: "ü".repeat(101) };
    assert_eq!(stand.does("bob", long), Err(Code::BadField));
}

#[test]
fn who_asks_where_nobody_is_asked_comes_in() {
    let mut stand = stand(JoinPolicy::Open);
    assert_eq!(joined(&stand.does("bob", ask()).unwrap()), ["bob"]);
    assert_eq!(stand.does("bob", ask()), Ok(Changed::default()));
    let mut stand = super::joining::stand(JoinPolicy::Invitation);
    assert_eq!(stand.does("bob", ask()), Err(Code::JoinClosed));
}

#[test]
fn who_is_invited_comes_in_or_declines() {
    let mut stand = stand(JoinPolicy::Invitation);
    assert_eq!(stand.does("bob", GroupRequest::Join), Err(Code::JoinClosed));
    let until = stand.now().plus_ms(100_000);
    stand.does("olga", GroupRequest::Invite(users(&["bob", "eve", "ann"]), until)).unwrap();
    let invited: Vec<_> = stand.settings().invitations.into_iter().map(|one| (one.user, one.by)).collect();
    assert_eq!(invited, [(user("bob"), user("olga")), (user("eve"), user("olga"))], "ann is in it");
    assert_eq!(joined(&stand.does("bob", GroupRequest::Join).unwrap()), ["bob"]);
    stand.does("eve", GroupRequest::Uninvite(users(&["eve"]))).unwrap();
    assert_eq!(stand.does("eve", GroupRequest::Join), Err(Code::JoinClosed));
    assert!(stand.settings().invitations.is_empty());
    stand.does("olga", GroupRequest::Invite(users(&["eve"]), until)).unwrap();
    assert_eq!(stand.does("bob", GroupRequest::Uninvite(users(&["eve"]))), Err(Code::Forbidden));
    stand.later_ms = 100_000;
    assert_eq!(stand.does("eve", GroupRequest::Join), Err(Code::JoinClosed), "it has ended");
}

#[test]
fn invitations_are_bounded_and_end_in_time_to_come() {
    let mut stand = stand(JoinPolicy::Invitation);
    let until = stand.now().plus_ms(100_000);
    let many: Vec<UserId> = (0..limits::INVITATIONS_MAX).map(|number| user(&format!("u{number}"))).collect();
    stand.does("olga", GroupRequest::Invite(many.clone(), until)).unwrap();
    assert_eq!(stand.does("olga", GroupRequest::Invite(users(&["bob"]), until)), Err(Code::TooMany));
    assert!(
        stand.does("olga", GroupRequest::Invite(many, until.plus_ms(1))).is_ok(),
        "the same ones for longer"
    );
    let past = GroupRequest::Invite(users(&["bob"]), stand.now());
    assert_eq!(stand.does("olga", past), Err(Code::BadField));
}

#[test]
fn a_link_lets_in_as_many_as_it_says_until_it_ends() {
    let mut stand = stand(JoinPolicy::Invitation);
    stand.rules.members_max = 10;
    let until = stand.now().plus_ms(100_000);
    stand.does("olga", link(1, until, 2)).unwrap();
    assert_eq!(stand.does("bob", by_link(2)), Err(Code::JoinClosed));
    assert_eq!(joined(&stand.does("bob", by_link(1)).unwrap()), ["bob"]);
    assert_eq!(stand.does("bob", by_link(1)), Ok(Changed::default()), "no use of it is lost to a member");
    assert_eq!(joined(&stand.does("eve", by_link(1)).unwrap()), ["eve"]);
    assert_eq!(stand.does("zoe", by_link(1)), Err(Code::JoinClosed), "used up");
    stand.does("olga", link(2, until, 0)).unwrap();
    assert!(stand.does("zoe", by_link(2)).is_ok());
    stand.does("olga", GroupRequest::EndLink(LinkId::parse("l2").unwrap())).unwrap();
    assert_eq!(stand.does("fay", by_link(2)), Err(Code::JoinClosed), "ended");
    stand.does("olga", link(3, until, 0)).unwrap();
    stand.later_ms = 100_000;
    assert_eq!(stand.does("fay", by_link(3)), Err(Code::JoinClosed), "over");
}

#[test]
fn links_are_bounded_and_each_is_another() {
    let mut stand = stand(JoinPolicy::Invitation);
    let until = stand.now().plus_ms(1_000_000);
    for number in 0..limits::LINKS_MAX {
        stand.does("olga", link(u8::try_from(number).unwrap(), until, 1)).unwrap();
    }
    assert_eq!(stand.does("olga", link(99, until, 0)), Err(Code::TooMany));
    assert_eq!(stand.does("olga", link(0, until, 1)), Ok(Changed::default()), "the very same again");
    let other = NewLink {
        link: LinkId::parse("l0").unwrap(),
        token: TokenHash([99; 32]),
        expires: until,
        uses_max: 0,
    };
    assert_eq!(stand.does("olga", GroupRequest::MakeLink(other)), Err(Code::Conflict));
    stand.does("bob", by_link(0)).unwrap();
    assert!(stand.does("olga", link(99, until, 0)).is_ok(), "one that is used up makes room");
    assert_eq!(stand.does("olga", link(98, stand.now(), 0)), Err(Code::BadField));
}

#[test]
fn a_full_group_is_full_by_every_door() {
    let mut stand = stand(JoinPolicy::Request);
    let until = stand.now().plus_ms(1_000_000);
    stand.does("bob", ask()).unwrap();
    stand.does("olga", GroupRequest::Invite(users(&["eve"]), until)).unwrap();
    stand.does("olga", link(1, until, 0)).unwrap();
    stand.does("olga", GroupRequest::Add(users(&["x", "y"]))).unwrap();
    assert_eq!(stand.does("olga", GroupRequest::Approve(users(&["bob"]))), Err(Code::GroupFull));
    assert_eq!(stand.does("eve", GroupRequest::Join), Err(Code::GroupFull));
    assert_eq!(stand.does("zoe", by_link(1)), Err(Code::GroupFull));
    stand.does("x", GroupRequest::Leave).unwrap();
    assert!(stand.does("olga", GroupRequest::Approve(users(&["bob"]))).is_ok());
}

#[test]
fn what_the_log_says_is_the_same_in_every_replay() {
    let mut stand = stand(JoinPolicy::Request);
    let until = stand.now().plus_ms(5_000);
    let mut log = Vec::new();
    for (who, request) in [
        ("bob", ask()),
        ("olga", link(1, until, 1)),
        ("olga", GroupRequest::Invite(users(&["eve"]), until)),
        ("eve", GroupRequest::Join),
        ("zoe", by_link(1)),
        ("olga", GroupRequest::Reject(users(&["bob"]))),
        ("fay", ask()),
    ] {
        let asked = Asked { user: &user(who), source: Source::Client, now: stand.now() };
        let change = stand.group.decide(asked, &request, stand.rules).unwrap().unwrap();
        log.push(Entry { time: stand.now(), ..entry(stand.seq + 1, who, change.clone()) });
        stand.says(who, change);
    }
    let mut replayed = super::joining::stand(JoinPolicy::Request);
    for entry in log.iter().chain(&log) {
        replayed.group.apply(entry, RULES);
    }
    assert_eq!(replayed.settings(), stand.settings());
    assert_eq!(replayed.members(), stand.members());
}
