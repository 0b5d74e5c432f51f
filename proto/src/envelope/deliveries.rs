//! Several deliveries for one target in one message of the bus.

use bytes::Bytes;
use prost::Message as _;
use prost::encoding::encode_varint;

use super::malformed;
use crate::{Delivery, FrameError, Target, wire};

/// What [`append_delivery`] adds to an envelope, at most: a tag and a length.
pub const DELIVERY_OVERHEAD_BYTES_MAX: usize = 1 + 10;

/// The tag of field 1 of [`wire::Deliveries`], length-delimited.
const DELIVERIES: u8 = 1 << 3 | 2;

/// Appends what [`Delivery::to_envelope`] gave to the bytes of a [`wire::Deliveries`]; they begin empty. So an envelope
/// that several targets get is encoded once.
pub fn append_delivery(deliveries: &mut Vec<u8>, envelope: &[u8]) {
    deliveries.push(DELIVERIES);
    encode_varint(envelope.len() as u64, deliveries);
    deliveries.extend_from_slice(envelope);
}

impl Delivery {
    /// Reads a [`wire::Deliveries`] that was received on the subject of `target`, behind what is in `into`. Bodies share
    /// `bytes`. After an error `into` has what came before the delivery that it is about.
    pub fn read_all(target: &Target, bytes: Bytes, into: &mut Vec<Self>) -> Result<(), FrameError> {
        let wire = wire::Deliveries::decode(bytes).map_err(malformed)?;
        into.reserve(wire.deliveries.len());
        for delivery in wire.deliveries {
            into.push(Self::from_wire(target.clone(), delivery)?);
        }
        Ok(())
    }
}
