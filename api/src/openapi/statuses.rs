//! Every status that is not a success: what the operation says of itself, and what all of its kind can answer.
//!
//! A handler writes `403 FORBIDDEN: not a member. 404: no such message.` as the description of its default answer; each of these becomes an
//! answer of its own here, and the default is gone: what is not in the document is not answered.

use std::collections::BTreeMap;

use http::StatusCode;
use proto::Code;
use serde_json::{Value, json};

use super::{Operation, headers};
use crate::idempotency;
use crate::problem::Problem;

/// Puts the statuses in the place of the default.
pub(super) fn add(operation: &mut Operation<'_>) {
    let said = operation.responses()["default"]["description"].as_str().unwrap_or_default().to_owned();
    let mut statuses = clauses(&said);
    for (status, words) in of_its_kind(operation) {
        statuses.entry(status).or_insert_with(|| words.to_owned());
    }
    if idempotency::takes_key(&operation.method, operation.path) {
        let conflict = statuses.entry(409).or_default();
        let joint = if conflict.is_empty() { "" } else { " Or: " };
        conflict.push_str(&format!("{joint}the first call with this `Idempotency-Key` still runs."));
    }
    let responses = operation.responses();
    if let Some(responses) = responses.as_object_mut() {
        responses.remove("default");
    }
    for (status, words) in statuses {
        responses[status.to_string()] = response(status, &words);
    }
}

/// The parts that begin with a status: "403 `FORBIDDEN`: no member. 404: no message" has two.
fn clauses(said: &str) -> BTreeMap<u16, String> {
    let mut clauses: BTreeMap<u16, String> = BTreeMap::new();
    let mut last = None;
    for word in said.split_whitespace() {
        match word.trim_end_matches(':').parse::<u16>().ok().filter(|status| (400..600).contains(status)) {
            Some(status) => last = Some(status),
            None => {
                if let Some(status) = last {
                    let clause = clauses.entry(status).or_default();
                    clause.push_str(if clause.is_empty() { "" } else { " " });
                    clause.push_str(word);
                }
            }
        }
    }
    clauses
        .into_iter()
        .map(|(status, words)| (status, words.trim_end_matches([';', '.']).to_owned() + "."))
        .collect()
}

/// What every operation of its kind can answer.
fn of_its_kind(operation: &Operation<'_>) -> Vec<(u16, &'static str)> {
    let (path, changes) = (operation.path, headers::changes(&operation.method));
    let has_body = operation.value["requestBody"].is_object();
    let has_input = has_body || operation.value["parameters"].as_array().is_some_and(|all| !all.is_empty());
    // Without words of its own it needs a token.
    let ways = operation.value["security"].as_array();
    let takes_token = ways.is_none_or(|ways| ways.iter().any(|way| way != &json!({})));
    let takes_key = idempotency::takes_key(&operation.method, path);
    let is_decided =
        ["groups", "rooms", "conversations", "messages", "invitations", "friends", "blocks", "typing"]
            .iter()
            .any(|root| path.split('/').nth(3) == Some(root));
    let mut all = vec![
        (500, "The server failed in a way it should not."),
        (503, "A part that is needed is away, or has too much to do; try again after `retry_after_ms`."),
    ];
    if has_input || takes_key {
        all.push((400, "Something of the request has a value that is not allowed; `detail` names it."));
    }
    if takes_token {
        all.push((401, "No token, or none that is good."));
        all.push((
            403,
            "Not for this caller: `detail` names the scope, the membership or the role that is missing.",
        ));
        all.push((429, "The caller has made too many calls; try again after `retry_after_ms`."));
    }
    if has_body || takes_key {
        all.push((413, "The request's body is too large."));
    }
    if path.contains('{') || (is_decided && changes) {
        all.push((404, "There is no such thing, or the caller may not know of it."));
    }
    if is_decided && changes {
        all.push((409, "What is asked goes beyond a limit, or contradicts what is so already."));
        all.push((410, "The group was dismissed, or the message is gone."));
    }
    if takes_key {
        all.push((422, "This `Idempotency-Key` was used for another request."));
    }
    all
}

fn response(status: u16, words: &str) -> Value {
    let mut response = json!({
        "description": words,
        "content": {"application/problem+json": {
            "schema": {"$ref": "#/components/schemas/Problem"},
            "example": example(status, words)
        }}
    });
    if matches!(status, 409 | 429 | 503) {
        response["headers"]["Retry-After"] =
            json!({"description": "Seconds to wait, where waiting helps.", "schema": {"type": "integer"}});
    }
    if status == 401 {
        response["headers"]["WWW-Authenticate"] =
            json!({"description": "Always `Bearer`.", "schema": {"type": "string"}});
    }
    response
}

/// A problem with the code that the words name, or the most frequent one of the status.
fn example(status: u16, words: &str) -> Value {
    let named = words.split('`').skip(1).step_by(2);
    let mut codes = named.filter_map(|name| Code::ALL.iter().find(|code| code.name() == name));
    let usual = match status {
        400 | 422 => Code::BadField,
        401 => Code::Unauthenticated,
        403 => Code::Forbidden,
        404 => Code::NotFound,
        409 => Code::Conflict,
        410 => Code::Dismissed,
        413 => Code::TooLarge,
        429 => Code::Rate,
        503 => Code::Unavailable,
        _ => Code::Internal,
    };
    let of_status = |code: &&Code| Problem::new(**code, "").status().as_u16() == status;
    let code = codes.find(of_status).copied().unwrap_or(usual);
    let problem = Problem::new(code, words.replace('`', ""));
    let problem = if code == Code::Rate { problem.retry_after_ms(2_000) } else { problem };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    json!(problem.with_status(status).body())
}

#[cfg(test)]
mod tests {
    use super::clauses;

    #[test]
    fn each_status_has_its_own_words() {
        let said = "409 `GROUP_FULL`, `TOO_MANY`; 410 `DISMISSED`. 404: no such message.";
        let found: Vec<(u16, String)> = clauses(said).into_iter().collect();
        let expected = [(404, "no such message."), (409, "`GROUP_FULL`, `TOO_MANY`."), (410, "`DISMISSED`.")];
        assert_eq!(found, expected.map(|(status, words)| (status, words.to_owned())));
        assert!(clauses("A problem.").is_empty());
    }
}
