//! The generator's own, minimal view of Tidegate's wire: it looks only at what it needs.

pub mod frame;
pub mod heard;
pub mod outgoing;
pub mod protobuf;
