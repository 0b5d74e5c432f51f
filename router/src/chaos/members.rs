//! Who is in a group according to its log alone, and whether each change was decided on what was true before it.

use std::collections::BTreeSet;

use proto::wire::{Body as WireBody, System, body, system::Change};
use proto::{Entry, UserId};

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
