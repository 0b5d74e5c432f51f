//! When a world has come to rest, and what must hold then.

use std::time::Duration;

use proto::{ClientMessageId, ConversationId, Entry, Seq};
use store::{PageRange, Store};
use tokio::time::Instant;

use super::{Done, World, locked};

/// While a world comes to rest, every device asks anew this often.
const RESYNC_EVERY: Duration = Duration::from_secs(5);

impl World {
    /// Every message is acknowledged, every device has everything, and its list is right.
    pub(super) fn is_at_rest(&mut self) -> bool {
        if self.devices.iter().all(|device| device.outstanding() == 0) && self.lacking().is_none() {
            return true;
        }
        if self.resynced.elapsed() >= RESYNC_EVERY {
            self.resynced = Instant::now();
            for device in &mut self.devices {
                device.disconnect(&mut self.gateways);
            }
        }
        false
    }

    /// What is missing for rest.
    pub(super) fn unrest(&self) -> String {
        let outstanding: usize = self.devices.iter().map(super::Device::outstanding).sum();
        let lacking = self.lacking().unwrap_or_else(|| "readers have everything".to_owned());
        format!("{outstanding} messages are not acknowledged; {lacking}")
    }

    /// What some device does not have, or counts differently.
    fn lacking(&self) -> Option<String> {
        let record = locked(&self.record);
        for conversation in record.conversations() {
            let head = record.newest(&conversation);
            let members = self
                .devices
                .iter()
                .filter(|d| conversation.is_group() || conversation.peer_of(&d.user).is_some());
            for device in members {
                let read = device.read.get(&conversation).map_or(&[][..], Vec::as_slice);
                if read.len() as u64 != head.0 {
                    let len = read.len();
                    return Some(format!("{} has {len} of {head} entries of {conversation}", device.user));
                }
                let Some(line) = device.lines.get(&conversation) else {
                    return Some(format!("{} has no line of {conversation}", device.user));
                };
                let unread =
                    read.iter().filter(|entry| entry.seq > line.read_seq && is_message(entry)).count();
                let own = read.iter().rfind(|entry| entry.sender == device.user && is_message(entry));
                let own = own.map_or(Seq::ZERO, |entry| entry.seq);
                if line.head != head || line.unread != unread as u64 || line.read_seq < own {
                    return Some(format!(
                        "{} is told head {}, {} unread after {} of {conversation}, but head is {head} and {unread} are \
                         unread, and {own} is the last of their own",
                        device.user, line.head, line.unread, line.read_seq
                    ));
                }
            }
        }
        None
    }

    /// Reads every log to its end, once everything that was late has arrived, and compares.
    pub(super) async fn end(&mut self) -> Result<Done, String> {
        let elapsed_ms = u64::try_from(self.surroundings.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.surroundings.store.arrive();
        if let Some(violation) = self.surroundings.store.violation() {
            return Err(violation);
        }
        let store = Store::Replicated(self.surroundings.store.clone());
        let conversations = locked(&self.record).conversations();
        for conversation in conversations {
            let head = locked(&self.record).newest(&conversation);
            for _ in 0..3 {
                // Each time from other replicas.
                let log = whole_log(&store, &conversation, head).await?;
                locked(&self.record).check(&conversation, &log)?;
                self.check_senders(&conversation, &log)?;
                self.check_readers(&conversation, &log)?;
            }
        }
        Ok(Done { acknowledged: locked(&self.record).acknowledged(), elapsed_ms })
    }

    /// What each device said is there, once, in its order, and where it was acknowledged.
    fn check_senders(&self, conversation: &ConversationId, log: &[Entry]) -> Result<(), String> {
        for device in &self.devices {
            let Some(sent) = device.sent.get(conversation) else { continue };
            let stored: Vec<ClientMessageId> =
                log.iter().map(|entry| entry.client_message_id).filter(|id| sent.contains(id)).collect();
            if stored != *sent {
                return Err(format!("{conversation}: messages of {} are lost or out of order", device.user));
            }
            for ack in device.acks.iter().filter(|ack| ack.conversation == *conversation) {
                let entry = usize::try_from(ack.seq.0).ok().and_then(|at| log.get(at.checked_sub(1)?));
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

    /// What each reader got is what is there.
    fn check_readers(&self, conversation: &ConversationId, log: &[Entry]) -> Result<(), String> {
        for device in &self.devices {
            if let Some(read) = device.read.get(conversation)
                && read != log
            {
                return Err(format!("{conversation}: a reader of {} has something else", device.user));
            }
        }
        Ok(())
    }
}

/// Whether it counts as unread. Devices say nothing but messages; all else is written by the router.
fn is_message(entry: &Entry) -> bool {
    entry.client_message_id.0[..7] == [0; 7]
}

async fn whole_log(store: &Store, conversation: &ConversationId, head: Seq) -> Result<Vec<Entry>, String> {
    let range =
        PageRange { from: Seq(1), to: head, limit: usize::MAX, bytes: usize::MAX, backwards: false, head };
    store.page(conversation, range).await.map_err(|error| error.to_string())
}
