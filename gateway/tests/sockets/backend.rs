//! The backend of a bench: answers what every gateway asks, and hands everything else to the test.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex};

use bus::{Bus, CommandQueue};
use lifecycle::Tasks;
use proto::delivery::{Control, SessionClaim};
use proto::server_frame::Head;
use proto::{Command, Delivery, GroupId, Payload, Reply, Request, Seq, ServerFrame, Target, UserId};

use crate::bench::direct;

/// Runs the backend of a bench, on a thread of its own.
pub type Backend = Box<dyn FnOnce() -> std::pin::Pin<Box<dyn Future<Output = ()>>> + Send>;

/// What the backend keeps: the head of the one conversation of a test that publishes by itself, and how it misbehaves.
#[derive(Default)]
pub struct Heads {
    /// Zero while the test answers each `sync` itself.
    pub told: AtomicU64,
    /// Claims that are still to be lost.
    pub claims_lost: AtomicU64,
}

fn lose_one(left: &AtomicU64) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

/// Answers `Connected` with the user's groups, and claims as a router does; hands everything else to the test.
pub async fn answer(
    queue: CommandQueue,
    bus: Bus,
    groups: Arc<Mutex<HashMap<UserId, Vec<GroupId>>>>,
    heads: Arc<Heads>,
    told: SyncSender<Command>,
    tasks: Tasks,
) {
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            () = queue.recv(&mut batch) => {}
            () = tasks.draining() => return,
        }
        for command in batch.drain(..) {
            let origin = command.origin.session;
            let next_seq = heads.told.load(Ordering::SeqCst);
            let reply = match command.request {
                Request::Connected(_) => {
                    let known = groups.lock().unwrap().get(&command.origin.user).cloned().unwrap_or_default();
                    Reply::Groups(known)
                }
                Request::Sync(_) if next_seq > 0 => {
                    let (conversation, last) = (direct("alice", "bob"), Seq(next_seq - 1));
                    Reply::Frame(ServerFrame::Head(Head::of(conversation, last)))
                }
                Request::Claim { .. } if lose_one(&heads.claims_lost) => continue,
                Request::Claim { began, kind } => {
                    let target = Target::User(command.origin.user.clone());
                    let claim = Control::Claim(SessionClaim { session: origin, began, kind });
                    let payload = Payload::Control(claim);
                    bus.publish(&mut vec![Delivery { target, payload, trace: command.trace }]);
                    Reply::Settled
                }
                Request::Disconnected => continue,
                _ => {
                    // The test may have ended.
                    drop(told.try_send(command));
                    continue;
                }
            };
            let payload = Payload::Reply(origin.session, reply);
            bus.publish(&mut vec![Delivery {
                target: Target::Node(origin.node),
                payload,
                trace: command.trace,
            }]);
        }
    }
}
