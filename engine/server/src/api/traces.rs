//! Traces: runs that have closed, as spans, for a collector of OpenTelemetry.
//!
//! ```text
//! commit of the projection ─▶ its runs that closed ─▶ their histories ─▶ spans ─▶ a request ─▶ whoever sends it
//! ```
//! Of each run one process tells, which projects its partition. Nothing waits for it: what comes faster than it is read is left out,
//! and what was not sent when the process ends is lost. Deliberately absent: sending (app).

mod span;

use std::{collections::HashSet, future::Future, num::NonZeroUsize, sync::Arc, time::Duration};

use sagaline_core::{Millis, RunId, Timestamp};
use sagaline_journal::Error;
use sagaline_projection::{Changed, StoredRun};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::timeout,
};

pub(super) use self::span::is_traceparent;
use self::span::{Span, Spans, is_sampled, request};
use super::{Api, journal::now, walk::Walk};
use crate::problem::Problem;

/// Spans of one request.
const SPANS_OF_REQUEST: usize = 500;

/// How long spans wait for others.
const GATHER: Duration = Duration::from_secs(1);

/// Runs of which it is known that they were told of.
const TOLD_MAX: usize = 10_000;

/// What closed longer ago is being projected anew.
const NEWS: Millis = Millis(60_000);

impl Api {
    /// Gives requests of `POST /v1/traces` to `send`, as long as it is polled; `share`: of runs that were started outside of a
    /// trace, 0 to 1.
    pub async fn trace<F: Future<Output = Result<(), Error>>>(
        self,
        share: f64,
        send: impl Fn(Vec<u8>) -> F,
    ) {
        let mut changes = self.projection().changes();
        let mut told = Told::default();
        loop {
            let Some(changed) = gather(&mut changes).await else {
                return;
            };
            let mut spans = Vec::new();
            for run_id in changed {
                match self.spans(run_id, share, &mut told).await {
                    Ok(more) => spans.extend(more),
                    Err(problem) => tracing::warn!(
                        %run_id,
                        code = problem.code,
                        problem = problem.detail,
                        "a run is in no trace"
                    ),
                }
                if spans.len() >= SPANS_OF_REQUEST {
                    self.send(&mut spans, &send).await;
                }
            }
            self.send(&mut spans, &send).await;
        }
    }

    async fn send<F: Future<Output = Result<(), Error>>>(
        &self,
        spans: &mut Vec<Span>,
        send: &impl Fn(Vec<u8>) -> F,
    ) {
        let spans = std::mem::take(spans);
        for some in spans.chunks(SPANS_OF_REQUEST) {
            if let Err(error) = send(request(self.namespace(), some)).await {
                tracing::warn!(%error, code = error.code(), spans = some.len(), "spans were lost");
            }
        }
    }

    /// The spans of a run, if it has closed just now.
    async fn spans(
        &self,
        run_id: RunId,
        share: f64,
        told_of: &mut Told,
    ) -> Result<Vec<Span>, Problem> {
        let run = self.projection().run_by_run_id(run_id).await;
        let run = run.map_err(|error| super::reads::unread_error(&error))?;
        let Some(run) = run.filter(|run| is_news(run, now()) && is_sampled(run, share)) else {
            return Ok(Vec::new());
        };
        if !told_of.insert(run_id) {
            return Ok(Vec::new());
        }
        let Some(mut spans) = Spans::of(&run) else {
            return Ok(Vec::new());
        };
        let mut walk = Walk::through(self, &run);
        while let Some(window) = walk.next().await? {
            for (transition, event) in window.events() {
                spans.take(run_id, transition, event);
            }
        }
        Ok(spans.finish())
    }
}

fn is_news(run: &StoredRun, now: Timestamp) -> bool {
    let closed = run.run.closed.as_ref();
    closed.is_some_and(|closed| now.since(closed.at) < NEWS) && run.deleted.is_none()
}

/// The runs that change within a while; none: there is nothing more to come.
async fn gather(changes: &mut Receiver<Arc<Changed>>) -> Option<Vec<RunId>> {
    let (mut runs, mut seen) = (Vec::new(), HashSet::new());
    let mut take = |changed: &Changed| {
        let new = changed.runs.iter().map(|(_, run_id)| *run_id);
        runs.extend(new.filter(|run_id| seen.insert(*run_id)));
    };
    match changes.recv().await {
        Ok(changed) => take(&changed),
        Err(RecvError::Lagged(commits)) => {
            tracing::warn!(
                commits,
                "runs are in no trace: more close than can be told of"
            );
        }
        Err(RecvError::Closed) => return None,
    }
    let more = async {
        while let Ok(changed) = changes.recv().await {
            take(&changed);
        }
    };
    // Nothing is lost when it is cut off: what was received was taken.
    drop(timeout(GATHER, more).await);
    Some(runs)
}

/// Runs that were told of; those of long ago are forgotten.
struct Told(lru::LruCache<RunId, ()>);

impl Default for Told {
    fn default() -> Self {
        Self(lru::LruCache::new(
            NonZeroUsize::new(TOLD_MAX).unwrap_or(NonZeroUsize::MIN),
        ))
    }
}

impl Told {
    /// Whether it is new.
    fn insert(&mut self, run_id: RunId) -> bool {
        self.0.put(run_id, ()).is_none()
    }
}
