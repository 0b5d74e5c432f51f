//! Heartbeats on `router.heartbeat`.

use bytes::{Buf, Bytes};
use prost::Message as _;

use super::malformed;
use crate::{Epoch, FrameError, Heartbeat, Partition, wire};

impl Heartbeat {
    /// The bytes of a [`wire::Heartbeat`].
    pub fn to_envelope(&self) -> Vec<u8> {
        let partition = |(partition, epoch): &(Partition, Epoch)| wire::PartitionEpoch {
            partition: u32::from(partition.number()),
            epoch: epoch.0,
        };
        wire::Heartbeat {
            incarnation: Bytes::copy_from_slice(&self.incarnation.to_be_bytes()),
            partitions: self.serving.iter().map(partition).collect(),
            router: self.router,
            draining: self.draining,
            sent_ms: self.sent_ms,
        }
        .encode_to_vec()
    }

    /// Reads what [`Self::to_envelope`] wrote.
    pub fn from_envelope(bytes: impl Buf) -> Result<Self, FrameError> {
        let wire = wire::Heartbeat::decode(bytes).map_err(malformed)?;
        let incarnation: [u8; 16] = wire
            .incarnation
            .as_ref()
            .try_into()
            .map_err(|_| FrameError::field("heartbeat", "incarnation", "16 bytes are needed"))?;
        let serving = wire.partitions.iter().map(|wire| {
            let number = u16::try_from(wire.partition).ok();
            let partition = number.and_then(Partition::new);
            let unknown = || FrameError::field("heartbeat", "partitions", "a partition is 0 to 1023");
            let partition = partition.ok_or_else(unknown)?;
            Ok((partition, Epoch(wire.epoch)))
        });
        Ok(Self {
            router: wire.router,
            incarnation: u128::from_be_bytes(incarnation),
            serving: serving.collect::<Result<_, FrameError>>()?,
            draining: wire.draining,
            sent_ms: wire.sent_ms,
        })
    }
}
