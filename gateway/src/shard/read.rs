//! From sockets to frames: what a connection's task does when it is woken.

use std::pin::Pin;
use std::task::{Context, Poll};

use proto::{CloseCode, Encoding};
use tokio::io::{AsyncRead as _, ReadBuf};

use super::Shard;
use crate::session::{Flags, SessionKey};
use crate::websocket::{Decoder, Event, Limits, pong_frame};
use crate::wheel::Tick;

/// Reads of one socket before others get their turn.
const READS_PER_TURN: usize = 4;

/// What one look at a socket found.
enum Turn {
    /// Bytes were read and processed.
    Progress,
    /// Nothing more for now; the task will be woken.
    Rest,
    /// The session is gone.
    Gone,
}

impl Shard {
    /// Writes what a full socket now takes, reads what there is, and carries it out. Ready when the session is gone.
    pub(crate) fn poll_session(&mut self, key: SessionKey, cx: &mut Context<'_>) -> Poll<()> {
        let Some(session) = self.sessions.get_mut(key) else { return Poll::Ready(()) };
        match &mut session.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => session.waker = Some(cx.waker().clone()),
        }
        self.clock.read();
        if session.flags.has(Flags::BLOCKED) && session.stream.poll_write_ready(cx).is_ready() {
            session.flags.clear(Flags::BLOCKED);
            self.flush(key);
            self.poll_blocked_again(key, cx);
        }
        for _ in 0..READS_PER_TURN {
            match self.read_once(key, cx) {
                Turn::Progress => {}
                Turn::Rest => return self.end_turn(key),
                Turn::Gone => break,
            }
        }
        let poll = self.end_turn(key);
        if poll.is_pending() {
            cx.waker().wake_by_ref();
        }
        poll
    }

    /// A flush that found the socket full again must leave its waker there.
    fn poll_blocked_again(&mut self, key: SessionKey, cx: &mut Context<'_>) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        if session.flags.has(Flags::BLOCKED) && session.stream.poll_write_ready(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }

    fn end_turn(&mut self, key: SessionKey) -> Poll<()> {
        // Only its own: other sessions are written by whoever filled their mailboxes.
        self.flush_if_dirty(key);
        if self.sessions.get(key).is_some() { Poll::Pending } else { Poll::Ready(()) }
    }

    fn read_once(&mut self, key: SessionKey, cx: &mut Context<'_>) -> Turn {
        let (unanswered_max, bytes_max) = (self.config.session.unanswered_max, self.config.mailbox.bytes_max);
        let Some(session) = self.sessions.get_mut(key) else { return Turn::Gone };
        if self.frozen && !session.is_closing() {
            return Turn::Rest;
        }
        if !session.may_read(unanswered_max, bytes_max) {
            if !session.flags.has(Flags::PAUSED) {
                session.flags.set(Flags::PAUSED);
                self.tally.reading_paused += 1;
                self.arm_next(key);
            }
            return Turn::Rest;
        }
        session.flags.clear(Flags::PAUSED);
        if let Some(mut unread) = session.unread.take() {
            self.process(key, &mut unread);
            return Turn::Progress;
        }
        let mut buffer = std::mem::take(&mut self.read_buffer);
        let mut into = ReadBuf::new(&mut buffer);
        let polled = Pin::new(&mut session.stream).poll_read(cx, &mut into);
        let length = into.filled().len();
        let turn = match polled {
            Poll::Pending => Turn::Rest,
            Poll::Ready(Ok(())) if length > 0 => {
                session.heard = self.clock.tick();
                session.flags.clear(Flags::PINGED);
                self.tally.reads += 1;
                self.tally.received_bytes += length as u64;
                self.process(key, &mut buffer[..length]);
                Turn::Progress
            }
            Poll::Ready(_) => {
                self.on_peer_gone(key);
                Turn::Gone
            }
        };
        self.read_buffer = buffer;
        turn
    }

    /// Carries out every frame in `bytes`, until they end or the session must pause.
    fn process(&mut self, key: SessionKey, bytes: &mut [u8]) {
        const NOTHING: Decoder = Decoder::new(Limits { message_bytes_max: 0, frames_per_message_max: 0 });
        let (unanswered_max, bytes_max) = (self.config.session.unanswered_max, self.config.mailbox.bytes_max);
        let Some(session) = self.sessions.get_mut(key) else { return };
        // Taken out, because what a frame does may need the whole shard.
        let mut decoder = std::mem::replace(&mut session.decoder, NOTHING);
        let mut events = decoder.events(bytes);
        let (mut broken, mut finished) = (None, false);
        let unread = loop {
            match events.next() {
                Ok(Some(event)) => {
                    finished |= !matches!(event, Event::Ping(_) | Event::Pong(_) | Event::Close(_));
                    self.on_event(key, event);
                }
                Ok(None) => break None,
                Err(error) => {
                    broken = Some(error);
                    break None;
                }
            }
            let Some(session) = self.sessions.get(key) else { return };
            if !session.may_read(unanswered_max, bytes_max) {
                break Some(events.unread().to_vec()).filter(|unread| !unread.is_empty());
            }
        };
        let Some(session) = self.sessions.get_mut(key) else { return };
        let unfinished = decoder.kept_bytes() > 0;
        session.decoder = decoder;
        session.unread = unread.map(Box::new);
        if !unfinished {
            session.unfinished_since = Tick::NEVER;
        } else if finished || session.unfinished_since == Tick::NEVER {
            session.unfinished_since = self.clock.tick();
            self.arm_next(key);
        }
        if let Some(error) = broken {
            self.on_protocol_error(key, error);
        }
    }

    fn on_event(&mut self, key: SessionKey, event: Event<'_>) {
        match event {
            Event::Text(text) => self.on_message(key, Encoding::Json, text.as_bytes()),
            Event::Binary(bytes) => self.on_message(key, Encoding::Proto, bytes),
            Event::DeflatedText(payload) => self.on_deflated(key, Encoding::Json, payload),
            Event::DeflatedBinary(payload) => self.on_deflated(key, Encoding::Proto, payload),
            Event::Ping(payload) => self.on_protocol_ping(key, payload),
            Event::Pong(_) => {}
            Event::Close(close) => self.on_peer_close(key, close),
        }
    }

    /// A ping of the protocol costs as much as a command, so it counts as one.
    fn on_protocol_ping(&mut self, key: SessionKey, payload: &[u8]) {
        let now_us = self.clock.micros();
        let Some(session) = self.sessions.get_mut(key) else { return };
        match session.rate.take(&self.rate, now_us) {
            crate::rate::Verdict::Admit => self.tell(key, pong_frame(payload)),
            // RFC 6455 section 5.5.3: only the most recent of several pings must be answered.
            crate::rate::Verdict::Refuse { .. } => {}
            crate::rate::Verdict::Abuse => self.close(key, CloseCode::Rate, "too many pings"),
        }
    }
}
