//! Ids of groups and rooms that are made, and those that the same call has made before.

use auth::Scope;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proto::command::GroupRequest;
use proto::delivery::GroupDone;
use proto::{Code, GroupId};
use store::GroupInfo;
use tokio::time::Instant;

use super::groups::{SHOWN_POLL, SHOWN_WAIT_MAX, user_id};
use crate::Shared;
use crate::caller::{Asker, Caller};
use crate::idempotency::{Key, Made};
use crate::numbers::IdText;
use crate::problem::Problem;
use crate::scopes::missing;

/// The id of a new group.
pub(super) struct NewId {
    pub(super) group: GroupId,
    /// Made of an idempotency key: nobody but the same call makes a group of this id.
    is_of_key: bool,
}

/// What came of making a group.
pub(super) enum Creation {
    /// It was made.
    Done(GroupDone),
    /// The same call had made it, at another process or long ago; the group as it is now.
    Before(Box<GroupInfo>),
}

impl NewId {
    /// As it was chosen; without a choice, made of the key; without a key, made up.
    pub(super) fn of(
        field: &str,
        chosen: Option<&IdText>,
        caller: &Caller,
        key: &Key,
        made: Made,
    ) -> Result<Self, Problem> {
        let (text, is_of_key) = match (chosen, &key.0) {
            (Some(id), _) => (id.0.clone(), false),
            (None, Some(key)) => (URL_SAFE_NO_PAD.encode(key.derive(&caller.0, made)), true),
            (None, None) => (URL_SAFE_NO_PAD.encode(rand::random::<[u8; 12]>()), false),
        };
        let group = GroupId::parse(&text).map_err(|error| Problem::field(field, error))?;
        Ok(Self { group, is_of_key })
    }
}

/// Who owns what is made: the caller, or whom a service with this scope names.
pub(super) fn owner(caller: &Caller, named: Option<&IdText>, scope: Scope) -> Result<Asker, Problem> {
    let asker = caller.operator();
    let Some(named) = named else { return Ok(asker) };
    let user = user_id("owner", &named.0)?;
    if user == asker.user || caller.is_service() {
        return Ok(Asker { user, ..asker });
    }
    Err(missing(scope))
}

impl Shared {
    /// The group that the same call made before, if lists show one.
    pub(super) async fn made_before(&self, id: &NewId) -> Result<Option<GroupInfo>, Problem> {
        if id.is_of_key { Ok(self.store.group(&id.group).await?) } else { Ok(None) }
    }

    /// Makes a group, unless the same call has.
    pub(super) async fn make_group(
        &self,
        asker: &Asker,
        id: &NewId,
        create: GroupRequest,
    ) -> Result<Creation, Problem> {
        if let Some(info) = self.made_before(id).await? {
            return Ok(Creation::Before(Box::new(info)));
        }
        match self.change_group(asker, &id.group, create).await {
            Err(problem) if id.is_of_key && problem.code() == Code::Conflict => {
                self.once_shown(id).await.map(|info| Creation::Before(Box::new(info)))
            }
            made => made.map(Creation::Done),
        }
    }

    /// A group that its router has and lists show within moments.
    async fn once_shown(&self, id: &NewId) -> Result<GroupInfo, Problem> {
        let deadline = Instant::now() + SHOWN_WAIT_MAX;
        loop {
            if let Some(info) = self.made_before(id).await? {
                return Ok(info);
            }
            if Instant::now() >= deadline {
                return Err(Problem::new(Code::Unavailable, "the group is made and not shown yet"));
            }
            tokio::time::sleep(SHOWN_POLL).await;
        }
    }
}
