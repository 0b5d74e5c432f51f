//! The loops of a shard.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bus::{Bus, NodeInbox, Received};
use lifecycle::Tasks;
use proto::{Delivery, NodeId};
use tokio::net::TcpListener;
use tokio::sync::{Barrier, Notify, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::adopt::{Adopted, adopt};
use super::balance::Balance;
use super::broadcast::tell_broadcasts;
use super::deliver::Turn;
use super::drain::{DrainReport, drain};
use super::leave::{Leaving, give_away, thaw, until_leaving};
use super::{Shard, SharedShard};
use crate::admission::Admission;
use crate::authenticator::Authenticator;
use crate::config::{GatewayConfig, TlsPort};
use crate::fallback::HttpFallback;
use crate::handover::{Estate, Orders, Outside, Piece};
use crate::listener;
use crate::metrics::handshakes;
use crate::presence::PresenceSink;
use crate::tls::Pace;
use crate::wheel::TICK;

/// What a shard is made of.
pub(crate) struct Start {
    pub(crate) config: Arc<GatewayConfig>,
    pub(crate) bus: Bus,
    pub(crate) authenticator: Authenticator,
    pub(crate) presence: PresenceSink,
    pub(crate) fallback: HttpFallback,
    pub(crate) admission: Arc<Admission>,
    pub(crate) balance: Balance,
    pub(crate) tasks: Tasks,
    pub(crate) listener: std::net::TcpListener,
    /// Where TLS is spoken, if not there.
    pub(crate) tls_listener: Option<std::net::TcpListener>,
    /// What the shard was in another process.
    pub(crate) estate: Option<Estate>,
    pub(crate) orders: Orders,
    /// Told when the sessions of the estate are there.
    pub(crate) begins: oneshot::Sender<()>,
    /// Where shards wait for each other before any of them reads.
    pub(crate) together: Arc<Barrier>,
    pub(crate) report: oneshot::Sender<DrainReport>,
}

/// How connections speak that come by a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Plain,
    Tls,
}

/// Where connections come from.
pub(super) struct Listeners {
    /// The public port, which moves with the shard.
    pub(super) public: (Door, TcpListener),
    /// The port for TLS beside it. Its sockets cannot move, so it does not either: the next process binds its own.
    pub(super) tls: Option<TcpListener>,
}

/// What the connections of a shard share besides the shard.
pub(crate) struct Context {
    pub(crate) config: Arc<GatewayConfig>,
    pub(crate) authenticator: Authenticator,
    pub(crate) fallback: HttpFallback,
    pub(crate) admission: Arc<Admission>,
    /// Who should have the next connection.
    pub(super) balance: Balance,
    pub(crate) tasks: Tasks,
    /// The turns of TLS handshakes, where there are any.
    pub(crate) pace: Option<Pace>,
    /// Connections that speak HTTP at the moment.
    pub(crate) requests: Cell<usize>,
    /// Sockets that were opened: of a storm each one counts.
    pub(crate) opened: metrics::Counter,
    /// Whether nothing is accepted and read at the moment.
    pub(super) frozen: watch::Sender<bool>,
}

impl Context {
    /// Completes when the shard is frozen.
    pub(crate) async fn freezing(&self) {
        // The sender lives in self, so the wait cannot fail.
        let _ = self.frozen.subscribe().wait_for(|frozen| *frozen).await;
    }
}

/// What goes on beside the orders, seen from outside.
#[derive(Default)]
pub(super) struct UnderWay {
    /// Deliveries were taken off the bus and are not all in mailboxes.
    pub(super) delivering: Cell<bool>,
    /// Sessions are being told to resync, and not all of them have been.
    pub(super) resyncing: Cell<bool>,
}

/// How a shard ends.
enum End {
    Drained(DrainReport),
    /// Everything is given away; the listener too.
    Taken(TcpListener, Outside, oneshot::Sender<Vec<Piece>>),
}

/// Sessions whose mailboxes are written before others get their turn.
const FLUSHED_PER_TURN: usize = 512;
/// Between two steps of a crowd of sessions that begin.
const INTEREST_PACE: Duration = Duration::from_millis(5);
/// Between two slices of sessions that are told to resync.
const RESYNC_PACE: Duration = Duration::from_millis(10);
/// Sessions in such a slice.
const RESYNC_SLICE: usize = 256;

impl Listeners {
    fn of(
        config: &GatewayConfig,
        public: std::net::TcpListener,
        tls: Option<std::net::TcpListener>,
    ) -> std::io::Result<Self> {
        let door = match &config.tls {
            Some(TlsPort { listen: None, .. }) => Door::Tls,
            _ => Door::Plain,
        };
        let (timeouts, mailbox) = (&config.timeouts, &config.mailbox);
        // Not before the gateway itself has had the time to say that the client is too slow.
        let unacknowledged =
            (timeouts.ping_after + timeouts.pong).max(mailbox.lagging_timeout + timeouts.close);
        for listener in tls.iter().chain([&public]) {
            listener::prepare(listener, unacknowledged, mailbox.unsent_bytes_max)?;
        }
        let tls = tls.map(TcpListener::from_std).transpose()?;
        Ok(Self { public: (door, TcpListener::from_std(public)?), tls })
    }
}

/// Runs a shard until it has drained.
pub(crate) async fn run(start: Start) {
    let Start { config, bus, authenticator, presence, fallback, admission, balance, tasks, listener, .. } =
        start;
    let (estate, mut orders, report) = (start.estate, start.orders, start.report);
    let listeners = match Listeners::of(&config, listener, start.tls_listener) {
        Ok(listeners) => listeners,
        Err(error) => {
            tracing::error!(%error, "cannot listen, stopping");
            return tasks.drain();
        }
    };
    let node = estate.as_ref().map_or_else(|| NodeId(rand::random()), |estate| estate.of.node);
    let shard =
        Shard::new(node, Arc::clone(&config), bus, authenticator.clone(), presence, Arc::clone(&admission));
    let (inbox, interest_changed) = (Rc::clone(&shard.inbox), Rc::clone(&shard.interest_changed));
    let broadcast_begun = Rc::clone(&shard.broadcast_begun);
    let shard: SharedShard = Rc::new(RefCell::new(shard));
    // What a client says is read only once those whom it may reach are subscribed, at whatever shard.
    shard.borrow_mut().frozen = true;
    let context = Rc::new(Context {
        requests: Cell::new(0),
        pace: config.tls.as_ref().map(|port| Pace::new(port.handshakes_percent)),
        opened: handshakes("opened"),
        frozen: watch::Sender::new(true),
        config,
        authenticator,
        fallback,
        admission,
        balance,
        tasks,
    });
    let (gap, under_way) = (Notify::new(), UnderWay::default());
    if let Some(estate) = estate
        && adopt(&shard, &context, estate) == Adopted::MustResync
    {
        under_way.resyncing.set(true);
        gap.notify_one();
    }
    // Few wait for that.
    let _ = start.begins.send(());
    tokio::select! {
        _ = start.together.wait() => {}
        // A shard that could not begin has said so.
        () = context.tasks.draining() => {}
    }
    thaw(&shard, &context);
    let serve = async {
        let listeners = listeners;
        match until_leaving(&shard, &context, &listeners, &mut orders, &under_way).await {
            Leaving::Draining => {
                drop(listeners);
                context.balance.leave();
                End::Drained(drain(&shard, &context).await)
            }
            Leaving::Taken(outside, give) => End::Taken(listeners.public.1, outside, give),
        }
    };
    let end = tokio::select! {
        never = deliver(&shard, &inbox, &gap, &under_way) => match never {},
        never = keep_interest(&shard, &inbox, &interest_changed) => match never {},
        never = tick(&shard, &context) => match never {},
        never = resync(&shard, &gap, &under_way) => match never {},
        never = tell_broadcasts(&shard, &broadcast_begun) => match never {},
        end = serve => end,
    };
    match end {
        // The receiver may be gone: then nobody wants to know.
        End::Drained(drained) => drop(report.send(drained)),
        End::Taken(listener, outside, give) => {
            drop(give.send(give_away(&shard, &inbox, listener, outside, &under_way)));
        }
    }
}

/// Takes batches off the bus and writes what they put into mailboxes.
async fn deliver(shard: &SharedShard, inbox: &NodeInbox, gap: &Notify, under_way: &UnderWay) -> Infallible {
    let mut batch: Vec<Delivery> = Vec::new();
    loop {
        under_way.delivering.set(false);
        let received = inbox.recv(&mut batch).await;
        under_way.delivering.set(true);
        if received == Received::Gap {
            shard.borrow_mut().tally.gaps += 1;
            under_way.resyncing.set(true);
            tracing::warn!("deliveries were lost, telling sessions to resync");
            gap.notify_one();
        }
        let mut deliveries = batch.drain(..);
        let mut unwritten = 0;
        loop {
            let turn = shard.borrow_mut().deliver_some(&mut deliveries, &mut unwritten);
            if turn != Turn::Pause {
                unwritten = 0;
                while shard.borrow_mut().flush_some(FLUSHED_PER_TURN) {
                    tokio::task::yield_now().await;
                }
            }
            if turn == Turn::Done {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
}

/// Takes the next step for sessions whose subscriptions are in force; one flush serves all that wait. In a crowd many wait
/// for each step, so that the router wakes once for all of them; who comes alone does not wait.
async fn keep_interest(shard: &SharedShard, inbox: &NodeInbox, changed: &Notify) -> Infallible {
    loop {
        changed.notified().await;
        let work = shard.borrow_mut().take_interest_work();
        let crowded = work.is_of_several();
        inbox.flush().await;
        {
            let mut shard = shard.borrow_mut();
            shard.do_interest_work(work);
            shard.flush_dirty();
        }
        if crowded {
            sleep(INTEREST_PACE).await;
        }
    }
}

async fn tick(shard: &SharedShard, context: &Context) -> Infallible {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let mut shard = shard.borrow_mut();
        shard.on_tick();
        shard.flush_dirty();
        context.balance.tell(shard.connections(context));
    }
}

/// After a gap: every session must ask what it missed, in slices, so that the answers do not cause the next gap.
async fn resync(shard: &SharedShard, gap: &Notify, under_way: &UnderWay) -> Infallible {
    loop {
        gap.notified().await;
        // Another gap may have come while the last one was told of.
        under_way.resyncing.set(true);
        let keys = shard.borrow().sessions.keys();
        for slice in keys.chunks(RESYNC_SLICE) {
            {
                let mut shard = shard.borrow_mut();
                shard.resync_sessions(slice);
                shard.flush_dirty();
            }
            sleep(RESYNC_PACE).await;
        }
        under_way.resyncing.set(false);
    }
}
