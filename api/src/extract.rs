//! Reads requests. Whatever is wrong becomes a [`Problem`] that names the field.

use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use proto::Code;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;

use crate::problem::Problem;

/// A JSON body. Its content type is not looked at: every call carries its proof in a header that no form can send.
pub(crate) struct JsonBody<T>(pub(crate) T);

/// A JSON body that may be absent, or `null`.
pub(crate) struct OptionalBody<T>(pub(crate) T);

/// The query string.
pub(crate) struct QueryOf<T>(pub(crate) T);

/// The parts of the path.
pub(crate) struct PathOf<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        parsed(&read(request, state).await?).map(Self)
    }
}

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for OptionalBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = read(request, state).await?;
        let is_absent = matches!(bytes.trim_ascii(), b"" | b"null");
        if is_absent { Ok(Self(T::default())) } else { parsed(&bytes).map(Self) }
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for QueryOf<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(query)) => Ok(Self(query)),
            Err(rejection) => Err(in_query(&rejection.body_text())),
        }
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for PathOf<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(path)) => Ok(Self(path)),
            Err(rejection) => Err(Problem::new(Code::BadField, rejection.body_text())),
        }
    }
}

/// The whole body, as far as it may be long.
pub(crate) async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state).await.map_err(|rejection: BytesRejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Problem::new(Code::TooLarge, "the request's body is too large")
        } else {
            Problem::new(Code::BadFrame, "the request's body could not be read")
        }
    })
}

fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        match error.classify() {
            Category::Data => wrong(&path, &error.to_string()),
            Category::Io | Category::Syntax | Category::Eof => {
                Problem::new(Code::BadFrame, format!("not JSON: {error}"))
            }
        }
    })?;
    json.end().map_err(|_| Problem::new(Code::BadFrame, "more than one JSON value"))?;
    Ok(value)
}

/// What is wrong with a query, as axum says it.
fn in_query(text: &str) -> Problem {
    wrong(".", text.strip_prefix("Failed to deserialize query string: ").unwrap_or(text))
}

/// A member with a wrong value, or without one that it needs. `path` is as far as serde knows it; a dot is the whole.
fn wrong(path: &str, text: &str) -> Problem {
    // Where in the bytes it was says nothing that the name does not.
    let text = text.rsplit_once(" at line ").map_or(text, |(text, _)| text);
    let within = |name: &str| if path == "." { name.to_owned() } else { format!("{path}.{name}") };
    let named = |prefix: &str| text.strip_prefix(prefix)?.strip_suffix('`').map(within);
    match (named("missing field `"), named("duplicate field `")) {
        (Some(name), _) => Problem::field(&name, "it is required"),
        (_, Some(name)) => Problem::field(&name, "it is there twice"),
        _ if path == "." => Problem::new(Code::BadField, text),
        _ => Problem::field(path, text),
    }
}

/// For members that are read among others (`flatten`): without it serde forgets their names.
pub(crate) fn by_name<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let path = error.path().to_string();
        D::Error::custom(format_args!("{path}: {}", error.into_inner()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only whether it can be read counts")]
    struct Outer {
        name: String,
        #[serde(default)]
        inner: Vec<Inner>,
        #[serde(flatten, deserialize_with = "by_name")]
        flat: Flat,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only whether it can be read counts")]
    struct Inner {
        size: u8,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only whether it can be read counts")]
    struct Flat {
        colour: Option<bool>,
    }

    #[test]
    fn what_is_wrong_begins_with_the_name_of_the_member() {
        let detail = |json: &str| parsed::<Outer>(json.as_bytes()).unwrap_err().body().detail.to_owned();
        assert_eq!(detail("{}"), "name: it is required");
        assert_eq!(detail(r#"{"name": "a", "name": "b"}"#), "name: it is there twice");
        assert_eq!(detail(r#"{"name": 5}"#), "name: invalid type: integer `5`, expected a string");
        assert_eq!(detail(r#"{"name": "a", "inner": [{}]}"#), "inner[0].size: it is required");
        assert!(detail(r#"{"name": "a", "inner": [{"size": 300}]}"#).starts_with("inner[0].size: "));
        assert!(detail(r#"{"name": "a", "colour": "red"}"#).starts_with("colour: invalid type: "));
        assert!(parsed::<Outer>(br#"{"name": "a", "inner": [{"size": 3}], "colour": true}"#).is_ok());
        assert!(detail("[]").starts_with("invalid type: "), "no member is wrong but the whole");
        let query = "Failed to deserialize query string: missing field `users`";
        assert_eq!(in_query(query).body().detail, "users: it is required");
        let query = "Failed to deserialize query string: before: invalid digit found in string";
        assert_eq!(in_query(query).body().detail, "before: invalid digit found in string");
    }
}
