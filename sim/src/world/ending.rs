//! When a world has come to rest, and what must hold then.

use std::time::Duration;

use proto::{ClientMessageId, ConversationId, Entry, Seq};
use store::{PageRange, Store};
use tokio::time::Instant;

use super::device::Device;
use super::{Done, World, locked};
use crate::record::{is_message, is_same};

/// While a world comes to rest, every device asks anew this often.
const RESYNC_EVERY: Duration = Duration::from_secs(5);

impl World {
    /// Every message is acknowledged, every device has everything, and its list is right.
    pub(super) fn is_at_rest(&mut self) -> bool {
        if self.devices.iter().all(|device| device.outstanding() == 0) && self.lacking().is_none() {
            return true;
        }
        if self.resynced.elapsed() >= RESYNC_EVERY {
            for device in &mut self.devices {
                device.disconnect(&mut self.gateways);
            }
            self.look_anew();
        }
        false
    }

    /// Each user gets a device that knows nothing, and is told everything.
    pub(super) fn look_anew(&mut self) {
        self.resynced = Instant::now();
        for mut observer in std::mem::take(&mut self.observers) {
            observer.disconnect(&mut self.gateways);
        }
        for user in self.users.clone() {
            self.observed += 1;
            let number = self.devices.len() + self.observed;
            self.observers.push(Device::new(number, user, self.conversations.clone(), self.random.split()));
        }
    }

    /// What is missing for rest.
    pub(super) fn unrest(&self) -> String {
        let outstanding: usize = self.devices.iter().map(Device::outstanding).sum();
        let lacking = self.lacking().unwrap_or_else(|| "readers have everything".to_owned());
        format!("{outstanding} messages are not acknowledged; {lacking}")
    }

    /// What some device does not have, or counts differently.
    fn lacking(&self) -> Option<String> {
        let record = locked(&self.record);
        for conversation in record.conversations() {
            let head = record.newest(&conversation);
            let is_member =
                |device: &&Device| conversation.is_group() || conversation.peer_of(&device.user).is_some();
            // A conversation that is stamped by a clock far behind is not told to who asks for what is new.
            let told =
                |device: &&Device| !self.plan.has_far_clocks() || device.read.contains_key(&conversation);
            let devices = self.devices.iter().filter(told);
            for device in devices.chain(&self.observers).filter(is_member) {
                let read = device.read.get(&conversation).map_or(&[][..], Vec::as_slice);
                let last = read.last().map_or(Seq::ZERO, |entry| entry.seq);
                if last != head && !record.is_old(&conversation, head.next(), self.now()) {
                    let len = read.len();
                    let (number, user) = (device.number, &device.user);
                    return Some(format!(
                        "device {number} of {user} has {len} of {head} entries of {conversation}"
                    ));
                }
            }
            for observer in self.observers.iter().filter(is_member) {
                if let Some(wrong) = self.wrong_line(observer, &conversation, head) {
                    return Some(wrong);
                }
            }
            // Nor is a line.
            for device in self.devices.iter().filter(is_member).filter(|_| !self.plan.has_far_clocks()) {
                if let Some(wrong) = self.wrong_line(device, &conversation, head) {
                    return Some(wrong);
                }
            }
        }
        None
    }

    /// What is wrong with the line that a device has of a conversation of which it has everything. What was unread and is no
    /// longer kept counts for the server alone.
    fn wrong_line(&self, device: &Device, conversation: &ConversationId, head: Seq) -> Option<String> {
        let (user, read) = (&device.user, device.read.get(conversation)?);
        let Some(line) = device.lines.get(conversation) else {
            return Some(format!("{user} has no line of {conversation}"));
        };
        let unread = read.iter().filter(|entry| entry.seq > line.read_seq && is_message(entry)).count();
        let own = read
            .iter()
            .rfind(|entry| entry.sender == *user && is_message(entry))
            .map_or(Seq::ZERO, |entry| entry.seq);
        let is_right = line.head == head
            && (line.unread == unread as u64 || !self.plan.retention.is_zero())
            && line.read_seq >= own;
        (!is_right).then(|| {
            format!(
                "{user} is told head {}, {} unread after {} of {conversation}, but head is {head}, {unread} are unread, and \
                 {own} is the last of their own",
                line.head, line.unread, line.read_seq
            )
        })
    }

    /// Reads every log to its end, once everything that was late has arrived, and compares.
    pub(super) async fn end(&mut self) -> Result<Done, String> {
        let elapsed_ms = u64::try_from(self.surroundings.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.surroundings.store.arrive();
        if let Some(violation) = self.surroundings.store.violation() {
            return Err(violation);
        }
        let store = Store::Replicated(self.surroundings.store.clone());
        if self.plan.has_contacts {
            self.check_contacts(&store).await?;
        }
        let conversations = locked(&self.record).conversations();
        for conversation in conversations {
            let head = locked(&self.record).newest(&conversation);
            for _ in 0..3 {
                // Each time from other replicas.
                let log = whole_log(&store, &conversation, head).await?;
                locked(&self.record).check(&conversation, &log, self.now())?;
                self.check_senders(&conversation, &log)?;
                self.check_readers(&conversation, &log)?;
            }
        }
        Ok(Done { acknowledged: locked(&self.record).acknowledged(), elapsed_ms })
    }

    /// What each device said is there, once, in its order, and where it was acknowledged, as far as it is kept.
    fn check_senders(&self, conversation: &ConversationId, log: &[Entry]) -> Result<(), String> {
        let (record, first) = (locked(&self.record), log.first().map_or(Seq(u64::MAX), |entry| entry.seq));
        let is_kept = |id: &&ClientMessageId| record.place(conversation, **id).is_none_or(|at| at >= first);
        let kept = Duration::from_millis(record.kept_ms(conversation));
        for device in &self.devices {
            let Some(sent) = device.sent.get(conversation) else { continue };
            let late = self.appended_again(device, kept, log);
            let sent: Vec<ClientMessageId> =
                sent.iter().filter(is_kept).filter(|id| !late.contains(id)).copied().collect();
            let stored: Vec<ClientMessageId> =
                log.iter().map(|entry| entry.client_message_id).filter(|id| sent.contains(id)).collect();
            if stored != sent {
                return Err(format!("{conversation}: messages of {} are lost or out of order", device.user));
            }
            let acks = device.acks.iter().filter(|ack| ack.conversation == *conversation && ack.seq >= first);
            for ack in acks {
                let entry = usize::try_from(ack.seq.0 - first.0).ok().and_then(|at| log.get(at));
                if entry.is_none_or(|entry| entry.client_message_id != ack.client_message_id) {
                    let id = ack.client_message_id;
                    return Err(format!(
                        "{conversation}: {id} was acknowledged at {} and is not there",
                        ack.seq
                    ));
                }
            }
        }
        Ok(())
    }

    /// Messages that were appended so long after they were said that a first copy may have been dropped: they have no place
    /// among the others.
    fn appended_again(&self, device: &Device, kept: Duration, log: &[Entry]) -> Vec<ClientMessageId> {
        if kept.is_zero() {
            return Vec::new();
        }
        let is_late = |entry: &&Entry| {
            let said = device.said.get(&entry.client_message_id);
            said.is_some_and(|said| entry.time >= self.time_at(*said + kept))
        };
        log.iter().filter(is_late).map(|entry| entry.client_message_id).collect()
    }

    /// What each reader got is what is there.
    fn check_readers(&self, conversation: &ConversationId, log: &[Entry]) -> Result<(), String> {
        for device in &self.devices {
            let Some(read) = device.read.get(conversation) else { continue };
            let first = log.first().map_or(Seq(u64::MAX), |entry| entry.seq);
            let kept: Vec<&Entry> = read.iter().filter(|entry| entry.seq >= first).collect();
            let same = kept.iter().all(|entry| {
                let found = usize::try_from(entry.seq.0 - first.0).ok().and_then(|at| log.get(at));
                found.is_some_and(|found| is_same(entry, found))
            });
            if !same {
                return Err(format!("{conversation}: a reader of {} has something else", device.user));
            }
        }
        Ok(())
    }
}

async fn whole_log(store: &Store, conversation: &ConversationId, head: Seq) -> Result<Vec<Entry>, String> {
    let range =
        PageRange { from: Seq(1), to: head, limit: usize::MAX, bytes: usize::MAX, backwards: false, head };
    store.page(conversation, range).await.map_err(|error| error.to_string())
}
