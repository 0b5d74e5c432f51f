//! Projections and the directory: what is derived from logs, and who belongs to what.
//!
//! All of it can be written again from the logs; every write here is idempotent and never moves backwards.

mod confirmation;
mod cursor;
mod group;
mod group_settings;
mod head;
mod inbox;
mod members;
mod mention;
mod overlay;
mod people;
mod relation;
mod settings;
mod touched;

pub use confirmation::ConfirmationRow;
pub use cursor::Cursor;
pub use group::{GroupChange, GroupInfo};
pub use group_settings::{GroupSettings, Invitation, JoinRequest, Link};
pub use head::HeadRow;
pub use inbox::InboxRow;
pub use members::{Member, Role};
pub use mention::{MentionRange, MentionRow};
pub use overlay::OverlayRow;
pub use people::{Count, People, number_in_direct};
pub use proto::delivery::Confirming;
pub use relation::Relation;
pub use settings::SettingsEdit;

pub(crate) use confirmation::{
    confirmation_key, decode as decode_confirmation, decode_confirming, encode_confirming,
};
pub(crate) use cursor::decode as decode_cursor;
pub(crate) use group::{decode as decode_group, group_key};
pub(crate) use group_settings::{decode_settings, encode_settings};
pub(crate) use head::{decode as decode_head, decode_retention, encode_retention};
pub(crate) use members::{decode as decode_member, decode_detail, encode_detail, read_groups_of};
pub(crate) use mention::{EVERYBODY, decode as decode_mention};
pub(crate) use overlay::{decode as decode_overlay, overlay_key};
pub(crate) use relation::{decode as decode_relation, encode as encode_relation};
pub(crate) use settings::{decode as decode_setting, encode_setting};
pub(crate) use touched::{decode_mark, encode_mark, mark_touched, read_marks, touched_key};
