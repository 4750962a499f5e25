//! What a page's modules and links read of the API: events as they come, a whole history, its description.
//!
//! A browser that opens a stream or a download sends no token but that of its cookie, which the API does not take: so these
//! go through here, and only reads do.

use axum::{
    extract::Path,
    http::{HeaderMap, HeaderValue, Uri, header},
    response::Response,
};

use super::{Page, refused};
use crate::pages::{chrome::Place, link::Linked, told::percent};

/// The call of the API that stands behind `/read`.
pub(super) async fn read(page: Page, uri: Uri, headers: HeaderMap) -> Response {
    let rest = uri.path_and_query().map_or("", |path| path.as_str());
    let rest = rest.strip_prefix("/read").unwrap_or_default();
    passed(&page, &format!("/api/v1{rest}"), wanted(&headers)).await
}

/// What happens to a run, as it happens.
pub(super) async fn stream(
    Path(Linked(id)): Path<Linked>,
    page: Page,
    headers: HeaderMap,
) -> Response {
    let uri = format!("/api/v1/stream/workflows/{}", percent(&id));
    passed(&page, &uri, wanted(&headers)).await
}

fn wanted(headers: &HeaderMap) -> HeaderMap {
    let mut wanted = HeaderMap::new();
    for name in [
        header::ACCEPT,
        header::HeaderName::from_static("last-event-id"),
    ] {
        if let Some(value) = headers.get(&name) {
            wanted.insert(name, value.clone());
        }
    }
    wanted
}

/// All events of a run, each on a line.
pub(super) async fn history(
    Path((Linked(id), run_id)): Path<(Linked, String)>,
    page: Page,
) -> Response {
    let uri = format!(
        "/api/v1/workflows/{}/history?run_id={}",
        percent(&id),
        percent(&run_id)
    );
    let lines = HeaderValue::from_static("application/x-ndjson");
    let wanted = HeaderMap::from_iter([(header::ACCEPT, lines)]);
    let mut response = passed(&page, &uri, wanted).await;
    response.headers_mut().insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_static("attachment; filename=\"history.jsonl\""),
    );
    response
}

async fn passed(page: &Page, uri: &str, wanted: HeaderMap) -> Response {
    match page.calls.pass(uri, wanted).await {
        Ok(response) => response,
        Err(problem) => refused(page, Place::More, "That cannot be read", problem).await,
    }
}
