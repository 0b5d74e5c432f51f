//! The loops of a shard.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bus::{Bus, NodeInbox, Received};
use lifecycle::Tasks;
use proto::Delivery;
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::drain::{DrainReport, drain};
use super::{Shard, SharedShard};
use crate::admission::Admission;
use crate::authenticator::Authenticator;
use crate::config::GatewayConfig;
use crate::fallback::HttpFallback;
use crate::presence::PresenceSink;
use crate::wheel::TICK;

/// What a shard is made of.
pub(crate) struct Start {
    pub(crate) config: Arc<GatewayConfig>,
    pub(crate) bus: Bus,
    pub(crate) authenticator: Authenticator,
    pub(crate) presence: PresenceSink,
    pub(crate) fallback: HttpFallback,
    pub(crate) admission: Arc<Admission>,
    pub(crate) tasks: Tasks,
    pub(crate) listener: std::net::TcpListener,
    pub(crate) report: oneshot::Sender<DrainReport>,
}

/// What the connections of a shard share besides the shard.
pub(crate) struct Context {
    pub(crate) config: Arc<GatewayConfig>,
    pub(crate) authenticator: Authenticator,
    pub(crate) fallback: HttpFallback,
    pub(crate) admission: Arc<Admission>,
    pub(crate) tasks: Tasks,
    /// Connections that speak HTTP at the moment.
    pub(crate) requests: Cell<usize>,
}

/// Sessions whose mailboxes are written before others get their turn.
const FLUSHED_PER_TURN: usize = 512;
/// Between two slices of sessions that are told to resync.
const RESYNC_PACE: Duration = Duration::from_millis(10);
/// Sessions in such a slice.
const RESYNC_SLICE: usize = 256;

/// Runs a shard until it has drained.
pub(crate) async fn run(start: Start) {
    let Start { config, bus, authenticator, presence, fallback, admission, tasks, listener, report } = start;
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "cannot listen, stopping");
            return tasks.drain();
        }
    };
    let shard = Shard::new(Arc::clone(&config), bus, authenticator.clone(), presence, Arc::clone(&admission));
    let (inbox, interest_changed) = (Rc::clone(&shard.inbox), Rc::clone(&shard.interest_changed));
    let shard: SharedShard = Rc::new(RefCell::new(shard));
    let requests = Cell::new(0);
    let context =
        Rc::new(Context { config, authenticator, fallback, admission, tasks: tasks.clone(), requests });
    let gap = Notify::new();
    let serve = async {
        tokio::select! {
            () = super::accept::accept(&shard, &context, &listener) => {}
            () = tasks.draining() => {}
        }
        drop(listener);
        drain(&shard, &context).await
    };
    let drained = tokio::select! {
        never = deliver(&shard, &inbox, &gap) => match never {},
        never = keep_interest(&shard, &inbox, &interest_changed) => match never {},
        never = tick(&shard) => match never {},
        never = resync(&shard, &gap) => match never {},
        drained = serve => drained,
    };
    // The receiver may be gone: then nobody wants to know.
    let _ = report.send(drained);
}

/// Takes batches off the bus and writes what they put into mailboxes.
async fn deliver(shard: &SharedShard, inbox: &NodeInbox, gap: &Notify) -> Infallible {
    let mut batch: Vec<Delivery> = Vec::new();
    loop {
        if inbox.recv(&mut batch).await == Received::Gap {
            shard.borrow_mut().tally.gaps += 1;
            gap.notify_one();
        }
        let mut deliveries = batch.drain(..);
        loop {
            let more = shard.borrow_mut().deliver_some(&mut deliveries);
            while shard.borrow_mut().flush_some(FLUSHED_PER_TURN) {
                tokio::task::yield_now().await;
            }
            if !more {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
}

/// Takes the next step for sessions whose subscriptions are in force; one flush serves all that wait.
async fn keep_interest(shard: &SharedShard, inbox: &NodeInbox, changed: &Notify) -> Infallible {
    loop {
        changed.notified().await;
        let work = shard.borrow_mut().take_interest_work();
        inbox.flush().await;
        let mut shard = shard.borrow_mut();
        shard.do_interest_work(work);
        shard.flush_dirty();
    }
}

async fn tick(shard: &SharedShard) -> Infallible {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let mut shard = shard.borrow_mut();
        shard.on_tick();
        shard.flush_dirty();
    }
}

/// After a gap: every session must ask what it missed, in slices, so that the answers do not cause the next gap.
async fn resync(shard: &SharedShard, gap: &Notify) -> Infallible {
    loop {
        gap.notified().await;
        let keys = shard.borrow().sessions.keys();
        tracing::warn!(sessions = keys.len(), "deliveries were lost, telling sessions to resync");
        for slice in keys.chunks(RESYNC_SLICE) {
            {
                let mut shard = shard.borrow_mut();
                shard.resync_sessions(slice);
                shard.flush_dirty();
            }
            sleep(RESYNC_PACE).await;
        }
    }
}
