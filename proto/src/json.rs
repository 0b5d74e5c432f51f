//! JSON text read and written by hand, in one pass and without an intermediate value.
//!
//! **Guarantees.** Any input gives a value or a [`Fault`]; none panics, and none costs more than one pass. A fault
//! says where and what was expected, never what was there.
//!
//! **Limits.** Values that are skipped nest at most 64 deep.

mod plain;
mod reader;
mod skip;
mod writer;

pub(crate) use reader::{Fault, Read, Reader};
pub(crate) use writer::Writer;
