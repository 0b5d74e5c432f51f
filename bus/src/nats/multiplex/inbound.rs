//! What was received and not yet taken.
//!
//! **Guarantees.** Bounded in messages and bytes. What finds no room is counted and told once, as a gap, with what did
//! find room: the socket is read on in any case.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use super::config::MultiplexConfig;
use crate::inbox::{ANSWERS_FACTOR, Received};

/// A message as it came. Both parts share one allocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it was published to; UTF-8.
    pub subject: Bytes,
    /// What it carries.
    pub payload: Bytes,
}

impl Message {
    /// Copied out of the connection's buffer: a message that waits for long must not keep what came with it.
    pub(super) fn new(subject: &str, payload: &[u8]) -> Self {
        let whole = Bytes::from([subject.as_bytes(), payload].concat());
        Self { subject: whole.slice(..subject.len()), payload: whole.slice(subject.len()..) }
    }
}

/// Bytes that a message counts for beside its payload.
const MESSAGE_BYTES: usize = size_of::<Message>() + 32;

/// See the module.
pub(super) struct Inbound {
    messages_max: usize,
    bytes_max: usize,
    answers: Option<Arc<str>>,
    state: Mutex<State>,
    filled: Notify,
}

#[derive(Default)]
struct State {
    messages: Vec<Message>,
    bytes: usize,
    gap: bool,
}

impl Inbound {
    pub(super) fn new(config: &MultiplexConfig) -> Self {
        Self {
            messages_max: config.messages_max,
            bytes_max: config.bytes_max,
            answers: config.answers.clone(),
            state: Mutex::default(),
            filled: Notify::new(),
        }
    }

    /// How many times the bounds hold for it.
    fn factor(&self, message: &Message) -> usize {
        let is_answer = |answers: &Arc<str>| message.subject == answers.as_bytes();
        if self.answers.as_ref().is_some_and(is_answer) { ANSWERS_FACTOR } else { 1 }
    }

    /// Takes what there is room for, emptying the batch, and tells how many messages were lost.
    pub(super) fn push(&self, batch: &mut Vec<Message>) -> u64 {
        let mut lost = 0;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for message in batch.drain(..) {
            let bytes = state.bytes + message.subject.len() + message.payload.len() + MESSAGE_BYTES;
            let full = |factor: usize| {
                state.messages.len() >= self.messages_max.saturating_mul(factor)
                    || bytes > self.bytes_max.saturating_mul(factor)
            };
            if full(1) && full(self.factor(&message)) {
                lost += 1;
                continue;
            }
            state.bytes = bytes;
            state.messages.push(message);
        }
        state.gap |= lost > 0;
        let filled = state.gap || !state.messages.is_empty();
        drop(state);
        if filled {
            self.filled.notify_one();
        }
        lost
    }

    /// Something was lost elsewhere.
    pub(super) fn gap(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).gap = true;
        self.filled.notify_one();
    }

    /// Waits for messages and takes all there are, replacing what is in `into`. Cancel-safe.
    pub(super) async fn recv(&self, into: &mut Vec<Message>) -> Received {
        into.clear();
        loop {
            let gap = {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                std::mem::swap(&mut state.messages, into);
                state.bytes = 0;
                std::mem::take(&mut state.gap)
            };
            match (gap, into.is_empty()) {
                (false, true) => self.filled.notified().await,
                (false, false) => return Received::Deliveries,
                (true, _) => return Received::Gap,
            }
        }
    }
}
