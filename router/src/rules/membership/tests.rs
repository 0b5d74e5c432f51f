//! Who may do what in a group, and what each entry of its log makes of it.

mod joining;
mod permissions;
mod speaking;

use proto::command::GroupRequest;
use proto::group::GroupEdit;
use proto::wire::{self, system::Change};
use proto::{Body, ClientMessageId, Entry, MessageId};

use super::*;

const RULES: GroupRules = GroupRules { members_max: 4, history: History::Whole };

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn users(names: &[&str]) -> Vec<UserId> {
    names.iter().map(|name| user(name)).collect()
}

fn entry(seq: u64, sender: &str, change: Change) -> Entry {
    Entry {
        seq: Seq(seq),
        message_id: MessageId(seq),
        sender: user(sender),
        time: Timestamp(1_000 * seq),
        counted: 0,
        client_message_id: ClientMessageId([0; 16]),
        body: Body::system(change),
    }
}

fn history(history: History) -> GroupEdit {
    GroupEdit { history: Some(history), ..GroupEdit::default() }
}

fn create(name: &str, members: &[&str]) -> GroupRequest {
    GroupRequest::Create { name: name.to_owned(), members: users(members), settings: None }
}

/// A group, and the seq of its last entry.
struct Stand {
    group: Group,
    seq: u64,
    rules: GroupRules,
    /// How much later it is than the entries say.
    later_ms: u64,
}

impl Stand {
    /// Olga's group, with these members besides her.
    fn new(members: &[&str]) -> Self {
        let mut stand = Self { group: Group::default(), seq: 0, rules: RULES, later_ms: 0 };
        stand.does("olga", create("Team", members)).unwrap();
        stand
    }

    /// Decides as a client's request, and applies what it makes.
    fn does(&mut self, who: &str, request: GroupRequest) -> Result<Changed, Code> {
        self.does_from(who, Source::Client, request)
    }

    fn does_from(&mut self, who: &str, source: Source, request: GroupRequest) -> Result<Changed, Code> {
        let asked = Asked { user: &user(who), source, now: self.now() };
        match self.group.decide(asked, &request, self.rules) {
            Ok(Some(change)) => Ok(self.says(who, change)),
            Ok(None) => Ok(Changed::default()),
            Err((code, _)) => Err(code),
        }
    }

    /// The time of the next entry.
    fn now(&self) -> Timestamp {
        Timestamp(1_000 * (self.seq + 1) + self.later_ms)
    }

    /// The log says so, whoever decided it.
    fn says(&mut self, who: &str, change: Change) -> Changed {
        let time = self.now();
        self.seq += 1;
        let said = Entry { time, ..entry(self.seq, who, change) };
        self.group.apply(&said, self.rules)
    }

    fn may_send(&self, who: &str, source: Source) -> Result<(), Code> {
        self.group.may_send(&user(who), source, self.now()).map_err(|(code, _)| code)
    }

    fn settings(&self) -> GroupSettings {
        self.group.info(&GroupId::parse("team").unwrap()).unwrap().settings
    }

    fn members(&self) -> Vec<String> {
        let mut members: Vec<String> = self.group.members().map(ToString::to_string).collect();
        members.sort();
        members
    }
}

fn joined(changed: &Changed) -> Vec<&str> {
    changed.joined.iter().map(|member| member.user.as_str()).collect()
}

#[test]
fn who_creates_a_group_owns_it_and_everyone_named_is_in_it_once() {
    let mut stand = Stand { group: Group::default(), seq: 0, rules: RULES, later_ms: 0 };
    let changed = stand.does("olga", create("Team", &["bob", "ann", "bob", "olga"])).unwrap();
    assert_eq!(joined(&changed), ["olga", "ann", "bob"]);
    assert_eq!(changed.joined[0].role, Role::Owner);
    assert!(changed.joined[1..].iter().all(|member| member.role == Role::Member));
    let info = stand.group.info(&GroupId::parse("team").unwrap()).unwrap();
    assert_eq!((info.name.as_str(), info.owner.as_str(), info.members), ("Team", "olga", 3));
    assert_eq!((info.created, info.watermark, info.dismissed), (Timestamp(1_000), Seq(1), false));
}

#[test]
fn a_group_is_created_once() {
    let mut stand = Stand::new(&[]);
    assert_eq!(stand.does("olga", create("Again", &[])), Err(Code::Conflict));
    assert_eq!(stand.does("ann", create("Mine", &[])), Err(Code::Conflict));
}

#[test]
fn a_groups_name_has_one_to_a_hundred_characters() {
    let created = |name: &str| {
        Stand { group: Group::default(), seq: 0, rules: RULES, later_ms: 0 }.does("olga", create(name, &[]))
    };
    assert_eq!(created(""), Err(Code::BadField));
    assert_eq!(created(&"ü".repeat(101)), Err(Code::BadField));
    assert!(created(&"ü".repeat(100)).is_ok(), "characters, not bytes");
}

#[test]
fn before_its_creation_there_is_nothing_to_do() {
    let mut stand = Stand { group: Group::default(), seq: 0, rules: RULES, later_ms: 0 };
    for request in
        [GroupRequest::Join, GroupRequest::Leave, GroupRequest::Add(users(&["ann"])), GroupRequest::Dismiss]
    {
        assert_eq!(stand.does("olga", request), Err(Code::NotFound));
    }
    assert_eq!(stand.may_send("olga", Source::ServerApi), Err(Code::NotFound));
    assert_eq!(stand.group.may_read(&user("olga"), Source::ServerApi).unwrap_err().0, Code::NotFound);
    // An entry before the creation changes nothing: there is no group to change.
    let change = Change::Joined(wire::MembersChange { users: vec!["ann".into()], first_number: 0 });
    assert_eq!(stand.group.apply(&entry(1, "ann", change), RULES), Changed::default());
    assert!(!stand.group.exists());
}

#[test]
fn only_members_and_services_may_send_and_read() {
    let stand = Stand::new(&["ann"]);
    assert_eq!(stand.may_send("ann", Source::Client), Ok(()));
    assert_eq!(stand.may_send("eve", Source::Client), Err(Code::Forbidden));
    assert_eq!(stand.may_send("eve", Source::ServerApi), Ok(()));
    assert_eq!(stand.group.may_read(&user("ann"), Source::Client), Ok(Seq(1)));
    assert_eq!(stand.group.may_read(&user("eve"), Source::Client).unwrap_err().0, Code::Forbidden);
    assert_eq!(stand.group.may_read(&user("eve"), Source::ServerApi), Ok(Seq(1)));
}

#[test]
fn anyone_may_join_and_whoever_is_in_changes_nothing() {
    let mut stand = Stand::new(&[]);
    assert_eq!(joined(&stand.does("ann", GroupRequest::Join).unwrap()), ["ann"]);
    assert_eq!(stand.does("ann", GroupRequest::Join), Ok(Changed::default()));
    assert_eq!((stand.seq, stand.members()), (2, vec!["ann".to_owned(), "olga".to_owned()]));
}

#[test]
fn a_member_may_leave_and_a_stranger_changes_nothing() {
    let mut stand = Stand::new(&["ann"]);
    assert_eq!(stand.does("ann", GroupRequest::Leave).unwrap().left, users(&["ann"]));
    assert_eq!(stand.may_send("ann", Source::Client), Err(Code::Forbidden));
    assert_eq!(stand.group.may_read(&user("ann"), Source::Client).unwrap_err().0, Code::Forbidden);
    assert_eq!(stand.does("ann", GroupRequest::Leave), Ok(Changed::default()));
    assert_eq!(stand.seq, 2);
}

#[test]
fn the_owner_stays_until_the_group_is_dismissed() {
    let mut stand = Stand::new(&["ann"]);
    assert_eq!(stand.does("olga", GroupRequest::Leave), Err(Code::OwnerMustStay));
    assert_eq!(stand.does("olga", GroupRequest::Remove(users(&["ann", "olga"]))), Err(Code::OwnerMustStay));
    assert_eq!(
        stand.does_from("svc", Source::ServerApi, GroupRequest::Remove(users(&["olga"]))),
        Err(Code::OwnerMustStay)
    );
    assert_eq!(stand.members(), ["ann", "olga"], "a refused request changes nothing at all");
    stand.does("olga", GroupRequest::Dismiss).unwrap();
    assert_eq!(stand.does("olga", GroupRequest::Leave).unwrap().left, users(&["olga"]));
}

#[test]
fn owner_admins_and_services_add_and_remove_others() {
    let mut stand = Stand::new(&["ann"]);
    let add = || GroupRequest::Add(users(&["bob"]));
    let remove = || GroupRequest::Remove(users(&["bob"]));
    assert_eq!(stand.does("ann", add()), Err(Code::Forbidden));
    assert_eq!(stand.does("eve", add()), Err(Code::Forbidden));
    assert_eq!(joined(&stand.does("olga", add()).unwrap()), ["bob"]);
    assert_eq!(stand.does("ann", remove()), Err(Code::Forbidden));
    assert_eq!(stand.does("olga", remove()).unwrap().left, users(&["bob"]));
    assert_eq!(joined(&stand.does_from("svc", Source::ServerApi, add()).unwrap()), ["bob"]);
    stand.does("olga", GroupRequest::SetRole(users(&["ann"]), Role::Admin)).unwrap();
    assert_eq!(stand.does("ann", remove()).unwrap().left, users(&["bob"]));
    assert_eq!(joined(&stand.does("ann", add()).unwrap()), ["bob"]);
}

#[test]
fn adding_members_and_removing_strangers_changes_nothing() {
    let mut stand = Stand::new(&["ann"]);
    assert_eq!(stand.does("olga", GroupRequest::Add(users(&["ann", "olga"]))), Ok(Changed::default()));
    assert_eq!(stand.does("olga", GroupRequest::Remove(users(&["eve"]))), Ok(Changed::default()));
    assert_eq!(stand.seq, 1);
    let changed = stand.does("olga", GroupRequest::Add(users(&["bob", "ann", "bob"]))).unwrap();
    assert_eq!(joined(&changed), ["bob"], "the new one once");
}

#[test]
fn a_group_is_full_at_its_limit_however_one_comes() {
    let mut stand = Stand { group: Group::default(), seq: 0, rules: RULES, later_ms: 0 };
    assert_eq!(stand.does("olga", create("Team", &["a", "b", "c", "d"])), Err(Code::GroupFull));
    stand.does("olga", create("Team", &["a", "b"])).unwrap();
    assert_eq!(stand.does("olga", GroupRequest::Add(users(&["c", "d"]))), Err(Code::GroupFull));
    assert_eq!(stand.members(), ["a", "b", "olga"], "none of them came in");
    assert!(stand.does("c", GroupRequest::Join).is_ok());
    assert_eq!(stand.does("d", GroupRequest::Join), Err(Code::GroupFull));
    assert_eq!(stand.does("a", GroupRequest::Join), Ok(Changed::default()), "a member may join a full group");
    stand.does("a", GroupRequest::Leave).unwrap();
    assert!(stand.does("d", GroupRequest::Join).is_ok());
}

#[test]
fn one_command_names_a_thousand_members_at_most() {
    let mut stand = Stand::new(&[]);
    stand.rules.members_max = 5_000;
    let many: Vec<UserId> = (0..=1_000).map(|n| user(&format!("u{n}"))).collect();
    assert_eq!(stand.does("olga", GroupRequest::Add(many.clone())), Err(Code::BadField));
    assert_eq!(stand.does("olga", GroupRequest::Remove(many.clone())), Err(Code::BadField));
    assert_eq!(joined(&stand.does("olga", GroupRequest::Add(many[..1_000].to_vec())).unwrap()).len(), 1_000);
}

#[test]
fn only_the_owner_and_services_dismiss() {
    let mut stand = Stand::new(&["ann"]);
    assert_eq!(stand.does("ann", GroupRequest::Dismiss), Err(Code::Forbidden));
    assert_eq!(stand.does("eve", GroupRequest::Dismiss), Err(Code::Forbidden));
    assert!(stand.does_from("svc", Source::ServerApi, GroupRequest::Dismiss).is_ok());
    let info = stand.group.info(&GroupId::parse("team").unwrap()).unwrap();
    assert!(info.dismissed);
    assert_eq!(stand.does("olga", GroupRequest::Dismiss), Ok(Changed::default()), "twice changes nothing");
    assert_eq!(stand.seq, 2);
}

#[test]
fn in_a_dismissed_group_one_reads_and_leaves_and_nothing_else() {
    let mut stand = Stand::new(&["ann"]);
    stand.does("olga", GroupRequest::Dismiss).unwrap();
    assert_eq!(stand.may_send("ann", Source::Client), Err(Code::Dismissed));
    assert_eq!(stand.may_send("svc", Source::ServerApi), Err(Code::Dismissed));
    assert_eq!(stand.group.may_read(&user("ann"), Source::Client), Ok(Seq(1)));
    assert_eq!(stand.does("bob", GroupRequest::Join), Err(Code::Dismissed));
    assert_eq!(stand.does("olga", GroupRequest::Add(users(&["bob"]))), Err(Code::Dismissed));
    assert_eq!(stand.does("olga", GroupRequest::Remove(users(&["ann"]))), Err(Code::Dismissed));
    assert_eq!(stand.does("ann", GroupRequest::Leave).unwrap().left, users(&["ann"]));
}

#[test]
fn a_new_member_reads_everything_or_from_the_joining_on() {
    let mut stand = Stand::new(&[]);
    stand.does("ann", GroupRequest::Join).unwrap();
    assert_eq!(stand.group.floor_of(&user("ann")), Some(Seq(1)));
    // What is configured later holds for groups that are made later.
    stand.rules.history = History::FromJoining;
    stand.does("olga", GroupRequest::Edit(Box::new(history(History::FromJoining)))).unwrap();
    let changed = stand.does("bob", GroupRequest::Join).unwrap();
    assert_eq!((changed.joined[0].floor, changed.joined[0].joined_at), (Seq(4), Timestamp(4_000)));
    assert_eq!(stand.group.may_read(&user("bob"), Source::Client), Ok(Seq(4)));
    stand.does("ann", GroupRequest::Leave).unwrap();
    stand.does("ann", GroupRequest::Join).unwrap();
    assert_eq!(stand.group.floor_of(&user("ann")), Some(Seq(6)), "who comes back begins anew");
}

#[test]
fn an_entry_applied_again_changes_nothing() {
    let mut stand = Stand::new(&["ann"]);
    let leave = Change::Left(wire::MembersChange { users: vec!["ann".into()], first_number: 0 });
    let join = Change::Joined(wire::MembersChange { users: vec!["ann".into()], first_number: 0 });
    assert_eq!(stand.group.apply(&entry(2, "ann", leave.clone()), RULES).left, users(&["ann"]));
    assert_eq!(joined(&stand.group.apply(&entry(3, "ann", join), RULES)), ["ann"]);
    assert_eq!(stand.group.apply(&entry(2, "ann", leave), RULES), Changed::default(), "below the watermark");
    assert_eq!(stand.members(), ["ann", "olga"]);
}

#[test]
fn messages_and_notices_leave_the_group_and_its_watermark_alone() {
    let mut stand = Stand::new(&["ann"]);
    let notice = Change::Notice(wire::Notice { text: "hello".into() });
    assert_eq!(stand.group.apply(&entry(7, "svc", notice), RULES), Changed::default());
    let mut message = entry(8, "ann", Change::Dismissed(wire::GroupDismissed {}));
    message.body = Body::text("hi");
    assert_eq!(stand.group.apply(&message, RULES), Changed::default());
    let info = stand.group.info(&GroupId::parse("team").unwrap()).unwrap();
    assert_eq!((info.watermark, info.dismissed), (Seq(1), false));
}

#[test]
fn a_group_read_from_its_projection_is_the_same_group() {
    let mut stand = Stand::new(&[]);
    let all = stand.does("olga", GroupRequest::Add(users(&["ann", "bob"]))).unwrap().joined;
    stand.does("olga", GroupRequest::SetNickname(user("bob"), "Bobby".into())).unwrap();
    let bob = stand.does("olga", GroupRequest::Mute(users(&["bob"]), Timestamp(9_000))).unwrap().updated;
    let owner = Member {
        user: user("olga"),
        role: Role::Owner,
        joined_at: Timestamp(1_000),
        floor: Seq(1),
        nickname: String::new(),
        muted_until: Timestamp(0),
        number: 1,
    };
    let id = GroupId::parse("team").unwrap();
    let info = stand.group.info(&id).unwrap();
    let again = Group::from_projection(info.clone(), all.into_iter().chain([owner]).chain(bob).collect());
    assert_eq!(again.info(&id), Some(info));
    let mut again = Stand { group: again, seq: 4, rules: RULES, later_ms: 0 };
    assert_eq!(again.members(), stand.members());
    assert_eq!(again.group.people(), stand.group.people());
    assert_eq!(again.may_send("bob", Source::Client), Err(Code::Muted));
    let nickname = GroupRequest::SetNickname(user("bob"), "Bobby".into());
    assert_eq!(again.does("bob", nickname), Ok(Changed::default()), "it is that already");
    assert_eq!(again.does("olga", GroupRequest::Leave), Err(Code::OwnerMustStay));
    assert_eq!(again.does("ann", GroupRequest::Add(users(&["eve"]))), Err(Code::Forbidden));
    assert_eq!(again.does("ann", GroupRequest::Leave).unwrap().left, users(&["ann"]));
}
