//! Masked frames of any payload, in one buffer that is used again and again.

use crate::wire::frame;

/// Text frames, binary frames.
pub(super) const TEXT: u8 = 0x81;
pub(super) const BINARY: u8 = 0x82;

/// See the module.
#[derive(Debug)]
pub(super) struct Masked {
    mask: [u8; 4],
    /// What the next frame carries.
    pub payload: Vec<u8>,
    frame: Vec<u8>,
}

impl Masked {
    pub(super) fn new() -> Self {
        Self { mask: rand::random(), payload: Vec::with_capacity(1024), frame: Vec::with_capacity(1024) }
    }

    /// The frame that begins with `first` and carries the payload.
    pub(super) fn frame(&mut self, first: u8) -> &[u8] {
        frame::mask(&mut self.frame, first, self.mask, &self.payload);
        &self.frame
    }

    pub(super) fn pong(&mut self, payload: &[u8]) -> &[u8] {
        self.payload.clear();
        self.payload.extend_from_slice(payload);
        self.frame(0x8a)
    }

    /// With code 1000.
    pub(super) fn close(&mut self) -> &[u8] {
        self.payload.clear();
        self.payload.extend_from_slice(&1000_u16.to_be_bytes());
        self.frame(0x88)
    }
}
