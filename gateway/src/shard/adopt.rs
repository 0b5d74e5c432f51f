//! How a shard goes on with the sessions of another process.

use std::net::IpAddr;
use std::rc::Rc;

use proto::presence::Activity;
use proto::{SessionRef, UserId};
use tokio::net::TcpStream;

use super::run::Context;
use super::{Shard, SharedShard};
use crate::config::Compression;
use crate::connection::Connection;
use crate::handover::{Carried, Estate, OfPresence, OfUser, Stage};
use crate::interest::Awaited;
use crate::mailbox::Mailbox;
use crate::metrics::count_inherited;
use crate::presence::Attendance;
use crate::rate::RateMeter;
use crate::session::{Flags, Pending, Phase, Session, SessionKey, Sessions};
use crate::shard::compression::Codecs;
use crate::socket::Socket;
use crate::watches::TooMany;
use crate::websocket::Limits;
use crate::wheel::Tick;

/// What is left to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Adopted {
    Everything,
    /// Deliveries may have been lost on the way.
    MustResync,
}

/// Makes sessions of what was brought, each with a task.
pub(super) fn adopt(shard: &SharedShard, context: &Rc<Context>, estate: Estate) -> Adopted {
    let resync = estate.of.resync;
    let keys = shard.borrow_mut().adopt(estate);
    count_inherited(keys.len());
    for key in keys {
        context.tasks.spawn_local(Connection::inherited(Rc::clone(shard), key));
    }
    shard.borrow_mut().flush_dirty();
    if resync { Adopted::MustResync } else { Adopted::Everything }
}

impl Shard {
    fn adopt(&mut self, estate: Estate) -> Vec<SessionKey> {
        self.clock.read();
        if let (true, Some(carried)) =
            (estate.sessions.iter().any(|(_, carried)| carried.deflate), estate.of.compression)
        {
            self.keep_agreement(carried);
        }
        let mut sessions = Vec::with_capacity(estate.sessions.len());
        let mut places = Vec::with_capacity(estate.sessions.len());
        let mut rooms = Vec::new();
        for (stream, carried) in estate.sessions {
            let key = carried.key;
            places.push((key, (carried.began_ms, carried.claimed)));
            rooms.extend(carried.rooms.iter().map(|room| (key, room.clone())));
            match TcpStream::from_std(stream) {
                Ok(stream) => {
                    let address = stream.peer_addr().ok().map(|peer| peer.ip());
                    sessions.push((key, self.inherit(Socket::Plain(stream), address, carried)));
                }
                Err(error) => {
                    let session = SessionRef { node: self.inbox.node(), session: key.to_number() };
                    tracing::error!(%error, %session, "a socket that was brought is none");
                }
            }
        }
        let keys: Vec<_> = sessions.iter().map(|(key, _)| *key).collect();
        self.sessions = Sessions::carried(sessions, estate.of.generation);
        for key in &keys {
            self.take_up(*key);
        }
        for (key, place) in places {
            self.restore_place(key, place);
        }
        for (key, room) in rooms {
            if self.sessions.get(key).is_some() {
                self.interest.ask_room(key.slot, &room, usize::MAX);
                self.interest.enter_room(&*self.inbox, key.slot, &room);
            }
        }
        for OfUser { user, groups } in estate.users {
            self.interest.groups_answered(&*self.inbox, &user, groups, Awaited::Nothing);
        }
        for OfPresence { key, away, watches } in estate.presence {
            self.restore_presence(key, away, &watches);
        }
        self.resume_broadcasts(estate.broadcasts);
        keys
    }

    /// What was agreed with a client holds as long as its socket: no window may be larger than it can inflate. A smaller one is
    /// good for those, too, who come from now on.
    fn keep_agreement(&mut self, carried: Compression) {
        let compression = match self.compression {
            Some(own) => Compression { window_bits: own.window_bits.min(carried.window_bits), ..own },
            None => carried,
        };
        if self.compression != Some(compression) {
            self.compression = Some(compression);
            self.codecs = Some(Codecs::new(compression, &self.config.session));
        }
    }

    /// What it watches is asked about again, and told again: nobody knows what it missed.
    fn restore_presence(&mut self, key: SessionKey, away: bool, watches: &[UserId]) {
        if self.sessions.get(key).is_none_or(|session| session.user.is_none()) {
            return;
        }
        if away {
            self.turn(key, Activity::Away);
        }
        if !watches.is_empty() {
            // It may have been allowed more than it would be now.
            let _: Result<(), TooMany> = self.watch(key, watches, usize::MAX);
        }
    }

    /// A session as it was, heard just now.
    fn inherit(&mut self, stream: Socket, address: Option<IpAddr>, carried: Carried) -> Session {
        let now = self.clock.tick();
        let Carried { encoding, deflate, stage, device, unanswered, bad_frames, .. } = carried;
        let mut decoder = carried.decoder;
        decoder.limit(Limits {
            message_bytes_max: self.config.session.message_bytes_max,
            frames_per_message_max: self.config.session.fragments_max,
        });
        let mut flags = Flags::default();
        if deflate {
            flags.set(Flags::DEFLATE);
        }
        // An address that a proxy told is not known any more.
        let address = address.filter(|address| !self.config.proxies.trust(*address));
        let waits = |claimed, syncs| Some(Box::new(Pending { claimed, retry: Tick::NEVER, syncs }));
        let (phase, user, login, expires, pending) = match stage {
            Stage::AwaitingHello { claimed, left_ms } => {
                let until = now.after(std::time::Duration::from_millis(left_ms.into()));
                (Phase::AwaitingHello(until), None, None, Tick::NEVER, waits(claimed, Vec::new()))
            }
            Stage::Open { user, login, expires_ms, warned, waiting } => {
                flags.set(Flags::CONNECTED);
                if warned {
                    flags.set(Flags::WARNED);
                }
                let expires = self.clock.tick_at_unix_ms(expires_ms);
                (Phase::Open, Some(user), login, expires, waiting.and_then(|syncs| waits(None, syncs)))
            }
        };
        Session {
            stream,
            waker: None,
            unfinished_since: if decoder.kept_bytes() > 0 { now } else { Tick::NEVER },
            decoder,
            mailbox: Mailbox::carried(carried.mailbox, &mut self.pool, now),
            admitted: self.admission.inherit(address, user.as_ref()),
            user,
            login: login.map(Box::new),
            device,
            pending,
            unread: (!carried.unread.is_empty()).then(|| Box::new(carried.unread)),
            rate: RateMeter::default(),
            phase,
            expires,
            heard: now,
            timer: Tick::NEVER,
            unanswered_since: now,
            unanswered,
            bad_frames,
            encoding,
            flags,
        }
    }

    /// Gives a session its place in the tables.
    fn take_up(&mut self, key: SessionKey) {
        let Some(session) = self.sessions.get(key) else { return };
        if let Some(user) = &session.user {
            self.authenticated += 1;
            (self.presence)(user, Attendance::Came(&session.device));
            self.interest.add_session(&*self.inbox, user, key.slot);
            if session.pending.is_some() {
                self.connecting.push(key);
                self.interest_changed.notify_one();
            }
        }
        let waits = !session.mailbox.is_empty();
        self.arm_next(key);
        if waits {
            self.mark_dirty(key);
        }
    }
}
