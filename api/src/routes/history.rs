//! History: pages of a conversation's log.

use axum::Json;
use axum::extract::State;
use proto::client_frame::Fetch;
use proto::{Code, ConversationId, Reply, Request, Seq, ServerFrame, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::conversations::conversation_id;
use crate::answers::{self, Message, Overlay};
use crate::caller::Caller;
use crate::commands::unexpected;
use crate::extract::{PathOf, QueryOf};
use crate::paging::{List, Paging};
use crate::problem::{Problem, ProblemBody};
use crate::{App, Shared};

/// Which part of the log: the newest of what is left, or, with nothing but `after` or `after_time`, the oldest; or what is around an entry.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct HistoryQuery {
    /// Only entries before this seq.
    #[serde(alias = "before_seq", alias = "beforeSeq")]
    #[param(example = 100)]
    before: Option<u64>,
    /// Only entries after this seq.
    #[serde(alias = "after_seq", alias = "afterSeq")]
    #[param(example = 0)]
    after: Option<u64>,
    /// Only entries taken before this time, Unix milliseconds.
    #[serde(alias = "beforeTime")]
    #[param(example = 4_000_000_000_000_u64)]
    before_time: Option<u64>,
    /// Only entries taken at or after this time, Unix milliseconds.
    #[serde(alias = "afterTime")]
    #[param(example = 0)]
    after_time: Option<u64>,
    /// The page around the entry with this seq: half of it newer, the rest older. `cursor` goes on to older ones; newer ones are `after` the last
    /// of the page.
    #[param(example = 7)]
    around: Option<u64>,
}

/// A page of history.
#[derive(Serialize, ToSchema)]
pub(crate) struct History {
    /// In rising seq, each as a socket's `event` has it.
    #[schema(value_type = Vec<Message>)]
    messages: Vec<Box<RawValue>>,
    /// What later entries made of those that were changed. Their bodies in `messages` are the present ones.
    #[schema(value_type = Vec<Overlay>)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    overlays: Vec<Box<RawValue>>,
    /// For `cursor`: older ones, or newer ones when this page was asked with nothing but `after` or `after_time`. `null` at the end.
    #[schema(example = json!(null))]
    next_cursor: Option<String>,
}

/// What of the log is wanted, both ends included.
struct Wanted {
    from: Seq,
    to: Seq,
    direction: Direction,
}

/// Where the next page lies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Older,
    Newer,
}

/// The end of a page, and where the next one lies from there.
#[derive(Clone, Copy)]
struct End {
    direction: Direction,
    seq: Seq,
}

impl End {
    fn parse(text: &str) -> Option<Self> {
        let (direction, seq) = text.split_once(' ')?;
        let direction = match direction {
            "older" => Direction::Older,
            "newer" => Direction::Newer,
            _ => return None,
        };
        Some(Self { direction, seq: Seq(seq.parse().ok()?) })
    }

    fn cursor(self) -> String {
        let direction = match self.direction {
            Direction::Older => "older",
            Direction::Newer => "newer",
        };
        List::History.cursor(format_args!("{direction} {}", self.seq))
    }
}

/// A page of a conversation's messages.
#[utoipa::path(
    get, path = "/api/v1/conversations/{conversation}/messages", tag = "conversations",
    params(("conversation" = String, Path, description = "Which.", example = "d.alice.bob"), Paging, HistoryQuery),
    responses(
        (status = 200, description = "A page.", body = History),
        (status = "default", description = "403 `FORBIDDEN`: not a member.", body = ProblemBody,
            content_type = "application/problem+json")
    )
)]
pub(crate) async fn history(
    State(app): State<App>,
    caller: Caller,
    PathOf(conversation): PathOf<String>,
    QueryOf(paging): QueryOf<Paging>,
    QueryOf(query): QueryOf<HistoryQuery>,
) -> Result<Json<History>, Problem> {
    let conversation = conversation_id(&conversation)?;
    let (end, limit) = (paging.after(List::History, End::parse)?, paging.limit()?);
    let wanted = app.wanted(&caller, &conversation, (&query, limit), end).await?;
    app.page(&caller, &conversation, &wanted, limit).await.map(Json)
}

impl Shared {
    /// Asks the owner for the head and the caller's membership, and cuts the query to what the caller may see.
    async fn wanted(
        &self,
        caller: &Caller,
        conversation: &ConversationId,
        (query, limit): (&HistoryQuery, usize),
        end: Option<End>,
    ) -> Result<Wanted, Problem> {
        let stranger = || Problem::new(Code::Forbidden, "you are not a member of this conversation");
        let asked = std::slice::from_ref(conversation);
        let head = self.commands.heads(&caller.asker(), asked).await?.pop().ok_or_else(stranger)?;
        if !head.member {
            return Err(stranger());
        }
        let own = self.store.settings(&caller.0.user, asked).await?.pop().unwrap_or_default();
        let mut from =
            head.floor.max(own.cleared.next()).max(Seq(query.after.unwrap_or(0).saturating_add(1)));
        let mut to = head.seq.min(Seq(query.before.map_or(u64::MAX, |seq| seq.saturating_sub(1))));
        if let Some(time) = query.after_time {
            from = from.max(self.store.seq_at(conversation, Timestamp(time), head.seq).await?);
        }
        if let Some(time) = query.before_time {
            let first_after = self.store.seq_at(conversation, Timestamp(time), head.seq).await?;
            to = to.min(Seq(first_after.0.saturating_sub(1)));
        }
        if let Some(seq) = query.around {
            to = to.min(Seq(seq.saturating_add(limit as u64 / 2)));
        }
        let lower = query.after.is_some() || query.after_time.is_some();
        let upper = query.before.is_some() || query.before_time.is_some() || query.around.is_some();
        let asked = if lower && !upper { Direction::Newer } else { Direction::Older };
        match end {
            Some(End { direction: Direction::Older, seq }) => to = to.min(Seq(seq.0.saturating_sub(1))),
            Some(End { direction: Direction::Newer, seq }) => from = from.max(Seq(seq.0.saturating_add(1))),
            None => {}
        }
        Ok(Wanted { from, to, direction: end.map_or(asked, |end| end.direction) })
    }

    /// The owner of the conversation reads the page: it knows what became of messages.
    async fn page(
        &self,
        caller: &Caller,
        conversation: &ConversationId,
        wanted: &Wanted,
        limit: usize,
    ) -> Result<History, Problem> {
        let Wanted { from, to, direction } = *wanted;
        if from > to {
            return Ok(History { messages: Vec::new(), overlays: Vec::new(), next_cursor: None });
        }
        let backwards = direction == Direction::Older;
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let fetch = Fetch { conversation: conversation.clone(), from, to, limit, backwards };
        let reply = self.commands.ask(&caller.asker(), Request::Fetch(fetch)).await?;
        let Reply::Frame(ServerFrame::Page(page)) = reply else { return Err(unexpected()) };
        // What is covered counts, not what is shown: some of it may be gone for the caller.
        let end = match direction {
            Direction::Older if page.from > from => Some(page.from),
            Direction::Newer if page.from <= page.to && page.to < to => Some(page.to),
            _ => None,
        };
        let next_cursor = end.map(|seq| End { direction, seq }.cursor());
        let (messages, overlays) = answers::messages(ServerFrame::Page(page))?;
        Ok(History { messages, overlays, next_cursor })
    }
}
