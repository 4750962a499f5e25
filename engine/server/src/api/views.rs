//! Filters that people keep.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use sagaline_projection::SavedView;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{Api, answer, call::Call, reads::unread_error};
use crate::problem::Problem;

/// The body of `PUT`.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ViewDefinition {
    query: String,
    sort: Option<String>,
    columns: Option<Vec<String>>,
}

#[derive(Serialize)]
struct View<'a> {
    name: &'a str,
    definition: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Views<'a> {
    views: Vec<View<'a>>,
}

impl<'a> View<'a> {
    fn of(view: &'a SavedView) -> Self {
        Self {
            name: view.name.as_str(),
            definition: serde_json::from_str(&view.definition).ok(),
        }
    }
}

pub(crate) async fn list(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&[])?;
    let views = api.projection().views().await;
    let views = views.map_err(|error| unread_error(&error))?;
    Ok(answer::json(&Views {
        views: views.iter().map(View::of).collect(),
    }))
}

pub(crate) async fn get(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&[])?;
    let view = api.projection().view(&call.name("name")?).await;
    match view.map_err(|error| unread_error(&error))? {
        Some(view) => Ok(answer::json(&View::of(&view))),
        None => Err(missing(&call)),
    }
}

pub(crate) async fn put(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&[])?;
    let definition = call.body::<ViewDefinition>()?;
    super::list::parsed(&definition.query)?;
    let view = SavedView {
        name: call.name("name")?,
        definition: serde_json::to_string(&definition)
            .unwrap_or_default()
            .into(),
    };
    let put = api.projection().put_view(&view).await;
    put.map_err(|error| match error.code() {
        "projection-view" => Problem::bad_request("invalid_view", error.message()),
        _ => unread_error(&error),
    })?;
    Ok(answer::json(&View::of(&view)))
}

pub(crate) async fn delete(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&[])?;
    let deleted = api.projection().delete_view(&call.name("name")?).await;
    match deleted.map_err(|error| unread_error(&error))? {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => Err(missing(&call)),
    }
}

fn missing(call: &Call) -> Problem {
    Problem::not_found(
        "view_not_found",
        format!("there is no view {}", call.part("name")),
    )
    .hint("GET /api/v1/views lists those that are there")
}
