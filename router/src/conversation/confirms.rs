//! Messages that are to be confirmed: which wait for it, and who has.
//!
//! ```text
//! unknown ──► listed, by the head row or the log ──► open, with who confirmed each
//! ```
//!
//! Which messages wait is a function of the log (one that asks for it opens, a recall ends it), but that those that everybody
//! has confirmed, and those whose time is over, are left out. Who has confirmed is not in the log: it is gathered here, written
//! at most once a second in a row of the own epoch, and acknowledged once that is stored. Rows of all epochs add up
//! ([`store::ConfirmationRow`]), so what a fenced owner acknowledged is never lost.
//!
//! **Limits.** [`ConfirmRules::open_max`] that wait, [`NUMBERS_MAX`] members that ever were in a group.

use std::collections::BTreeMap;
use std::sync::Arc;

use proto::body::{Change, MessageTarget};
use proto::client_frame::{Position, Send};
use proto::command::Origin;
use proto::delivery::{Class, Fanout};
use proto::server_frame::Confirmations;
use proto::{
    Body, Code, ConversationId, Delivery, Entry, Epoch, Payload, Reply, Seq, ServerFrame, SessionRef,
    SharedFrame, Target, Timestamp, TraceId, UserId, wire,
};
use store::{ConfirmationRow, Confirming, Count, People, StoreError, number_in_direct};

use super::announce::{self, Asker};
use super::decide::Decision;
use super::pending::{Found, Pending, Question};
use super::{Conversation, Kind};
use crate::rules::cursor::SLACK_MS;
use crate::rules::membership::Refusal;
use crate::turn::{ConfirmRules, Turn, Work};

/// Numbers of members that a row has room for: a row is at most half a megabyte.
const NUMBERS_MAX: u32 = 1 << 22;

/// What is known of the messages that wait.
#[derive(Default)]
enum Known {
    /// Nothing was read.
    #[default]
    Nothing,
    /// Which they are.
    Listed(Vec<Confirming>),
    /// All there is.
    Open(BTreeMap<Seq, Open>),
}

/// One that waits.
struct Open {
    message: Confirming,
    confirmed: People,
    /// More than is stored, or is being written.
    is_owed: bool,
}

/// See the module.
#[derive(Default)]
pub struct Confirms {
    known: Known,
    /// The store was asked, and has not answered.
    is_asked: bool,
    /// It could not answer.
    failed: bool,
}

impl Confirms {
    /// What a head row lists; `None` while nothing is known.
    pub fn list(&self) -> Option<Vec<Confirming>> {
        match &self.known {
            Known::Nothing => None,
            Known::Listed(list) => Some(list.clone()),
            Known::Open(open) => Some(open.values().map(|open| open.message.clone()).collect()),
        }
    }

    /// Takes what a head row lists.
    pub fn listed(&mut self, list: Vec<Confirming>) {
        self.known = if list.is_empty() { Known::Open(BTreeMap::new()) } else { Known::Listed(list) };
    }

    /// Whether something has to be written.
    pub fn is_owing(&self) -> bool {
        self.open().is_some_and(|open| open.values().any(|open| open.is_owed))
    }

    /// The rows to be written: whatever is not stored.
    pub fn rows(&mut self, conversation: &ConversationId, epoch: Epoch) -> Vec<ConfirmationRow> {
        let Some(open) = self.open_mut() else { return Vec::new() };
        let row = |(seq, open): (&Seq, &mut Open)| {
            let (conversation, value) = (conversation.clone(), open.confirmed.encode());
            std::mem::take(&mut open.is_owed).then_some(ConfirmationRow {
                conversation,
                seq: *seq,
                epoch,
                value,
            })
        };
        open.iter_mut().filter_map(row).collect()
    }

    /// Who has confirmed a message that waits, as far as it is known here.
    pub fn of(&self, seq: Seq) -> Option<&People> {
        self.open()?.get(&seq).map(|open| &open.confirmed)
    }

    /// Takes what an entry makes of it: a message that is to be confirmed, or the recall of one.
    pub fn fold(&mut self, entry: &Entry) {
        if let Some(wire::MustConfirm { until, numbers }) = entry.body.must_confirm() {
            let (sender, until) = (entry.sender.clone(), Timestamp(until));
            let message = Confirming { seq: entry.seq, sender, until, numbers };
            match &mut self.known {
                Known::Nothing => {}
                Known::Listed(list) => list.push(message),
                Known::Open(open) => drop(open.insert(entry.seq, Open::new(message, People::default()))),
            }
        } else if let Some((MessageTarget { seq, .. }, Change::Recall)) = entry.body.as_change() {
            match &mut self.known {
                Known::Nothing => {}
                Known::Listed(list) => list.retain(|message| message.seq != seq),
                Known::Open(open) => drop(open.remove(&seq)),
            }
        }
    }

    /// Whether everything is known.
    fn is_open(&self) -> bool {
        self.open().is_some()
    }

    fn open(&self) -> Option<&BTreeMap<Seq, Open>> {
        if let Known::Open(open) = &self.known { Some(open) } else { None }
    }

    fn open_mut(&mut self) -> Option<&mut BTreeMap<Seq, Open>> {
        if let Known::Open(open) = &mut self.known { Some(open) } else { None }
    }
}

impl Open {
    fn new(message: Confirming, confirmed: People) -> Self {
        Self { message, confirmed, is_owed: false }
    }
}

impl Conversation {
    /// Everybody who is in it.
    pub fn people(&self) -> Arc<People> {
        match &self.kind {
            Kind::Group(_, group) => group.people(),
            Kind::Direct(..) | Kind::Pair(_) => Arc::new(People::of_two()),
        }
    }

    /// Who has confirmed a message that waits, as far as it is known here.
    pub fn confirmed(&self, seq: Seq) -> Option<People> {
        self.owed.confirms.of(seq).cloned()
    }

    /// Asks the store for what is not known; not again before it was answered.
    pub(super) fn ask_confirms(&mut self, turn: &mut Turn<'_>) {
        let confirms = &mut self.owed.confirms;
        if !std::mem::replace(&mut confirms.is_asked, true) {
            turn.work.push(Work::ReadConfirms(confirms.list()));
        }
    }

    /// The store answered.
    pub(super) fn found_confirms(&mut self, found: Result<Vec<(Confirming, People)>, StoreError>) {
        let confirms = &mut self.owed.confirms;
        (confirms.is_asked, confirms.failed) = (false, found.is_err());
        if let Ok(found) = found {
            let open = found.into_iter().map(|(message, people)| (message.seq, Open::new(message, people)));
            confirms.known = Known::Open(open.collect());
        }
    }

    /// It is tried again for a new command.
    pub(super) fn retry_confirms(&mut self) {
        self.owed.confirms.failed = false;
    }

    /// Whether the store has to be asked for what waits here.
    pub(super) fn lacks_confirms(&self) -> bool {
        !self.owed.confirms.is_open() && !self.owed.confirms.failed
    }

    /// Whether it was.
    pub(super) fn awaits_confirms(&self) -> bool {
        self.owed.confirms.is_asked
    }

    /// What has to be asked before a confirmation can be decided.
    pub(super) fn question_of_confirm(&self, pending: &Pending, seq: Seq) -> Option<Question> {
        let Some(open) = self.owed.confirms.open() else {
            return self.lacks_confirms().then_some(Question::Confirms);
        };
        let target = MessageTarget { seq, message_id: None };
        let is_settled = open.contains_key(&seq)
            || matches!(pending.target, Found::Failed)
            || self.target(pending, target, &Change::Recall).is_some();
        (!is_settled).then_some(Question::Target(target))
    }

    /// The body of a message that is to be confirmed: it says until when and by whom.
    pub(super) fn to_be_confirmed(&self, send: &Send, turn: &Turn<'_>) -> Result<Body, Decision> {
        let Some(asked) = send.body.must_confirm() else { return Ok(send.body.clone()) };
        let ConfirmRules { open_max, window_ms } = turn.rules.confirms;
        let refuse = |code, text| Err(Decision::Refuse(code, text));
        let (numbers, others) = match &self.kind {
            Kind::Group(_, group) => (group.numbers_given(), group.size() > 1),
            Kind::Direct(one, other) => (2, one != other),
            Kind::Pair(_) => (0, false),
        };
        if self.is_room() || !others {
            return refuse(Code::BadField, "body.must_confirm: there is nobody who could confirm it");
        }
        let Some(open) = self.owed.confirms.open() else { return Err(Decision::Unavailable) };
        let now = turn.now.wall;
        let waits = |open: &&Open| {
            let Count { confirmed, of } = self.count(&open.message, &open.confirmed);
            open.message.until > now && confirmed < of
        };
        if open.values().filter(waits).count() >= open_max || numbers > NUMBERS_MAX {
            return refuse(Code::Unconfirmed, "as many messages wait to be confirmed here as may");
        }
        let latest = now.plus_ms(window_ms).0;
        let until = if asked.until == 0 { latest } else { asked.until.min(latest) };
        let body = send.body.clone().sent_at(now);
        let until = body.expiry().map_or(until, |expiry| until.min(expiry.time));
        if until <= now.0 {
            return refuse(Code::BadField, "body.must_confirm.until: a time to come is needed");
        }
        Ok(body.with_must_confirm(Some(wire::MustConfirm { until, numbers })))
    }

    /// Decides a confirmation.
    pub(super) fn decide_confirm(&self, pending: &Pending, seq: Seq, turn: &Turn<'_>) -> Decision {
        let (origin, now) = (&pending.command.origin, turn.now.wall);
        if pending.command.deadline < now {
            return Decision::Refuse(Code::Late, "it waited past its deadline");
        }
        let number = match self.number_of(origin) {
            Ok(number) => number,
            Err((code, text)) => return Decision::Refuse(code, text),
        };
        if self.question_of_confirm(pending, seq).is_some() {
            let waits = pending.waits_for_answer() || self.awaits_confirms();
            return if waits { Decision::Wait } else { Decision::Ask };
        }
        let Some(open) = self.owed.confirms.open() else { return Decision::Unavailable };
        let found = match open.get(&seq) {
            Some(open) => Ok((open.message.clone(), false)),
            None => self.no_longer_open(pending, seq, turn),
        };
        match found {
            Err(refused) => refused,
            Ok((message, _)) if message.until <= now => {
                Decision::Refuse(Code::Expired, "the time to confirm it is over")
            }
            Ok((message, _)) if message.sender == origin.user => {
                Decision::Refuse(Code::BadField, "confirm.seq: one's own messages are not confirmed")
            }
            Ok((message, _)) if !message.asks(&origin.user, number) => {
                Decision::Refuse(Code::NotFound, "it was sent before the user joined")
            }
            Ok(_) if self.owed.held.is_full_of_confirmed() => Decision::Busy,
            Ok((_, is_full)) => Decision::Confirm { seq, number: (!is_full).then_some(number) },
        }
    }

    /// A message that is not open: everybody has confirmed it, or it is none that could be.
    fn no_longer_open(
        &self,
        pending: &Pending,
        seq: Seq,
        turn: &Turn<'_>,
    ) -> Result<(Confirming, bool), Decision> {
        let refuse = |code, text| Err(Decision::Refuse(code, text));
        let target = MessageTarget { seq, message_id: None };
        let found = match self.target(pending, target, &Change::Recall) {
            None => return Err(Decision::Unavailable),
            Some(found) => found,
        };
        let oldest = turn.moment().oldest(self.retention_seconds);
        let floor = self.floor_of(&pending.command.origin);
        let Some(found) = found.filter(|found| seq >= floor && found.entry.time >= oldest) else {
            return refuse(Code::NotFound, "there is no such message");
        };
        if found.state.shown.recalled.is_some() {
            return refuse(Code::Recalled, "the message was recalled");
        }
        let Some(asks) = found.entry.body.must_confirm() else {
            return refuse(Code::NotFound, "the message is not to be confirmed");
        };
        if found.entry.body.is_expired_at(turn.now.wall) {
            return refuse(Code::Expired, "the message has expired");
        }
        let (sender, until) = (found.entry.sender, Timestamp(asks.until));
        Ok((Confirming { seq, sender, until, numbers: asks.numbers }, true))
    }

    /// A member confirms, and hears of it once that is stored.
    pub(super) fn confirm(&mut self, asker: Asker, seq: Seq, number: Option<u32>, turn: &mut Turn<'_>) {
        let is_quiet = self.log.last().is_some_and(|last| last.time.plus_ms(SLACK_MS / 2) < turn.now.wall);
        let user = asker.origin.user.clone();
        let open = self.owed.confirms.open_mut().and_then(|open| open.get_mut(&seq));
        let (Some(open), Some(number)) = (open, number) else {
            return self.tell_confirmed(&asker, seq, turn);
        };
        if open.confirmed.insert(&user, number) {
            open.is_owed = true;
            if is_quiet {
                self.owed.list_again(user, turn.now.wall);
            }
            self.owed.held.hold_confirmed(asker, seq);
        } else if open.is_owed {
            self.owed.held.hold_confirmed(asker, seq);
        } else if self.owed.is_flushing() {
            self.owed.held.join_confirmed(asker, seq);
        } else {
            self.tell_confirmed(&asker, seq, turn);
        }
    }

    /// That a user has confirmed: to the session that did, and to the user's others.
    pub(super) fn tell_confirmed(&self, asker: &Asker, seq: Seq, turn: &mut Turn<'_>) {
        let frame = ServerFrame::Confirmed(Position { conversation: self.id.clone(), seq });
        let (user, session) = (&asker.origin.user, Some(asker.origin.session));
        turn.deliveries.push(self.for_user(user, frame.clone(), session, asker.trace));
        announce::reply(&asker.origin, asker.trace, Reply::Frame(frame), turn);
    }

    /// What is stored now: senders hear how many have confirmed, and what everybody has confirmed waits no more.
    pub fn tell_confirmations(&mut self, written: &[ConfirmationRow], turn: &mut Turn<'_>) {
        for row in written {
            let Some(open) = self.owed.confirms.open().and_then(|open| open.get(&row.seq)) else { continue };
            let Ok(stored) = People::of_rows(std::slice::from_ref(row)) else { continue };
            let Count { confirmed, of } = self.count(&open.message, &stored);
            let (conversation, seq) = (self.id.clone(), row.seq);
            let (members, next) = (Vec::new(), None);
            let frame =
                ServerFrame::Confirmations(Confirmations { conversation, seq, confirmed, of, members, next });
            turn.deliveries.push(self.for_user(&open.message.sender, frame, None, TraceId::default()));
            if confirmed >= of
                && let Some(open) = self.owed.confirms.open_mut()
            {
                open.remove(&seq);
            }
        }
    }

    fn for_user(
        &self,
        user: &UserId,
        frame: ServerFrame,
        except: Option<SessionRef>,
        trace: TraceId,
    ) -> Delivery {
        let fanout = Fanout {
            conversation: self.id.clone(),
            frame: Arc::new(SharedFrame::new(frame)),
            class: Class::Receipt,
            seq: Seq::ZERO,
            except,
        };
        Delivery { target: Target::User(user.clone()), payload: Payload::Fanout(fanout), trace }
    }

    fn count(&self, message: &Confirming, confirmed: &People) -> Count {
        let sender = match &self.kind {
            Kind::Group(_, group) => group.number_of(&message.sender),
            Kind::Direct(..) | Kind::Pair(_) => number_in_direct(&self.id, &message.sender),
        };
        Count::of(message, sender, &self.people(), confirmed)
    }

    /// The number of one who may confirm here.
    fn number_of(&self, origin: &Origin) -> Result<u32, Refusal> {
        let found = match &self.kind {
            Kind::Group(_, group) if !group.exists() => {
                return Err((Code::NotFound, "there is no such group"));
            }
            Kind::Group(_, group) => group.number_of(&origin.user),
            Kind::Direct(..) | Kind::Pair(_) => number_in_direct(&self.id, &origin.user),
        };
        found.ok_or((Code::Forbidden, "only members confirm"))
    }
}
