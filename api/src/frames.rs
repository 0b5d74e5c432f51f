//! Lets the socket's codec read what has a frame there, so that both understand the same and refuse with the same words.

use proto::{ClientFrame, Code, Encoding, FrameError};
use serde_json::Value;

use crate::problem::Problem;

/// Reads a frame that was put together from a request.
pub(crate) fn read(frame: &Value) -> Result<ClientFrame, Problem> {
    ClientFrame::decode(Encoding::Json, frame.to_string().as_bytes()).map_err(|error| match error {
        FrameError::Field { field, problem, .. } => Problem::field(field, problem),
        FrameError::TooLarge { field, bytes, max, .. } => {
            Problem::new(Code::TooLarge, format!("{field}: {bytes} bytes, at most {max} are allowed"))
        }
        error => Problem::new(error.code(), error.to_string()),
    })
}
