//! Answers that only read, and what readers say of themselves (cursors, typing): no seq, no ownership, never a load.
//!
//! A read of a loaded conversation brings its [`View`] along. One of a conversation that is not in memory takes the
//! head row as its told head: it was written after it was told, and is up to date unless the conversation is marked as
//! touched, which the worker sees to first. So a reader never costs a conditional write (FENCE, load).

mod authors;
mod confirmations;
mod heads;
mod overlays;
pub mod page;
mod position;
pub mod presence;
mod private;
mod readers;
mod rooms;
mod sync;
mod typing;

use std::sync::Arc;

use proto::client_frame::{Position, ReadersOf};
use proto::command::Source;
use proto::delivery::{Control, RoomAnswer, SessionClaim};
use proto::server_frame::Nack;
use proto::settings::Settings;
use proto::{
    Code, Command, ConversationId, ConversationKind, Delivery, DeviceId, LoginId, Payload, Reply, Request,
    Seq, ServerFrame, Target, Timestamp,
};
use store::{Cursor, People, Standing, Store, StoreError};

use crate::conversation::{Fresh, View};
use crate::rules::lifetime::Moment;
use crate::rules::membership::permissions::Who;

pub use heads::all_heads;
pub use position::delivered_receipt;
pub use private::settings;
pub use rooms::{is_private, of_visitor, room_answer};
pub use typing::typing;

/// What the owner of a conversation brings along to a read of it.
#[derive(Default)]
pub struct Seen {
    /// What the asker may see; `None` if the conversation is not in memory.
    pub view: Option<View>,
    /// What became of messages and is not in the store yet.
    pub fresh: Fresh,
    /// What the asker keeps for themselves; `None` if nobody looked.
    pub own: Option<Settings>,
    /// Where who confirmed a message is asked: everybody who is in the conversation, and who has, as far as its owner knows.
    pub confirmed: Option<(Arc<People>, People)>,
}

impl From<View> for Seen {
    fn from(view: View) -> Self {
        Self { view: Some(view), ..Self::default() }
    }
}

/// Why a read was refused.
pub enum Refused {
    /// By a rule.
    Rule(Code, &'static str),
    /// Because the store did not answer.
    Store(StoreError),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Advice of an `UNAVAILABLE` nack, in milliseconds.
const UNAVAILABLE_RETRY_MS: u32 = 1_000;

/// Answers one command. `view` is what its owner knows, if the conversation is in memory.
pub async fn answer(store: Store, command: Command, view: Option<Seen>, moment: Moment) -> Vec<Delivery> {
    match Box::pin(answered(&store, &command, view, moment)).await {
        Ok(deliveries) => deliveries,
        Err(refused) => vec![refuse(&command, refused)],
    }
}

/// The reply to a command.
pub fn reply(command: &Command, reply: Reply) -> Delivery {
    let session = command.origin.session;
    let payload = Payload::Reply(session.session, reply);
    Delivery { target: Target::Node(session.node), payload, trace: command.trace }
}

/// The refusal of a command that reads.
pub fn refuse(command: &Command, refused: Refused) -> Delivery {
    let name = command.request.name();
    let nack = match refused {
        Refused::Rule(code, text) => Nack::of(name, code, text),
        Refused::Store(StoreError::Corrupt(what)) => {
            tracing::error!(what, "stored data cannot be read");
            Nack::of(name, Code::Internal, "stored data cannot be read")
        }
        Refused::Store(_) => Nack::of(name, Code::Unavailable, "the store does not answer")
            .retry_after_ms(UNAVAILABLE_RETRY_MS),
    };
    reply(command, refusal(command, nack))
}

/// What refuses a command: a room that is refused says which.
pub fn refusal(command: &Command, nack: Nack) -> Reply {
    match &command.request {
        Request::JoinRoom(room) => Reply::Room(RoomAnswer { room: room.clone(), answer: Err(nack) }),
        _ => Reply::Frame(ServerFrame::Nack(nack)),
    }
}

/// A session claims its place: all gateways of its user hear of it, its own too.
pub fn claimed(command: &Command, began: Timestamp, kind: Option<DeviceId>) -> Vec<Delivery> {
    let claim = SessionClaim { session: command.origin.session, began, kind };
    let target = Target::User(command.origin.user.clone());
    let told = Delivery { target, payload: Payload::Control(Control::Claim(claim)), trace: command.trace };
    vec![told, reply(command, Reply::Settled)]
}

/// A session began. Where nobody is to come with its token any more, its gateway hears so, like all others, and asks until it does.
async fn arrived(
    store: &Store,
    command: &Command,
    login: Option<&LoginId>,
) -> Result<Vec<Delivery>, Refused> {
    let user = &command.origin.user;
    let (groups, standing) = store.arrival(user, login).await?;
    let ended = match standing {
        Standing::Good => return Ok(vec![reply(command, Reply::Groups(groups))]),
        Standing::SignedOut => login.cloned(),
        Standing::Disabled => None,
    };
    let (target, payload) = (Target::User(user.clone()), Payload::Control(Control::Revoke(ended)));
    Ok(vec![Delivery { target, payload, trace: command.trace }])
}

async fn answered(
    store: &Store,
    command: &Command,
    known: Option<Seen>,
    moment: Moment,
) -> Result<Vec<Delivery>, Refused> {
    let Seen { view, fresh, own, confirmed } = known.unwrap_or_default();
    let (now, user) = (moment.now, &command.origin.user);
    match &command.request {
        Request::Fetch(fetch) => {
            let view = seen(store, command, &fetch.conversation, view).await?;
            let own = own_of(store, command, own).await?;
            let page = page::read(store, fetch, view, &fresh, (user, &own), moment).await?;
            Ok(vec![reply(command, Reply::Frame(ServerFrame::Page(page)))])
        }
        Request::Pins(conversation) => {
            let view = seen(store, command, conversation, view).await?;
            let own = own_of(store, command, own).await?;
            let mut pins =
                overlays::pins(store, conversation, private::narrowed(view, &own), &fresh, user).await?;
            private::leave_out(&own, &mut pins.entries, &mut pins.overlays);
            overlays::leave_out_old(&mut pins, moment.oldest(view.retention_seconds));
            Ok(vec![reply(command, Reply::Frame(ServerFrame::Pins(pins)))])
        }
        Request::Versions(position) => {
            let view = seen(store, command, &position.conversation, view).await?;
            let own = own_of(store, command, own).await?;
            if own.hides(position.seq) {
                return Err(Refused::Rule(Code::NotFound, "there is no such message"));
            }
            let versions = overlays::versions(store, position, view, &fresh, moment).await?;
            Ok(vec![reply(command, Reply::Frame(ServerFrame::Versions(versions)))])
        }
        Request::Readers(of) | Request::Confirmations(of) => {
            Box::pin(of_members(store, command, of, Seen { view, fresh, own, confirmed }, moment)).await
        }
        Request::Read(position) | Request::Delivered(position) => match view {
            Some(view) => moved(store, command, position, view, now).await,
            None => Box::pin(moved_unloaded(store, command, position, now)).await,
        },
        Request::Private(change) => {
            let view = seen(store, command, &change.conversation, view).await?;
            match view.is_room {
                true => Ok(vec![of_visitor(command)]),
                false => private::change(store, command, change, view, now).await,
            }
        }
        Request::Typing(to) => {
            let conversation = to.conversation(&command.origin.user);
            seen(store, command, &conversation, view).await?;
            match is_blocked(store, &conversation).await? {
                true => Ok(vec![reply(command, Reply::Settled)]),
                false => Ok(typing(command, &conversation)),
            }
        }
        Request::Heads(conversations) => {
            Ok(vec![all_heads(store, command, vec![None; conversations.len()]).await])
        }
        Request::Sync(sync) => {
            let frame = sync::delta(store, &command.origin.user, &sync.cursor, now).await?;
            Ok(vec![reply(command, Reply::Frame(frame))])
        }
        Request::Connected(login) => arrived(store, command, login.as_ref()).await,
        Request::Claim { began, kind } => Ok(claimed(command, *began, kind.clone())),
        Request::JoinRoom(room) => rooms::enter(store, command, room).await,
        // These need more than the store.
        Request::WatchPresence(_)
        | Request::PresenceChanged
        | Request::Disconnected
        | Request::Broadcast(_)
        | Request::Send(_)
        | Request::Confirm(_)
        | Request::Group(..)
        | Request::Contact(..) => Ok(vec![reply(command, Reply::Settled)]),
    }
}

/// Who has read a message, or confirmed it.
async fn of_members(
    store: &Store,
    command: &Command,
    of: &ReadersOf,
    known: Seen,
    moment: Moment,
) -> Result<Vec<Delivery>, Refused> {
    let view = seen(store, command, &of.conversation, known.view).await?;
    let own = own_of(store, command, known.own).await?;
    let message = readers::message(store, of, view, (&own, &known.fresh), moment).await?;
    let frame = match &command.request {
        Request::Confirmations(_) => ServerFrame::Confirmations(
            confirmations::of(store, (&command.origin.user, view.who), of, &message, known.confirmed).await?,
        ),
        _ => ServerFrame::Readers(readers::of(store, of, &message).await?),
    };
    Ok(vec![reply(command, Reply::Frame(frame))])
}

/// A user received or read up to somewhere.
async fn moved(
    store: &Store,
    command: &Command,
    position: &Position,
    view: View,
    now: Timestamp,
) -> Result<Vec<Delivery>, Refused> {
    match &command.request {
        Request::Delivered(_) => position::delivered(store, command, position, view).await,
        _ => position::read(store, command, position, view, now).await,
    }
}

/// The same where no owner gathers what those who wrote hear of it.
async fn moved_unloaded(
    store: &Store,
    command: &Command,
    position: &Position,
    now: Timestamp,
) -> Result<Vec<Delivery>, Refused> {
    let id = &position.conversation;
    let view = seen(store, command, id, None).await?;
    if view.is_room {
        return Ok(vec![of_visitor(command)]);
    }
    let before = authors::before(store, command, id).await?;
    let mut deliveries = moved(store, command, position, view, now).await?;
    if let Some(before) = before {
        // The move is stored: what cannot be told of it now is missed, and the answer stands.
        let told = authors::tell(store, command, id, before, view).await.unwrap_or_default();
        deliveries.splice(..0, told);
    }
    Ok(deliveries)
}

/// Whether one user of a direct conversation blocks the other: then nothing is told between them.
async fn is_blocked(store: &Store, conversation: &ConversationId) -> Result<bool, StoreError> {
    let ConversationKind::Direct(one, other) = conversation.kind() else { return Ok(false) };
    let row = store.relations_with(&one, std::slice::from_ref(&other)).await?.pop().flatten();
    Ok(row.is_some_and(|row| row.contact.blocked || row.blocked_by))
}

/// What the asker keeps for themselves, in the conversation that they ask about.
async fn own_of(store: &Store, command: &Command, own: Option<Settings>) -> Result<Settings, StoreError> {
    match (own, command.conversation()) {
        (Some(own), _) => Ok(own),
        (None, Some(id)) => private::settings(store, &command.origin.user, &id).await,
        (None, None) => Ok(Settings::default()),
    }
}

/// What the asker may see of a conversation: as its owner says, or as its projections do.
async fn seen(
    store: &Store,
    command: &Command,
    conversation: &ConversationId,
    view: Option<View>,
) -> Result<View, Refused> {
    if let Some(view) = view {
        return Ok(view);
    }
    let (user, source) = (&command.origin.user, command.origin.source);
    let mut is_room = false;
    let (floor, who) = match conversation.kind() {
        ConversationKind::Direct(one, other) if *user == one || *user == other => {
            (Seq(1), Who::of_two(source))
        }
        ConversationKind::Direct(..) => {
            return Err(Refused::Rule(Code::Forbidden, "only its two users may read"));
        }
        ConversationKind::Pair(..) => return Err(Refused::Rule(Code::Forbidden, "nobody may read this")),
        ConversationKind::Group(group) => match store.member(&group, user).await? {
            Some(member) if source.is_service() => (member.floor, Who::Service),
            Some(member) => (member.floor, Who::from(member.role)),
            None => {
                let missing = Refused::Rule(Code::NotFound, "there is no such group");
                let info = store.group(&group).await?.ok_or(missing)?;
                is_room = info.settings.room.is_some();
                let visits = is_room && (source == Source::Room || info.owner == *user);
                let who = match source.is_service() {
                    true => Who::Service,
                    false if !visits => {
                        return Err(Refused::Rule(Code::Forbidden, "only members may read"));
                    }
                    false if info.owner == *user => Who::Owner,
                    false => Who::Member,
                };
                (Seq(1), who)
            }
        },
    };
    let row = store.heads(std::slice::from_ref(conversation)).await?.pop().flatten();
    let sent = Cursor::default();
    Ok(match row {
        Some(row) => View {
            head: row.seq,
            counted: row.counted,
            floor,
            last: row.last.time,
            retention_seconds: row.retention_seconds,
            sent,
            is_room,
            who,
        },
        None => {
            let (head, last) = (Seq::ZERO, Timestamp(0));
            View { head, counted: 0, floor, last, retention_seconds: 0, sent, is_room, who }
        }
    })
}

#[cfg(test)]
mod tests;
