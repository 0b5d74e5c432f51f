//! What a command asks of a group.

use wire::command_envelope::Request as Wire;

use super::{group, id, texts, users};
use crate::command::GroupRequest;
use crate::group::{GroupEdit, NewLink, Role, TokenHash};
use crate::{FrameError, GroupId, LinkId, Request, Timestamp, UserId, wire};

pub(super) fn to_wire(group: &GroupId, request: &GroupRequest) -> Wire {
    let group = group.to_string();
    match request {
        GroupRequest::Create { name, members, settings } => {
            let settings = settings.as_ref().map(|settings| settings.to_wire());
            Wire::CreateGroup(wire::CreateGroup {
                group,
                name: name.clone(),
                members: texts(members),
                settings,
            })
        }
        GroupRequest::Join => Wire::JoinGroup(wire::JoinGroup { group }),
        GroupRequest::Leave => Wire::LeaveGroup(wire::LeaveGroup { group }),
        GroupRequest::Add(users) => Wire::AddMembers(wire::AddMembers { group, users: texts(users) }),
        GroupRequest::Remove(users) => {
            Wire::RemoveMembers(wire::RemoveMembers { group, users: texts(users) })
        }
        GroupRequest::Dismiss => Wire::DismissGroup(wire::DismissGroup { group }),
        GroupRequest::Edit(edit) => Wire::EditGroup(wire::EditGroup { group, edit: Some(edit.to_wire()) }),
        GroupRequest::SetRole(users, role) => {
            let role = wire::role_set::Role::from(*role).into();
            Wire::SetRole(wire::SetRole { group, users: texts(users), role })
        }
        GroupRequest::Transfer(to) => Wire::TransferGroup(wire::TransferGroup { group, to: to.to_string() }),
        GroupRequest::Mute(users, until) => {
            Wire::MuteMembers(wire::MuteMembers { group, users: texts(users), until: until.0 })
        }
        GroupRequest::MuteAll(until) => Wire::MuteGroup(wire::MuteGroup { group, until: until.0 }),
        GroupRequest::SetNickname(user, nickname) => {
            let (user, nickname) = (user.to_string(), nickname.clone());
            Wire::SetNickname(wire::SetNickname { group, user, nickname })
        }
        request => joining_to_wire(group, request),
    }
}

fn joining_to_wire(group: String, request: &GroupRequest) -> Wire {
    match request {
        GroupRequest::AskToJoin { note } => Wire::AskToJoin(wire::AskToJoin { group, note: note.clone() }),
        GroupRequest::Approve(users) => {
            Wire::AnswerJoins(wire::AnswerJoins { group, users: texts(users), approve: true })
        }
        GroupRequest::Reject(users) => {
            Wire::AnswerJoins(wire::AnswerJoins { group, users: texts(users), approve: false })
        }
        GroupRequest::Invite(users, expires) => {
            Wire::InviteMembers(wire::InviteMembers { group, users: texts(users), expires: expires.0 })
        }
        GroupRequest::Uninvite(users) => Wire::Uninvite(wire::Uninvite { group, users: texts(users) }),
        GroupRequest::MakeLink(new) => Wire::MakeLink(wire::MakeLink {
            group,
            link: new.link.to_string(),
            token_sha256: new.token.to_string(),
            expires: new.expires.0,
            uses_max: new.uses_max,
        }),
        GroupRequest::EndLink(link) => Wire::EndLink(wire::EndLink { group, link: link.to_string() }),
        GroupRequest::JoinByLink(token) => {
            Wire::JoinByLink(wire::JoinByLink { group, token_sha256: token.to_string() })
        }
        _ => Wire::JoinGroup(wire::JoinGroup { group }),
    }
}

pub(super) fn from_wire(wire: Wire) -> Result<Request, FrameError> {
    let (group, request) = match wire {
        Wire::CreateGroup(wire) => {
            let members = users("create_group", "members", &wire.members)?;
            let settings = wire.settings.map(GroupEdit::from_wire).map(Box::new);
            let create = GroupRequest::Create { name: wire.name, members, settings };
            (group("create_group", &wire.group)?, create)
        }
        Wire::JoinGroup(wire) => (group("join_group", &wire.group)?, GroupRequest::Join),
        Wire::LeaveGroup(wire) => (group("leave_group", &wire.group)?, GroupRequest::Leave),
        Wire::AddMembers(wire) => {
            let add = GroupRequest::Add(users("add_members", "users", &wire.users)?);
            (group("add_members", &wire.group)?, add)
        }
        Wire::RemoveMembers(wire) => {
            let remove = GroupRequest::Remove(users("remove_members", "users", &wire.users)?);
            (group("remove_members", &wire.group)?, remove)
        }
        Wire::DismissGroup(wire) => (group("dismiss_group", &wire.group)?, GroupRequest::Dismiss),
        Wire::EditGroup(wire) => {
            let edit = GroupEdit::from_wire(wire.edit.unwrap_or_default());
            (group("edit_group", &wire.group)?, GroupRequest::Edit(Box::new(edit)))
        }
        Wire::SetRole(wire) => {
            let set =
                GroupRequest::SetRole(users("set_role", "users", &wire.users)?, Role::from(wire.role()));
            (group("set_role", &wire.group)?, set)
        }
        Wire::TransferGroup(wire) => {
            let to = user("transfer_group", "to", &wire.to)?;
            (group("transfer_group", &wire.group)?, GroupRequest::Transfer(to))
        }
        Wire::MuteMembers(wire) => {
            let users = users("mute_members", "users", &wire.users)?;
            (group("mute_members", &wire.group)?, GroupRequest::Mute(users, Timestamp(wire.until)))
        }
        Wire::MuteGroup(wire) => {
            (group("mute_group", &wire.group)?, GroupRequest::MuteAll(Timestamp(wire.until)))
        }
        Wire::SetNickname(wire) => {
            let user = user("set_nickname", "user", &wire.user)?;
            (group("set_nickname", &wire.group)?, GroupRequest::SetNickname(user, wire.nickname))
        }
        wire => joining(wire)?,
    };
    Ok(Request::Group(group, request))
}

fn joining(wire: Wire) -> Result<(GroupId, GroupRequest), FrameError> {
    Ok(match wire {
        Wire::AskToJoin(wire) => {
            (group("ask_to_join", &wire.group)?, GroupRequest::AskToJoin { note: wire.note })
        }
        Wire::AnswerJoins(wire) => {
            let users = users("answer_joins", "users", &wire.users)?;
            let answer =
                if wire.approve { GroupRequest::Approve(users) } else { GroupRequest::Reject(users) };
            (group("answer_joins", &wire.group)?, answer)
        }
        Wire::InviteMembers(wire) => {
            let users = users("invite_members", "users", &wire.users)?;
            let invite = GroupRequest::Invite(users, Timestamp(wire.expires));
            (group("invite_members", &wire.group)?, invite)
        }
        Wire::Uninvite(wire) => {
            let users = users("uninvite", "users", &wire.users)?;
            (group("uninvite", &wire.group)?, GroupRequest::Uninvite(users))
        }
        Wire::MakeLink(wire) => {
            let new = NewLink {
                link: link("make_link", &wire.link)?,
                token: token("make_link", &wire.token_sha256)?,
                expires: Timestamp(wire.expires),
                uses_max: wire.uses_max,
            };
            (group("make_link", &wire.group)?, GroupRequest::MakeLink(new))
        }
        Wire::EndLink(wire) => {
            let end = GroupRequest::EndLink(link("end_link", &wire.link)?);
            (group("end_link", &wire.group)?, end)
        }
        Wire::JoinByLink(wire) => {
            let token = token("join_by_link", &wire.token_sha256)?;
            (group("join_by_link", &wire.group)?, GroupRequest::JoinByLink(token))
        }
        _ => return Err(FrameError::Unknown { known: "requests about groups" }),
    })
}

fn user(envelope: &'static str, field: &'static str, text: &str) -> Result<UserId, FrameError> {
    id(envelope, field, UserId::parse(text))
}

fn link(envelope: &'static str, text: &str) -> Result<LinkId, FrameError> {
    id(envelope, "link", LinkId::parse(text))
}

fn token(envelope: &'static str, text: &str) -> Result<TokenHash, FrameError> {
    TokenHash::parse(text)
        .ok_or_else(|| FrameError::field(envelope, "token_sha256", "64 hexadecimal digits are needed"))
}
