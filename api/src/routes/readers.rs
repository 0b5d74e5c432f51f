//! Who has read a message: by the cursors of members, page by page, whatever the size of the group.

use axum::Json;
use axum::extract::State;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use proto::client_frame::Fetch;
use proto::{Code, ConversationId, ConversationKind, Entry, Reply, Request, Seq, ServerFrame, UserId};
use serde::{Deserialize, Serialize};
use store::Member;
use utoipa::{IntoParams, ToSchema};

use super::conversations::conversation_id;
use super::groups::user_id;
use crate::caller::Caller;
use crate::commands::unexpected;
use crate::extract::{PathOf, QueryOf};
use crate::problem::{Problem, ProblemBody};
use crate::{App, Shared};

const LIMIT_DEFAULT: usize = 100;
const LIMIT_MAX: usize = 500;
const READS_AT_ONCE: usize = 16;

/// Which part of those who may have read.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListReaders {
    /// The `next` of the page before.
    #[param(example = "0")]
    after: Option<String>,
    /// How many members to look at: 1 to 500; 100 if absent. Those who came later are looked at and left out.
    #[param(example = 100)]
    limit: Option<usize>,
}

/// Who has received and read a message. Cursors may be some seconds behind.
#[derive(Serialize, ToSchema)]
pub(crate) struct Readers {
    /// In order of user ids: all who were there when it was sent, but its sender.
    readers: Vec<Reader>,
    /// For the next page, as its `after`; `null` at the end.
    #[schema(example = "carol")]
    next: Option<String>,
}

/// One who received, or not, and read, or not.
#[derive(Serialize, ToSchema)]
pub(crate) struct Reader {
    /// Who.
    #[schema(example = "bob")]
    user: String,
    /// A device of theirs has it.
    delivered: bool,
    /// They have read it.
    read: bool,
}

/// Who has read a message.
#[utoipa::path(
    get, path = "/api/v1/conversations/{conversation}/messages/{seq}/readers", tag = "conversations",
    params(
        ("conversation" = String, Path, description = "Which.", example = "d.alice.bob"),
        ("seq" = String, Path, description = "The place of the message.", example = "1"), ListReaders
    ),
    responses(
        (status = 200, description = "A part of them.", body = Readers),
        (status = "default", description = "403 `FORBIDDEN`: not a member. 404: no such message.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn readers(
    State(app): State<App>,
    caller: Caller,
    PathOf((conversation, seq)): PathOf<(String, String)>,
    QueryOf(query): QueryOf<ListReaders>,
) -> Result<Json<Readers>, Problem> {
    let id = conversation_id(&conversation)?;
    let seq = seq.parse().map(Seq).map_err(|_| Problem::field("seq", "a whole number is required"))?;
    let after = query.after.as_deref().map(|text| user_id("after", text)).transpose()?;
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT).clamp(1, LIMIT_MAX);
    let entry = app.message_seen_by(&caller, &id, seq).await?;
    let (users, next) = app.readers_of(&id, &entry, after, limit).await?;
    let one = |user: UserId| {
        let (app, id) = (&app, &id);
        async move {
            let cursor = app.store.cursor(&user, id).await?;
            let delivered = cursor.delivered.max(cursor.read) >= seq;
            Ok::<_, Problem>(Reader { user: user.to_string(), delivered, read: cursor.read >= seq })
        }
    };
    let readers = stream::iter(users.into_iter().map(one)).buffered(READS_AT_ONCE).try_collect().await?;
    Ok(Json(Readers { readers, next }))
}

impl Shared {
    /// A message as the owner of its conversation shows it to the caller: none that is gone for them, and no change of one.
    async fn message_seen_by(
        &self,
        caller: &Caller,
        id: &ConversationId,
        seq: Seq,
    ) -> Result<Entry, Problem> {
        let fetch = Fetch { conversation: id.clone(), from: seq, to: seq, limit: 1, backwards: false };
        let reply = self.commands.ask(&caller.asker(), Request::Fetch(fetch)).await?;
        let Reply::Frame(ServerFrame::Page(page)) = reply else { return Err(unexpected()) };
        let meant = |entry: &Entry| entry.seq == seq && entry.body.as_change().is_none();
        let found = page.entries.into_iter().find(meant);
        found.ok_or_else(|| Problem::new(Code::NotFound, "there is no such message"))
    }

    /// Those of the next `limit` members who were there when it was sent, but its sender; and where the next page begins.
    async fn readers_of(
        &self,
        id: &ConversationId,
        entry: &Entry,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<(Vec<UserId>, Option<String>), Problem> {
        let group = match id.kind() {
            ConversationKind::Group(group) => group,
            _ => {
                let peer = id.peer_of(&entry.sender).filter(|peer| *peer != entry.sender);
                let peer = peer.filter(|peer| after.as_ref().is_none_or(|after| peer > after));
                return Ok((peer.into_iter().collect(), None));
            }
        };
        let mut members = self.store.members(&group, after, limit + 1).await?;
        let more = members.len() > limit;
        members.truncate(limit);
        let next = members.last().filter(|_| more).map(|member| member.user.to_string());
        let was_there = |member: &Member| member.user != entry.sender && member.joined_at <= entry.time;
        let users = members.into_iter().filter(was_there).map(|member| member.user);
        Ok((users.collect(), next))
    }
}
