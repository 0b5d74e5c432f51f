//! Writes presence: changes under a budget, and signs of life.

use std::sync::Arc;
use std::time::Duration;

use ::redis::{Pipeline, pipe};
use lifecycle::{Tasks, wall_clock_ms};
use proto::UserId;
use tokio::time::{MissedTickBehavior, interval};

use super::Redis;
use crate::ephemeral::Away;
use crate::ephemeral::changes::Did;
use crate::ephemeral::presence::DeviceState;
use crate::ephemeral::roster::Change;

/// Portions of a second in which the budget is spent.
const TICKS_PER_SECOND: u32 = 10;
/// Changes in one request, so that it does not take the time of others.
const CHANGES_MAX: usize = 256;
/// Fields of a user above which it is looked for ones that mean nothing any more.
const FIELDS_MAX: usize = 16;
/// Devices of one user that are remembered to have left, after that.
const SEEN_DEVICES_MAX: usize = 8;
/// Users looked through in one tick.
const TIDIED_PER_TICK: usize = 8;

impl Redis {
    /// Writes what changed until the drain: no more in a second than allowed.
    pub(super) async fn write_changes(self: Arc<Self>, tasks: Tasks) {
        let mut ticks = interval(Duration::from_secs(1) / TICKS_PER_SECOND);
        // Time without Redis is no credit: it must not be made up in one burst.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let per_tick =
            usize::try_from((self.presence.writes_per_second / TICKS_PER_SECOND).max(1)).unwrap_or(1);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                // What is not written yet reads as offline, because this process says that it ends.
                () = tasks.draining() => return,
            }
            let mut left = per_tick;
            while left > 0 && self.link.is_up() {
                let changes = self.roster.take(left.min(CHANGES_MAX));
                if changes.is_empty() {
                    break;
                }
                left -= changes.len();
                self.write(changes).await;
            }
        }
    }

    async fn write(&self, changes: Vec<Change>) {
        let mut commands = pipe();
        for change in &changes {
            self.add(&mut commands, change);
        }
        match self.link.run::<Vec<usize>>(&commands).await {
            Ok(fields) => {
                self.roster.written(changes.len());
                for change in &changes {
                    let left = matches!(change.state, Some(DeviceState::Offline(_)));
                    self.changes.note(&change.user, if left { Did::Leave } else { Did::Come });
                }
                let crowded = changes.iter().zip(fields).filter(|(_, fields)| *fields > FIELDS_MAX);
                for (change, _) in crowded.take(TIDIED_PER_TICK) {
                    // The next change of this user tries again.
                    let _: Result<(), Away> = self.tidy(&change.user).await;
                }
            }
            Err(Away) => self.roster.put_back(changes),
        }
    }

    /// The answer to each change is the number of fields that its user has now.
    fn add(&self, commands: &mut Pipeline, change: &Change) {
        let (key, here) = (self.keys.user(&change.user), self.keys.device_here(&change.device));
        let away = self.keys.device_away_here(&change.device);
        match change.state {
            Some(DeviceState::Online(since)) => {
                commands.hset(&key, here, since.0).ignore().hdel(&key, away).ignore()
            }
            Some(DeviceState::Away(since)) => {
                commands.hset(&key, away, since.0).ignore().hdel(&key, here).ignore()
            }
            Some(DeviceState::Offline(since)) => commands
                .hdel(&key, &[here, away])
                .ignore()
                .hset(&key, change.device.as_str(), since.0)
                .ignore(),
            None => commands.hdel(&key, &[here, away]).ignore(),
        };
        commands.pexpire(&key, self.retention_ms()).ignore().hlen(&key);
    }

    /// Takes away what processes left behind that are dead, and the oldest of many devices that left.
    async fn tidy(&self, user: &UserId) -> Result<(), Away> {
        let found = self.read_fields(std::slice::from_ref(user)).await?;
        let Some(found) = found.into_iter().next() else { return Ok(()) };
        let processes = self.read_processes(std::slice::from_ref(&found)).await?;
        let (key, mut commands) = (self.keys.user(user), pipe());
        let mut seen = found.seen;
        for online in found.online {
            let process = &processes[&online.process];
            if !process.alive {
                commands.hdel(&key, online.field()).ignore();
                let last = process.last_beat.unwrap_or(online.since);
                match seen.iter_mut().find(|(device, _)| *device == online.device) {
                    Some((_, known)) => *known = last.max(*known),
                    None => seen.push((online.device, last)),
                }
            }
        }
        seen.sort_unstable_by_key(|(_, when)| std::cmp::Reverse(*when));
        for (device, _) in seen.iter().skip(SEEN_DEVICES_MAX) {
            commands.hdel(&key, device.as_str()).ignore();
        }
        for (device, when) in seen.iter().take(SEEN_DEVICES_MAX) {
            commands.hset(&key, device.as_str(), when.0).ignore();
        }
        self.link.run(&commands).await
    }

    /// Says that this process lives; the answer is when it last said so.
    pub(super) fn beat(&self) -> Pipeline {
        let silent_after = u64::try_from(self.presence.silent_after.as_millis()).unwrap_or(u64::MAX);
        let mut commands = pipe();
        commands.pset_ex(self.keys.alive_here(), 1, silent_after).ignore();
        commands
            .cmd("SET")
            .arg(self.keys.beat_here())
            .arg(wall_clock_ms())
            .arg("PX")
            .arg(self.retention_ms())
            .arg("GET");
        commands
    }

    /// A Redis that does not know this process any more has forgotten everything that it was told.
    pub(super) fn heard(&self, last: Option<u64>) {
        if last.is_none() {
            self.roster.put_all_back();
        }
    }

    /// Says that this process ends, and with it all its sessions.
    pub(super) async fn end(&self) {
        let mut commands = pipe();
        commands.del(self.keys.alive_here()).ignore();
        commands.pset_ex(self.keys.beat_here(), wall_clock_ms(), self.retention_ms().unsigned_abs()).ignore();
        // Without it, silence says the same a little later.
        let _: Result<(), Away> = self.link.insist(&commands).await;
    }

    fn retention_ms(&self) -> i64 {
        i64::try_from(self.presence.retention.as_millis()).unwrap_or(i64::MAX)
    }
}
