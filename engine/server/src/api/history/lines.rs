//! A whole history as lines of JSON, read while it is sent.

use axum::{
    body::{Body, Bytes},
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use sagaline_projection::StoredRun;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{Asked, shortened};
use crate::{api::Api, problem::Problem};

/// Windows that are ahead of a slow reader.
const AHEAD_MAX: usize = 2;

/// Answers with all that is asked for; what fails on the way ends the answer short of its end, which HTTP shows.
pub(super) fn stream(api: Api, run: StoredRun, asked: Asked) -> Response {
    let (sender, lines) = mpsc::channel(AHEAD_MAX);
    tokio::spawn(async move {
        if let Err(problem) = send(&api, &run, &asked, &sender).await {
            tracing::warn!(
                problem = problem.detail,
                "a history was not sent to its end"
            );
            let cut = std::io::Error::other(problem.detail);
            // Who has gone does not hear it.
            drop(sender.send(Err(cut)).await);
        }
    });
    let kind = [(CONTENT_TYPE, "application/x-ndjson")];
    (kind, Body::from_stream(ReceiverStream::new(lines))).into_response()
}

type Lines = mpsc::Sender<Result<Bytes, std::io::Error>>;

async fn send(api: &Api, run: &StoredRun, asked: &Asked, lines: &Lines) -> Result<(), Problem> {
    let mut walk = asked.walk(api, run);
    while let Some(window) = walk.next().await? {
        let mut text = Vec::new();
        let wanted = window
            .shown()
            .filter(|(_, event)| asked.wanted.selects(event));
        for (_, event) in wanted {
            text.extend_from_slice(shortened(&event, asked.payloads)?.get().as_bytes());
            text.push(b'\n');
        }
        if !text.is_empty() && lines.send(Ok(text.into())).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}
