//! Takes connections from the kernel, as fast as there are places for them.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;

use super::SharedShard;
use super::run::{Context, Door, Listeners};
use crate::admission::Admitted;
use crate::connection::{self, Connection};

/// After a failed accept: the usual cause is that the process has no descriptor left, which takes a while to pass.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(100);

/// Accepts for ever at all of them.
pub(super) async fn accept_all(shard: &SharedShard, context: &Rc<Context>, listeners: &Listeners) {
    let (door, public) = &listeners.public;
    let public = accept(shard, context, *door, public);
    match &listeners.tls {
        Some(tls) => drop(tokio::join!(public, accept(shard, context, Door::Tls, tls))),
        None => public.await,
    }
}

/// Accepts for ever. Without a place one connection waits here, and the kernel's backlog keeps the others.
async fn accept(shard: &SharedShard, context: &Rc<Context>, door: Door, listener: &TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Only now: a shard that nobody comes to must not hold places that another one needs.
                let admitted = context.admission.connection().await;
                let handshake = context.admission.handshake().await;
                begin(shard, context, (door, stream, peer), admitted, handshake);
            }
            Err(error) => {
                shard.borrow_mut().tally.accept_errors += 1;
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(PAUSE_AFTER_ERROR).await;
            }
        }
    }
}

fn begin(
    shard: &SharedShard,
    context: &Rc<Context>,
    (door, stream, peer): (Door, TcpStream, SocketAddr),
    mut admitted: Admitted,
    handshake: OwnedSemaphorePermit,
) {
    shard.borrow_mut().tally.connections += 1;
    // What a trusted proxy has to say about the client is not here yet.
    let counts = !context.config.proxies.trust(peer.ip());
    let crowded = if counts { admitted.count_address(peer.ip()).err() } else { None };
    let context = Rc::clone(context);
    let tasks = context.tasks.clone();
    let http = connection::Http { context, door, stream, peer, admitted, handshake, crowded };
    tasks.spawn_local(Connection::new(Rc::clone(shard), http));
}
