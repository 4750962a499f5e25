//! Workflows that are data. There are none yet: those of an app are its code, which `GET /info` lists.

use axum::{extract::State, response::Response};
use serde::Serialize;

use super::{Api, answer, call::Call};
use crate::problem::Problem;

#[derive(Serialize)]
struct Definitions {
    definitions: [(); 0],
    next_page_token: Option<()>,
}

pub(crate) async fn list(State(_): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&["page_size", "page_token"])?;
    call.page_size()?;
    if call.param("page_token").is_some() {
        let text = "there is one page: no token leads to another";
        return Err(Problem::bad_request("invalid_page_token", text));
    }
    Ok(answer::json(&Definitions {
        definitions: [],
        next_page_token: None,
    }))
}

pub(crate) async fn get(State(_): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&[])?;
    Err(missing(&call)?)
}

pub(crate) async fn delete(State(_): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&[])?;
    Err(missing(&call)?)
}

pub(crate) async fn put(State(_): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&[])?;
    call.name("name")?;
    let text = "workflows that are data are not known to this version";
    Err(Problem::not_found("definitions_unsupported", text)
        .hint("write the workflow in the app's code: GET /api/v1/info lists those that are there"))
}

fn missing(call: &Call) -> Result<Problem, Problem> {
    let (name, version) = (call.name("name")?, call.part("version"));
    let text = format!("there is no definition {name} {version}");
    Ok(Problem::not_found("definition_not_found", text)
        .hint("GET /api/v1/info lists the workflows of this app, which are code"))
}
