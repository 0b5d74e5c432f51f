//! Takes connections from the kernel and from other shards, as fast as there are places for them.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;

use super::SharedShard;
use super::balance::Passed;
use super::run::{Context, Door, Listeners};
use crate::admission::Admitted;
use crate::connection::{self, Connection, Counted};

/// After a failed accept: the usual cause is that the process has no descriptor left, which takes a while to pass.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(100);

struct Accepted {
    door: Door,
    stream: TcpStream,
    peer: SocketAddr,
}

/// What came each way and waits for its place. It outlives a freeze, which stops the accepting.
#[derive(Default)]
pub(super) struct Waiting {
    public: RefCell<Option<Accepted>>,
    tls: RefCell<Option<Accepted>>,
    passed: RefCell<Option<Accepted>>,
}

/// Accepts for ever at all of them.
pub(super) async fn accept_all(
    shard: &SharedShard,
    context: &Rc<Context>,
    listeners: &Listeners,
    waiting: &Waiting,
) {
    let (door, public) = &listeners.public;
    let public = accept(shard, context, *door, public, &waiting.public);
    let passed = take_in(shard, context, &waiting.passed);
    match &listeners.tls {
        Some(tls) => {
            let ((), (), ()) =
                tokio::join!(public, passed, accept(shard, context, Door::Tls, tls, &waiting.tls));
        }
        None => {
            let ((), ()) = tokio::join!(public, passed);
        }
    }
}

impl Waiting {
    /// Gives what waits its place, if there is one, and takes nothing more from other shards.
    pub(super) async fn begin(&self, shard: &SharedShard, context: &Rc<Context>) {
        context.balance.set_open(false);
        for waiting in [&self.public, &self.tls, &self.passed] {
            place(shard, context, waiting).await;
        }
        while let Some(passed) = context.balance.take() {
            self.passed.replace(registered(shard, passed));
            place(shard, context, &self.passed).await;
        }
    }
}

/// Accepts for ever. Without a place one connection waits here, and the kernel's backlog keeps the others.
async fn accept(
    shard: &SharedShard,
    context: &Rc<Context>,
    door: Door,
    listener: &TcpListener,
    waiting: &RefCell<Option<Accepted>>,
) {
    loop {
        place(shard, context, waiting).await;
        match listener.accept().await {
            Ok((stream, peer)) => {
                waiting.replace(share(shard, context, Accepted { door, stream, peer }));
            }
            Err(error) => {
                shard.borrow_mut().tally.accept_errors += 1;
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(PAUSE_AFTER_ERROR).await;
            }
        }
    }
}

/// Takes in for ever what other shards pass on.
async fn take_in(shard: &SharedShard, context: &Rc<Context>, waiting: &RefCell<Option<Accepted>>) {
    loop {
        place(shard, context, waiting).await;
        let passed = context.balance.next().await;
        waiting.replace(registered(shard, passed));
    }
}

/// Passes a connection on if another shard should have it; gives it back otherwise.
fn share(shard: &SharedShard, context: &Context, accepted: Accepted) -> Option<Accepted> {
    context.balance.tell(shard.borrow().connections(context));
    let Some(to) = context.balance.fewer() else { return Some(accepted) };
    let Accepted { door, stream, peer } = accepted;
    let stream = stream.into_std().map_err(|error| lose(shard, &error)).ok()?;
    match context.balance.pass(to, Passed { door, stream, peer }) {
        Ok(()) => {
            shard.borrow_mut().tally.passed += 1;
            None
        }
        Err(passed) => registered(shard, passed),
    }
}

/// A connection as this shard's runtime knows it.
fn registered(shard: &SharedShard, passed: Passed) -> Option<Accepted> {
    let Passed { door, stream, peer } = passed;
    let stream = TcpStream::from_std(stream).map_err(|error| lose(shard, &error)).ok()?;
    Some(Accepted { door, stream, peer })
}

fn lose(shard: &SharedShard, error: &std::io::Error) {
    shard.borrow_mut().tally.accept_errors += 1;
    tracing::warn!(%error, "a connection cannot go from one shard to another");
}

/// Begins what waits once it has its place. Places are taken only for somebody: a shard that nobody comes to must not hold
/// what another one needs. Who stops waiting here loses nothing.
async fn place(shard: &SharedShard, context: &Rc<Context>, waiting: &RefCell<Option<Accepted>>) {
    if waiting.borrow().is_none() {
        return;
    }
    let admitted = context.admission.connection().await;
    let handshake = context.admission.handshake().await;
    if let Some(accepted) = waiting.take() {
        begin(shard, context, accepted, admitted, handshake);
    }
}

fn begin(
    shard: &SharedShard,
    context: &Rc<Context>,
    Accepted { door, stream, peer }: Accepted,
    mut admitted: Admitted,
    handshake: OwnedSemaphorePermit,
) {
    shard.borrow_mut().tally.connections += 1;
    // What a trusted proxy has to say about the client is not here yet.
    let counts = !context.config.proxies.trust(peer.ip());
    let crowded = if counts { admitted.count_address(peer.ip()).err() } else { None };
    let (context, counted) = (Rc::clone(context), Counted::new(context));
    let tasks = context.tasks.clone();
    let http = connection::Http { context, door, stream, peer, admitted, handshake, crowded, counted };
    tasks.spawn_local(Connection::new(Rc::clone(shard), http));
}
