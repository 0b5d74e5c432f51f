//! What a group is, who leads it, who may speak, and how its members are called.

use super::*;

fn edited(stand: &mut Stand, who: &str, edit: GroupEdit) -> Result<Changed, Code> {
    stand.does(who, GroupRequest::Edit(Box::new(edit)))
}

fn none() -> GroupEdit {
    GroupEdit::default()
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn what_is_named_changes_and_the_rest_stays() {
    let mut stand = Stand::new(&["ann"]);
    edited(&mut stand, "olga", GroupEdit { name: text("New"), avatar: text("f1"), ..none() }).unwrap();
    edited(&mut stand, "olga", GroupEdit { announcement: text("Lunch"), description: text("us"), ..none() })
        .unwrap();
    let info = stand.group.info(&GroupId::parse("team").unwrap()).unwrap();
    let settings = &info.settings;
    assert_eq!((info.name.as_str(), settings.avatar.as_str()), ("New", "f1"));
    assert_eq!((settings.announcement.as_str(), settings.description.as_str()), ("Lunch", "us"));
    assert_eq!((info.watermark, settings.read_only), (Seq(3), false));
    edited(&mut stand, "olga", GroupEdit { avatar: text(""), ..none() }).unwrap();
    assert_eq!(stand.settings().avatar, "");
}

#[test]
fn what_is_so_already_makes_no_entry() {
    let mut stand = Stand::new(&[]);
    assert_eq!(edited(&mut stand, "olga", none()), Ok(Changed::default()));
    let same = GroupEdit { name: text("Team"), read_only: Some(false), ..history(History::Whole) };
    assert_eq!(edited(&mut stand, "olga", same), Ok(Changed::default()));
    assert_eq!(stand.seq, 1);
    // Of several, the entry names only what changed.
    let edit = GroupEdit { name: text("Team"), avatar: text("f1"), ..none() };
    let asked = Asked { user: &user("olga"), source: Source::Client, now: stand.now() };
    let change = stand.group.decide(asked, &GroupRequest::Edit(Box::new(edit)), RULES).unwrap().unwrap();
    let Change::Edited(edited) = change else { panic!("{change:?}") };
    assert_eq!((edited.name, edited.avatar), (None, text("f1")));
}

#[test]
fn attributes_are_set_one_by_one_and_bounded_as_a_whole() {
    let mut stand = Stand::new(&[]);
    let set = |pairs: &[(&str, &str)]| GroupEdit {
        attributes: pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        ..none()
    };
    edited(&mut stand, "olga", set(&[("b", "2"), ("a", "1")])).unwrap();
    edited(&mut stand, "olga", set(&[("b", ""), ("c", "3"), ("gone", "")])).unwrap();
    let pairs = |stand: &Stand| stand.settings().attributes;
    assert_eq!(pairs(&stand), [("a".to_owned(), "1".to_owned()), ("c".to_owned(), "3".to_owned())]);
    assert_eq!(edited(&mut stand, "olga", set(&[("c", "3")])), Ok(Changed::default()));
    let names: Vec<String> = (0..31).map(|number| format!("n{number}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x")).collect();
    assert_eq!(edited(&mut stand, "olga", set(&many)), Err(Code::TooMany), "33 with those that are there");
    assert!(edited(&mut stand, "olga", set(&many[..30])).is_ok());
}

#[test]
fn a_value_beyond_its_limit_is_refused() {
    let mut stand = Stand::new(&[]);
    let long = GroupEdit { announcement: text(&"ü".repeat(2_001)), ..none() };
    assert_eq!(edited(&mut stand, "olga", long), Err(Code::BadField));
    assert_eq!(edited(&mut stand, "olga", GroupEdit { name: text(""), ..none() }), Err(Code::BadField));
    let nickname = GroupRequest::SetNickname(user("olga"), "ü".repeat(51));
    assert_eq!(stand.does("olga", nickname), Err(Code::BadField));
    assert!(stand.does("olga", GroupRequest::SetNickname(user("olga"), "ü".repeat(50))).is_ok());
}

#[test]
fn a_service_raises_how_many_members_there_may_be() {
    let mut stand = Stand::new(&["a", "b", "c"]);
    assert_eq!(stand.does("d", GroupRequest::Join), Err(Code::GroupFull));
    let raise = || GroupRequest::Edit(Box::new(GroupEdit { members_max: Some(5), ..none() }));
    assert_eq!(stand.does("olga", raise()), Err(Code::Forbidden));
    stand.does_from("svc", Source::ServerApi, raise()).unwrap();
    stand.does("d", GroupRequest::Join).unwrap();
    assert_eq!(stand.does("e", GroupRequest::Join), Err(Code::GroupFull));
}

#[test]
fn the_group_is_handed_over_and_its_new_owner_ends_it() {
    let mut stand = Stand::new(&["ann"]);
    assert_eq!(stand.does("olga", GroupRequest::Transfer(user("eve"))), Err(Code::NotFound));
    assert_eq!(stand.does("olga", GroupRequest::Transfer(user("olga"))), Ok(Changed::default()));
    let changed = stand.does("olga", GroupRequest::Transfer(user("ann"))).unwrap();
    let roles: Vec<_> = changed.updated.iter().map(|member| (member.user.as_str(), member.role)).collect();
    assert_eq!(roles, [("olga", Role::Admin), ("ann", Role::Owner)]);
    assert_eq!(stand.group.info(&GroupId::parse("team").unwrap()).unwrap().owner, user("ann"));
    assert_eq!(
        stand.does("olga", GroupRequest::Transfer(user("ann"))),
        Ok(Changed::default()),
        "asked again"
    );
    assert_eq!(stand.does("olga", GroupRequest::Dismiss), Err(Code::Forbidden));
    assert_eq!(stand.does("ann", GroupRequest::Leave), Err(Code::OwnerMustStay));
    assert!(stand.does("olga", GroupRequest::Leave).is_ok());
    stand.does("ann", GroupRequest::Dismiss).unwrap();
}

#[test]
fn roles_change_for_members_alone_and_never_the_owners() {
    let mut stand = Stand::new(&["ann", "bob"]);
    let role = |names: &[&str], role| GroupRequest::SetRole(users(names), role);
    let changed = stand.does("olga", role(&["ann", "ann"], Role::Admin)).unwrap();
    assert_eq!((changed.updated.len(), changed.updated[0].role), (1, Role::Admin));
    assert_eq!(changed.updated[0].joined_at, Timestamp(1_000), "the rest of the row stays");
    assert_eq!(stand.does("olga", role(&["ann"], Role::Admin)), Ok(Changed::default()));
    assert_eq!(stand.does("olga", role(&["eve"], Role::Admin)), Err(Code::NotFound));
    assert_eq!(stand.does("olga", role(&["olga"], Role::Member)), Err(Code::OwnerMustStay));
    assert_eq!(stand.does("olga", role(&["bob"], Role::Owner)), Err(Code::BadField));
}

#[test]
fn who_is_muted_is_silent_until_the_time_has_come() {
    let mut stand = Stand::new(&["ann"]);
    let until = stand.now().plus_ms(60_000);
    let mute = |until| GroupRequest::Mute(users(&["ann"]), until);
    stand.does("olga", mute(until)).unwrap();
    assert_eq!(stand.does("olga", mute(until)), Ok(Changed::default()));
    assert_eq!(stand.may_send("ann", Source::Client), Err(Code::Muted));
    assert_eq!(stand.group.muted_until(&user("ann"), stand.now()), until);
    assert!(stand.group.may_read(&user("ann"), Source::Client).is_ok());
    stand.later_ms = 59_000;
    assert_eq!(stand.may_send("ann", Source::Client), Ok(()), "at the very time");
    stand.later_ms = 58_999;
    assert_eq!(stand.may_send("ann", Source::Client), Err(Code::Muted));
    stand.does("olga", mute(Timestamp(0))).unwrap();
    assert_eq!(stand.may_send("ann", Source::Client), Ok(()));
    assert_eq!(stand.does("olga", mute(Timestamp(5))), Ok(Changed::default()), "a time that is over unmutes");
    assert_eq!(stand.does("olga", GroupRequest::Mute(users(&["eve"]), until)), Err(Code::NotFound));
}

#[test]
fn all_are_muted_but_owner_and_admins() {
    let mut stand = Stand::new(&["ann", "bob"]);
    stand.does("olga", GroupRequest::SetRole(users(&["bob"]), Role::Admin)).unwrap();
    let until = stand.now().plus_ms(60_000);
    stand.does("bob", GroupRequest::MuteAll(until)).unwrap();
    assert_eq!(stand.may_send("ann", Source::Client), Err(Code::Muted));
    assert_eq!(stand.group.muted_until(&user("ann"), stand.now()), until);
    for (name, source) in [("olga", Source::Client), ("bob", Source::Client), ("ann", Source::ServerApi)] {
        assert_eq!(stand.may_send(name, source), Ok(()), "{name}");
    }
    stand.does("olga", GroupRequest::MuteAll(Timestamp(0))).unwrap();
    assert_eq!(stand.may_send("ann", Source::Client), Ok(()));
    assert_eq!(stand.does("olga", GroupRequest::MuteAll(Timestamp(0))), Ok(Changed::default()));
}

#[test]
fn in_a_channel_only_those_who_lead_it_send() {
    let mut stand = Stand::new(&["ann"]);
    edited(&mut stand, "olga", GroupEdit { read_only: Some(true), ..none() }).unwrap();
    assert_eq!(stand.may_send("ann", Source::Client), Err(Code::ReadOnly));
    assert_eq!(stand.may_send("olga", Source::Client), Ok(()));
    assert_eq!(stand.may_send("svc", Source::ServerApi), Ok(()));
}

#[test]
fn an_entry_of_another_kind_leaves_the_group_as_it_is() {
    let mut stand = Stand::new(&["ann"]);
    let before = stand.settings();
    let notice = Change::Notice(wire::Notice { text: "hello".into() });
    stand.says("svc", notice);
    assert_eq!((stand.settings(), stand.group.watermark()), (before, Some(Seq(1))));
}
