//! Every cell of the table, through the state machine, and the page that shows the table.

use std::fmt::Write as _;

use proto::LinkId;
use proto::group::{JoinPolicy, NewLink, TokenHash};

use super::*;
use crate::rules::membership::permissions::PERMISSIONS;

const WHO: [(Who, &str, Source); 6] = [
    (Who::Owner, "olga", Source::Client),
    (Who::Admin, "ada", Source::Client),
    (Who::Member, "max", Source::Client),
    (Who::Stranger, "eve", Source::Client),
    (Who::Service, "svc", Source::ServerApi),
    (Who::Service, "svc", Source::System),
];
const NEXT_YEAR: Timestamp = Timestamp(1 << 45);

/// Olga's group: admins ada and adam, members max and mia; zoe has asked to join where that is needed.
fn stand() -> Stand {
    let mut stand = Stand { group: Group::default(), seq: 0, rules: RULES, later_ms: 0 };
    stand.rules.members_max = 10;
    stand.does("olga", create("Team", &["ada", "adam", "max", "mia"])).unwrap();
    stand.does("olga", GroupRequest::SetRole(users(&["ada", "adam"]), Role::Admin)).unwrap();
    stand
}

fn joined_by(policy: JoinPolicy) -> Stand {
    let mut stand = stand();
    let edit = GroupEdit { join: Some(policy), ..GroupEdit::default() };
    stand.does("olga", GroupRequest::Edit(Box::new(edit))).unwrap();
    if policy == JoinPolicy::Request {
        stand.does("zoe", GroupRequest::AskToJoin { note: String::new() }).unwrap();
    }
    stand
}

fn link(number: u8) -> GroupRequest {
    let link = LinkId::parse(&format!("l{number}")).unwrap();
    GroupRequest::MakeLink(NewLink { link, token: TokenHash([number; 32]), expires: NEXT_YEAR, uses_max: 0 })
}

/// What the action is, as requests of which each must be allowed, or each refused; and the group that they are made to.
fn requests(action: Action, actor: &str) -> (Stand, Vec<GroupRequest>) {
    if let Some(special) = in_a_special_group(action, actor) {
        return special;
    }
    let requests = match action {
        Action::Add => vec![GroupRequest::Add(users(&["new"]))],
        Action::RemoveMember => vec![GroupRequest::Remove(users(&["mia"]))],
        Action::RemoveAdmin => vec![GroupRequest::Remove(users(&["adam"]))],
        Action::RemoveOwner => vec![GroupRequest::Remove(users(&["olga"]))],
        Action::Invite => {
            let (invite, withdraw) = (GroupRequest::Invite(users(&["new"]), NEXT_YEAR), users(&["new"]));
            vec![invite, GroupRequest::Uninvite(withdraw)]
        }
        Action::MakeLink => vec![link(1), GroupRequest::EndLink(LinkId::parse("l1").unwrap())],
        Action::Edit | Action::SetRules | Action::SetMembersMax => edits(action),
        Action::SetRole => vec![
            GroupRequest::SetRole(users(&["mia"]), Role::Admin),
            GroupRequest::SetRole(users(&["adam"]), Role::Member),
        ],
        Action::Transfer => vec![GroupRequest::Transfer(user("mia"))],
        Action::MuteMember => vec![GroupRequest::Mute(users(&["mia"]), NEXT_YEAR)],
        Action::MuteAdmin => vec![GroupRequest::Mute(users(&["adam"]), NEXT_YEAR)],
        Action::MuteOwner => vec![GroupRequest::Mute(users(&["olga"]), NEXT_YEAR)],
        Action::MuteAll => vec![GroupRequest::MuteAll(NEXT_YEAR)],
        Action::NicknameOwn => vec![GroupRequest::SetNickname(user(actor), "Nick".into())],
        Action::NicknameOthers => vec![GroupRequest::SetNickname(user("mia"), "Mimi".into())],
        Action::Dismiss => vec![GroupRequest::Dismiss],
        // Reading, sending and setting for how long entries are kept are no requests.
        _ => vec![],
    };
    (stand(), requests)
}

fn edits(action: Action) -> Vec<GroupRequest> {
    let none = GroupEdit::default;
    let some = || Some("else".to_owned());
    let edits = match action {
        Action::Edit => vec![
            GroupEdit { name: some(), ..none() },
            GroupEdit { description: some(), ..none() },
            GroupEdit { announcement: some(), ..none() },
            GroupEdit { avatar: some(), ..none() },
            GroupEdit { attributes: vec![("colour".into(), "blue".into())], ..none() },
        ],
        Action::SetRules => vec![
            GroupEdit { join: Some(JoinPolicy::Request), ..none() },
            GroupEdit { history: Some(History::FromJoining), ..none() },
            GroupEdit { read_only: Some(true), ..none() },
        ],
        _ => vec![GroupEdit { members_max: Some(1_000), ..none() }],
    };
    edits.into_iter().map(|edit| GroupRequest::Edit(Box::new(edit))).collect()
}

/// For actions that need a group of their own.
fn in_a_special_group(action: Action, actor: &str) -> Option<(Stand, Vec<GroupRequest>)> {
    let mut stand = match action {
        Action::JoinOpen | Action::Leave => joined_by(JoinPolicy::Open),
        Action::JoinClosed | Action::AskToJoin | Action::AnswerJoins => joined_by(JoinPolicy::Request),
        Action::JoinInvited | Action::Decline => joined_by(JoinPolicy::Invitation),
        _ => stand(),
    };
    let requests = match action {
        Action::SendInReadOnly => {
            let edit = GroupEdit { read_only: Some(true), ..GroupEdit::default() };
            stand.does("olga", GroupRequest::Edit(Box::new(edit))).unwrap();
            vec![]
        }
        Action::SendWhileAllMuted => {
            stand.does("olga", GroupRequest::MuteAll(NEXT_YEAR)).unwrap();
            vec![]
        }
        Action::SendWhileMuted => {
            let muted = wire::Muted { users: vec![actor.to_owned()], until: NEXT_YEAR.0 };
            stand.says("olga", Change::Muted(muted));
            vec![]
        }
        Action::Leave => vec![GroupRequest::Leave],
        Action::JoinOpen | Action::JoinClosed => vec![GroupRequest::Join],
        Action::AskToJoin => vec![GroupRequest::AskToJoin { note: "hi".into() }],
        Action::JoinInvited | Action::Decline => {
            stand.does("olga", GroupRequest::Invite(users(&[actor]), NEXT_YEAR)).unwrap();
            stand.does("olga", link(1)).unwrap();
            let decline = GroupRequest::Uninvite(users(&[actor]));
            let join = vec![GroupRequest::Join, GroupRequest::JoinByLink(TokenHash([1; 32]))];
            if action == Action::Decline { vec![decline] } else { join }
        }
        Action::AnswerJoins => {
            vec![GroupRequest::Approve(users(&["zoe"])), GroupRequest::Reject(users(&["zoe"]))]
        }
        _ => return None,
    };
    Some((stand, requests))
}

/// Tried where messages are: in `conversation/tests/changes.rs` and `router/tests/router/confirmations.rs`.
fn is_about_messages(action: Action) -> bool {
    matches!(action, Action::MentionAll | Action::RecallOthers | Action::Pin | Action::SeeConfirmations)
}

#[test]
fn every_cell_of_the_table_is_what_the_state_machine_does() {
    for (action, does, cells) in PERMISSIONS {
        if is_about_messages(*action) {
            continue;
        }
        for (who, actor, source) in WHO {
            let expected = cells[who as usize];
            let (mut stand, requests) = requests(*action, actor);
            let what = format!("{who:?} ({source:?}): {does}");
            if requests.is_empty() {
                let done = match action {
                    Action::Read => {
                        stand.group.may_read(&user(actor), source).map(drop).map_err(|(code, _)| code)
                    }
                    Action::SetRetention => {
                        stand.group.may_retain(&user(actor), source).map_err(|(code, _)| code)
                    }
                    _ => stand.may_send(actor, source),
                };
                assert_eq!(done.is_ok(), expected, "{what}: {done:?}");
            }
            for request in requests {
                let before = stand.seq;
                let done = stand.does_from(actor, source, request.clone());
                assert_eq!(done.is_ok(), expected, "{what}: {request:?} {done:?}");
                assert!(expected || stand.seq == before, "{what}: what is refused is no entry");
            }
        }
    }
}

#[test]
fn the_page_about_groups_shows_the_table() {
    const PAGE: &str = include_str!("../../../../../docs/GROUPS.md");
    let mut table =
        "| to | owner | admin | member | others | service |\n|---|---|---|---|---|---|\n".to_owned();
    for (_, does, cells) in PERMISSIONS {
        let cells = cells.map(|cell| if cell { "yes" } else { "–" });
        writeln!(table, "| {does} | {} |", cells.join(" | ")).unwrap();
    }
    assert!(PAGE.contains(&table), "docs/GROUPS.md must have this table:\n{table}");
}
