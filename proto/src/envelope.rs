//! What travels on the bus between processes: commands and deliveries in protobuf (`bus.proto`).
//!
//! Envelopes come from our own processes, or from a backend that the operator trusts: ids are checked, because no
//! invalid id may exist as a value, but a body may be of any kind.

mod broadcast;
mod command;
mod command_request;
mod contact_request;
mod deliveries;
mod delivery;
mod delivery_reply;
mod group_request;
mod heartbeat;

pub use deliveries::{DELIVERY_OVERHEAD_BYTES_MAX, append_delivery};

use crate::{FrameError, GroupId, IdError, TraceId, UserId};

/// Big-endian, as W3C trace context writes it; empty for none.
fn trace_to_wire(trace: TraceId) -> bytes::Bytes {
    if trace == TraceId::default() {
        return bytes::Bytes::new();
    }
    bytes::Bytes::copy_from_slice(&trace.0.to_be_bytes())
}

/// A trace of another length is none: it must not cost a message.
fn trace_from_wire(trace: &[u8]) -> TraceId {
    trace.try_into().map(u128::from_be_bytes).map(TraceId).unwrap_or_default()
}

fn malformed(error: prost::DecodeError) -> FrameError {
    FrameError::Malformed(error.to_string())
}

fn id<T>(envelope: &'static str, field: &'static str, parsed: Result<T, IdError>) -> Result<T, FrameError> {
    parsed.map_err(|error| FrameError::field(envelope, field, error))
}

fn users(envelope: &'static str, field: &'static str, texts: &[String]) -> Result<Vec<UserId>, FrameError> {
    texts.iter().map(|text| id(envelope, field, UserId::parse(text))).collect()
}

fn group(envelope: &'static str, text: &str) -> Result<GroupId, FrameError> {
    id(envelope, "group", GroupId::parse(text))
}

fn texts<T: ToString>(ids: &[T]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}
