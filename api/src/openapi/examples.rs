//! Whole examples of requests and answers, put together from those that the members of schemas have.

use serde_json::{Map, Value, json};

use super::Operation;

/// How deep schemas are followed.
const DEPTH_MAX: usize = 8;

/// What an example is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    /// Has what a caller would send: what is required, and what has an example.
    Request,
    /// Has every member that is always there.
    Answer,
}

/// Puts an example beside each schema of the operation that has none.
pub(super) fn add(operation: &mut Operation<'_>, schemas: &Value) {
    let request = &mut operation.value["requestBody"]["content"]["application/json"];
    if request.is_object() {
        put(request, schemas, For::Request);
    } else if let Some(members) = operation.value.as_object_mut() {
        // Looking made an empty one.
        members.retain(|name, member| {
            name != "requestBody" || member["content"]["application/json"].is_object()
        });
    }
    for answer in operation.successes() {
        if let Some(content) =
            answer.get_mut("content").and_then(|content| content.get_mut("application/json"))
        {
            put(content, schemas, For::Answer);
        }
    }
}

fn put(content: &mut Value, schemas: &Value, what: For) {
    let example = Maker { schemas, what }.make(&content["schema"], 0);
    content["example"] = example.unwrap_or_else(|| json!({}));
}

struct Maker<'a> {
    schemas: &'a Value,
    what: For,
}

impl Maker<'_> {
    /// `None` where nothing is known of the value.
    fn make(&self, schema: &Value, depth: usize) -> Option<Value> {
        if depth > DEPTH_MAX {
            return None;
        }
        if let Some(example) = schema.get("example").or_else(|| schema["examples"].get(0)) {
            return Some(example.clone());
        }
        if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            return self.make(&self.schemas[name], depth + 1);
        }
        if let Some(ways) = schema["oneOf"].as_array() {
            return ways.iter().find_map(|way| self.make(way, depth + 1));
        }
        if let Some(parts) = schema["allOf"].as_array() {
            let members = parts.iter().filter_map(|part| self.make(part, depth + 1)?.as_object().cloned());
            return Some(Value::Object(members.flatten().collect()));
        }
        if let Some(first) = schema["enum"].as_array().and_then(|all| all.first()) {
            return Some(first.clone());
        }
        match (schema["properties"].as_object(), self.what) {
            (Some(properties), _) => self.object(schema, properties, depth),
            (None, For::Request) => None,
            (None, For::Answer) => self.plain(schema, depth),
        }
    }

    fn object(&self, schema: &Value, properties: &Map<String, Value>, depth: usize) -> Option<Value> {
        let required =
            |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
        let mut object = Map::new();
        for (name, shape) in properties {
            let is_required = required(name);
            // What may be absent is shown where its schema has an example.
            if !is_required && self.what == For::Answer && !self.is_shown(shape, depth) {
                continue;
            }
            match self.make(shape, depth + 1) {
                Some(value) => drop(object.insert(name.clone(), value)),
                None if is_required => return None,
                None => {}
            }
        }
        (!object.is_empty() || self.what == For::Answer).then_some(Value::Object(object))
    }

    /// Whether the value has an example of its own, here or below.
    fn is_shown(&self, shape: &Value, depth: usize) -> bool {
        Maker { schemas: self.schemas, what: For::Request }.make(shape, depth + 1).is_some()
    }

    /// The plainest value of a type.
    fn plain(&self, schema: &Value, depth: usize) -> Option<Value> {
        let kinds = match &schema["type"] {
            Value::String(kind) => vec![kind.as_str()],
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            _ => return None,
        };
        if kinds.contains(&"null") {
            return Some(Value::Null);
        }
        Some(match *kinds.first()? {
            "boolean" => json!(false),
            "integer" | "number" => json!(1),
            "string" => json!(""),
            "array" => json!(self.make(&schema["items"], depth + 1).into_iter().collect::<Vec<_>>()),
            "object" => json!({}),
            _ => return None,
        })
    }
}
