//! Which search attributes runs have: for those who write filters.

use axum::{extract::State, response::Response};
use sagaline_core::{Timestamp, show::Shown};
use serde::Serialize;

use super::{Api, answer, call::Call, journal::now, reads::unread_error};
use crate::problem::Problem;

#[derive(Serialize)]
struct Attributes<'a> {
    attributes: Vec<Attribute<'a>>,
    /// There are more names.
    has_more: bool,
    server_time: Shown<'a, Timestamp>,
}

/// An attribute as far as its values are of one kind.
#[derive(Serialize)]
struct Attribute<'a> {
    name: &'a str,
    /// `bool`, `number`, `text`, `list` or `other`.
    kind: &'static str,
    /// Runs that have it so.
    runs: u64,
    /// False: there are more.
    exact: bool,
}

pub(crate) async fn list(State(api): State<Api>, call: Call) -> Result<Response, Problem> {
    call.knows(&["consistency"])?;
    api.all_fresh(call.consistency()?).await?;
    let attributes = api.projection().attributes().await;
    let (named, has_more) = attributes.map_err(|error| unread_error(&error))?;
    let attributes = named.iter().flat_map(|one| {
        let kinds = one.kinds.iter();
        kinds.map(|(kind, runs)| Attribute {
            name: &one.name,
            kind: kind.as_str(),
            runs: *runs,
            exact: one.exact,
        })
    });
    Ok(answer::json(&Attributes {
        attributes: attributes.collect(),
        has_more,
        server_time: Shown(&now()),
    }))
}
