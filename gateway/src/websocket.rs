//! The server's side of RFC 6455: the handshake's checks, a decoder of client frames, and the control frames that a
//! server writes. No io: bytes come in, events and bytes go out.
//!
//! ```text
//! shared read buffer ──► Decoder::events ──► Event ──► session
//!                         keeps only the bytes of an unfinished frame or message
//! ```
//!
//! **Guarantees.** Every MUST of sections 5, 7 and 8 that concerns what a client sends is checked, as soon as the
//! bytes that break it are there; a violation is a [`ProtocolError`] that knows its close code. An event whose frame
//! lies whole in the input borrows from the input. A decoder with nothing unfinished owns no heap memory. However
//! the bytes of a stream are cut into pieces, the events and the error are the same.
//!
//! **Does not** write data messages (`proto` encodes whole ones), answer pings or time out. The one extension is
//! [`deflate`], where it was agreed; the decoder tells compressed messages from others, and leaves inflating to its caller.
//!
//! **Limits.** A message is refused at the header that would take it past [`Limits::message_bytes_max`], before a
//! byte of that frame is kept; memory for a message grows with the bytes that came, never with what was announced.

pub mod close;
mod control;
mod decoder;
pub mod deflate;
mod error;
pub mod handshake;
mod header;
mod mask;

pub use close::Close;
pub use control::{EMPTY_PING, close_frame, ping_frame, pong_frame};
pub use decoder::{Decoder, Event, Events, Limits};
pub use error::ProtocolError;
