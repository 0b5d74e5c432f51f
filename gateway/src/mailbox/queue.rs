//! The messages that wait for one socket, and which of them are signals.

use std::collections::VecDeque;

use bytes::{Buf as _, Bytes};

use super::lag::{Lag, Missed};
use super::signal::SignalKey;
use crate::wheel::Tick;

/// Signals that wait in one mailbox. Above: dropped.
const SIGNALS_MAX: usize = 32;

/// The part of a mailbox that exists only while something waits; taken from and given back to a [`super::Pool`].
#[derive(Default)]
pub(crate) struct Queue {
    /// What is left of each message; only the first may be partly written.
    pub(super) frames: VecDeque<Bytes>,
    pub(super) bytes: u32,
    /// The first message is partly written: its rest must come before anything else.
    pub(super) begun: bool,
    pub(super) lag: Option<Box<Lag>>,
    /// What found no room and is nowhere else.
    pub(super) missed: Missed,
    /// When bytes were last taken off, or the first message came.
    pub(super) moved: Tick,
    /// Messages taken off the front: the first one is number `popped`.
    popped: u64,
    /// Signals among the messages, by rising number; those below `popped` have left.
    signals: Vec<Signal>,
}

struct Signal {
    key: Option<SignalKey>,
    number: u64,
}

impl Queue {
    pub(super) fn fits(&self, frame: &Bytes, bytes_max: u32, frames_max: u32) -> bool {
        self.bytes.saturating_add(length(frame)) <= bytes_max && self.frames_count() < frames_max
    }

    pub(super) fn frames_count(&self) -> u32 {
        u32::try_from(self.frames.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn push(&mut self, now: Tick, frame: Bytes) {
        if self.frames.is_empty() {
            self.moved = now;
        }
        self.bytes = self.bytes.saturating_add(length(&frame));
        self.frames.push_back(frame);
    }

    /// Queues a signal; tells whether it could.
    pub(super) fn push_signal(&mut self, now: Tick, key: Option<SignalKey>, frame: Bytes) -> bool {
        self.forget_signals_that_left();
        if self.signals.len() >= SIGNALS_MAX {
            return false;
        }
        let number = self.popped + self.frames.len() as u64;
        self.signals.push(Signal { key, number });
        self.push(now, frame);
        true
    }

    /// Lets a signal take the place of the one that it outdates, if that waits and the bytes fit.
    pub(super) fn replace_signal(&mut self, key: SignalKey, frame: &Bytes, bytes_max: u32) -> bool {
        let first = self.first_whole();
        let found = self.signals.iter().find(|signal| signal.key == Some(key) && signal.number >= first);
        let Some(number) = found.map(|signal| signal.number) else { return false };
        let Some(waiting) = self.frames.get_mut((number - self.popped) as usize) else { return false };
        let bytes = self.bytes - length(waiting) + length(frame);
        if bytes > bytes_max {
            return false;
        }
        *waiting = frame.clone();
        self.bytes = bytes;
        true
    }

    /// Takes out every signal that is not partly written; gives how many.
    pub(super) fn drop_signals(&mut self) -> u64 {
        let first = self.first_whole();
        let mut dropped = 0;
        // From the back, so that the numbers of those before stay right.
        while let Some(signal) = self.signals.pop() {
            if signal.number < first {
                continue;
            }
            if let Some(frame) = self.frames.remove((signal.number - self.popped) as usize) {
                self.bytes -= length(&frame);
                dropped += 1;
            }
        }
        dropped
    }

    /// Takes off what was written; tells whether nothing waits any more.
    pub(super) fn take_written(&mut self, now: Tick, mut written: usize) -> bool {
        if written > 0 {
            self.moved = now;
        }
        self.bytes = self.bytes.saturating_sub(u32::try_from(written).unwrap_or(u32::MAX));
        while let Some(first) = self.frames.front_mut() {
            if first.len() > written {
                first.advance(written);
                self.begun |= written > 0;
                return false;
            }
            written -= first.len();
            self.frames.pop_front();
            self.popped += 1;
            self.begun = false;
        }
        true
    }

    /// Leaves out what waits and was not begun.
    pub(super) fn keep_only_begun(&mut self) {
        self.frames.truncate(usize::from(self.begun));
        self.bytes = self.frames.iter().map(length).sum();
        self.signals.clear();
    }

    pub(super) fn clear(&mut self) {
        self.frames.clear();
        self.signals.clear();
        self.bytes = 0;
        self.popped = 0;
        self.begun = false;
        self.lag = None;
        self.missed = Missed::default();
    }

    fn forget_signals_that_left(&mut self) {
        let popped = self.popped;
        self.signals.retain(|signal| signal.number >= popped);
    }

    /// The number of the first message of which nothing is written yet.
    fn first_whole(&self) -> u64 {
        self.popped + u64::from(self.begun)
    }
}

fn length(frame: &Bytes) -> u32 {
    u32::try_from(frame.len()).unwrap_or(u32::MAX)
}
