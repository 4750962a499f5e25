//! Rejected inputs: the list, and sending one again.

use axum::{extract::Path, response::Response};

use super::{Page, found_or_not, refused, see_other, with_status};
use crate::pages::{
    act::Ask,
    chrome::{Note, Place},
    rejected::{self, RejectedPage},
    told::percent,
};

/// Inputs of a page.
const PAGE_SIZE: &str = "50";

pub(super) async fn list(page: Page) -> Response {
    let (id, after) = (page.of("workflow_id"), page.of("after"));
    let query = [
        ("workflow_id", id),
        ("page_token", after),
        ("page_size", PAGE_SIZE),
    ];
    let found = page
        .calls
        .get::<RejectedPage>("/inputs/rejected", &query)
        .await;
    let mut chrome = page.chrome(&"Rejected inputs", Place::More).await;
    let is_sent = page.of("done") == "redrive";
    chrome.note = is_sent.then_some(Note::of("It was sent again, and is taken."));
    let (found, status) = found_or_not(found, &mut chrome);
    with_status(status, rejected::list(chrome, id, found, !after.is_empty()))
}

pub(super) async fn redrive(Path(id): Path<String>, page: Page) -> Response {
    let ask = Ask {
        method: "POST",
        path: format!("/api/v1/inputs/rejected/{}/redrive", percent(&id)),
        body: "{}".to_owned(),
    };
    match page.calls.ask(ask).await {
        Ok(_) => see_other("/inputs?done=redrive"),
        Err(problem) => refused(&page, Place::More, "It was not taken", problem).await,
    }
}
