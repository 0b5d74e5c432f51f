//! The conversation list, and read marks.

use axum::Json;
use axum::extract::State;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use http::StatusCode;
use proto::client_frame::Position;
use proto::delivery::HeadState;
use proto::limits::MENTION_UNREAD_MAX;
use proto::server_frame::ConversationState;
use proto::settings::Settings;
use proto::{ConversationId, Request, Seq, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::{Cursor, MentionRange, StoreError};
use utoipa::{IntoParams, ToSchema};

use super::settings::ConversationSettings;
use crate::answers::{self, Message};
use crate::caller::Caller;
use crate::conversation_list::Place;
use crate::extract::{JsonBody, PathOf, QueryOf};
use crate::numbers::Wide;
use crate::paging::{List, Paging};
use crate::problem::{Problem, ProblemBody};
use crate::{App, now};

/// Conversations that are read from the store at the same time.
const READS_AT_ONCE: usize = 16;

/// Which part of the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListConversations {
    /// Only those that are archived, or that are not; a page may then have fewer.
    archived: Option<bool>,
    /// Only those that are hidden, or that are not; a page may then have fewer.
    hidden: Option<bool>,
}

/// A part of the list.
#[derive(Serialize, ToSchema)]
pub(crate) struct Conversations {
    /// Most recently changed first.
    conversations: Vec<Conversation>,
    /// For `cursor`; `null` at the end.
    #[schema(example = json!(null))]
    next_cursor: Option<String>,
}

/// A line of the list; what a socket's `delta` has too is called the same.
#[derive(Serialize, ToSchema)]
pub(crate) struct Conversation {
    /// Where to send, and whose history to read.
    #[schema(example = "d.alice.bob")]
    conversation: String,
    /// `direct` or `group`.
    #[schema(example = "direct")]
    kind: &'static str,
    /// What to show: the group's name, or the other user's nickname. `null` where there is none; in `sync` only groups have one.
    #[schema(example = "Bob")]
    name: Option<String>,
    /// The other user of a direct conversation.
    #[schema(example = "bob")]
    peer: Option<String>,
    /// The newest seq.
    head: Wide,
    /// Messages that one has not read.
    #[schema(value_type = String, example = "3")]
    unread: Wide,
    /// Up to where one has read.
    read_seq: Wide,
    /// Those of them that mention one, 100 at most.
    #[schema(example = 0)]
    mention_unread: usize,
    /// Messages that one has still to confirm.
    #[schema(example = json!(["7"]))]
    confirm_seqs: Vec<Wide>,
    /// For how many seconds its entries are kept, as it was set here; 0: as the server is configured.
    #[schema(example = 0)]
    retention_seconds: u32,
    /// What one keeps for oneself; `null` where one never changed anything.
    settings: Option<ConversationSettings>,
    /// The newest entry, unless it is gone for oneself.
    #[schema(value_type = Option<Message>)]
    last: Option<Box<RawValue>>,
    /// When it last changed, Unix milliseconds.
    #[schema(value_type = String, example = "1790000000000")]
    time: Wide,
    /// One is no member any more; only `sync` lists such.
    left: bool,
    /// One is no member, and may become one; only `sync` lists such.
    invitation: Option<Invited>,
}

/// One may join a group; the members are called as those of a socket's `invitation`.
#[derive(Serialize, ToSchema)]
pub(crate) struct Invited {
    /// Which.
    #[schema(example = "team")]
    group: String,
    /// Its name.
    #[schema(example = "The team")]
    name: String,
    /// Who said so.
    #[schema(example = "alice")]
    by: String,
    /// When it is void, Unix milliseconds.
    #[schema(value_type = String, example = "1790604800000")]
    expires: Wide,
}

/// How far one is.
#[derive(Deserialize, ToSchema)]
pub(crate) struct UpTo {
    /// Everything up to here.
    #[schema(value_type = String, example = "1")]
    pub(super) seq: Wide,
}

/// One's conversations, most recently changed first.
#[utoipa::path(
    get, path = "/api/v1/conversations", tag = "conversations", params(Paging, ListConversations),
    responses(
        (status = 200, description = "A part of the list.", body = Conversations),
        (status = "default", description = "A problem.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn list_conversations(
    State(app): State<App>,
    caller: Caller,
    QueryOf(paging): QueryOf<Paging>,
    QueryOf(query): QueryOf<ListConversations>,
) -> Result<Json<Conversations>, Problem> {
    let user = &caller.0.user;
    let after = paging.after(List::Conversations, Place::parse)?;
    let places = app.places(user, after, paging.limit()?).await?;
    let ids: Vec<ConversationId> = places.page.iter().map(|place| place.conversation.clone()).collect();
    let asker = caller.asker();
    let (heads, names) = futures_util::try_join!(app.commands.heads(&asker, &ids), app.names(user, &places))?;
    // Read after the heads: a mark that is newer than its head shows less unread, never too much.
    let cursors = app.store.cursors(user, &ids).await?;
    let (settings, mentions) =
        futures_util::try_join!(app.store.settings(user, &ids), mentions(&app, user, &heads, &cursors))?;
    let confirms = confirms(&app, user, &heads, &settings).await?;
    let mut conversations = Vec::with_capacity(ids.len());
    let own = settings.into_iter().zip(mentions).zip(confirms);
    let rest = names.into_iter().zip(cursors).zip(own);
    for ((place, head), ((name, cursor), ((settings, mention_unread), confirm_seqs))) in
        places.page.iter().zip(heads).zip(rest)
    {
        if head.member && query.wants(&settings, head.seq) {
            let own = Own { cursor, settings, mention_unread, confirm_seqs };
            conversations.push(line(user, place, head, name, own)?);
        }
    }
    let last = places.page.last().filter(|_| places.more);
    let next_cursor = last.map(|place| List::Conversations.cursor(place));
    Ok(Json(Conversations { conversations, next_cursor }))
}

fn line(
    user: &UserId,
    place: &Place,
    head: HeadState,
    name: Option<String>,
    own: Own,
) -> Result<Conversation, Problem> {
    let Own { cursor, settings, mention_unread, confirm_seqs } = own;
    let id = &place.conversation;
    let unread = unread(&head, &cursor);
    let last = head.last.filter(|entry| entry.seq >= head.floor);
    let time = last.as_ref().map_or(place.time.0, |entry| entry.time);
    let last = last.filter(|entry| !settings.hides(entry.seq));
    Ok(Conversation {
        conversation: id.to_string(),
        kind: kind(id),
        name,
        peer: id.peer_of(user).map(|peer| peer.to_string()),
        head: Wide(head.seq.0),
        unread: Wide(unread),
        read_seq: Wide(cursor.read.0),
        mention_unread,
        confirm_seqs: confirm_seqs.into_iter().map(|Seq(seq)| Wide(seq)).collect(),
        retention_seconds: head.retention_seconds,
        settings: (settings.changed > Timestamp(0)).then(|| ConversationSettings::of(id, settings)),
        last: last.map(|entry| answers::message(id, entry)).transpose()?,
        time: Wide(time.0),
        left: false,
        invitation: None,
    })
}

impl Conversation {
    /// A line of a `delta`.
    pub(super) fn of_state(state: ConversationState) -> Result<Self, Problem> {
        let id = &state.conversation;
        Ok(Self {
            conversation: id.to_string(),
            kind: kind(id),
            name: state.name,
            peer: state.peer.map(|peer| peer.to_string()),
            head: Wide(state.head.0),
            unread: Wide(state.unread),
            read_seq: Wide(state.read_seq.0),
            mention_unread: state.mention_unread as usize,
            confirm_seqs: state.confirm_seqs.into_iter().map(|Seq(seq)| Wide(seq)).collect(),
            retention_seconds: state.retention_seconds,
            settings: state.settings.map(|settings| ConversationSettings::of(id, *settings)),
            last: state.last.map(|entry| answers::message(id, entry)).transpose()?,
            time: Wide(state.time.0),
            left: state.left,
            invitation: state.invitation.map(|of| Invited {
                group: of.group.to_string(),
                name: of.name,
                by: of.by.to_string(),
                expires: Wide(of.expires.0),
            }),
        })
    }
}

fn kind(id: &ConversationId) -> &'static str {
    if id.is_group() { "group" } else { "direct" }
}

/// What a line says of its reader.
struct Own {
    cursor: Cursor,
    settings: Settings,
    mention_unread: usize,
    confirm_seqs: Vec<Seq>,
}

impl ListConversations {
    fn wants(&self, settings: &Settings, head: Seq) -> bool {
        self.archived.is_none_or(|archived| archived == settings.archived)
            && self.hidden.is_none_or(|hidden| hidden == settings.is_hidden_at(head))
    }
}

/// Messages of each conversation that wait for the user to confirm them. The owner of a conversation that was never asked to
/// confirm anything does not know what waits there: for these alone the head rows are read.
async fn confirms(
    app: &App,
    user: &UserId,
    heads: &[HeadState],
    settings: &[Settings],
) -> Result<Vec<Vec<Seq>>, StoreError> {
    let now = now();
    let is_unknown = |head: &&HeadState| head.member && head.confirming.is_none();
    let unknown: Vec<ConversationId> =
        heads.iter().filter(is_unknown).map(|head| head.conversation.clone()).collect();
    let rows = if unknown.is_empty() { Vec::new() } else { app.store.heads(&unknown).await? };
    let mut rows = rows.into_iter();
    let waiting = heads.iter().zip(settings).map(|(head, own)| {
        let wait = match is_unknown(&head) {
            true => rows.next().flatten().and_then(|row| row.confirming),
            false => head.confirming.clone(),
        };
        app.store.waiting_for(user, &head.conversation, wait.unwrap_or_default(), own, now)
    });
    stream::iter(waiting.collect::<Vec<_>>()).buffered(READS_AT_ONCE).try_collect().await
}

/// How many unread entries of each conversation mention the user.
async fn mentions(
    app: &App,
    user: &UserId,
    heads: &[HeadState],
    cursors: &[Cursor],
) -> Result<Vec<usize>, StoreError> {
    let range = |(head, cursor): (&HeadState, &Cursor)| -> MentionRange {
        let upto = if unread(head, cursor) > 0 { head.seq } else { cursor.read };
        (head.conversation.clone(), cursor.read, upto)
    };
    let all: Vec<MentionRange> = heads.iter().zip(cursors).map(range).collect();
    let asked: Vec<MentionRange> = all.iter().filter(|(_, after, upto)| upto > after).cloned().collect();
    let mut counts = app.store.count_mentions(user, &asked, MENTION_UNREAD_MAX).await?.into_iter();
    Ok(all.iter().map(|(_, after, upto)| if upto > after { counts.next().unwrap_or(0) } else { 0 }).collect())
}

/// What is unread in all conversations together.
#[derive(Serialize, ToSchema)]
pub(crate) struct BadgeNumbers {
    /// Messages that one has not read, in conversations that are not muted.
    #[schema(value_type = String, example = "3")]
    unread: Wide,
    /// The same in conversations that are muted.
    #[schema(value_type = String, example = "0")]
    muted_unread: Wide,
    /// Of both, those that mention one.
    #[schema(value_type = String, example = "0")]
    mention_unread: Wide,
    /// How many conversations that are not muted have something unread, or are marked so.
    #[schema(value_type = String, example = "1")]
    conversations: Wide,
}

/// What is unread in all of one's conversations together, but for those that are hidden; follows within moments.
#[utoipa::path(
    get, path = "/api/v1/conversations/badge", tag = "conversations",
    responses(
        (status = 200, description = "The sums.", body = BadgeNumbers),
        (status = "default", description = "A problem.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn badge(State(app): State<App>, caller: Caller) -> Result<Json<BadgeNumbers>, Problem> {
    let badge = app.badge(&caller.0.user, now()).await?;
    Ok(Json(BadgeNumbers {
        unread: Wide(badge.unread),
        muted_unread: Wide(badge.muted_unread),
        mention_unread: Wide(badge.mention_unread),
        conversations: Wide(badge.conversations),
    }))
}

/// Countable entries past the read mark, of those that the user may see.
fn unread(head: &HeadState, cursor: &Cursor) -> u64 {
    let seen = cursor.read.0.max(head.floor.0.saturating_sub(1));
    head.counted.saturating_sub(cursor.read_counted).min(head.seq.0.saturating_sub(seen))
}

/// Mark a conversation as read up to a seq. Never goes back.
#[utoipa::path(
    post, path = "/api/v1/conversations/{conversation}/read", tag = "conversations", request_body = UpTo,
    params(("conversation" = String, Path, description = "Which.", example = "d.alice.bob")),
    responses(
        (status = 204, description = "Marked; one's other devices are told."),
        (status = "default", description = "403 `FORBIDDEN`: not a member.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn read_conversation(
    State(app): State<App>,
    caller: Caller,
    PathOf(conversation): PathOf<String>,
    JsonBody(body): JsonBody<UpTo>,
) -> Result<StatusCode, Problem> {
    let conversation = conversation_id(&conversation)?;
    let position = Position { conversation, seq: Seq(body.seq.0) };
    app.commands.ask(&caller.asker(), Request::Read(position)).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) fn conversation_id(text: &str) -> Result<ConversationId, Problem> {
    ConversationId::parse(text).map_err(|error| Problem::field("conversation", error))
}

#[cfg(test)]
mod tests {
    use super::{Cursor, HeadState, Seq, unread};
    use proto::ConversationId;

    #[test]
    fn unread_counts_what_the_user_may_see() {
        let head = |seq, counted, floor| HeadState {
            conversation: ConversationId::parse("g.team").unwrap(),
            seq: Seq(seq),
            counted,
            last: None,
            member: true,
            floor: Seq(floor),
            retention_seconds: 0,
            confirming: None,
        };
        let cursor = |read, read_counted| Cursor { read: Seq(read), read_counted, delivered: Seq(0) };
        assert_eq!(unread(&head(10, 8, 1), &cursor(4, 3)), 5);
        assert_eq!(unread(&head(10, 8, 1), &cursor(10, 8)), 0);
        assert_eq!(unread(&head(10, 8, 9), &cursor(0, 0)), 2, "joined at 9");
        assert_eq!(unread(&head(10, 8, 1), &cursor(12, 10)), 0, "the mark is newer than the head");
    }
}
