//! The close handshake (RFC 6455 section 7): one close frame each way, then the TCP connection.

use proto::CloseCode;

use super::Shard;
use super::interested::Leaving;
use crate::metrics::count_close;
use crate::session::{Flags, Phase, SessionKey};
use crate::websocket::{Close, close_frame};

impl Shard {
    /// Begins to close: what waits is sent first, unless the client is too slow for that.
    pub(super) fn close(&mut self, key: SessionKey, code: CloseCode, reason: &str) {
        if self.begin_close(key, code.number(), reason, code == CloseCode::Slow) {
            count_close(code.number(), "server");
            tracing::debug!(session = %self.session_ref(key), code = code.number(), reason, "closing socket");
        }
    }

    /// The client closes: answers, or, when that was the answer, is done.
    pub(super) fn on_peer_close(&mut self, key: SessionKey, close: Option<Close<'_>>) {
        let code = close.map_or(CloseCode::Normal.number(), |close| close.code);
        if self.begin_close(key, code, "", true) {
            // Clients choose codes as they like; metrics know ours.
            count_close(CloseCode::from_number(code).map_or(0, CloseCode::number), "client");
        }
        if let Some(session) = self.sessions.get_mut(key) {
            session.flags.set(Flags::PEER_DONE);
            if session.mailbox.is_empty() {
                self.remove(key);
            }
        }
    }

    /// The socket ended or broke.
    pub(super) fn on_peer_gone(&mut self, key: SessionKey) {
        if self.sessions.get(key).is_some_and(|session| !session.is_closing()) {
            // RFC 6455 section 7.1.5: no close frame was received.
            count_close(1006, "client");
        }
        self.remove(key);
    }

    /// After the mailbox was written: whether that ends the session.
    pub(super) fn finish_close(&mut self, key: SessionKey) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        if !session.is_closing() {
            return;
        }
        if session.flags.has(Flags::PEER_DONE) {
            self.remove(key);
        } else if session.decoder.has_ended() {
            // What the client sends cannot be understood any more, its close frame included: only the end of its
            // stream is waited for. Closing at once could reset the connection before the close frame is read.
            session.stream.finish_sending();
        }
    }

    /// Tells whether it was not closing already.
    fn begin_close(&mut self, key: SessionKey, code: u16, reason: &str, at_once: bool) -> bool {
        let now = self.clock.tick();
        let until = now.after(self.config.timeouts.close);
        let Some(session) = self.sessions.get_mut(key) else { return false };
        if session.is_closing() {
            return false;
        }
        session.phase = Phase::Closing(until);
        session.unread = None;
        session.mailbox.close(&mut self.pool, now, close_frame(code, reason), at_once);
        let left = Leaving::of(session);
        self.mark_dirty(key);
        // The timer in force belongs to the open session and may be far off.
        self.arm(key, until);
        self.lose_interest(key, left);
        // Its task must read on, for the peer's close frame, even when it was paused.
        if let Some(session) = self.sessions.get(key) {
            session.wake();
        }
        true
    }
}
