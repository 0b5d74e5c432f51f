//! The log of conversations: who may write it (ownership, register) and what is in it (entries, dedupe rows).
//!
//! ```text
//! announce ─► fence(old) ─► claim(partition) ─► register ─► bucket rows ─► append again ─► move_register ─► verify
//!                                                      then, as long as it lasts:  append ─► verify ─► tell
//! ```

mod batch;
mod bucket;
mod dedupe;
mod entry_row;
mod old_buckets;
mod ownership;
mod page;
mod proof;
mod register;
mod rows;
mod segments;
mod seq_at;

pub use batch::Batch;
pub use bucket::Bucket;
pub use ownership::{IncarnationId, Ownership};
pub use page::PageRange;
pub use proof::{Durable, Verified};
pub use register::{Cas, Level, Register};
pub use rows::Row;

pub(crate) use batch::write_batch;
pub(crate) use entry_row::{DEDUPE, ENTRY, decode_entry, decode_row, encode_entry};
#[cfg(feature = "sim")]
pub(crate) use ownership::{incarnation_key, owner_key};
pub(crate) use ownership::{is_fenced, read_owner};
pub(crate) use register::decode as decode_register;
#[cfg(feature = "sim")]
pub(crate) use register::register_key;
pub(crate) use segments::{Segment, last_seq, segments_of};
pub(crate) use seq_at::candidates;
