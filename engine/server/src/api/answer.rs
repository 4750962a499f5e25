//! Answers of JSON.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::problem::Problem;

/// What was asked for.
pub(super) fn json(value: &(impl Serialize + ?Sized)) -> Response {
    with_status(StatusCode::OK, value)
}

/// What was asked for is in the journal, and goes on.
pub(super) fn accepted(value: &(impl Serialize + ?Sized)) -> Response {
    with_status(StatusCode::ACCEPTED, value)
}

fn with_status(status: StatusCode, value: &(impl Serialize + ?Sized)) -> Response {
    let kind = HeaderValue::from_static("application/json");
    match serde_json::to_vec(value) {
        Ok(json) => (status, [(header::CONTENT_TYPE, kind)], json).into_response(),
        Err(error) => {
            Problem::internal(format!("an answer cannot be written: {error}")).into_response()
        }
    }
}
