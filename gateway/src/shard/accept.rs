//! Takes connections from the kernel, as fast as there are places for them.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;

use super::SharedShard;
use super::run::{Context, Door, Listeners};
use crate::admission::Admitted;
use crate::connection::{self, Connection, Counted};

/// After a failed accept: the usual cause is that the process has no descriptor left, which takes a while to pass.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(100);

type Accepted = (TcpStream, SocketAddr);

/// What was accepted at each listener and waits for its place. It outlives a freeze, which stops the accepting.
#[derive(Default)]
pub(super) struct Waiting {
    public: RefCell<Option<Accepted>>,
    tls: RefCell<Option<Accepted>>,
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
    match &listeners.tls {
        Some(tls) => drop(tokio::join!(public, accept(shard, context, Door::Tls, tls, &waiting.tls))),
        None => public.await,
    }
}

impl Waiting {
    /// Gives what waits its place, if there is one.
    pub(super) async fn begin(&self, shard: &SharedShard, context: &Rc<Context>, listeners: &Listeners) {
        place(shard, context, listeners.public.0, &self.public).await;
        place(shard, context, Door::Tls, &self.tls).await;
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
        place(shard, context, door, waiting).await;
        match listener.accept().await {
            Ok(accepted) => drop(waiting.replace(Some(accepted))),
            Err(error) => {
                shard.borrow_mut().tally.accept_errors += 1;
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(PAUSE_AFTER_ERROR).await;
            }
        }
    }
}

/// Begins what waits once it has its place. Places are taken only for somebody: a shard that nobody comes to must not hold
/// what another one needs. Who stops waiting here loses nothing.
async fn place(shard: &SharedShard, context: &Rc<Context>, door: Door, waiting: &RefCell<Option<Accepted>>) {
    if waiting.borrow().is_none() {
        return;
    }
    let admitted = context.admission.connection().await;
    let handshake = context.admission.handshake().await;
    if let Some(accepted) = waiting.take() {
        begin(shard, context, door, accepted, admitted, handshake);
    }
}

fn begin(
    shard: &SharedShard,
    context: &Rc<Context>,
    door: Door,
    (stream, peer): Accepted,
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
