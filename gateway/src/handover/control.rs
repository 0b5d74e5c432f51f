//! How whoever hands over tells the shards what to do, step by step.

use tokio::sync::{mpsc, oneshot};

use super::Piece;

/// What a shard is told.
pub(crate) enum Order {
    /// Accept and read nothing any more; tell when nothing is under way.
    Freeze(oneshot::Sender<Settled>),
    /// Go on as before.
    Thaw,
    /// End, and give everything away. Only when frozen.
    Take(Outside, oneshot::Sender<Vec<Piece>>),
}

/// What may reach the bus of a gateway from its own process while it is taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// Nothing: everyone who publishes has ended.
    Silent,
    /// Somebody did not end in time, and may still publish: every session must resync.
    Publishes,
}

/// Where a shard is told.
pub(crate) type Orders = mpsc::Receiver<Order>;

/// Orders that wait for a shard.
const ORDERS_MAX: usize = 4;

/// What a freeze found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) unsettled: usize,
}

/// Takes a gateway that runs apart. Cloning gives another handle to the same gateway.
#[derive(Clone)]
pub struct Handover {
    shards: Vec<mpsc::Sender<Order>>,
}

/// A gateway in pieces.
#[derive(Debug)]
pub struct Handed {
    /// In the order in which [`super::Inherited::of`] wants them.
    pub pieces: Vec<Piece>,
}

impl Handover {
    pub(crate) fn new(shards: usize) -> (Self, Vec<Orders>) {
        let (senders, receivers) = (0..shards).map(|_| mpsc::channel(ORDERS_MAX)).unzip();
        (Self { shards: senders }, receivers)
    }

    /// Lets the gateway accept and read nothing any more, and waits until what was read is answered, at most
    /// [`super::FREEZE_PATIENCE`]. Gives how many sessions and requests were not settled by then. From here on, until
    /// [`Self::thaw`], the gateway does not drain.
    pub async fn freeze(&self) -> usize {
        let mut waiting = Vec::new();
        for shard in &self.shards {
            let (tell, told) = oneshot::channel();
            if shard.send(Order::Freeze(tell)).await.is_ok() {
                waiting.push(told);
            }
        }
        let mut unsettled = 0;
        for told in waiting {
            unsettled += told.await.unwrap_or_default().unsettled;
        }
        unsettled
    }

    /// Lets a frozen gateway go on as if nothing had been.
    pub async fn thaw(&self) {
        for shard in &self.shards {
            // A shard that is gone has nothing to go on with.
            let _: Result<(), _> = shard.send(Order::Thaw).await;
        }
    }

    /// Ends a frozen gateway and gives what it was. Where processes share the bus, every session is told to resync, whatever
    /// `outside` is.
    pub async fn take(&self, outside: Outside) -> Handed {
        let mut pieces = Vec::new();
        for shard in &self.shards {
            let (give, given) = oneshot::channel();
            if shard.send(Order::Take(outside, give)).await.is_ok() {
                pieces.append(&mut given.await.unwrap_or_default());
            }
        }
        Handed { pieces }
    }
}

impl Handed {
    /// How many sockets of clients are among the pieces.
    pub fn sockets(&self) -> usize {
        self.pieces.iter().filter(|piece| piece.is_session()).count()
    }
}
