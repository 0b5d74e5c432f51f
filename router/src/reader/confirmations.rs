//! Who has confirmed a message, page by page.

use std::sync::Arc;

use proto::client_frame::ReadersOf;
use proto::server_frame::{Confirmation, Confirmations};
use proto::{Code, ConversationKind, Entry, GroupId, Timestamp, UserId};
use store::{Confirming, Count, People, Store, StoreError, number_in_direct};

use super::Refused;
use super::readers::page_of_members;
use crate::rules::membership::permissions::{Action, Who, is_allowed};

/// A page of those who are to confirm a message, for its sender and those who manage the group. `known` is what the owner of
/// the conversation knows: everybody who is in it, and who has confirmed.
pub async fn of(
    store: &Store,
    (user, who): (&UserId, Who),
    of: &ReadersOf,
    entry: &Entry,
    known: Option<(Arc<People>, People)>,
) -> Result<Confirmations, Refused> {
    let id = &of.conversation;
    let asks = entry
        .body
        .must_confirm()
        .ok_or(Refused::Rule(Code::NotFound, "the message is not to be confirmed"))?;
    if entry.sender != *user && !is_allowed(Action::SeeConfirmations, who) {
        return Err(Refused::Rule(
            Code::Forbidden,
            "only its sender, the owner and admins may see who confirmed a message",
        ));
    }
    let (seq, sender, until) = (entry.seq, entry.sender.clone(), Timestamp(asks.until));
    let message = Confirming { seq, sender, until, numbers: asks.numbers };
    let mut confirmed = People::of_rows(&store.confirmations(id, of.seq).await?)?;
    let (present, gathered) = match (known, id.kind()) {
        (Some(known), _) => known,
        (None, ConversationKind::Group(_)) => {
            return Err(Refused::Rule(Code::Unavailable, "the owner of the group does not answer"));
        }
        (None, _) => (Arc::new(People::of_two()), People::default()),
    };
    confirmed.add(&gathered);
    let (members, next, number) = match id.kind() {
        ConversationKind::Group(group) => of_group(store, &group, of, &message).await?,
        _ => {
            let peer =
                id.peer_of(&entry.sender).filter(|peer| of.after.as_ref().is_none_or(|after| peer > after));
            let peer = peer.and_then(|peer| number_in_direct(id, &peer).map(|number| (peer, number)));
            (peer.into_iter().collect(), None, number_in_direct(id, &entry.sender))
        }
    };
    let Count { confirmed: done, of: all } = Count::of(&message, number, &present, &confirmed);
    let said = |(user, number): (UserId, u32)| Confirmation { confirmed: confirmed.has(&user, number), user };
    Ok(Confirmations {
        conversation: id.clone(),
        seq: of.seq,
        confirmed: done,
        of: all,
        // Rows of members may be a second behind.
        members: members.into_iter().filter(|(user, number)| present.has(user, *number)).map(said).collect(),
        next,
    })
}

/// Who of the next members is to confirm it, where the next page begins, and the number of the sender.
async fn of_group(
    store: &Store,
    group: &GroupId,
    of: &ReadersOf,
    message: &Confirming,
) -> Result<(Vec<(UserId, u32)>, Option<UserId>, Option<u32>), StoreError> {
    let (members, next) = page_of_members(store, group, of).await?;
    let asked = members.into_iter().filter(|member| message.asks(&member.user, member.number));
    let sender = store.member(group, &message.sender).await?.map(|member| member.number);
    Ok((asked.map(|member| (member.user, member.number)).collect(), next, sender))
}
