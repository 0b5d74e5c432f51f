//! Identities: who, where, which. Newtypes, so that no two can be confused; 16 bytes or less where hot.

mod conversation;
mod message;
mod name;
mod partition;
mod session;

pub use conversation::{ConversationId, ConversationKind};
pub use message::{ClientMessageId, MessageId};
pub use name::{DeviceId, GroupId, LinkId, LoginId, UserId};
pub use partition::{Epoch, PARTITIONS, Partition, Seq, stable_hash};
pub use session::{NodeId, SessionRef, TraceId};
