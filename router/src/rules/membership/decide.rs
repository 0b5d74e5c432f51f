//! Whether a request is allowed, and the change that it makes. Coming in is in [`super::joining`].

use proto::command::{GroupRequest, Source};
use proto::group::{GroupEdit, JoinPolicy, Role};
use proto::wire::{self, system::Change};
use proto::{Code, Timestamp, UserId, limits};

use super::apply::merge;
use super::permissions::{Action, Who, is_allowed};
use super::room::check_request;
use super::{Group, GroupRules, Info, Refusal};

/// What is asked, by whom, and when.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Who asks, or for whom a service does.
    pub user: &'a UserId,
    /// What kind of caller it is.
    pub source: Source,
    /// By the owner's clock.
    pub now: Timestamp,
}

/// The change that a request makes; `None` when nothing has to change.
pub type Decided = Result<Option<Change>, Refusal>;

const NOT_A_MEMBER: Refusal = (Code::NotFound, "not a member of the group");

impl Group {
    /// Whether a request is allowed, and the change that it makes; `None` when nothing has to change.
    pub fn decide(&self, asked: Asked<'_>, request: &GroupRequest, rules: GroupRules) -> Decided {
        Ok(self.decide_change(asked, request, rules)?.map(|change| self.numbered(change)))
    }

    /// Whoever comes in gets the next number. It is in the entry, so that whoever applies it gives the same.
    fn numbered(&self, mut change: Change) -> Change {
        let next = self.numbers_given() + 1;
        match &mut change {
            Change::Joined(change) | Change::Added(change) | Change::JoinApproved(change) => {
                change.first_number = next;
            }
            Change::JoinedByLink(joined) => joined.number = next,
            _ => {}
        }
        change
    }

    fn decide_change(&self, asked: Asked<'_>, request: &GroupRequest, rules: GroupRules) -> Decided {
        if users_of(request).len() > limits::MEMBERS_PER_COMMAND_MAX {
            return Err((Code::BadField, "at most 1,000 members in one command"));
        }
        let who = self.who(asked.user, asked.source);
        if let GroupRequest::Create { name, members, settings } = request {
            let settings = settings.as_deref().cloned().unwrap_or_default();
            return self.decide_create(asked.user, who, (name, members, settings), rules).map(Some);
        }
        let info = self.info.as_ref().ok_or((Code::NotFound, "there is no such group"))?;
        if info.dismissed && !matches!(request, GroupRequest::Leave | GroupRequest::Dismiss) {
            return Err((Code::Dismissed, "the group was dismissed"));
        }
        if info.settings.room.is_some() {
            check_request(request)?;
        }
        match request {
            GroupRequest::Leave => self.decide_leave(info, asked.user, who),
            GroupRequest::Remove(users) => self.decide_remove(users, who),
            GroupRequest::Dismiss if info.dismissed => Ok(None),
            GroupRequest::Dismiss => {
                let dismissed = Change::Dismissed(wire::GroupDismissed {});
                allow(Action::Dismiss, who, "only the owner may dismiss the group").map(|()| Some(dismissed))
            }
            GroupRequest::Edit(edit) => decide_edit(info, edit, who),
            GroupRequest::SetRole(users, role) => self.decide_role(users, *role, who),
            GroupRequest::Transfer(to) => self.decide_transfer(info, to, who),
            GroupRequest::Mute(users, until) => self.decide_mute(users, *until, who, asked.now),
            GroupRequest::MuteAll(until) => decide_mute_all(info, *until, who, asked.now),
            GroupRequest::SetNickname(user, nickname) => {
                self.decide_nickname(user, nickname, who, user == asked.user)
            }
            request => self.decide_joining(info, asked, who, request, rules),
        }
    }

    fn decide_create(
        &self,
        owner: &UserId,
        who: Who,
        (name, members, settings): (&str, &[UserId], GroupEdit),
        rules: GroupRules,
    ) -> Result<Change, Refusal> {
        if self.exists() {
            return Err((Code::Conflict, "there is a group with this id"));
        }
        let whole = GroupEdit { name: Some(name.to_owned()), ..settings };
        whole.check().map_err(|problem| (Code::BadField, problem))?;
        if whole.room.is_some() && !members.is_empty() {
            return Err((Code::BadField, "members: a live room has none"));
        }
        if whole.members_max.is_some() {
            allow(Action::SetMembersMax, who, "members_max: only services choose it")?;
        }
        let mut others: Vec<&UserId> = members.iter().filter(|user| *user != owner).collect();
        others.sort_unstable();
        others.dedup();
        let members_max =
            whole.members_max.filter(|max| *max > 0).map_or(rules.members_max, |max| max as usize);
        if others.len() + 1 > members_max {
            return Err((Code::GroupFull, "more members than a group may have"));
        }
        let members = others.into_iter().map(ToString::to_string).collect();
        // What is configured now holds for this group from now on.
        let settings = GroupEdit {
            name: None,
            join: Some(whole.join.unwrap_or(JoinPolicy::Open)),
            history: Some(whole.history.unwrap_or(rules.history)),
            ..whole
        };
        let settings = Some(settings.to_wire());
        Ok(Change::Created(wire::GroupCreated {
            name: name.to_owned(),
            owner: owner.to_string(),
            members,
            settings,
        }))
    }

    fn decide_leave(&self, info: &Info, user: &UserId, who: Who) -> Decided {
        let Some(role) = self.role_of(user) else { return Ok(None) };
        // By whatever way: the owner of a group that goes on stays in it.
        if (role == Role::Owner || !is_allowed(Action::Leave, who)) && !info.dismissed {
            return Err((Code::OwnerMustStay, "the owner cannot leave; hand the group over or dismiss it"));
        }
        Ok(change_of([user]).map(Change::Left))
    }

    fn decide_remove(&self, users: &[UserId], who: Who) -> Decided {
        allow(Action::RemoveMember, who, "only the owner and admins may add and remove members")?;
        let gone = || users.iter().filter(|user| self.members.contains_key(*user));
        for user in gone() {
            match self.role_of(user) {
                Some(Role::Owner) if !is_allowed(Action::RemoveOwner, who) => {
                    return Err((Code::OwnerMustStay, "the owner cannot be removed"));
                }
                Some(Role::Admin) => allow(Action::RemoveAdmin, who, "only the owner may remove admins")?,
                _ => {}
            }
        }
        Ok(change_of(gone()).map(Change::Removed))
    }

    fn decide_role(&self, users: &[UserId], role: Role, who: Who) -> Decided {
        allow(Action::SetRole, who, "only the owner may change roles")?;
        if role == Role::Owner {
            return Err((Code::BadField, "role: hand the group over instead"));
        }
        let mut changed = Vec::new();
        for user in users {
            match self.role_of(user).ok_or(NOT_A_MEMBER)? {
                Role::Owner => {
                    return Err((Code::OwnerMustStay, "the owner stays one until the group is handed over"));
                }
                before if before == role => {}
                _ => changed.push(user),
            }
        }
        let role = wire::role_set::Role::from(role).into();
        Ok(change_of(changed).map(|change| Change::RoleSet(wire::RoleSet { users: change.users, role })))
    }

    fn decide_transfer(&self, info: &Info, to: &UserId, who: Who) -> Decided {
        if info.owner == *to {
            // So it is; and whoever handed it over, and heard no answer, may ask again.
            return Ok(None);
        }
        allow(Action::Transfer, who, "only the owner may hand the group over")?;
        self.role_of(to).ok_or(NOT_A_MEMBER)?;
        let change = wire::Transferred { from: info.owner.to_string(), to: to.to_string() };
        Ok(Some(Change::Transferred(change)))
    }

    fn decide_mute(&self, users: &[UserId], until: Timestamp, who: Who, now: Timestamp) -> Decided {
        allow(Action::MuteMember, who, "only the owner and admins may mute")?;
        let until = if until > now { until } else { Timestamp(0) };
        let mut changed = Vec::new();
        for user in users {
            let member = self.members.get(user).ok_or(NOT_A_MEMBER)?;
            match member.role {
                Role::Owner => allow(Action::MuteOwner, who, "the owner cannot be muted")?,
                Role::Admin => allow(Action::MuteAdmin, who, "only the owner may mute admins")?,
                Role::Member => {}
            }
            if member.muted_until != until && (until > now || member.muted_until > now) {
                changed.push(user);
            }
        }
        let muted =
            |change: wire::MembersChange| Change::Muted(wire::Muted { users: change.users, until: until.0 });
        Ok(change_of(changed).map(muted))
    }

    fn decide_nickname(&self, user: &UserId, nickname: &str, who: Who, own: bool) -> Decided {
        // A service has no nickname of its own: whomever it names is a member.
        let action = if own && who != Who::Service { Action::NicknameOwn } else { Action::NicknameOthers };
        allow(action, who, "only the owner and admins may name others")?;
        if nickname.chars().count() > limits::MEMBER_NICKNAME_CHARS_MAX {
            return Err((Code::BadField, "nickname: at most 50 characters are allowed"));
        }
        let member = self.members.get(user).ok_or(NOT_A_MEMBER)?;
        let named = wire::Nicknamed { user: user.to_string(), nickname: nickname.to_owned() };
        Ok((&*member.nickname != nickname).then_some(Change::Nicknamed(named)))
    }
}

fn decide_edit(info: &Info, edit: &GroupEdit, who: Who) -> Decided {
    let GroupEdit { join, history, read_only, members_max, .. } = edit;
    if members_max.is_some() {
        allow(Action::SetMembersMax, who, "members_max: only services choose it")?;
    }
    if join.is_some() || history.is_some() || read_only.is_some() {
        allow(Action::SetRules, who, "only the owner and admins may change the group's rules")?;
    }
    let rest = GroupEdit { join: None, history: None, read_only: None, members_max: None, ..edit.clone() };
    if !rest.is_empty() || edit.is_empty() {
        allow(Action::Edit, who, "only the owner and admins may change the group")?;
    }
    if edit.room.is_some() {
        return Err((Code::BadField, "room: only what is made says so"));
    }
    edit.check().map_err(|problem| (Code::BadField, problem))?;
    let mut attributes = info.settings.attributes.clone();
    merge(&mut attributes, edit.attributes.clone());
    let whole = GroupEdit { attributes, ..GroupEdit::default() };
    whole.check().map_err(|problem| (Code::TooMany, problem))?;
    let changed = what_changes(info, edit);
    Ok((!changed.is_empty()).then(|| Change::Edited(changed.to_wire())))
}

/// Without what is so already.
fn what_changes(info: &Info, edit: &GroupEdit) -> GroupEdit {
    let settings = &info.settings;
    let mut changed = edit.clone();
    changed.name.take_if(|name| *name == info.name);
    changed.description.take_if(|text| *text == settings.description);
    changed.announcement.take_if(|text| *text == settings.announcement);
    changed.avatar.take_if(|text| *text == settings.avatar);
    changed.attributes.retain(|(name, value)| {
        let present = settings.attributes.iter().find(|(other, _)| other == name);
        present.map_or("", |(_, value)| value) != value
    });
    changed.join.take_if(|join| *join == settings.join);
    changed.history.take_if(|history| Some(*history) == settings.history);
    changed.read_only.take_if(|read_only| *read_only == settings.read_only);
    changed.members_max.take_if(|max| *max == settings.members_max);
    changed
}

fn decide_mute_all(info: &Info, until: Timestamp, who: Who, now: Timestamp) -> Decided {
    allow(Action::MuteAll, who, "only the owner and admins may mute")?;
    let until = if until > now { until } else { Timestamp(0) };
    let before = info.settings.muted_until;
    let changes = before != until && (until > now || before > now);
    Ok(changes.then_some(Change::AllMuted(wire::AllMuted { until: until.0 })))
}

/// Whom a request names.
fn users_of(request: &GroupRequest) -> &[UserId] {
    match request {
        GroupRequest::Create { members: users, .. }
        | GroupRequest::Add(users)
        | GroupRequest::Remove(users)
        | GroupRequest::Approve(users)
        | GroupRequest::Reject(users)
        | GroupRequest::Invite(users, _)
        | GroupRequest::Uninvite(users)
        | GroupRequest::SetRole(users, _)
        | GroupRequest::Mute(users, _) => users,
        _ => &[],
    }
}

/// Whether the table says so.
pub(super) fn allow(action: Action, who: Who, otherwise: &'static str) -> Result<(), Refusal> {
    if is_allowed(action, who) { Ok(()) } else { Err((Code::Forbidden, otherwise)) }
}

/// Each of them once, in order; `None` for nobody.
pub(super) fn change_of<'a>(users: impl IntoIterator<Item = &'a UserId>) -> Option<wire::MembersChange> {
    let mut users: Vec<&UserId> = users.into_iter().collect();
    users.sort_unstable();
    users.dedup();
    let users: Vec<String> = users.into_iter().map(ToString::to_string).collect();
    (!users.is_empty()).then_some(wire::MembersChange { users, first_number: 0 })
}
