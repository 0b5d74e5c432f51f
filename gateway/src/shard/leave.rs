//! How a shard gives everything away: it freezes, lets what is under way end, and takes itself apart.

use std::net::TcpListener as StdListener;
use std::rc::Rc;
use std::time::Duration;

use bus::{NodeInbox, Received};
use futures_util::FutureExt as _;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout};

use super::accept::{Waiting, accept_all};
use super::deliver::Turn;
use super::drain::send_away;
use super::run::{Context, Listeners, UnderWay};
use super::{Shard, SharedShard};
use crate::connection::FROZEN_HEAD_PATIENCE;
use crate::handover::{
    Carried, FREEZE_PATIENCE, OfBroadcast, OfPresence, OfShard, Order, Orders, Outside, Piece, Settled, Stage,
};
use crate::session::{Flags, Phase, Session, SessionKey};

/// Between two looks at whether everything is answered.
const PACE: Duration = Duration::from_millis(5);

/// Why a shard stops accepting.
pub(super) enum Leaving {
    Draining,
    /// Whoever takes everything waits here.
    Taken(Outside, oneshot::Sender<Vec<Piece>>),
}

/// Accepts until the shard drains, or is taken.
pub(super) async fn until_leaving(
    shard: &SharedShard,
    context: &Rc<Context>,
    listeners: &Listeners,
    orders: &mut Orders,
    under_way: &UnderWay,
) -> Leaving {
    let waiting = Waiting::default();
    loop {
        let order = tokio::select! {
            () = accept_all(shard, context, listeners, &waiting) => continue,
            () = context.tasks.draining() => return Leaving::Draining,
            Some(order) = orders.recv() => order,
        };
        if let Order::Freeze(tell) = order {
            // Without a place it is cut off if the shard is taken, like whoever asks for nothing.
            let _: Result<(), _> = timeout(FROZEN_HEAD_PATIENCE, waiting.begin(shard, context)).await;
            freeze(shard, context, tell).await;
            if let Some((outside, give)) = until_taken(orders, under_way).await {
                return Leaving::Taken(outside, give);
            }
            thaw(shard, context);
        }
    }
}

/// Whoever takes the frozen shard; `None` when it is to go on.
async fn until_taken(
    orders: &mut Orders,
    under_way: &UnderWay,
) -> Option<(Outside, oneshot::Sender<Vec<Piece>>)> {
    loop {
        match orders.recv().await? {
            Order::Thaw => return None,
            Order::Freeze(tell) => drop(tell.send(Settled::default())),
            Order::Take(outside, give) => {
                while under_way.delivering.get() {
                    yield_now().await;
                }
                return Some((outside, give));
            }
        }
    }
}

async fn freeze(shard: &SharedShard, context: &Context, tell: oneshot::Sender<Settled>) {
    let config = &context.config;
    let rooted = shard.borrow().rooted();
    if !rooted.is_empty() {
        let until = Instant::now() + config.drain.timeout;
        send_away(shard, config, &rooted, until, || shard.borrow().rooted().is_empty()).await;
    }
    shard.borrow_mut().frozen = true;
    context.frozen.send_replace(true);
    let until = Instant::now() + FREEZE_PATIENCE;
    let unsettled = loop {
        // Handshakes that were under way when the others were told.
        let late = shard.borrow().rooted();
        shard.borrow_mut().close_for_restart(&late);
        let unsettled = shard.borrow().unsettled() + context.requests.get();
        if unsettled == 0 || Instant::now() >= until {
            break unsettled;
        }
        sleep(PACE).await;
    };
    // Whoever asked may have given up: then the order to go on follows.
    let _ = tell.send(Settled { unsettled });
}

/// Lets a frozen shard read, as it did or for the first time.
pub(super) fn thaw(shard: &SharedShard, context: &Context) {
    context.frozen.send_replace(false);
    context.balance.set_open(true);
    let mut shard = shard.borrow_mut();
    shard.frozen = false;
    for key in shard.sessions.keys() {
        if let Some(session) = shard.sessions.get(key) {
            session.wake();
        }
    }
}

/// Delivers the last of what the bus has brought, and takes the shard apart. Nothing else of the shard runs any more.
pub(super) fn give_away(
    shard: &SharedShard,
    inbox: &NodeInbox,
    listener: TcpListener,
    outside: Outside,
    under_way: &UnderWay,
) -> Vec<Piece> {
    let mut shard = shard.borrow_mut();
    let mut lost = under_way.resyncing.get() || outside == Outside::Publishes;
    let mut batch = Vec::new();
    while let Some(received) = inbox.recv(&mut batch).now_or_never() {
        lost |= received == Received::Gap;
        let mut deliveries = batch.drain(..);
        loop {
            let turn = shard.deliver_some(&mut deliveries, &mut 0);
            shard.flush_dirty();
            if turn == Turn::Done {
                break;
            }
        }
    }
    shard.clock.read();
    let resync = lost || shard.bus.is_shared();
    match listener.into_std() {
        Ok(listener) => shard.take_apart(listener, resync),
        Err(error) => {
            tracing::error!(%error, "the listening socket cannot be given away, and nothing without it");
            Vec::new()
        }
    }
}

impl Shard {
    /// Sessions that cannot move: they are sent away as by a drain.
    fn rooted(&self) -> Vec<SessionKey> {
        let rooted =
            |key: &SessionKey| self.sessions.get(*key).is_some_and(|session| !session.stream.can_move());
        self.sessions.keys().into_iter().filter(rooted).collect()
    }

    /// Sessions whose commands or whose end are under way.
    fn unsettled(&self) -> usize {
        let unsettled = |session: &Session| match session.phase {
            Phase::AwaitingHello(_) => false,
            Phase::Open => session.unanswered > 0 || session.pending.is_some(),
            Phase::Closing(_) => true,
        };
        self.sessions.all().filter(|session| unsettled(session)).count()
    }

    fn take_apart(&mut self, listener: StdListener, resync: bool) -> Vec<Piece> {
        let of = OfShard {
            node: self.inbox.node(),
            generation: self.sessions.generation(),
            resync,
            compression: self.compression,
        };
        let keys = self.sessions.keys();
        let mut pieces = Vec::with_capacity(1 + keys.len());
        pieces.push(Piece::shard(&of, listener));
        pieces.extend(self.interest.carry().iter().map(Piece::user));
        pieces.extend(keys.iter().filter_map(|key| self.presence_of(*key)).map(|of| Piece::presence(&of)));
        let (telling, ended) = self.broadcasts.carry();
        let broadcasts = ended.into_iter().map(OfBroadcast::ended);
        let broadcasts = broadcasts.chain(telling.into_iter().map(OfBroadcast::telling));
        pieces.extend(broadcasts.map(|of| Piece::broadcast(&of)));
        for key in keys {
            let Some(session) = self.sessions.remove(key) else { continue };
            // One that closes has said all it had to say.
            if !session.is_closing() {
                pieces.extend(self.carry(key, session));
            }
        }
        pieces
    }

    /// What the session does about presence, if anything.
    fn presence_of(&self, key: SessionKey) -> Option<OfPresence> {
        let (away, watches) = (self.away.contains(&key), self.watches.of(key));
        (away || !watches.is_empty()).then_some(OfPresence { key, away, watches })
    }

    fn carry(&mut self, key: SessionKey, mut session: Session) -> Option<Piece> {
        let (began_ms, claimed) = self.place(key);
        let carried = Carried {
            key,
            encoding: session.encoding,
            deflate: session.flags.has(Flags::DEFLATE),
            stage: self.stage(&mut session),
            device: session.device,
            began_ms,
            claimed,
            unanswered: session.unanswered,
            rooms: self.interest.rooms_of(key.slot),
            bad_frames: session.bad_frames,
            decoder: session.decoder,
            unread: session.unread.map(|unread| *unread).unwrap_or_default(),
            mailbox: session.mailbox.carry(&mut self.pool),
        };
        match session.stream.into_movable() {
            Ok(stream) => stream.map(|stream| Piece::session(stream, &carried)),
            Err(error) => {
                tracing::error!(%error, session = %self.session_ref(key), "a socket cannot be given away");
                None
            }
        }
    }

    fn stage(&self, session: &mut Session) -> Stage {
        let pending = session.pending.take();
        match (session.user.take(), session.phase) {
            (Some(user), Phase::Open) => Stage::Open {
                user,
                login: session.login.take().map(|login| *login),
                expires_ms: self.clock.unix_ms_at(session.expires),
                warned: session.flags.has(Flags::WARNED),
                waiting: pending.map(|pending| pending.syncs),
            },
            (_, phase) => Stage::AwaitingHello {
                claimed: pending.and_then(|pending| pending.claimed),
                left_ms: match phase {
                    Phase::AwaitingHello(until) => self.clock.ms_until(until),
                    Phase::Open | Phase::Closing(_) => 0,
                },
            },
        }
    }
}
