//! Commands that were lately refused because too many wait: what follows one of them, and what comes again.
//!
//! A client that sends without waiting for answers has many on their way when the first is refused. Those that name it, or one
//! another, in `after` are refused likewise, at once: they must not overtake it (DESIGN 6.9), and asking the store for a
//! predecessor that is known to be missing would cost more than the command. When the refused one comes again, what was
//! certain when it was refused still is: it is in no entry up to there (FENCE A4). Without that, each would be looked up in the
//! store just when the server has too much to do.
//!
//! **Does not** promise to know: a newer id takes the place of an older one, and then all goes the long way.
//!
//! **Limits.** [`PLACES`], none before the first refusal.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use proto::{ClientMessageId, ConversationId, Epoch, Seq};

/// How many are remembered at most.
const PLACES: usize = 4_096;
/// So long after its refusal others are refused because they follow it, in milliseconds: those that were sent before
/// their client heard of it.
const FOLLOWED_MS: u64 = 1_000;

/// One that was refused, and where.
#[derive(Clone, Copy, Debug)]
struct Place {
    id: ClientMessageId,
    log: Log,
    at_ms: u64,
    absent_upto: Option<Seq>,
}

/// The log of a conversation under one owner: what is certain of it ends when somebody else may write to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Log {
    conversation: u64,
    epoch: Epoch,
}

impl Log {
    fn of(conversation: &ConversationId, epoch: Epoch) -> Self {
        let mut hasher = DefaultHasher::new();
        conversation.hash(&mut hasher);
        Self { conversation: hasher.finish(), epoch }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Refused {
    places: Vec<Option<Place>>,
}

impl Refused {
    /// One was refused. `absent_upto`: the log certainly has it nowhere up to there, and it is not on its way there.
    pub fn note(
        &mut self,
        id: ClientMessageId,
        (conversation, epoch): (&ConversationId, Epoch),
        now_ms: u64,
        absent_upto: Option<Seq>,
    ) {
        if self.places.is_empty() {
            self.places = vec![None; PLACES];
        }
        let log = Log::of(conversation, epoch);
        self.places[place_of(id)] = Some(Place { id, log, at_ms: now_ms, absent_upto });
    }

    /// Whether this one was refused so short a time ago that its followers may not have heard of it.
    pub fn is_followed(&self, id: ClientMessageId, of: (&ConversationId, Epoch), now_ms: u64) -> bool {
        self.find(id, of).is_some_and(|place| now_ms < place.at_ms.saturating_add(FOLLOWED_MS))
    }

    /// Up to where the log certainly does not have one that was refused.
    pub fn absent_upto(&self, id: ClientMessageId, of: (&ConversationId, Epoch)) -> Option<Seq> {
        self.find(id, of)?.absent_upto
    }

    /// It was admitted.
    pub fn forget(&mut self, id: ClientMessageId) {
        if let Some(place) = self.places.get_mut(place_of(id))
            && place.is_some_and(|place| place.id == id)
        {
            *place = None;
        }
    }

    fn find(&self, id: ClientMessageId, (conversation, epoch): (&ConversationId, Epoch)) -> Option<&Place> {
        let place = self.places.get(place_of(id))?.as_ref()?;
        (place.id == id && place.log == Log::of(conversation, epoch)).then_some(place)
    }
}

/// The end of an id is random.
fn place_of(id: ClientMessageId) -> usize {
    let [.., high, low] = id.0;
    usize::from(u16::from_be_bytes([high, low])) % PLACES
}

#[cfg(test)]
mod tests {
    use proto::UserId;

    use super::*;

    const EPOCH: Epoch = Epoch(4);

    fn with(peer: &str) -> ConversationId {
        ConversationId::direct(&UserId::parse("me").unwrap(), &UserId::parse(peer).unwrap())
    }

    fn id(number: u8) -> ClientMessageId {
        ClientMessageId([number; 16])
    }

    #[test]
    fn one_that_was_refused_is_followed_for_a_while_and_known_for_longer() {
        let (bob, mut refused) = (with("bob"), Refused::default());
        assert!(!refused.is_followed(id(1), (&bob, EPOCH), 0));
        refused.note(id(1), (&bob, EPOCH), 100, Some(Seq(7)));
        assert!(refused.is_followed(id(1), (&bob, EPOCH), 1_099));
        assert!(!refused.is_followed(id(1), (&bob, EPOCH), 1_100), "its client gave it up");
        assert_eq!(refused.absent_upto(id(1), (&bob, EPOCH)), Some(Seq(7)));
        refused.forget(id(1));
        assert_eq!(refused.absent_upto(id(1), (&bob, EPOCH)), None);
    }

    #[test]
    fn nothing_is_known_of_another_log_or_under_another_owner() {
        let (bob, mut refused) = (with("bob"), Refused::default());
        refused.note(id(1), (&bob, EPOCH), 0, Some(Seq(7)));
        assert_eq!(refused.absent_upto(id(1), (&with("carol"), EPOCH)), None);
        assert_eq!(refused.absent_upto(id(1), (&bob, Epoch(5))), None);
        assert_eq!(refused.absent_upto(id(2), (&bob, EPOCH)), None);
    }

    #[test]
    fn what_is_not_certain_is_not_said() {
        let (bob, mut refused) = (with("bob"), Refused::default());
        refused.note(id(1), (&bob, EPOCH), 0, None);
        assert!(refused.is_followed(id(1), (&bob, EPOCH), 1));
        assert_eq!(refused.absent_upto(id(1), (&bob, EPOCH)), None);
    }
}
