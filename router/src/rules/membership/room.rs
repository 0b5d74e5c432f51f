//! Live rooms: groups that nobody is a member of. Who made one owns it; whoever is in it at the moment, as gateways say, may do
//! what members may.

use proto::command::GroupRequest;
use proto::group::{GroupEdit, Room};
use proto::{Code, UserId};
use store::GroupInfo;

use super::{Group, Refusal};

const NOT_A_ROOM: Refusal = (Code::NotFound, "there is no such live room");

impl Group {
    /// What it keeps, if it is a room.
    pub fn room(&self) -> Option<Room> {
        self.info.as_ref().and_then(|info| info.settings.room)
    }

    /// Whether one may come in, and what is kept there.
    pub fn may_enter(&self) -> Result<Room, Refusal> {
        self.info.as_ref().map_or(Err(NOT_A_ROOM), |info| open(info.settings.room, info.dismissed))
    }

    /// Whether the user owns the room.
    pub(super) fn owns_room(&self, user: &UserId) -> bool {
        self.info.as_ref().is_some_and(|info| info.settings.room.is_some() && info.owner == *user)
    }
}

/// The same of one that is not in memory.
pub fn may_enter(info: Option<&GroupInfo>) -> Result<Room, Refusal> {
    info.map_or(Err(NOT_A_ROOM), |info| open(info.settings.room, info.dismissed))
}

fn open(room: Option<Room>, dismissed: bool) -> Result<Room, Refusal> {
    match room {
        None => Err(NOT_A_ROOM),
        Some(_) if dismissed => Err((Code::Dismissed, "the room has ended")),
        Some(room) => Ok(room),
    }
}

/// Whether a request makes sense of a room: it has no members, and what it is was said when it was made.
pub(super) fn check_request(request: &GroupRequest) -> Result<(), Refusal> {
    match request {
        GroupRequest::Dismiss | GroupRequest::MuteAll(_) => Ok(()),
        GroupRequest::Edit(edit) => {
            let GroupEdit { join: None, history: None, members_max: None, .. } = **edit else {
                return Err((Code::BadField, "a live room has no members: join, history, members_max"));
            };
            Ok(())
        }
        _ => Err((Code::JoinClosed, "a live room has no members; sockets join it")),
    }
}
