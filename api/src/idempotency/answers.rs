//! The answers that were given, as far back as there is room.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hashbrown::HashMap;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, StatusCode};
use proto::Code;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::{IdempotencyKey, REPLAYED};
use crate::caller::Caller;
use crate::metrics::KeptAnswersMetrics;
use crate::problem::Problem;

/// Bytes that an answer costs besides its own.
const ANSWER_COST: usize = 256;
/// Part of the room that one answer may take: larger ones are not kept.
const PART_MAX: usize = 16;

/// Bounded in bytes; the oldest are forgotten first.
pub(crate) struct KeptAnswers {
    /// Makes hashes that nobody else can make: passwords stand in some requests.
    secret: [u8; 32],
    table: Mutex<Table>,
    bytes_max: usize,
    ttl: Duration,
    metrics: KeptAnswersMetrics,
}

/// A request with a key.
pub(super) struct Call<'a> {
    pub(super) asker: &'a Caller,
    pub(super) key: &'a IdempotencyKey,
    pub(super) uri: &'a str,
    pub(super) body: &'a [u8],
}

/// What is known of a call.
pub(super) enum Begun<'a> {
    /// Nothing: it is to be carried out.
    First(Running<'a>),
    /// It succeeded.
    Again(Answer),
    /// It has not been answered yet.
    Running,
    /// The key belongs to another.
    AnotherCall,
}

/// A success.
#[derive(Clone)]
pub(super) struct Answer {
    status: StatusCode,
    content_type: Option<HeaderValue>,
    body: Bytes,
}

/// A call that is being carried out; dropping it forgets it.
pub(super) struct Running<'a> {
    answers: &'a KeptAnswers,
    name: Hash,
}

type Hash = [u8; 16];

#[derive(Default)]
struct Table {
    calls: HashMap<Hash, Known>,
    /// Those that were answered, and until when they are kept.
    ends: VecDeque<(Instant, Hash)>,
    bytes: usize,
}

struct Known {
    call: Hash,
    /// `None` while it runs.
    answer: Option<Answer>,
}

impl KeptAnswers {
    pub(crate) fn new(bytes_max: usize, ttl: Duration) -> Self {
        let metrics = KeptAnswersMetrics::new();
        Self { secret: rand::random(), table: Mutex::default(), bytes_max, ttl, metrics }
    }

    pub(super) fn begin(&self, call: &Call<'_>) -> Begun<'_> {
        let who = if call.asker.is_service() { "service" } else { "user" };
        let name = self.hash([who, call.asker.0.user.as_str(), call.key.as_str()].map(str::as_bytes));
        let call = self.hash([b"call", call.uri.as_bytes(), call.body]);
        let mut table = self.table();
        table.forget(Instant::now(), self.bytes_max, &self.metrics);
        match table.calls.get(&name) {
            None => {
                table.calls.insert(name, Known { call, answer: None });
                Begun::First(Running { answers: self, name })
            }
            Some(known) if known.call != call => {
                self.metrics.another_call.increment(1);
                Begun::AnotherCall
            }
            Some(Known { answer: Some(answer), .. }) => {
                self.metrics.answered.increment(1);
                Begun::Again(answer.clone())
            }
            Some(_) => {
                self.metrics.running.increment(1);
                Begun::Running
            }
        }
    }

    fn keep(&self, name: Hash, answer: Answer) {
        let mut table = self.table();
        let cost = answer.cost();
        let Some(known) = table.calls.get_mut(&name) else { return };
        known.answer = Some(answer);
        table.bytes += cost;
        let now = Instant::now();
        table.ends.push_back((now + self.ttl, name));
        table.forget(now, self.bytes_max, &self.metrics);
    }

    fn hash(&self, parts: [&[u8]; 3]) -> Hash {
        let mut hash = Sha256::new().chain_update(self.secret);
        for part in parts {
            hash = hash.chain_update(part.len().to_be_bytes()).chain_update(part);
        }
        let mut short = [0; 16];
        short.copy_from_slice(&hash.finalize()[..16]);
        short
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Those whose time is over, and the oldest for which there is no room.
    fn forget(&mut self, now: Instant, bytes_max: usize, metrics: &KeptAnswersMetrics) {
        while let Some((end, name)) = self.ends.front() {
            if *end > now && self.bytes <= bytes_max {
                break;
            }
            metrics.forgotten.increment(u64::from(*end > now));
            if let Some(answer) = self.calls.remove(name).and_then(|known| known.answer) {
                self.bytes = self.bytes.saturating_sub(answer.cost());
            }
            self.ends.pop_front();
        }
        metrics.bytes.set(self.bytes as f64);
    }
}

impl Running<'_> {
    /// Keeps the answer if it is a success, so that it can be given again.
    pub(super) async fn answered(self, response: Response) -> Response {
        // Of several results some may be worth another try, and what goes on will have come further.
        let is_final = |status| !matches!(status, StatusCode::MULTI_STATUS | StatusCode::ACCEPTED);
        if !response.status().is_success() || !is_final(response.status()) {
            return response;
        }
        let (parts, body) = response.into_parts();
        let Ok(body) = to_bytes(body, usize::MAX).await else {
            return Problem::new(Code::Internal, "the answer could not be written").into_response();
        };
        let content_type = parts.headers.get(CONTENT_TYPE).cloned();
        let answer = Answer { status: parts.status, content_type, body: body.clone() };
        if answer.cost() <= self.answers.bytes_max / PART_MAX {
            self.answers.keep(self.name, answer);
        }
        Response::from_parts(parts, Body::from(body))
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut table = self.answers.table();
        if table.calls.get(&self.name).is_some_and(|known| known.answer.is_none()) {
            table.calls.remove(&self.name);
        }
    }
}

impl Answer {
    fn cost(&self) -> usize {
        ANSWER_COST + self.body.len()
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.body).into_response();
        let headers = response.headers_mut();
        headers.remove(CONTENT_TYPE);
        if let Some(content_type) = self.content_type {
            headers.insert(CONTENT_TYPE, content_type);
        }
        headers.insert(HeaderName::from_static(REPLAYED), HeaderValue::from_static("true"));
        response
    }
}
