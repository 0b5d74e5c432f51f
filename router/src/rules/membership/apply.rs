//! What an entry makes of a group: the same for a fresh change and for one that is replayed.

use std::sync::Arc;

use proto::group::{GroupEdit, Role};
use proto::wire::{self, system::Change};
use proto::{Entry, Seq, Timestamp, UserId};
use store::{GroupSettings, Member};

use super::doors::Doors as _;
use super::{Changed, Group, GroupRules, History, Info, Membership};

impl Group {
    /// Applies an entry of the log. Entries that change nothing, or that were applied before, change nothing.
    pub fn apply(&mut self, entry: &Entry, rules: GroupRules) -> Changed {
        let change = match entry.body.to_wire().kind {
            Some(wire::body::Kind::System(wire::System { change: Some(change) })) => change,
            _ => return Changed::default(),
        };
        match (change, &mut self.info) {
            (Change::Created(created), None) => self.create(entry, created, rules),
            (_, None) | (Change::Created(_) | Change::Notice(_), Some(_)) => Changed::default(),
            (_, Some(info)) if info.watermark >= entry.seq => Changed::default(),
            (change, Some(info)) => {
                let before = std::mem::replace(&mut info.watermark, entry.seq);
                let changed = self.change(entry, change, rules);
                if let (None, Some(info)) = (&changed, &mut self.info) {
                    // Not a change of a group.
                    info.watermark = before;
                }
                changed.unwrap_or_default()
            }
        }
    }

    /// `None` for what is not a change of a group.
    fn change(&mut self, entry: &Entry, change: Change, rules: GroupRules) -> Option<Changed> {
        Some(match change {
            Change::Joined(change) | Change::Added(change) | Change::JoinApproved(change) => {
                self.come(entry, &change.users, change.first_number, rules)
            }
            Change::JoinedByLink(joined) => {
                self.info.as_mut()?.settings.use_link(&joined.link);
                self.come(entry, &[joined.user], joined.number, rules)
            }
            Change::Left(change) | Change::Removed(change) => {
                let mut left = users(&change.users);
                left.retain(|user| match self.members.remove(user) {
                    Some(member) => {
                        Arc::make_mut(&mut self.people).remove(user, member.number);
                        true
                    }
                    None => false,
                });
                Changed { left, ..Changed::default() }
            }
            Change::Dismissed(_) => {
                let info = self.info.as_mut()?;
                info.dismissed = true;
                let holding = info.settings.invitations.iter().filter(|of| of.expires > entry.time);
                Changed { invited: holding.map(|of| of.user.clone()).collect(), ..Changed::default() }
            }
            Change::Edited(edited) => {
                self.info.as_mut()?.edit(GroupEdit::from_wire(edited));
                Changed::default()
            }
            Change::RoleSet(set) => {
                let role = Role::from(set.role());
                self.update(&set.users, |member| member.role = role)
            }
            Change::Transferred(change) => self.hand_over(change),
            Change::Muted(muted) => {
                self.update(&muted.users, |member| member.muted_until = Timestamp(muted.until))
            }
            Change::AllMuted(muted) => {
                self.info.as_mut()?.settings.muted_until = Timestamp(muted.until);
                Changed::default()
            }
            Change::Nicknamed(named) => {
                self.update(&[named.user], |member| member.nickname = named.nickname.as_str().into())
            }
            change => {
                let mut invited = invited_by(&change);
                invited.retain(|user| !self.members.contains_key(user));
                self.info.as_mut()?.settings.open_or_close(entry, change)?;
                Changed { invited, ..Changed::default() }
            }
        })
    }

    fn create(&mut self, entry: &Entry, created: wire::GroupCreated, rules: GroupRules) -> Changed {
        let owner = UserId::parse(&created.owner).unwrap_or_else(|_| entry.sender.clone());
        let mut info = Info {
            name: created.name,
            owner: owner.clone(),
            created: entry.time,
            dismissed: false,
            watermark: entry.seq,
            settings: GroupSettings::default(),
        };
        let settings = created.settings.map(GroupEdit::from_wire).unwrap_or_default();
        info.edit(GroupEdit { name: None, ..settings });
        let is_room = info.settings.room.is_some();
        self.info = Some(Box::new(info));
        if is_room {
            return Changed::default();
        }
        let mut joined = self.enter(entry, &[owner.to_string()], Role::Owner, 1, rules);
        joined.append(&mut self.enter(entry, &created.members, Role::Member, 2, rules));
        Changed { joined, ..Changed::default() }
    }

    /// Users become members; what waited for that is done.
    fn come(&mut self, entry: &Entry, names: &[String], first_number: u32, rules: GroupRules) -> Changed {
        if let Some(info) = &mut self.info {
            info.settings.forget(names);
        }
        let joined = self.enter(entry, names, Role::Member, first_number, rules);
        Changed { joined, ..Changed::default() }
    }

    /// `first_number` is that of the first of them; 0 in entries of old, which gave none.
    fn enter(
        &mut self,
        entry: &Entry,
        names: &[String],
        role: Role,
        first_number: u32,
        rules: GroupRules,
    ) -> Vec<Member> {
        let history = self.info.as_ref().and_then(|info| info.settings.history).unwrap_or(rules.history);
        let floor = match history {
            History::Whole => Seq(1),
            History::FromJoining => entry.seq,
        };
        let new = Membership {
            role,
            joined_at: entry.time,
            floor,
            nickname: Box::default(),
            muted_until: Timestamp(0),
            number: 0,
        };
        let mut entered = Vec::with_capacity(names.len());
        let numbers = (0..).map(|at: u32| if first_number == 0 { 0 } else { first_number + at });
        for (user, number) in users(names).into_iter().zip(numbers) {
            if let Some(info) = &mut self.info {
                info.settings.numbers_given = info.settings.numbers_given.max(number);
            }
            if let Ok(member) = self.members.try_insert(user.clone(), Membership { number, ..new.clone() }) {
                Arc::make_mut(&mut self.people).insert(&user, number);
                entered.push(row(user, member));
            }
        }
        entered
    }

    fn hand_over(&mut self, change: wire::Transferred) -> Changed {
        let mut changed = self.update(&[change.from], |member| member.role = Role::Admin);
        changed.updated.append(
            &mut self
                .update(std::slice::from_ref(&change.to), |member| {
                    member.role = Role::Owner;
                })
                .updated,
        );
        if let (Ok(owner), Some(info)) = (UserId::parse(&change.to), &mut self.info) {
            info.owner = owner;
        }
        changed
    }

    fn update(&mut self, names: &[String], mut change: impl FnMut(&mut Membership)) -> Changed {
        let mut updated = Vec::with_capacity(names.len());
        for user in users(names) {
            if let Some(member) = self.members.get_mut(&user) {
                change(member);
                updated.push(row(user, member));
            }
        }
        Changed { updated, ..Changed::default() }
    }
}

impl Info {
    /// What is named becomes so.
    fn edit(&mut self, edit: GroupEdit) {
        let GroupEdit {
            name,
            description,
            announcement,
            avatar,
            attributes,
            join,
            history,
            read_only,
            members_max,
            room,
        } = edit;
        let settings = &mut self.settings;
        let texts = [
            (&mut self.name, name),
            (&mut settings.description, description),
            (&mut settings.announcement, announcement),
            (&mut settings.avatar, avatar),
        ];
        for (text, new) in texts {
            if let Some(new) = new {
                *text = new;
            }
        }
        merge(&mut settings.attributes, attributes);
        settings.join = join.unwrap_or(settings.join);
        settings.history = history.or(settings.history);
        settings.read_only = read_only.unwrap_or(settings.read_only);
        settings.members_max = members_max.unwrap_or(settings.members_max);
        settings.room = room.or(settings.room);
    }
}

/// Sets attributes, in order of their names; one without a value goes.
pub(super) fn merge(attributes: &mut Vec<(String, String)>, new: Vec<(String, String)>) {
    for (name, value) in new {
        match attributes.binary_search_by(|(other, _)| other.cmp(&name)) {
            Ok(at) if value.is_empty() => drop(attributes.remove(at)),
            Ok(at) => attributes[at].1 = value,
            Err(_) if value.is_empty() => {}
            Err(at) => attributes.insert(at, (name, value)),
        }
    }
}

/// Who comes or goes by an entry.
pub fn whom_it_moves(entry: &Entry) -> Vec<UserId> {
    let change = match entry.body.to_wire().kind {
        Some(wire::body::Kind::System(wire::System { change: Some(change) })) => change,
        _ => return Vec::new(),
    };
    match change {
        Change::Created(created) => {
            users(&[created.owner]).into_iter().chain(users(&created.members)).collect()
        }
        Change::Joined(of)
        | Change::Added(of)
        | Change::JoinApproved(of)
        | Change::Left(of)
        | Change::Removed(of) => users(&of.users),
        Change::JoinedByLink(joined) => users(&[joined.user]),
        _ => Vec::new(),
    }
}

/// Whose invitation comes or goes.
fn invited_by(change: &Change) -> Vec<UserId> {
    match change {
        Change::Invited(invited) => users(&invited.users),
        Change::Uninvited(change) => users(&change.users),
        _ => Vec::new(),
    }
}

fn row(user: UserId, member: &Membership) -> Member {
    Member {
        user,
        role: member.role,
        joined_at: member.joined_at,
        floor: member.floor,
        nickname: member.nickname.to_string(),
        muted_until: member.muted_until,
        number: member.number,
    }
}

pub(super) fn users(names: &[String]) -> Vec<UserId> {
    names.iter().filter_map(|name| UserId::parse(name).ok()).collect()
}
