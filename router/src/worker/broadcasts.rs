//! Commands about broadcasts, at the owner of their partition.

use std::sync::Arc;

use proto::broadcast::{Broadcast, BroadcastRequest};
use proto::server_frame::Nack;
use proto::{
    Body, ClientMessageId, Code, Command, Delivery, Payload, Reply, ServerFrame, SharedFrame, Target,
};

use super::incarnation::Incarnation;
use crate::broadcasts::Begin;
use crate::reader;
use crate::rules::body::{is_notice, is_system};

impl Incarnation<'_> {
    pub(super) fn see_to_broadcast(&mut self, command: &Command, request: &BroadcastRequest) {
        if !command.origin.source.is_service() {
            return self.refuse(command, Code::Forbidden, "only services tell everybody something");
        }
        match request {
            BroadcastRequest::Begin { id, body } => self.begin_broadcast(command, *id, body),
            BroadcastRequest::Report(report) => {
                self.broadcasts.report(command.origin.session.node, *report, self.now);
                self.deliveries.push(reader::reply(command, Reply::Settled));
            }
            BroadcastRequest::State(id) => self.tell_broadcast_state(command, *id),
        }
    }

    fn begin_broadcast(&mut self, command: &Command, id: ClientMessageId, body: &Body) {
        if command.deadline < self.now.wall {
            return self.refuse(command, Code::Late, "it waited past its deadline");
        }
        if !may_be_told(body) {
            let text = "a message of a kind that users may send, or a notice, that does not expire";
            return self.refuse(command, Code::BadField, text);
        }
        match self.broadcasts.begin(id, self.now) {
            Begin::Tell => {
                self.metrics.broadcasts.increment(1);
                let sender = command.origin.user.clone();
                let broadcast = Broadcast { id, sender, time: self.now.wall, body: body.clone() };
                let frame = ServerFrame::Broadcast(Box::new(broadcast));
                self.deliveries.push(Delivery {
                    target: Target::Everyone,
                    payload: Payload::Broadcast(Arc::new(SharedFrame::new(frame))),
                    trace: command.trace,
                });
                self.tell_broadcast_state(command, id);
            }
            Begin::Known => self.tell_broadcast_state(command, id),
            Begin::Busy { retry_after_ms } => {
                self.metrics.nack(Code::Busy);
                let nack = Nack::of(command.request.name(), Code::Busy, "another broadcast is under way");
                let nack = ServerFrame::Nack(nack.retry_after_ms(retry_after_ms));
                self.deliveries.push(reader::reply(command, Reply::Frame(nack)));
            }
        }
    }

    fn tell_broadcast_state(&mut self, command: &Command, id: ClientMessageId) {
        match self.broadcasts.state(id, self.now) {
            Some(state) => self.deliveries.push(reader::reply(command, Reply::Broadcast(state))),
            None => self.refuse(command, Code::NotFound, "no such broadcast is remembered"),
        }
    }
}

/// What nobody keeps cannot be taken back, changed or expire.
fn may_be_told(body: &Body) -> bool {
    let is_message = if is_system(body) { is_notice(body) } else { body.check_from_client().is_ok() };
    is_message && body.expiry().is_none()
}
