//! Coming in: open, by request, by invitation, through a link, or added by others.

use proto::command::GroupRequest;
use proto::group::{JoinPolicy, NewLink, TokenHash};
use proto::wire::{self, system::Change};
use proto::{Code, Timestamp, UserId, limits};

use super::decide::{Asked, Decided, allow, change_of};
use super::doors::{Doors as _, is_open};
use super::permissions::{Action, Who, is_allowed};
use super::{Group, GroupRules, Info, Refusal};

const FULL: Refusal = (Code::GroupFull, "the group has as many members as it may have");

impl Group {
    pub(super) fn decide_joining(
        &self,
        info: &Info,
        asked: Asked<'_>,
        who: Who,
        request: &GroupRequest,
        rules: GroupRules,
    ) -> Decided {
        match request {
            GroupRequest::Add(users) => {
                allow(Action::Add, who, "only the owner and admins may add and remove members")?;
                self.grown(info, users, rules).map(|change| change.map(Change::Added))
            }
            GroupRequest::Approve(users) => self.decide_approve(info, users, who, asked.now, rules),
            GroupRequest::Reject(users) => {
                allow(Action::AnswerJoins, who, "only the owner and admins answer requests")?;
                let asking = |user: &&UserId| info.settings.request(user, asked.now).is_some();
                Ok(change_of(users.iter().filter(asking)).map(Change::JoinRejected))
            }
            GroupRequest::Invite(users, expires) => self.decide_invite(info, users, *expires, who, asked.now),
            GroupRequest::Uninvite(users) => decide_uninvite(info, users, asked, who),
            GroupRequest::MakeLink(new) => decide_link(info, new, who, asked.now),
            GroupRequest::EndLink(link) => {
                allow(Action::MakeLink, who, "only the owner and admins make and end links")?;
                let is_there = info.settings.links.iter().any(|other| other.link == *link);
                let ended = wire::LinkEnded { link: link.to_string() };
                Ok(is_there.then_some(Change::LinkEnded(ended)))
            }
            GroupRequest::AskToJoin { .. } | GroupRequest::Join | GroupRequest::JoinByLink(_)
                if self.members.contains_key(asked.user) =>
            {
                Ok(None)
            }
            GroupRequest::JoinByLink(token) => self.decide_by_link(info, asked, *token, rules),
            GroupRequest::AskToJoin { note } => self.decide_ask(info, asked, who, note, rules),
            _ => match may_join(info, asked, who) {
                true => self.join(info, asked.user, rules),
                false if info.settings.join == JoinPolicy::Request => {
                    Err((Code::JoinClosed, "members are approved here: ask to join"))
                }
                false => Err((Code::JoinClosed, "one joins by invitation here")),
            },
        }
    }

    fn decide_by_link(&self, info: &Info, asked: Asked<'_>, token: TokenHash, rules: GroupRules) -> Decided {
        let ended = (Code::JoinClosed, "the link has ended");
        let link = info.settings.link(token, asked.now).ok_or(ended)?;
        let (user, link) = (asked.user.to_string(), link.link.to_string());
        let joined = wire::JoinedByLink { user, link, number: 0 };
        let change = self.grown(info, std::slice::from_ref(asked.user), rules)?;
        Ok(change.map(|_| Change::JoinedByLink(joined)))
    }

    fn decide_ask(&self, info: &Info, asked: Asked<'_>, who: Who, note: &str, rules: GroupRules) -> Decided {
        if may_join(info, asked, who) {
            return self.join(info, asked.user, rules);
        }
        if info.settings.join != JoinPolicy::Request || !is_allowed(Action::AskToJoin, who) {
            return Err((Code::JoinClosed, "one joins by invitation here"));
        }
        if note.chars().count() > limits::JOIN_NOTE_CHARS_MAX {
            return Err((Code::BadField, "note: at most 100 characters are allowed"));
        }
        let waiting = info.settings.requests.iter().filter(|request| request.expires > asked.now);
        if info.settings.request(asked.user, asked.now).is_some() {
            return Ok(None);
        }
        if waiting.count() >= limits::JOIN_REQUESTS_MAX {
            return Err((Code::TooMany, "too many requests wait for their answer"));
        }
        Ok(Some(Change::JoinAsked(wire::JoinAsked {
            user: asked.user.to_string(),
            note: note.to_owned(),
            expires: asked.now.plus_ms(limits::JOIN_REQUEST_TTL_MS).0,
        })))
    }

    fn decide_approve(
        &self,
        info: &Info,
        users: &[UserId],
        who: Who,
        now: Timestamp,
        rules: GroupRules,
    ) -> Decided {
        allow(Action::AnswerJoins, who, "only the owner and admins answer requests")?;
        let new: Vec<UserId> =
            users.iter().filter(|user| !self.members.contains_key(*user)).cloned().collect();
        if new.iter().any(|user| info.settings.request(user, now).is_none()) {
            return Err((Code::NotFound, "there is no such request"));
        }
        self.grown(info, &new, rules).map(|change| change.map(Change::JoinApproved))
    }

    fn decide_invite(
        &self,
        info: &Info,
        users: &[UserId],
        expires: Timestamp,
        who: Who,
        now: Timestamp,
    ) -> Decided {
        allow(Action::Invite, who, "only the owner and admins invite")?;
        if expires <= now {
            return Err((Code::BadField, "expires: a time to come is needed"));
        }
        let new = change_of(users.iter().filter(|user| !self.members.contains_key(*user)));
        let Some(wire::MembersChange { users, .. }) = new else { return Ok(None) };
        let others = info.settings.invitations.iter().filter(|invitation| {
            invitation.expires > now && !users.iter().any(|user| user == invitation.user.as_str())
        });
        if others.count() + users.len() > limits::INVITATIONS_MAX {
            return Err((Code::TooMany, "too many invitations wait for their answer"));
        }
        Ok(Some(Change::Invited(wire::Invited { users, expires: expires.0 })))
    }

    fn join(&self, info: &Info, user: &UserId, rules: GroupRules) -> Decided {
        self.grown(info, std::slice::from_ref(user), rules).map(|change| change.map(Change::Joined))
    }

    /// Those of them who are not members yet, if there is room for all.
    fn grown(
        &self,
        info: &Info,
        users: &[UserId],
        rules: GroupRules,
    ) -> Result<Option<wire::MembersChange>, Refusal> {
        let change = change_of(users.iter().filter(|user| !self.members.contains_key(*user)));
        let new = change.as_ref().map_or(0, |change| change.users.len());
        let members_max = match info.settings.members_max {
            0 => rules.members_max,
            raised => raised as usize,
        };
        if new > 0 && self.members.len() + new > members_max { Err(FULL) } else { Ok(change) }
    }
}

/// Whether one comes in without being answered.
fn may_join(info: &Info, asked: Asked<'_>, who: Who) -> bool {
    let invited = info.settings.invitation(asked.user, asked.now).is_some();
    let open = info.settings.join == JoinPolicy::Open;
    open && is_allowed(Action::JoinOpen, who)
        || invited && is_allowed(Action::JoinInvited, who)
        || is_allowed(Action::JoinClosed, who)
}

fn decide_uninvite(info: &Info, users: &[UserId], asked: Asked<'_>, who: Who) -> Decided {
    let own = users.iter().all(|user| user == asked.user);
    let action = if own { Action::Decline } else { Action::Invite };
    allow(action, who, "only the owner and admins withdraw invitations")?;
    let invited = |user: &&UserId| info.settings.invitation(user, asked.now).is_some();
    Ok(change_of(users.iter().filter(invited)).map(Change::Uninvited))
}

fn decide_link(info: &Info, new: &NewLink, who: Who, now: Timestamp) -> Decided {
    allow(Action::MakeLink, who, "only the owner and admins make and end links")?;
    if new.expires <= now {
        return Err((Code::BadField, "expires: a time to come is needed"));
    }
    // Whoever heard no answer asks again.
    let mut others = info.settings.links.iter();
    if let Some(other) = others.find(|link| link.link == new.link || link.token == new.token) {
        let is_same = other.link == new.link && other.token == new.token;
        return if is_same { Ok(None) } else { Err((Code::Conflict, "there is such a link")) };
    }
    if info.settings.links.iter().filter(|link| is_open(link, now)).count() >= limits::LINKS_MAX {
        return Err((Code::TooMany, "the group has as many links as it may have"));
    }
    Ok(Some(Change::LinkMade(wire::LinkMade {
        link: new.link.to_string(),
        token_sha256: new.token.to_string(),
        expires: new.expires.0,
        uses_max: new.uses_max,
    })))
}
