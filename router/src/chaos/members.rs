//! What a group is according to its log alone, and whether each change was decided on what was true before it.

use std::collections::{BTreeMap, BTreeSet};

use proto::wire::{Body as WireBody, System, body, system::Change};
use proto::{Entry, GroupId, UserId};
use store::{GroupInfo, Member};

use crate::rules::membership::{Group, GroupRules, History};

/// Everyone who is in it after the whole log.
pub fn of_log(log: &[Entry]) -> Result<BTreeSet<UserId>, String> {
    let mut members = BTreeSet::new();
    for entry in log {
        let change = match entry.body.to_wire() {
            WireBody { kind: Some(body::Kind::System(System { change: Some(change) })), .. } => change,
            _ => continue,
        };
        match change {
            Change::Created(created) => {
                members.insert(parse(&created.owner)?);
                for user in &created.members {
                    members.insert(parse(user)?);
                }
            }
            Change::Joined(who) | Change::Added(who) | Change::JoinApproved(who) => {
                for user in &who.users {
                    enter(&mut members, user, entry)?;
                }
            }
            Change::Left(who) | Change::Removed(who) => {
                for user in &who.users {
                    if !members.remove(&parse(user)?) {
                        return Err(format!("{user} went at {} but was not there", entry.seq));
                    }
                }
            }
            Change::JoinedByLink(who) => enter(&mut members, &who.user, entry)?,
            _ => {}
        }
    }
    Ok(members)
}

/// The group and its members after the whole log, as the projections must have them.
pub fn state_of_log(id: &GroupId, log: &[Entry]) -> (Option<GroupInfo>, Vec<Member>) {
    // What is configured is written into the entry that makes the group.
    let rules = GroupRules { members_max: 100, history: History::Whole };
    let (mut group, mut members) = (Group::default(), BTreeMap::new());
    for entry in log {
        let changed = group.apply(entry, rules);
        for member in changed.joined.into_iter().chain(changed.updated) {
            members.insert(member.user.clone(), member);
        }
        changed.left.iter().for_each(|user| drop(members.remove(user)));
    }
    (group.info(id), members.into_values().collect())
}

fn enter(members: &mut BTreeSet<UserId>, user: &str, entry: &Entry) -> Result<(), String> {
    if members.insert(parse(user)?) {
        Ok(())
    } else {
        Err(format!("{user} came at {} but was there", entry.seq))
    }
}

fn parse(user: &str) -> Result<UserId, String> {
    UserId::parse(user).map_err(|error| error.to_string())
}
