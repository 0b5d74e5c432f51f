//! The headers that are the same for many operations: idempotency keys and tags of answers.

use http::Method;
use serde_json::{Value, json};

use super::Operation;
use crate::etag;
use crate::idempotency::{self, KEY_CHARS_MAX};

/// Adds the headers that the operation takes and gives.
pub(super) fn add(operation: &mut Operation<'_>) {
    if idempotency::takes_key(&operation.method, operation.path) {
        operation.add_parameter(key());
        let replayed = json!({
            "description": "`true` where the answer was given before, to the same call.",
            "schema": {"type": "string", "enum": ["true"]}
        });
        for success in operation.successes() {
            success["headers"]["Idempotency-Replayed"] = replayed.clone();
        }
    }
    if etag::has_tag(&operation.method, operation.path) {
        operation.add_parameter(json!({
            "name": "If-None-Match", "in": "header", "required": false,
            "description": "The tag of the answer that one has.",
            "schema": {"type": "string", "pattern": "^(\\*|(W/)?\"[!#-~]*\")$"}
        }));
        let tag = json!({"ETag": {"description": "Names these bytes.", "schema": {"type": "string"}}});
        let responses = operation.responses();
        responses["200"]["headers"] = tag.clone();
        responses["304"] = json!({"description": "One has the newest answer.", "headers": tag});
    }
}

fn key() -> Value {
    json!({
        "name": "Idempotency-Key", "in": "header", "required": false,
        "description": "A word of one's own for this call: made again with the same word, it is not carried out again.",
        "schema": {"type": "string", "minLength": 1, "maxLength": KEY_CHARS_MAX, "pattern": "^[A-Za-z0-9_.:-]+$"}
    })
}

/// Whether the operation changes something.
pub(super) fn changes(method: &Method) -> bool {
    method != Method::GET
}
