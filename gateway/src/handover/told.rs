//! A broadcast on its way to the next process: how far the shard is with it, or how it ended.

use std::sync::Arc;

use bytes::Bytes;
use proto::{ClientMessageId, ServerFrame, SharedFrame, Timestamp, UserId};

use super::{In, Malformed, Out};
use crate::broadcasts::{Ended, Reached, Telling, Title};

/// What a shard knows of a broadcast.
#[derive(Clone, Debug)]
pub(crate) enum OfBroadcast {
    /// It is told, or waits for that.
    Telling { frame: Arc<SharedFrame>, cursor: u32, reached: Reached },
    /// It is over.
    Ended { title: Title, reached: Reached, answered: bool },
}

impl OfBroadcast {
    pub(crate) fn telling(telling: Telling) -> Self {
        let Telling { frame, cursor, reached, .. } = telling;
        Self::Telling { frame, cursor, reached }
    }

    pub(crate) fn ended(ended: Ended) -> Self {
        let answered = ended.is_answered();
        let Ended { title, reached, .. } = ended;
        Self::Ended { title, reached, answered }
    }

    pub(super) fn write(&self, out: &mut Out) {
        let (Self::Telling { reached, .. } | Self::Ended { reached, .. }) = self;
        out.u64(reached.told);
        out.u64(reached.missed);
        match self {
            Self::Telling { frame, cursor, .. } => {
                out.u8(0);
                out.u32(*cursor);
                out.bytes(&frame.encoded());
            }
            Self::Ended { title, answered, .. } => {
                out.u8(1);
                out.flag(*answered);
                out.text(title.id);
                out.text(&title.sender);
                out.u64(title.begun.0);
            }
        }
    }

    pub(super) fn read(input: &mut In<'_>) -> Result<Self, Malformed> {
        let reached = Reached { told: input.u64()?, missed: input.u64()? };
        match input.u8()? {
            0 => {
                let cursor = input.u32()?;
                let frame = ServerFrame::decode_shared(Bytes::copy_from_slice(input.bytes()?));
                let Ok(frame @ ServerFrame::Broadcast(_)) = frame else {
                    return Err(Malformed("a broadcast that is none"));
                };
                Ok(Self::Telling { frame: Arc::new(SharedFrame::new(frame)), cursor, reached })
            }
            1 => {
                let answered = input.flag()?;
                let title = Title {
                    id: input.text(|text| ClientMessageId::parse(text).ok())?,
                    sender: input.text(|text| UserId::parse(text).ok())?,
                    begun: Timestamp(input.u64()?),
                };
                Ok(Self::Ended { title, reached, answered })
            }
            _ => Err(Malformed("a broadcast that neither is told nor was")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proto::Body;
    use proto::broadcast::Broadcast;

    use super::*;

    fn moved(of: &OfBroadcast) -> OfBroadcast {
        let mut out = Out::default();
        of.write(&mut out);
        let bytes = out.into_bytes();
        for cut in 0..bytes.len() {
            assert!(OfBroadcast::read(&mut In::new(&bytes[..cut])).is_err(), "{cut}");
        }
        OfBroadcast::read(&mut In::new(&bytes)).unwrap()
    }

    #[test]
    fn it_is_the_same_on_the_other_side() {
        let sender = UserId::parse("operations").unwrap();
        let title = Title { id: ClientMessageId([7; 16]), sender: sender.clone(), begun: Timestamp(9) };
        let reached = Reached { told: 3, missed: 1 };
        let ended = OfBroadcast::Ended { title: title.clone(), reached, answered: true };
        let OfBroadcast::Ended { title: read, reached: counted, answered: true } = moved(&ended) else {
            panic!("it ended, and was answered")
        };
        assert_eq!((read, counted), (title, reached));

        let body = Body::text("hi");
        let broadcast = Broadcast { id: ClientMessageId([7; 16]), sender, time: Timestamp(9), body };
        let frame = ServerFrame::Broadcast(Box::new(broadcast));
        let shared = Arc::new(SharedFrame::new(frame.clone()));
        let telling = OfBroadcast::Telling { frame: shared, cursor: 4, reached };
        let OfBroadcast::Telling { frame: read, cursor, reached: counted } = moved(&telling) else {
            panic!("it is told")
        };
        assert_eq!((read.frame(), cursor, counted), (&frame, 4, reached));
    }
}
