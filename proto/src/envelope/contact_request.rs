//! What a user does to another.

use super::id;
use crate::{ContactRequest, FrameError, Request, UserId, wire};

pub(super) fn to_wire(user: &UserId, request: &ContactRequest) -> wire::ChangeContact {
    use wire::change_contact::Change;
    let done = wire::ContactDone {};
    let change = match request {
        ContactRequest::Apply(note) => Change::Apply(note.clone()),
        ContactRequest::Accept => Change::Accept(done),
        ContactRequest::Reject => Change::Reject(done),
        ContactRequest::Remove => Change::Remove(done),
        ContactRequest::Block => Change::Block(done),
        ContactRequest::Unblock => Change::Unblock(done),
        ContactRequest::Remark(remark) => Change::Remark(remark.clone()),
    };
    wire::ChangeContact { user: user.to_string(), change: Some(change) }
}

pub(super) fn from_wire(wire: wire::ChangeContact) -> Result<Request, FrameError> {
    use wire::change_contact::Change;
    const KNOWN: &str = "apply, accept, reject, remove, block, unblock, remark";
    let request = match wire.change.ok_or(FrameError::Unknown { known: KNOWN })? {
        Change::Apply(note) => ContactRequest::Apply(note),
        Change::Accept(_) => ContactRequest::Accept,
        Change::Reject(_) => ContactRequest::Reject,
        Change::Remove(_) => ContactRequest::Remove,
        Change::Block(_) => ContactRequest::Block,
        Change::Unblock(_) => ContactRequest::Unblock,
        Change::Remark(remark) => ContactRequest::Remark(remark),
    };
    Ok(Request::Contact(id("change_contact", "user", UserId::parse(&wire.user))?, request))
}
