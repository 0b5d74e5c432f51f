//! Who is in a group and who may do what: the state that a group's log makes, entry by entry.
//!
//! Every change is first a decision ([`Group::decide`]) and then an entry; applying the entry ([`Group::apply`]) is
//! the same function for a fresh change and for one that is replayed from the log, so that the projection is a
//! function of the log.
//!
//! Who may do what is one table, [`permissions::PERMISSIONS`]; nothing here decides it another way.

mod apply;
mod decide;
mod doors;
mod joining;
pub mod permissions;
mod room;

use std::sync::Arc;

use hashbrown::HashMap;
use proto::command::Source;
pub use proto::group::History;
use proto::group::Role;
use proto::{Code, GroupId, Seq, Timestamp, UserId};
use store::{GroupInfo, GroupSettings, Member, People};

pub use apply::whom_it_moves;
pub use decide::Asked;
pub use doors::invitation_shown;
use permissions::{Action, Who, is_allowed};
pub use room::may_enter;

/// What groups may be.
#[derive(Clone, Copy, Debug)]
pub struct GroupRules {
    /// The most members, unless a service raised it for a group; more are refused with `GROUP_FULL`.
    pub members_max: usize,
    /// What a new member may read, in groups whose creator does not choose.
    pub history: History,
}

/// A group as its log says. Before the entry that creates it there is no group: [`Group::info`] is `None`.
#[derive(Debug, Default)]
pub struct Group {
    /// Boxed: most conversations are not groups.
    info: Option<Box<Info>>,
    members: HashMap<UserId, Membership>,
    people: Arc<People>,
}

#[derive(Debug)]
struct Info {
    name: String,
    owner: UserId,
    created: Timestamp,
    dismissed: bool,
    watermark: Seq,
    settings: GroupSettings,
}

#[derive(Clone, Debug)]
struct Membership {
    role: Role,
    joined_at: Timestamp,
    floor: Seq,
    nickname: Box<str>,
    muted_until: Timestamp,
    number: u32,
}

/// What one entry changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// New members.
    pub joined: Vec<Member>,
    /// Members that are gone.
    pub left: Vec<UserId>,
    /// Members that stay and are something else now.
    pub updated: Vec<Member>,
    /// No members, whose invitation came or ended.
    pub invited: Vec<UserId>,
}

/// Why not, for `nack` and problem details.
pub type Refusal = (Code, &'static str);

impl Group {
    /// From its projection.
    pub fn from_projection(info: GroupInfo, members: Vec<Member>) -> Self {
        let GroupInfo { name, owner, created, dismissed, watermark, settings, .. } = info;
        let mut people = People::default();
        for member in &members {
            people.insert(&member.user, member.number);
        }
        let members = members.into_iter().map(|member| {
            let Member { user, role, joined_at, floor, nickname, muted_until, number } = member;
            (user, Membership { role, joined_at, floor, nickname: nickname.into(), muted_until, number })
        });
        let info = Info { name, owner, created, dismissed, watermark, settings };
        Self { info: Some(Box::new(info)), members: members.collect(), people: Arc::new(people) }
    }

    /// For the projection; `None` before the group exists.
    pub fn info(&self, group: &GroupId) -> Option<GroupInfo> {
        self.info.as_ref().map(|info| GroupInfo {
            group: group.clone(),
            name: info.name.clone(),
            owner: info.owner.clone(),
            created: info.created,
            dismissed: info.dismissed,
            members: self.size(),
            watermark: info.watermark,
            settings: info.settings.clone(),
        })
    }

    /// The entry that its state includes; `None` before it exists.
    pub fn watermark(&self) -> Option<Seq> {
        self.info.as_ref().map(|info| info.watermark)
    }

    /// Whether the entry that creates it was applied.
    pub fn exists(&self) -> bool {
        self.info.is_some()
    }

    /// How many members it has.
    pub fn size(&self) -> u32 {
        u32::try_from(self.members.len()).unwrap_or(u32::MAX)
    }

    /// All members.
    pub fn members(&self) -> impl Iterator<Item = &UserId> {
        self.members.keys()
    }

    /// All members, by their numbers.
    pub fn people(&self) -> Arc<People> {
        Arc::clone(&self.people)
    }

    /// The number of a member, 0 for one of old; `None` for others.
    pub fn number_of(&self, user: &UserId) -> Option<u32> {
        self.members.get(user).map(|member| member.number)
    }

    /// The highest number that was given.
    pub fn numbers_given(&self) -> u32 {
        self.info.as_ref().map_or(0, |info| info.settings.numbers_given)
    }

    /// Whether the table lets the user do that here.
    pub fn may(&self, action: Action, user: &UserId, source: Source) -> bool {
        self.exists() && is_allowed(action, self.who(user, source))
    }

    /// The lowest seq that a member may read; `None` for others.
    pub fn floor_of(&self, user: &UserId) -> Option<Seq> {
        self.members.get(user).map(|member| member.floor)
    }

    /// What a member is; `None` for others.
    pub fn role_of(&self, user: &UserId) -> Option<Role> {
        self.members.get(user).map(|member| member.role)
    }

    /// Whether a request of the user to join waits for its answer.
    pub fn awaits_answer(&self, user: &UserId) -> bool {
        self.info
            .as_ref()
            .is_some_and(|info| info.settings.requests.iter().any(|request| request.user == *user))
    }

    /// Until when the user may not speak; zero if they may, at this time.
    pub fn muted_until(&self, user: &UserId, now: Timestamp) -> Timestamp {
        let Some(info) = &self.info else { return Timestamp(0) };
        let (who, muted_until) = match self.members.get(user) {
            Some(member) => (Who::from(member.role), member.muted_until),
            None if self.room().is_some() => (self.who(user, Source::Room), Timestamp(0)),
            None => return Timestamp(0),
        };
        let own = if is_allowed(Action::SendWhileMuted, who) { Timestamp(0) } else { muted_until };
        let of_all =
            if is_allowed(Action::SendWhileAllMuted, who) { Timestamp(0) } else { info.settings.muted_until };
        let until = own.max(of_all);
        if until > now { until } else { Timestamp(0) }
    }

    /// Whether the user may say something here.
    pub fn may_send(&self, user: &UserId, source: Source, now: Timestamp) -> Result<(), Refusal> {
        let who = self.who(user, source);
        match &self.info {
            None => Err((Code::NotFound, "there is no such group")),
            Some(info) if info.dismissed => Err((Code::Dismissed, "the group was dismissed")),
            Some(info) if !is_allowed(Action::Send, who) => Err(match info.settings.room {
                Some(_) => (Code::Forbidden, "only who has joined the room may send"),
                None => (Code::Forbidden, "only members may send"),
            }),
            Some(info) if info.settings.read_only && !is_allowed(Action::SendInReadOnly, who) => {
                Err((Code::ReadOnly, "only the owner, admins and services send here"))
            }
            Some(_) if who != Who::Service && self.muted_until(user, now) > now => {
                Err((Code::Muted, "not allowed to speak for a while"))
            }
            Some(_) => Ok(()),
        }
    }

    /// Whether the user may set for how long entries are kept.
    pub fn may_retain(&self, user: &UserId, source: Source) -> Result<(), Refusal> {
        match &self.info {
            None => Err((Code::NotFound, "there is no such group")),
            Some(info) if info.dismissed => Err((Code::Dismissed, "the group was dismissed")),
            Some(_) if is_allowed(Action::SetRetention, self.who(user, source)) => Ok(()),
            Some(_) => {
                Err((Code::Forbidden, "only the owner and admins may set for how long entries are kept"))
            }
        }
    }

    /// Whether the user may read, and from where.
    pub fn may_read(&self, user: &UserId, source: Source) -> Result<Seq, Refusal> {
        match (self.exists(), self.floor_of(user)) {
            (false, _) => Err((Code::NotFound, "there is no such group")),
            (true, Some(floor)) => Ok(floor),
            (true, None) if is_allowed(Action::Read, self.who(user, source)) => Ok(Seq(1)),
            (true, None) => Err((Code::Forbidden, "only members may read")),
        }
    }

    /// Who asks, as far as permission goes.
    /// What the user is here.
    pub fn who(&self, user: &UserId, source: Source) -> Who {
        match source {
            Source::Client | Source::Room if self.owns_room(user) => Who::Owner,
            Source::Room if self.room().is_some() => Who::Member,
            Source::Client | Source::Room => self.role_of(user).map_or(Who::Stranger, Who::from),
            Source::ServerApi | Source::System => Who::Service,
        }
    }
}

#[cfg(test)]
mod tests;
