//! What the projections still lack: written off the path of the ack, the first at once, then at most once in each
//! `flush_interval` for a conversation, or within [`MEMBERS_MS`] when members changed. While messages flow, less than
//! [`GAP_MS`] apart, once in [`FLOW_MS`] and when they cease: whoever lists such a conversation hears the next message
//! soon, and sees by its seq what the list lacked. Who confirmed a message is written within [`CONFIRMS_MS`].
//!
//! Lines of lists, one for each member, are most of that work, and only say where a conversation stands. They are written
//! for the first message after a pause, then every [`LIST_MS`] while messages flow, and once more when they cease.
//!
//! The touched mark in the store says "projections may lack something of this conversation". It is set by the first
//! append of an owner, and by the first after it was taken away, in the same atomic write. It is taken away only after
//! everything was written and the head was told for the last time and that has left, while nothing is in flight. So whatever a dead owner
//! left unwritten, or had yet to tell, is found by the next one.

use std::sync::Arc;

use hashbrown::HashMap;
use proto::{ConversationId, Entry, Partition, Seq, Timestamp, UserId, limits};
use smallvec::SmallVec;
use store::mutation::{self, Mutation};
use store::{
    ConfirmationRow, Cursor, GroupChange, GroupInfo, HeadRow, InboxRow, Member, MentionRow, OverlayRow,
    Relation,
};

use super::confirms::Confirms;
use super::held::Held;
use super::probe::Probe;
use super::{Conversation, Fresh, Kind};
use crate::rules::body::{is_countable, mentions};
use crate::rules::cursor::SLACK_MS;
use crate::rules::membership::Changed;
use crate::turn::{Now, Rules, Turn};

/// Between two writes when members changed: who changed them looks at the list next, and may change more. A write has a
/// line for each member of a small group, so that they cannot follow each other without a pause.
const MEMBERS_MS: u64 = 200;
/// Between two writes of who confirmed: each has a bit for every member.
const CONFIRMS_MS: u64 = 1_000;
/// Messages that come closer together flow.
const GAP_MS: u64 = 2_000;
/// Between two writes while messages flow.
const FLOW_MS: u64 = 10_000;
/// Between two writes of the lines of a conversation in which messages flow. What changed in between is found by its head,
/// because listings reach back further than lines lag.
const LIST_MS: u64 = 20_000;
/// Mentions after which they are written at once.
const MENTIONS_MAX: usize = 1_000;
const _: () = assert!(2 * LIST_MS < SLACK_MS);

/// What is to be written for one conversation. Idempotent: written again, it changes nothing.
#[derive(Debug)]
pub struct Flush {
    /// Whose.
    pub conversation: ConversationId,
    /// Of which partition.
    pub partition: Partition,
    /// First: read cursors of senders ("a send is a read") and of new members.
    pub cursors: Vec<(UserId, Cursor)>,
    /// First: what changed in the group.
    pub group: Option<GroupChange>,
    /// First: whom messages mention.
    pub mentions: Vec<MentionRow>,
    /// First: what became of messages.
    pub overlays: Vec<OverlayRow>,
    /// First: what the two users of a pair are to each other.
    pub relations: Option<[Relation; 2]>,
    /// First: who confirmed messages.
    pub confirmations: Vec<ConfirmationRow>,
    /// First: whose devices are to be told of this conversation again, and the time.
    pub listed_again: Vec<(UserId, Timestamp)>,
    /// Then: the head row.
    pub head: Option<HeadRow>,
    /// With it, when they are due: lines of the members' lists.
    pub inbox: Vec<InboxRow>,
    /// Last: take the touched mark away, up to this seq.
    pub clear: Option<Seq>,
}

/// What is owed, and what is being written.
#[derive(Default)]
pub struct Owed {
    /// The store may have a mark, to be taken away.
    marked: bool,
    /// An append of this owner carried it.
    carried: bool,
    head: bool,
    /// Lines lag behind the head.
    lines: bool,
    /// When lines were written, since the last pause.
    lines_ms: Option<u64>,
    reads: SmallVec<[(UserId, Cursor); 2]>,
    group: Option<GroupInfo>,
    members: HashMap<UserId, Option<Member>>,
    relations: Option<[Relation; 2]>,
    mentions: Vec<MentionRow>,
    flushed_ms: Option<u64>,
    changed_ms: u64,
    flows: bool,
    flushing: Option<Arc<Flush>>,
    retry_at: Option<u64>,
    /// What became of messages.
    pub fresh: Fresh,
    /// Answers that wait for a write, and those that wait for the one under way.
    pub held: Held,
    /// What waits to be confirmed.
    pub confirms: Confirms,
    listed_again: Vec<(UserId, Timestamp)>,
    /// The first change of the group that is not written.
    changed_from: Option<Seq>,
    /// Users who came or went under a dead owner, which may not have told them.
    untold: Vec<UserId>,
    /// The first change that moved them, as far as it is in the store.
    untold_from: Option<Seq>,
}

impl Owed {
    /// The mark that the next append must carry: the first of this owner, and the first after it was taken away. One that
    /// the load found is not enough: the dead owner may have sent for it to be taken away, and that may take place late,
    /// but never takes away the mark of a later seq.
    pub fn mark(&mut self, partition: Partition) -> Option<Partition> {
        self.marked = true;
        (!std::mem::replace(&mut self.carried, true)).then_some(partition)
    }

    /// The store has a mark.
    pub fn set_marked(&mut self) {
        self.marked = true;
    }

    /// A new head was told.
    pub fn owe_head(&mut self, now: Now) {
        self.head = true;
        self.lines = true;
        self.flows = now.steady_ms < self.changed_ms + GAP_MS;
        self.changed_ms = now.steady_ms;
    }

    /// A send is a read: its sender has seen everything up to it.
    pub fn owe_read(&mut self, entry: &Entry) {
        if is_countable(&entry.body) {
            self.owe_cursor(&entry.sender, entry);
        }
    }

    /// How far the user is by what they sent, as far as the store may not know it yet.
    pub fn sent(&self, user: &UserId) -> Cursor {
        let flushing = self.flushing.iter().flat_map(|flush| &flush.cursors);
        let own = self.reads.iter().chain(flushing).filter(|(other, _)| other == user);
        own.map(|(_, cursor)| *cursor).max_by_key(|cursor| cursor.read).unwrap_or_default()
    }

    /// A change of the group was told. What a new member finds there counts as read.
    pub fn owe_change(&mut self, entry: &Entry, changed: Changed, info: Option<GroupInfo>) {
        self.group = info.or(self.group.take());
        self.changed_from.get_or_insert(entry.seq);
        for member in changed.joined {
            if entry.counted > 0 {
                self.owe_cursor(&member.user, entry);
            }
            self.members.insert(member.user.clone(), Some(member));
        }
        for member in changed.updated {
            self.members.insert(member.user.clone(), Some(member));
        }
        // Who is invited gets a line in their list like one who left: no member, and something to see there.
        for user in changed.left.into_iter().chain(changed.invited) {
            self.members.insert(user, None);
        }
    }

    /// What is under way to the store of a pair.
    pub fn pair_write(&self) -> PairWrite {
        if self.relations.is_some() {
            PairWrite::Owed
        } else if self.flushing.is_some() {
            PairWrite::UnderWay
        } else {
            PairWrite::Done
        }
    }

    /// A change of a pair was told.
    pub fn owe_relations(&mut self, sides: [Relation; 2]) {
        self.relations = Some(sides);
    }

    /// A device of the user has everything up to a seq.
    pub fn owe_delivered(&mut self, user: &UserId, seq: Seq) {
        match self.reads.iter_mut().find(|(other, _)| other == user) {
            Some((_, owed)) => owed.delivered = owed.delivered.max(seq),
            None => {
                let cursor = Cursor { read: Seq::ZERO, read_counted: 0, delivered: seq };
                self.reads.push((user.clone(), cursor));
            }
        }
    }

    /// Something changed for this user alone, where nothing else did lately: their other devices would not hear of it.
    pub fn list_again(&mut self, user: UserId, now: Timestamp) {
        self.listed_again.push((user, now));
    }

    /// Users who came or went under a dead owner: told, with others, once everything is written.
    pub fn tell_again(&mut self, users: Vec<UserId>) {
        self.untold.extend(users);
    }

    /// The same of the changes that the last write of a dead owner brought. They stay in the store until these are told.
    pub fn tell_again_since(&mut self, since: Seq, users: Vec<UserId>) {
        self.untold_from = Some(since).filter(|since| *since > Seq::ZERO);
        self.tell_again(users);
    }

    /// See [`Self::tell_again`].
    pub(super) fn take_untold(&mut self) -> Vec<UserId> {
        self.untold_from = None;
        std::mem::take(&mut self.untold)
    }

    /// What changed in the group since the last write, with where it begins.
    fn take_group(&mut self) -> Option<GroupChange> {
        let mut info = self.group.take()?;
        let (mut joined, mut left) = (Vec::new(), Vec::new());
        for (user, member) in self.members.drain() {
            match member {
                Some(member) => joined.push(member),
                None => left.push(user),
            }
        }
        let since = self.changed_from.take().into_iter().chain(self.untold_from).min();
        info.settings.changed_since = since.unwrap_or_default();
        Some(GroupChange { info, joined, left })
    }

    /// Whether something is being written.
    pub fn is_flushing(&self) -> bool {
        self.flushing.is_some()
    }

    /// Whether anything is owed or being written.
    pub fn is_owing(&self) -> bool {
        self.marked || self.lacks() || self.flushing.is_some()
    }

    /// When the next write is, on the steady clock.
    pub fn due(&self, rules: &Rules, probe: &Probe) -> Option<u64> {
        if self.flushing.is_some() {
            return self.retry_at;
        }
        if self.held.is_waiting() || self.mentions.len() >= MENTIONS_MAX {
            return Some(0);
        }
        let earliest = self.flushed_ms.map_or(0, |at| self.next_write(at, rules.flush_ms));
        if self.lacks() {
            return Some(earliest);
        }
        let over = probe.over().filter(|_| self.marked)?;
        Some(earliest.max(self.changed_ms + rules.quiet_ms).max(over))
    }

    fn next_write(&self, last_ms: u64, flush_ms: u64) -> u64 {
        if self.relations.is_some() {
            // Somebody waits for it.
            return last_ms;
        }
        if self.group.is_some() {
            return last_ms + flush_ms.min(MEMBERS_MS);
        }
        if self.confirms.is_owing() {
            return last_ms + flush_ms.min(CONFIRMS_MS);
        }
        let ceased = if self.flows { (self.changed_ms + flush_ms).min(last_ms + FLOW_MS) } else { 0 };
        ceased.max(last_ms + flush_ms)
    }

    fn are_lines_due(&self, now_ms: u64) -> bool {
        !self.members.is_empty()
            || self.relations.is_some()
            || self.lines_ms.is_none_or(|at| now_ms >= at + LIST_MS)
    }

    fn lacks(&self) -> bool {
        self.head
            || !self.reads.is_empty()
            || self.group.is_some()
            || self.relations.is_some()
            || !self.fresh.is_empty()
            || !self.mentions.is_empty()
            || self.held.is_waiting()
            || self.confirms.is_owing()
    }

    fn owe_cursor(&mut self, user: &UserId, entry: &Entry) {
        let cursor = Cursor { read: entry.seq, read_counted: entry.counted, delivered: entry.seq };
        match self.reads.iter_mut().find(|(other, _)| other == user) {
            Some((_, owed)) => *owed = cursor,
            None => self.reads.push((user.clone(), cursor)),
        }
    }
}

/// How far the store is behind what was told of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairWrite {
    /// A write is still to begin.
    Owed,
    /// The write under way has everything.
    UnderWay,
    /// It has everything.
    Done,
}

impl Conversation {
    /// Whether [`Self::begin_flush`] has something to write now.
    pub fn wants_flush(&self, now_ms: u64, rules: &Rules) -> bool {
        self.is_serving() && self.owed.due(rules, &self.probe).is_some_and(|due| due <= now_ms)
    }

    /// Whether members changed, or a message was recalled: that goes first.
    pub fn owes_members(&self) -> bool {
        self.owed.group.is_some() || self.owed.relations.is_some() || self.owed.held.is_waiting()
    }

    /// Begins to write what is owed; `None` when nothing is, or a write is under way. [`Urgency::AllAtOnce`] is for what is
    /// given back: everything at once, and the mark taken away if nothing is in flight; where something was still to be told
    /// again, the head is told now, and the mark is for a later call.
    pub fn begin_flush(&mut self, urgency: Urgency, turn: &mut Turn<'_>) -> Option<Arc<Flush>> {
        if !self.is_serving() || !self.owed.is_owing() {
            return None;
        }
        if let Some(flushing) = &self.owed.flushing {
            // The very same again, if the last try failed.
            return self.owed.retry_at.take().map(|_| Arc::clone(flushing));
        }
        let quiet_since = self.owed.changed_ms + turn.rules.quiet_ms;
        let quiet = urgency == Urgency::AllAtOnce || quiet_since <= turn.now.steady_ms;
        // Whoever came or went is told again once that is written: until then another owner has to find it.
        let all_told = self.owed.group.is_none() && self.owed.untold.is_empty();
        let may_be_held_back = turn.is_held_back && !mutation::is(Mutation::ClearedHeldBack);
        let is_over = self.probe.over().is_some_and(|over| over <= turn.now.steady_ms) && !may_be_held_back;
        if urgency == Urgency::AllAtOnce {
            self.probe_now(turn);
        }
        let may_clear = self.owed.marked && quiet && all_told && is_over && self.in_flight.is_none();
        let clear = may_clear.then_some(self.log.head);
        if !self.owed.lacks() && clear.is_none() {
            return None;
        }
        let lines = self.owed.lines && (quiet || self.owed.are_lines_due(turn.now.steady_ms));
        let inbox = if lines { self.inbox_rows() } else { Vec::new() };
        let owed = &mut self.owed;
        let head = std::mem::take(&mut owed.head).then(|| self.log.last().cloned()).flatten();
        let flush = Arc::new(Flush {
            conversation: self.id.clone(),
            partition: self.partition,
            cursors: owed.reads.drain(..).collect(),
            group: owed.take_group(),
            mentions: std::mem::take(&mut owed.mentions),
            overlays: owed.fresh.rows(&self.id),
            relations: owed.relations.take(),
            confirmations: owed.confirms.rows(&self.id, self.epoch),
            listed_again: std::mem::take(&mut owed.listed_again),
            head: head.map(|last| HeadRow {
                conversation: self.id.clone(),
                seq: last.seq,
                counted: last.counted,
                last,
                retention_seconds: self.retention_seconds,
                confirming: owed.confirms.list(),
            }),
            inbox,
            clear,
        });
        if lines {
            owed.lines = false;
            owed.lines_ms = (!quiet).then_some(turn.now.steady_ms);
        }
        owed.held.begin();
        owed.marked &= clear.is_none();
        owed.carried &= clear.is_none();
        owed.flushed_ms = Some(turn.now.steady_ms);
        owed.flushing = Some(Arc::clone(&flush));
        Some(flush)
    }

    /// The write has ended. Gives what was written, if it was.
    pub fn flushed(&mut self, done: bool, now_ms: u64) -> Option<Arc<Flush>> {
        if done {
            let written = self.owed.flushing.take();
            if let Some(flush) = written.as_ref().filter(|flush| !flush.overlays.is_empty()) {
                self.owed.fresh.written(&flush.overlays);
                self.forget_targets();
            }
            self.owed.retry_at = None;
            self.owed.held.end();
            return written;
        }
        if self.owed.flushing.is_some() {
            self.owed.retry_at = Some(now_ms + 1_000);
        }
        None
    }

    /// Whom a message mentions, of those who may read it.
    pub(super) fn owe_mentions(&mut self, entry: &Entry) {
        let Some((all, users)) = mentions(&entry.body) else { return };
        if !is_countable(&entry.body) {
            return;
        }
        let reads = |user: &UserId| match &self.kind {
            Kind::Direct(one, other) => user == one || user == other,
            Kind::Group(_, group) => group.floor_of(user).is_some(),
            Kind::Pair(_) => false,
        };
        let named = users.into_iter().filter(|user| *user != entry.sender && reads(user)).map(Some);
        let rows = named.chain(all.then_some(None)).map(|user| MentionRow {
            conversation: self.id.clone(),
            user,
            seq: entry.seq,
        });
        let rows: Vec<MentionRow> = rows.collect();
        self.owed.mentions.extend(rows);
    }

    /// One line for each member of a conversation of few; of many, only for those who came or left.
    fn inbox_rows(&self) -> Vec<InboxRow> {
        let Some(last) = self.log.last() else { return Vec::new() };
        let row = |user: &UserId, left| InboxRow {
            user: user.clone(),
            conversation: self.id.clone(),
            time: last.time,
            left,
        };
        match &self.kind {
            Kind::Direct(one, other) if one == other => vec![row(one, false)],
            Kind::Direct(one, other) => vec![row(one, false), row(other, false)],
            Kind::Pair(pair) => {
                // Each at the time of what its user may know of.
                let sides = pair.rows().into_iter().filter(|side| side.contact.version > 0);
                sides.map(|side| InboxRow { time: side.contact.time, ..row(&side.user, false) }).collect()
            }
            Kind::Group(_, group) => {
                let changed = self.owed.members.iter().map(|(user, member)| row(user, member.is_none()));
                if group.size() as usize <= limits::INBOX_MEMBERS_MAX {
                    let left = changed.filter(|row| row.left);
                    left.chain(group.members().map(|user| row(user, false))).collect()
                } else {
                    changed.collect()
                }
            }
        }
    }
}

/// How much is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// What is due.
    Due,
    /// Everything, because the conversation leaves memory.
    AllAtOnce,
}
