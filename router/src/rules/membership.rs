//! Who is in a group and who may do what: the state that a group's log makes, entry by entry.
//!
//! Every change is first a decision ([`Group::decide`]) and then an entry; applying the entry ([`Group::apply`]) is
//! the same function for a fresh change and for one that is replayed from the log, so that the projection is a
//! function of the log.
//!
//! Anyone who knows a group's id may join it; owner and admins add and remove, the owner dismisses and cannot leave.
//! A trusted service may do all of it without being a member.

use hashbrown::HashMap;
use proto::command::{GroupRequest, Source};
use proto::wire::{self, system::Change};
use proto::{Code, Entry, GroupId, Seq, Timestamp, UserId, limits};
use store::{GroupInfo, Member, Role};

/// What a new member may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// Everything, from the first entry.
    Whole,
    /// Only from the entry that records the joining.
    FromJoining,
}

/// What groups may be.
#[derive(Clone, Copy, Debug)]
pub struct GroupRules {
    /// The most members; more are refused with `GROUP_FULL`.
    pub members_max: usize,
    /// What a new member may read.
    pub history: History,
}

/// A group as its log says. Before the entry that creates it there is no group: [`Group::info`] is `None`.
#[derive(Debug, Default)]
pub struct Group {
    info: Option<Info>,
    members: HashMap<UserId, Membership>,
}

#[derive(Debug)]
struct Info {
    name: String,
    owner: UserId,
    created: Timestamp,
    dismissed: bool,
    watermark: Seq,
}

#[derive(Clone, Copy, Debug)]
struct Membership {
    role: Role,
    floor: Seq,
}

/// What one entry changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// New members.
    pub joined: Vec<Member>,
    /// Members that are gone.
    pub left: Vec<UserId>,
}

/// Why not, for `nack` and problem details.
pub type Refusal = (Code, &'static str);

impl Group {
    /// From its projection.
    pub fn from_projection(info: GroupInfo, members: Vec<Member>) -> Self {
        let GroupInfo { name, owner, created, dismissed, watermark, .. } = info;
        let members = members.into_iter().map(|member| {
            let Member { user, role, floor, .. } = member;
            (user, Membership { role, floor })
        });
        Self { info: Some(Info { name, owner, created, dismissed, watermark }), members: members.collect() }
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
        })
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

    /// The lowest seq that a member may read; `None` for others.
    pub fn floor_of(&self, user: &UserId) -> Option<Seq> {
        self.members.get(user).map(|member| member.floor)
    }

    /// Whether the user may say something here.
    pub fn may_send(&self, user: &UserId, source: Source) -> Result<(), Refusal> {
        match &self.info {
            None => Err((Code::NotFound, "there is no such group")),
            Some(info) if info.dismissed => Err((Code::Dismissed, "the group was dismissed")),
            Some(_) if source != Source::Client || self.members.contains_key(user) => Ok(()),
            Some(_) => Err((Code::Forbidden, "only members may send")),
        }
    }

    /// Whether the user may read, and from where.
    pub fn may_read(&self, user: &UserId, source: Source) -> Result<Seq, Refusal> {
        match (self.exists(), self.floor_of(user)) {
            (false, _) => Err((Code::NotFound, "there is no such group")),
            (true, Some(floor)) => Ok(floor),
            (true, None) if source != Source::Client => Ok(Seq(1)),
            (true, None) => Err((Code::Forbidden, "only members may read")),
        }
    }

    /// Whether a request is allowed, and the change that it makes; `None` when nothing has to change.
    pub fn decide(
        &self,
        user: &UserId,
        source: Source,
        request: &GroupRequest,
        rules: GroupRules,
    ) -> Result<Option<Change>, Refusal> {
        if let GroupRequest::Create { members: users, .. }
        | GroupRequest::Add(users)
        | GroupRequest::Remove(users) = request
            && users.len() > limits::MEMBERS_PER_COMMAND_MAX
        {
            return Err((Code::BadField, "at most 1,000 members in one command"));
        }
        if let GroupRequest::Create { name, members, .. } = request {
            return self.decide_create(user, name, members, rules).map(Some);
        }
        let info = self.info.as_ref().ok_or((Code::NotFound, "there is no such group"))?;
        if info.dismissed && !matches!(request, GroupRequest::Leave | GroupRequest::Dismiss) {
            return Err((Code::Dismissed, "the group was dismissed"));
        }
        let trusted = source != Source::Client;
        let role = self.members.get(user).map(|member| member.role);
        let manages = trusted || matches!(role, Some(Role::Owner | Role::Admin));
        match request {
            GroupRequest::Join if role.is_some() => Ok(None),
            GroupRequest::Join => {
                self.grown(std::slice::from_ref(user), rules).map(|c| c.map(Change::Joined))
            }
            GroupRequest::Leave if role.is_none() => Ok(None),
            GroupRequest::Leave if role == Some(Role::Owner) && !info.dismissed => {
                Err((Code::OwnerMustStay, "the owner cannot leave; dismiss the group instead"))
            }
            GroupRequest::Leave => Ok(change_of(vec![user.clone()]).map(Change::Left)),
            GroupRequest::Add(_) | GroupRequest::Remove(_) if !manages => {
                Err((Code::Forbidden, "only the owner and admins may add and remove members"))
            }
            GroupRequest::Add(users) => self.grown(users, rules).map(|change| change.map(Change::Added)),
            GroupRequest::Remove(users) => self.shrunk(users).map(|change| change.map(Change::Removed)),
            GroupRequest::Dismiss if info.dismissed => Ok(None),
            GroupRequest::Dismiss if trusted || role == Some(Role::Owner) => {
                Ok(Some(Change::Dismissed(wire::GroupDismissed {})))
            }
            GroupRequest::Dismiss => Err((Code::Forbidden, "only the owner may dismiss the group")),
            GroupRequest::Create { .. } => Ok(None),
            _ => Err((Code::Forbidden, "not allowed in this group")),
        }
    }

    fn decide_create(
        &self,
        owner: &UserId,
        name: &str,
        members: &[UserId],
        rules: GroupRules,
    ) -> Result<Change, Refusal> {
        if self.exists() {
            return Err((Code::Conflict, "there is a group with this id"));
        }
        if name.is_empty() || name.chars().count() > limits::GROUP_NAME_CHARS_MAX {
            return Err((Code::BadField, "a group's name has 1 to 100 characters"));
        }
        let mut others: Vec<&UserId> = members.iter().filter(|user| *user != owner).collect();
        others.sort_unstable();
        others.dedup();
        if others.len() + 1 > rules.members_max {
            return Err((Code::GroupFull, "more members than a group may have"));
        }
        let members = others.into_iter().map(ToString::to_string).collect();
        Ok(Change::Created(wire::GroupCreated {
            name: name.to_owned(),
            owner: owner.to_string(),
            members,
            settings: None,
        }))
    }

    fn grown(&self, users: &[UserId], rules: GroupRules) -> Result<Option<wire::MembersChange>, Refusal> {
        let mut new: Vec<UserId> = users.to_vec();
        new.retain(|user| !self.members.contains_key(user));
        new.sort_unstable();
        new.dedup();
        if self.members.len() + new.len() > rules.members_max {
            return Err((Code::GroupFull, "the group has as many members as it may have"));
        }
        Ok(change_of(new))
    }

    fn shrunk(&self, users: &[UserId]) -> Result<Option<wire::MembersChange>, Refusal> {
        let mut gone: Vec<UserId> = users.to_vec();
        gone.retain(|user| self.members.contains_key(user));
        gone.sort_unstable();
        gone.dedup();
        if gone.iter().any(|user| self.members.get(user).is_some_and(|member| member.role == Role::Owner)) {
            return Err((Code::OwnerMustStay, "the owner cannot be removed"));
        }
        Ok(change_of(gone))
    }

    /// Applies an entry of the log. Entries that change nothing, or that were applied before, change nothing.
    pub fn apply(&mut self, entry: &Entry, rules: GroupRules) -> Changed {
        let change = match entry.body.to_wire().kind {
            Some(wire::body::Kind::System(wire::System { change: Some(change) })) => change,
            _ => return Changed::default(),
        };
        match (change, &mut self.info) {
            (Change::Created(created), None) => self.create(entry, created, rules),
            (_, None) => Changed::default(),
            (_, Some(info)) if info.watermark >= entry.seq => Changed::default(),
            (Change::Joined(change) | Change::Added(change), Some(info)) => {
                info.watermark = entry.seq;
                Changed { joined: self.enter(entry, &change.users, Role::Member, rules), left: Vec::new() }
            }
            (Change::Left(change) | Change::Removed(change), Some(info)) => {
                info.watermark = entry.seq;
                let mut left = users(&change.users);
                left.retain(|user| self.members.remove(user).is_some());
                Changed { joined: Vec::new(), left }
            }
            (Change::Dismissed(_), Some(info)) => {
                info.watermark = entry.seq;
                info.dismissed = true;
                Changed::default()
            }
            (_, Some(_)) => Changed::default(),
        }
    }

    fn create(&mut self, entry: &Entry, created: wire::GroupCreated, rules: GroupRules) -> Changed {
        let owner = UserId::parse(&created.owner).unwrap_or_else(|_| entry.sender.clone());
        self.info = Some(Info {
            name: created.name,
            owner: owner.clone(),
            created: entry.time,
            dismissed: false,
            watermark: entry.seq,
        });
        let mut joined = self.enter(entry, &[owner.to_string()], Role::Owner, rules);
        joined.append(&mut self.enter(entry, &created.members, Role::Member, rules));
        Changed { joined, left: Vec::new() }
    }

    fn enter(&mut self, entry: &Entry, names: &[String], role: Role, rules: GroupRules) -> Vec<Member> {
        let floor = match rules.history {
            History::Whole => Seq(1),
            History::FromJoining => entry.seq,
        };
        let mut entered = Vec::with_capacity(names.len());
        for user in users(names) {
            if self.members.try_insert(user.clone(), Membership { role, floor }).is_ok() {
                entered.push(Member { user, role, joined_at: entry.time, floor });
            }
        }
        entered
    }
}

fn users(names: &[String]) -> Vec<UserId> {
    names.iter().filter_map(|name| UserId::parse(name).ok()).collect()
}

fn change_of(users: Vec<UserId>) -> Option<wire::MembersChange> {
    let users: Vec<String> = users.iter().map(ToString::to_string).collect();
    (!users.is_empty()).then_some(wire::MembersChange { users })
}

#[cfg(test)]
mod tests;
