//! Contacts as the HTTP API shows them, and how they are read and changed.

use proto::{Contact, ContactRequest, FriendRequest, Reply, Request, ServerFrame, Timestamp, UserId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::caller::Caller;
use crate::commands::unexpected;
use crate::numbers::Wide;
use crate::paging::{List, Paging};
use crate::problem::Problem;
use crate::{Shared, now};

/// Rows that are read at once in search of those that are wanted.
const ROWS_AT_ONCE: usize = 200;
/// Readings for one page; each may find nothing but strangers of old. The page ends there, and the next goes on.
const ROUNDS_MAX: usize = 20;

/// What another user is to oneself; with nothing but `user`, `version` and `time`: nothing any more.
#[derive(Serialize, ToSchema)]
#[schema(as = Contact)]
pub(crate) struct ContactBody {
    /// The other.
    #[schema(example = "bob")]
    user: String,
    /// Rises with each change; a state whose version is not above the one held is old.
    #[schema(example = "3")]
    version: Wide,
    /// Since when you are friends, in Unix milliseconds; `null`: you are not.
    #[schema(example = "1790000000123")]
    friend_since: Option<Wide>,
    /// Your own name for a friend; nobody else knows it.
    #[schema(example = "Bobby")]
    remark: String,
    /// You block the other, who is not told.
    blocked: bool,
    /// What the other asks of you.
    incoming: Option<FriendRequestBody>,
    /// What you ask of the other.
    outgoing: Option<FriendRequestBody>,
    /// When it last changed, in Unix milliseconds.
    #[schema(example = "1790000000456")]
    time: Wide,
}

/// A request to become friends.
#[derive(Serialize, ToSchema)]
#[schema(as = FriendRequest)]
pub(crate) struct FriendRequestBody {
    /// What the asking user says.
    #[schema(example = "we met at the lake")]
    note: String,
    /// When it was asked, in Unix milliseconds.
    #[schema(example = "1790000000123")]
    time: Wide,
    /// Until when it can be accepted, in Unix milliseconds.
    #[schema(example = "1792592000123")]
    expires: Wide,
}

/// Some contacts, in order of their ids.
#[derive(Serialize, ToSchema)]
#[schema(as = Contacts)]
pub(crate) struct ContactList {
    /// Each as it is now.
    contacts: Vec<ContactBody>,
    /// For `cursor`; `null` at the end. A page may have few or none though more follow.
    #[schema(example = json!(null))]
    next_cursor: Option<String>,
}

impl From<Contact> for ContactBody {
    fn from(contact: Contact) -> Self {
        Self {
            user: contact.user.to_string(),
            version: Wide(contact.version),
            friend_since: contact.friend_since.map(|since| Wide(since.0)),
            remark: contact.remark,
            blocked: contact.blocked,
            incoming: contact.incoming.map(FriendRequestBody::from),
            outgoing: contact.outgoing.map(FriendRequestBody::from),
            time: Wide(contact.time.0),
        }
    }
}

impl From<FriendRequest> for FriendRequestBody {
    fn from(request: FriendRequest) -> Self {
        Self { note: request.note, time: Wide(request.time.0), expires: Wide(request.expires.0) }
    }
}

/// What nobody answered in time is gone.
fn shown(mut contact: Contact, now: Timestamp) -> Contact {
    let is_over = |request: &mut FriendRequest| request.expires <= now;
    contact.incoming.take_if(is_over);
    contact.outgoing.take_if(is_over);
    contact
}

impl Shared {
    /// Does something to another user; answered once every reader sees it.
    pub(crate) async fn change_contact(
        &self,
        caller: &Caller,
        other: UserId,
        request: ContactRequest,
    ) -> Result<ContactBody, Problem> {
        match self.commands.ask(&caller.asker(), Request::Contact(other, request)).await? {
            Reply::Frame(ServerFrame::Contact(contact)) => Ok((*contact).into()),
            _ => Err(unexpected()),
        }
    }

    /// A page of the contacts that are wanted.
    pub(crate) async fn contacts(
        &self,
        user: &UserId,
        list: List,
        paging: &Paging,
        is_wanted: impl Fn(&Contact) -> bool,
    ) -> Result<ContactList, Problem> {
        let (mut after, limit) = (paging.after(list, |text| UserId::parse(text).ok())?, paging.limit()?);
        let (now, mut contacts) = (now(), Vec::new());
        let behind = |after: Option<UserId>| after.map(|user| list.cursor(user));
        for _ in 0..ROUNDS_MAX {
            let rows = self.store.relations(user, after.clone(), ROWS_AT_ONCE).await?;
            let is_last = rows.len() < ROWS_AT_ONCE;
            for row in rows {
                if contacts.len() == limit {
                    return Ok(ContactList { contacts, next_cursor: behind(after) });
                }
                after = Some(row.contact.user.clone());
                let contact = shown(row.contact, now);
                if is_wanted(&contact) {
                    contacts.push(contact.into());
                }
            }
            if is_last {
                return Ok(ContactList { contacts, next_cursor: None });
            }
        }
        Ok(ContactList { contacts, next_cursor: behind(after) })
    }
}
