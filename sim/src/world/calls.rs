//! Programs that call the API: each says something once, in time or not at all, and never again. Devices say everything until
//! it is acknowledged, so that nobody notices there what was carried out late, or refused though it is stored.

use std::time::Duration;

use lifecycle::sim::{Random, note};
use proto::client_frame::{AckMode, Recipient, Send};
use proto::command::{GroupRequest, Source};
use proto::group::GroupEdit;
use proto::{Body, ClientMessageId, ConversationId, GroupId, Request, UserId};
use tokio::time::Instant;

use super::{TEAM, World, locked};

/// The first half of the ids of what programs say; devices have smaller ones.
const PROGRAM: u128 = 255;
/// Of a thousand calls so many give the group another name.
const RENAMES: u64 = 250;
/// Of the ids of entries that say for how long a conversation keeps its entries; they are no messages.
const KEEPING: u128 = 0x2e7a << 112;
/// A setting is not carried out after so long, and the next one comes later: what was set last is what holds.
const SET_WITHIN: Duration = Duration::from_secs(2);
const SETTINGS_APART: Duration = Duration::from_secs(3);

/// What programs have done.
pub struct Calls {
    random: Random,
    made: u64,
    sets_next: Instant,
}

impl Calls {
    pub fn new(seed: u64) -> Self {
        Self { random: Random::new(seed ^ 0xca11_0000), made: 0, sets_next: Instant::now() }
    }
}

impl World {
    /// A program calls, perhaps.
    pub(super) fn call_now_and_then(&mut self) {
        if !self.calls.random.per_mille(self.plan.calls) {
            return;
        }
        let within = Duration::from_millis(self.calls.random.between(200..10_000));
        if self.calls.random.per_mille(RENAMES) {
            self.rename(within);
            return;
        }
        let at = self.calls.random.below(self.conversations.len() as u64) as usize;
        self.say_somewhere(&self.conversations[at].clone(), within);
    }

    /// One of those who may says something in a conversation.
    pub(super) fn say_somewhere(&mut self, conversation: &ConversationId, within: Duration) {
        let may = |user: &&UserId| conversation.is_group() || conversation.peer_of(user).is_some();
        let users: Vec<UserId> = self.users.iter().filter(may).cloned().collect();
        let user = &users[self.calls.random.below(users.len() as u64) as usize];
        self.say_once(user, conversation, within);
    }

    /// A program says something for a user, once.
    pub(super) fn say_once(
        &mut self,
        user: &UserId,
        conversation: &ConversationId,
        within: Duration,
    ) -> ClientMessageId {
        self.calls.made += 1;
        let id = ClientMessageId((PROGRAM << 64 | u128::from(self.calls.made)).to_be_bytes());
        note(|| format!("a program says {id} in {conversation} within {} ms", within.as_millis()));
        let send = Send {
            client_message_id: id,
            to: Recipient::Conversation(conversation.clone()),
            body: Body::text(format!("{user} by a program {}", self.calls.made)),
            ack: AckMode::Persisted,
            attempt: 0,
            age_ms: 0,
            after: None,
        };
        self.send_once(user, send, within);
        id
    }

    fn send_once(&mut self, user: &UserId, send: Send, within: Duration) {
        let id = send.client_message_id;
        let at = self.calls.random.below(self.gateways.0.len() as u64) as usize;
        let deadline = self.gateways.0[at].call(user, Source::Client, Request::Send(send), None, within);
        locked(&self.record).called(id, deadline);
    }

    /// The first user sets, now and then, for how long a direct conversation keeps its entries.
    pub(super) fn set_retention_now_and_then(&mut self) {
        let now = Instant::now();
        if self.plan.settings == 0 || now < self.calls.sets_next {
            return;
        }
        if !self.calls.random.per_mille(self.plan.settings) {
            return;
        }
        let user = self.users[0].clone();
        let own: Vec<ConversationId> =
            self.conversations.iter().filter(|id| id.peer_of(&user).is_some()).cloned().collect();
        let calls = &mut self.calls;
        calls.made += 1;
        calls.sets_next = now + SETTINGS_APART;
        let conversation = own[calls.random.below(own.len() as u64) as usize].clone();
        let seconds = if calls.random.per_mille(200) { 0 } else { calls.random.between(4..12) as u32 };
        let id = ClientMessageId((KEEPING | u128::from(calls.made)).to_be_bytes());
        note(|| format!("{user} has {conversation} keep its entries for {seconds} s"));
        locked(&self.record).asks_to_keep(&conversation, id, seconds);
        self.send_once(&user, Send::retention(id, conversation, seconds), SET_WITHIN);
    }

    fn rename(&mut self, within: Duration) {
        let Ok(group) = GroupId::parse(TEAM) else { return };
        self.calls.made += 1;
        let name = Some(format!("Team {}", self.calls.made));
        let edit = GroupRequest::Edit(Box::new(GroupEdit { name, ..GroupEdit::default() }));
        note(|| format!("a program gives {group} another name"));
        let at = self.calls.random.below(self.gateways.0.len() as u64) as usize;
        let request = Request::Group(group, edit);
        self.gateways.0[at].call(&self.users[0], Source::ServerApi, request, None, within);
    }
}
