//! Messages from a node on the bus, for the benchmarks of the router.

use bus::Bus;
use lifecycle::wall_clock_ms;
use proto::client_frame::{AckMode, Recipient, Send};
use proto::command::{Origin, Source};
use proto::{
    Body, ClientMessageId, Command, DeviceId, Epoch, NodeId, Request, SessionRef, Timestamp, TraceId, UserId,
};

/// The node that sends.
pub const NODE: NodeId = NodeId(1);

/// A direct message; its answer goes to `session` of [`NODE`].
pub fn message(bus: &Bus, from: &UserId, to: &UserId, session: u64) -> Command {
    let send = Send {
        client_message_id: ClientMessageId::now(),
        to: Recipient::User(to.clone()),
        body: Body::text(
            "one hundred bytes of text, more or less, as people write them to one another every day",
        ),
        ack: AckMode::Persisted,
        attempt: 0,
        age_ms: 0,
        after: None,
    };
    let mut command = Command {
        origin: Origin {
            user: from.clone(),
            device: DeviceId::unnamed(),
            session: SessionRef { node: NODE, session },
            source: Source::Client,
        },
        deadline: Timestamp(wall_clock_ms() + 10_000),
        epoch: Epoch(0),
        once: None,
        trace: TraceId::default(),
        request: Request::Send(send),
    };
    command.epoch = bus.epoch(command.partition());
    command
}
