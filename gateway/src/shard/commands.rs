//! Messages of a client: decoded, checked against its limits, sent to the bus as commands.

use proto::server_frame::{Nack, Pong};
use proto::{ClientFrame, ClientMessageId, CloseCode, Code, Encoding, FrameError, Request, ServerFrame};

use super::Shard;
use crate::admission::CommandClass;
use crate::metrics::{count_limited, count_nack};
use crate::rate::{Rate, Verdict};
use crate::session::{Phase, Session, SessionKey};

/// The command could not be sent: the bus has no room, or is away.
pub(super) struct Busy;

impl Shard {
    /// One whole message.
    pub(super) fn on_message(&mut self, key: SessionKey, kind: Encoding, bytes: &[u8]) {
        self.tally.frames_received += 1;
        let Some(session) = self.sessions.get(key) else { return };
        let phase = session.phase;
        if matches!(phase, Phase::Closing(_)) {
            return;
        }
        if session.encoding != kind {
            return self.close(
                key,
                CloseCode::Unsupported,
                "text and binary messages as the subprotocol says",
            );
        }
        let decoded = ClientFrame::decode(kind, bytes);
        match (phase, decoded) {
            (Phase::Closing(_), _) => {}
            (Phase::AwaitingHello(_), Ok(ClientFrame::Hello(hello))) => self.first_hello(key, hello),
            (Phase::AwaitingHello(_), _) => {
                self.close(key, CloseCode::Auth, "the first frame must be hello with a token");
            }
            (Phase::Open, decoded) => self.on_frame(key, decoded),
        }
    }

    /// What does not parse costs as much as a command, so it counts as one.
    fn on_frame(&mut self, key: SessionKey, decoded: Result<ClientFrame, FrameError>) {
        let now_us = self.clock.micros();
        let Some(session) = self.sessions.get_mut(key) else { return };
        let class = decoded.as_ref().ok().and_then(CommandClass::of);
        match (take_rates(session, &self.rate, class, now_us), decoded) {
            (Verdict::Admit, Ok(frame)) => self.carry_out(key, frame),
            (Verdict::Admit, Err(error)) => self.on_bad_frame(key, &error),
            (Verdict::Refuse { retry_after_ms }, decoded) => {
                let (name, send) = match &decoded {
                    Ok(frame) => name_of(frame),
                    Err(error) => (error.frame(), error.client_message_id()),
                };
                let nack = nack(name, send, Code::Rate, "too many commands a second");
                self.refuse(key, nack.retry_after_ms(retry_after_ms));
            }
            (Verdict::Abuse, _) => {
                self.close(key, CloseCode::Rate, "too many commands, in spite of refusals")
            }
        }
    }

    fn carry_out(&mut self, key: SessionKey, frame: ClientFrame) {
        let request = match frame {
            ClientFrame::Ping => return self.on_ping(key),
            ClientFrame::Hello(hello) => return self.later_hello(key, hello),
            ClientFrame::Sync(sync) => return self.on_sync(key, sync),
            ClientFrame::Send(send) => Request::Send(send),
            ClientFrame::Fetch(fetch) => Request::Fetch(fetch),
            ClientFrame::Read(position) => Request::Read(position),
            ClientFrame::Delivered(position) => Request::Delivered(position),
            ClientFrame::Typing(to) => Request::Typing(to),
            ClientFrame::Pins(conversation) => Request::Pins(conversation),
            ClientFrame::Versions(position) => Request::Versions(position),
            ClientFrame::Readers(of) => Request::Readers(of),
            ClientFrame::Confirm(position) => Request::Confirm(position),
            ClientFrame::Confirmations(of) => Request::Confirmations(of),
            ClientFrame::Private(change) => Request::Private(change),
            ClientFrame::Presence(ask) => return self.on_presence_ask(key, ask),
            ClientFrame::JoinRoom(room) => return self.on_join_room(key, room),
            ClientFrame::LeaveRoom(room) => return self.on_leave_room(key, room),
        };
        let send = match &request {
            Request::Send(send) => Some(send.client_message_id),
            _ => None,
        };
        let name = request.name();
        if self.send_command(key, request).is_err() {
            self.refuse_for_now(key, name, send);
        }
    }

    /// Sends a command in the name of the session and counts it until it is answered.
    pub(super) fn send_command(&mut self, key: SessionKey, request: Request) -> Result<(), Busy> {
        let now = self.clock.tick();
        let Some(session) = self.sessions.get_mut(key) else { return Ok(()) };
        let Some(user) = session.user.clone() else { return Ok(()) };
        if session.unanswered == 0 {
            session.unanswered_since = now;
        }
        session.unanswered = session.unanswered.saturating_add(1);
        let device = session.device.clone();
        let command = self.command(key, user, device, request);
        if self.bus.send_command(command).is_ok() {
            self.tally.commands += 1;
            return Ok(());
        }
        self.tally.commands_busy += 1;
        if let Some(session) = self.sessions.get_mut(key) {
            session.unanswered = session.unanswered.saturating_sub(1);
        }
        Err(Busy)
    }

    /// Tells a client that its command went nowhere, why, and when to try again.
    pub(super) fn refuse_for_now(
        &mut self,
        key: SessionKey,
        frame: &'static str,
        send: Option<ClientMessageId>,
    ) {
        let (code, words) = match self.bus.is_connected() {
            true => (Code::Busy, "the server has more work than it takes on"),
            false => (Code::Unavailable, "the routers cannot be reached"),
        };
        let retry_after_ms = self.config.session.busy_retry_ms;
        self.refuse(key, nack(frame, send, code, words).retry_after_ms(retry_after_ms));
    }

    /// Tells a client that the gateway itself refuses.
    pub(super) fn refuse(&mut self, key: SessionKey, nack: Nack) {
        count_nack(nack.code);
        let Some(session) = self.sessions.get(key) else { return };
        let frame = ServerFrame::Nack(nack).encode_message(session.encoding);
        self.tell(key, frame);
    }

    fn on_bad_frame(&mut self, key: SessionKey, error: &FrameError) {
        let code = error.code();
        self.refuse(key, nack(error.frame(), error.client_message_id(), code, &error.to_string()));
        if code != Code::BadFrame {
            return;
        }
        let Some(session) = self.sessions.get_mut(key) else { return };
        session.bad_frames = session.bad_frames.saturating_add(1);
        if session.bad_frames >= self.config.session.bad_frames_max {
            self.close(key, CloseCode::InvalidData, "too many frames that do not parse");
        }
    }

    fn on_ping(&mut self, key: SessionKey) {
        let Some(session) = self.sessions.get(key) else { return };
        let heads = session.user.as_ref().map_or_else(Vec::new, |user| self.interest.heads_of(user));
        let heads = heads.into_iter().chain(self.interest.room_heads(key.slot)).collect();
        let pong = Pong { heads, server_time: self.clock.wall() };
        let frame = ServerFrame::Pong(pong).encode_message(session.encoding);
        self.tell(key, frame);
    }
}

/// Counts a command for its session and for its user.
fn take_rates(session: &mut Session, rate: &Rate, class: Option<CommandClass>, now_us: u64) -> Verdict {
    let verdict = session.rate.take(rate, now_us);
    if verdict != Verdict::Admit {
        count_limited("session_commands");
        return verdict;
    }
    match class.map_or(Ok(()), |class| session.admitted.take_rate(class, now_us)) {
        Ok(()) => Verdict::Admit,
        Err(over) => {
            count_limited(over.limit);
            session.rate.strike(rate, now_us, over.retry_after_ms)
        }
    }
}

fn nack(frame: &'static str, send: Option<ClientMessageId>, code: Code, words: &str) -> Nack {
    Nack { client_message_id: send, ..Nack::of(frame, code, words) }
}

fn name_of(frame: &ClientFrame) -> (&'static str, Option<ClientMessageId>) {
    match frame {
        ClientFrame::Send(send) => (send.name(), Some(send.client_message_id)),
        ClientFrame::Hello(_) => ("hello", None),
        ClientFrame::Fetch(_) => ("fetch", None),
        ClientFrame::Sync(_) => ("sync", None),
        ClientFrame::Read(_) => ("read", None),
        ClientFrame::Delivered(_) => ("delivered", None),
        ClientFrame::Typing(_) => ("typing", None),
        ClientFrame::Ping => ("ping", None),
        ClientFrame::Pins(_) => ("pins", None),
        ClientFrame::Versions(_) => ("versions", None),
        ClientFrame::Readers(_) => ("readers", None),
        ClientFrame::Confirm(_) => ("confirm", None),
        ClientFrame::Confirmations(_) => ("confirmations", None),
        ClientFrame::Private(change) => (change.name(), None),
        ClientFrame::Presence(ask) => (ask.name(), None),
        ClientFrame::JoinRoom(_) => ("join_room", None),
        ClientFrame::LeaveRoom(_) => ("leave_room", None),
    }
}
