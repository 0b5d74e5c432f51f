//! Reads presence: the fields of the users, then whether the processes live that some of them name.

use ::redis::pipe;
use hashbrown::HashMap;
use proto::{DeviceId, Timestamp, UserId};

use super::Redis;
use super::keys::AWAY;
use crate::ephemeral::Away;
use crate::ephemeral::presence::{DevicePresence, DeviceState, Presence};

/// What Redis has of one user.
#[derive(Clone, Default)]
pub(super) struct Fields {
    pub(super) online: Vec<Online>,
    /// Devices that left, and when.
    pub(super) seen: Vec<(DeviceId, Timestamp)>,
}

/// A device that some process says is online.
#[derive(Clone)]
pub(super) struct Online {
    pub(super) device: DeviceId,
    pub(super) process: String,
    pub(super) since: Timestamp,
    /// None of its sessions there is used.
    pub(super) away: bool,
}

/// What a process says of itself.
#[derive(Clone, Copy)]
pub(super) struct Process {
    pub(super) alive: bool,
    pub(super) last_beat: Option<Timestamp>,
}

impl Redis {
    pub(super) async fn read_presence(&self, users: &[UserId]) -> Result<Vec<Presence>, Away> {
        let found = self.read_fields(users).await?;
        let processes = self.read_processes(&found).await?;
        let presence = |fields: Fields| {
            let online = fields.online.into_iter().map(|online| {
                let process = processes[&online.process];
                let state = match process.alive {
                    true if online.away => DeviceState::Away(online.since),
                    true => DeviceState::Online(online.since),
                    // It was last seen with its process.
                    false => DeviceState::Offline(process.last_beat.unwrap_or(online.since)),
                };
                DevicePresence { device: online.device, state }
            });
            let seen = fields.seen.into_iter();
            let seen =
                seen.map(|(device, when)| DevicePresence { device, state: DeviceState::Offline(when) });
            Presence::of(online.chain(seen).collect())
        };
        Ok(found.into_iter().map(presence).collect())
    }

    pub(super) async fn read_fields(&self, users: &[UserId]) -> Result<Vec<Fields>, Away> {
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let mut commands = pipe();
        for user in users {
            commands.hgetall(self.keys.user(user));
        }
        let found: Vec<Vec<(String, u64)>> = self.link.run(&commands).await?;
        Ok(found.into_iter().map(Fields::of).collect())
    }

    /// Every process that these fields name.
    pub(super) async fn read_processes(&self, found: &[Fields]) -> Result<HashMap<String, Process>, Away> {
        let mut named: Vec<&str> =
            found.iter().flat_map(|fields| &fields.online).map(|online| online.process.as_str()).collect();
        named.sort_unstable();
        named.dedup();
        if named.is_empty() {
            return Ok(HashMap::new());
        }
        let mut commands = pipe();
        for process in &named {
            commands.exists(self.keys.alive(process)).get(self.keys.beat(process));
        }
        let answers: Vec<Option<u64>> = self.link.run(&commands).await?;
        let process = |answers: &[Option<u64>]| Process {
            alive: answers[0] == Some(1),
            last_beat: answers.get(1).copied().flatten().map(Timestamp),
        };
        let names = named.into_iter().map(str::to_owned);
        Ok(names.zip(answers.chunks(2).map(process)).collect())
    }
}

impl Fields {
    /// What nobody here would have written is left out.
    fn of(fields: Vec<(String, u64)>) -> Self {
        let mut found = Self::default();
        for (field, when) in fields {
            let (device, process) = match field.split_once('/') {
                Some((device, process)) => (device, Some(process)),
                None => (field.as_str(), None),
            };
            let Ok(device) = DeviceId::parse(device) else { continue };
            match process {
                Some(process) => {
                    let (process, away) = match process.strip_suffix(AWAY) {
                        Some(process) => (process.to_owned(), true),
                        None => (process.to_owned(), false),
                    };
                    found.online.push(Online { device, process, since: Timestamp(when), away });
                }
                None => found.seen.push((device, Timestamp(when))),
            }
        }
        found
    }
}

impl Online {
    pub(super) fn field(&self) -> String {
        format!("{}/{}{}", self.device, self.process, if self.away { AWAY } else { "" })
    }
}
