//! Presence: who may see whom, and how present they are.
//!
//! What a user may see is decided here alone, from the user's side of each pair and what the other says of whom they show
//! themselves to. Gateways remember the answer until they are told that it may be another one.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use proto::delivery::Control;
use proto::presence::{PresenceSeen, PresenceWatch, UserPresence};
use proto::{Command, Delivery, Payload, Reply, Target, Timestamp, TraceId, UserId};
use store::{Presence, Relation, Store, StoreError};

use super::reply;
use crate::config::Sight;

/// Accounts of one question that are read at the same time.
const ACCOUNTS_AT_ONCE: usize = 16;

/// Answers who of these the asking user may see, and how present they are. When that cannot be found out the command is
/// settled without an answer: whoever asked asks again.
pub async fn seen(
    store: &Store,
    sight: &Sight,
    command: &Command,
    watch: &PresenceWatch,
    now: Timestamp,
) -> Vec<Delivery> {
    let answer = match found(store, sight, &command.origin.user, &watch.users, now).await {
        Ok((shown, hidden)) => Reply::Presence(Box::new(PresenceSeen { round: watch.round, shown, hidden })),
        Err(error) => {
            tracing::debug!(%error, "cannot tell whom a user may see");
            Reply::Settled
        }
    };
    vec![reply(command, answer)]
}

async fn found(
    store: &Store,
    sight: &Sight,
    reader: &UserId,
    users: &[UserId],
    now: Timestamp,
) -> Result<(Vec<UserPresence>, Vec<UserId>), StoreError> {
    let rows = store.relations_with(reader, users).await?;
    let asked = users.iter().cloned().zip(rows).map(|(user, row)| async move {
        let shown = user == *reader || shows(store, &user, row.as_ref()).await?;
        Ok::<_, StoreError>((user, shown))
    });
    let asked: Vec<(UserId, bool)> = stream::iter(asked).buffered(ACCOUNTS_AT_ONCE).try_collect().await?;
    let (shown, hidden): (Vec<_>, Vec<_>) = asked.into_iter().partition(|(_, shown)| *shown);
    let shown: Vec<UserId> = shown.into_iter().map(|(user, _)| user).collect();
    let states = sight.presence(&shown).await;
    let told = |(user, state): (UserId, Presence)| state.with_grace(now, sight.grace).told(user);
    Ok((
        shown.into_iter().zip(states).map(told).collect(),
        hidden.into_iter().map(|(user, _)| user).collect(),
    ))
}

/// Users of another issuer have no account here, and hide nothing.
async fn shows(store: &Store, user: &UserId, row: Option<&Relation>) -> Result<bool, StoreError> {
    if row.is_some_and(|row| row.blocked_by) {
        return Ok(false);
    }
    let audience = store.account(user).await?.map(|account| account.details.presence).unwrap_or_default();
    Ok(audience.shows(row))
}

/// Devices of the asking user changed: tells whoever watches. The grace of who left is over by now.
pub async fn changed(sight: &Sight, command: &Command) -> Vec<Delivery> {
    let user = &command.origin.user;
    let found = sight.presence(std::slice::from_ref(user)).await.pop();
    let told = found.filter(|found| *found != Presence::Unknown).map(|found| Delivery {
        target: Target::Presence(user.clone()),
        payload: Payload::Control(Control::Presence(Box::new(found.told(user.clone())))),
        trace: command.trace,
    });
    told.into_iter().chain([reply(command, Reply::Settled)]).collect()
}

/// What two users are to each other has changed in the store: each may see more of the other from now on, or nothing.
pub fn of_each_other(sides: &[Relation; 2]) -> [Delivery; 2] {
    sides.each_ref().map(|side| Delivery {
        target: Target::User(side.user.clone()),
        payload: Payload::Control(Control::PresenceOf(side.contact.user.clone())),
        trace: TraceId::default(),
    })
}
