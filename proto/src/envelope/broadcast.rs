//! Broadcasts between API, router and gateways.

use wire::command_envelope::Request as Wire;

use super::id;
use crate::broadcast::{BroadcastReport, BroadcastRequest, BroadcastState};
use crate::{Body, ClientMessageId, FrameError, Request, Timestamp, wire};

pub(super) fn request_to_wire(request: &BroadcastRequest) -> Wire {
    match request {
        BroadcastRequest::Begin { id, body } => {
            Wire::BeginBroadcast(wire::BeginBroadcast { id: id.to_string(), body: body.encoded().clone() })
        }
        BroadcastRequest::Report(report) => Wire::BroadcastReport(wire::BroadcastReport {
            id: report.id.to_string(),
            told: report.told,
            missed: report.missed,
            left: report.left,
            begun: report.begun.0,
        }),
        BroadcastRequest::State(id) => Wire::BroadcastState(wire::BroadcastOf { id: id.to_string() }),
    }
}

pub(super) fn begin(wire: wire::BeginBroadcast) -> Result<Request, FrameError> {
    let id = parse(&wire.id)?;
    Ok(Request::Broadcast(BroadcastRequest::Begin { id, body: Body::from_encoded(wire.body) }))
}

pub(super) fn report(wire: &wire::BroadcastReport) -> Result<Request, FrameError> {
    let report = BroadcastReport {
        id: parse(&wire.id)?,
        told: wire.told,
        missed: wire.missed,
        left: wire.left,
        begun: Timestamp(wire.begun),
    };
    Ok(Request::Broadcast(BroadcastRequest::Report(report)))
}

pub(super) fn ask(wire: &wire::BroadcastOf) -> Result<Request, FrameError> {
    Ok(Request::Broadcast(BroadcastRequest::State(parse(&wire.id)?)))
}

pub(super) fn state_to_wire(state: &BroadcastState) -> wire::BroadcastState {
    wire::BroadcastState {
        id: state.id.to_string(),
        begun: state.begun.0,
        shards: state.shards,
        told: state.told,
        missed: state.missed,
        left: state.left,
        done: state.ended.is_some(),
        lost: state.lost,
        ended: state.ended.map_or(0, |ended| ended.0),
        per_second: state.per_second,
    }
}

pub(super) fn state(wire: &wire::BroadcastState) -> Result<BroadcastState, FrameError> {
    Ok(BroadcastState {
        id: parse(&wire.id)?,
        begun: Timestamp(wire.begun),
        shards: wire.shards,
        told: wire.told,
        missed: wire.missed,
        left: wire.left,
        lost: wire.lost,
        per_second: wire.per_second,
        ended: wire.done.then_some(Timestamp(wire.ended)),
    })
}

fn parse(text: &str) -> Result<ClientMessageId, FrameError> {
    id("broadcast", "id", ClientMessageId::parse(text))
}
