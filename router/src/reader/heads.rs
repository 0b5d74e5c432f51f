//! Heads of conversations that are not in memory, with the asking user's membership.

use proto::delivery::HeadState;
use proto::{Command, ConversationId, Delivery, Reply, Request, Seq};
use store::Store;

use super::{Refused, refuse, reply, seen};

/// The answer to `heads`, in the order asked: `known` are those in memory, the others are read. What the user may not
/// see has head zero.
pub async fn all_heads(store: &Store, command: &Command, known: Vec<Option<HeadState>>) -> Delivery {
    let Request::Heads(conversations) = &command.request else { return reply(command, Reply::Settled) };
    let mut heads = Vec::with_capacity(known.len());
    for (known, id) in known.into_iter().zip(conversations) {
        let head = match known {
            Some(head) => Ok(head),
            None => head(store, command, id).await,
        };
        match head {
            Ok(head) => heads.push(head),
            Err(refused) => return refuse(command, refused),
        }
    }
    reply(command, Reply::Heads(heads))
}

async fn head(store: &Store, command: &Command, id: &ConversationId) -> Result<HeadState, Refused> {
    let view = match seen(store, command, id, None).await {
        Ok(view) => Some(view),
        Err(Refused::Rule(..)) => None,
        Err(refused) => return Err(refused),
    };
    let row = match view {
        Some(_) => store.heads(std::slice::from_ref(id)).await?.pop().flatten(),
        None => None,
    };
    let retention_seconds = row.as_ref().map_or(0, |row| row.retention_seconds);
    Ok(HeadState {
        conversation: id.clone(),
        seq: row.as_ref().map_or(Seq::ZERO, |row| row.seq),
        counted: row.as_ref().map_or(0, |row| row.counted),
        confirming: row.as_ref().map(|row| row.confirming.clone().unwrap_or_default()),
        last: row.map(|row| row.last),
        member: view.is_some(),
        floor: view.map_or(Seq::ZERO, |view| view.floor),
        retention_seconds,
    })
}
