//! The generator's own, minimal view of the wire: it looks only at what it needs.

pub mod frame;
pub mod heard;
pub mod outgoing;
