//! Reads requests. Whatever is wrong becomes a [`Problem`] that names the field.

use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use proto::Code;
use serde::de::DeserializeOwned;
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
            Err(rejection) => Err(Problem::new(Code::BadField, rejection.body_text())),
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
            Category::Data if path == "." => Problem::new(Code::BadField, error.to_string()),
            Category::Data => Problem::field(&path, error),
            Category::Io | Category::Syntax | Category::Eof => {
                Problem::new(Code::BadFrame, format!("not JSON: {error}"))
            }
        }
    })?;
    json.end().map_err(|_| Problem::new(Code::BadFrame, "more than one JSON value"))?;
    Ok(value)
}
