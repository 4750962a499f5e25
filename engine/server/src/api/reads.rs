//! What reads go by: the projection, how far it is, and what nobody but this process knows.
//!
//! Invariant: a read after a write of the same process, or of the same caller, sees it, or says that the projection is behind.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use sagaline_core::{Name, Queue, RunId, Timestamp, WorkflowId, view::View};
use sagaline_journal::{Error, ErrorKind, wire::partition_of};
use sagaline_projection::{Projection, StoredRun};
use tokio::time::{Instant, timeout_at};

use super::{
    Api,
    call::Call,
    journal::{Journal, now},
    refusal::Subject,
};
use crate::{problem::Problem, wrote};

/// For so long after a write a read looks whether the projection has it.
const WRITE_MATTERS: Duration = Duration::from_secs(10);

/// So long a read waits for the projection.
const CATCH_UP_WAIT: Duration = Duration::from_secs(5);

/// How often it is looked at where another process projects.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Which partitions this process has lately written to.
#[derive(Debug, Default)]
pub(super) struct Written(Mutex<BTreeMap<i32, Instant>>);

impl Written {
    fn note(&self, partition: i32) {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        written.insert(partition, Instant::now());
    }

    fn lately(&self) -> Vec<i32> {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        written.retain(|_, at| at.elapsed() < WRITE_MATTERS);
        written.keys().copied().collect()
    }
}

/// How new what is read must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Consistency {
    /// Everything that was in the journal when it was asked.
    Strong,
    /// What the projection has, and what this process, or this caller, has lately written.
    Eventual,
}

impl Call {
    pub(super) fn consistency(&self) -> Result<Consistency, Problem> {
        match self.param("consistency") {
            None | Some("eventual") => Ok(Consistency::Eventual),
            Some("strong") => Ok(Consistency::Strong),
            Some(_) => {
                let text = "parameter `consistency`: strong or eventual is expected";
                Err(Problem::bad_request("invalid_parameter", text))
            }
        }
    }
}

/// What is not in the rows of runs and belongs to what is told of them.
#[derive(Debug)]
pub(super) struct Around {
    pub(super) now: Timestamp,
    /// Queues of which it is known that no worker reads them.
    pub(super) unread: Vec<Name>,
    /// What limits queues.
    pub(super) queues: BTreeMap<Name, Queue>,
}

impl Around {
    /// How a run is seen now.
    pub(super) fn view<'a>(&'a self, run: &'a StoredRun) -> View<'a> {
        run.view_with(self.now, &self.unread, &self.queues)
    }
}

impl Api {
    pub(super) fn projection(&self) -> &Projection {
        &self.settings().projection
    }

    pub(super) fn journal(&self) -> &Journal {
        &self.0.journal
    }

    /// The partition of a workflow.
    pub(super) fn partition_of(&self, id: &WorkflowId) -> i32 {
        partition_of(id.as_str().as_bytes(), self.engine().partitions())
    }

    /// Something of that workflow was changed by this process.
    pub(super) fn wrote(&self, id: &WorkflowId) {
        self.wrote_to(self.partition_of(id));
    }

    /// Something of that partition was.
    pub(super) fn wrote_to(&self, partition: i32) {
        self.0.written.note(partition);
        wrote::note(partition);
    }

    /// Partitions to which this process, or by what it says the caller, has lately written.
    fn lately(&self) -> Vec<i32> {
        let mut lately = self.0.written.lately();
        let partitions = 0..self.engine().partitions();
        let others = wrote::before().into_iter();
        let others = others.filter(|one| partitions.contains(one) && !lately.contains(one));
        lately.extend(others.collect::<Vec<_>>());
        lately
    }

    /// What is not in the rows of these runs and belongs to what is told of them.
    pub(super) async fn around(&self, runs: &[StoredRun]) -> Result<Around, Problem> {
        let queues = self.projection().limits_around(runs).await;
        Ok(Around {
            now: now(),
            unread: self.unread(),
            queues: queues.map_err(|error| unread_error(&error))?,
        })
    }

    /// Queues of which it is known that no worker reads them.
    pub(super) fn unread(&self) -> Vec<Name> {
        let queues = self.engine().queues_with_workers().into_iter();
        let unread = queues.filter(|(_, has_workers)| !has_workers);
        unread
            .filter_map(|(queue, _)| Name::new(&queue).ok())
            .collect()
    }

    /// Waits until what is read of a workflow is as new as is asked for.
    pub(super) async fn fresh(&self, id: &WorkflowId, how: Consistency) -> Result<(), Problem> {
        let partition = self.partition_of(id);
        match how {
            Consistency::Strong => self.caught_up(vec![partition]).await,
            Consistency::Eventual if self.lately().contains(&partition) => {
                self.caught_up(vec![partition]).await
            }
            Consistency::Eventual => Ok(()),
        }
    }

    /// The same of all workflows.
    pub(super) async fn all_fresh(&self, how: Consistency) -> Result<(), Problem> {
        let partitions = match how {
            Consistency::Strong => (0..self.engine().partitions()).collect(),
            Consistency::Eventual => self.lately(),
        };
        self.caught_up(partitions).await
    }

    /// Waits until the projection has all that is in these partitions of the journal now.
    async fn caught_up(&self, partitions: Vec<i32>) -> Result<(), Problem> {
        if partitions.is_empty() {
            return Ok(());
        }
        let mut changes = self.projection().changes();
        let ends = self.journal().ends(partitions).await;
        let mut ends = ends.map_err(|error| unread_error(&error))?;
        let deadline = Instant::now() + CATCH_UP_WAIT;
        loop {
            let progress = self.projection().progress().await;
            let progress = progress.map_err(|error| unread_error(&error))?;
            let has = |(partition, end): &(i32, i64)| {
                let mut of = progress.iter();
                let of = of.find(|one| one.partition == *partition);
                *end == 0 || of.is_some_and(|one| one.next_offset >= *end)
            };
            ends.retain(|end| !has(end));
            if ends.is_empty() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(behind(&ends));
            }
            // What it was told meanwhile, or too late, the next look finds.
            let next = (Instant::now() + LOOK_AGAIN).min(deadline);
            drop(timeout_at(next, changes.recv()).await);
        }
    }

    /// A run as the projection has it, without `run_id` the newest.
    pub(super) async fn stored(
        &self,
        id: &WorkflowId,
        run_id: Option<RunId>,
    ) -> Result<Option<StoredRun>, Problem> {
        let run = self.projection().run(id, run_id).await;
        run.map_err(|error| unread_error(&error))
    }

    /// The run that is meant, or a problem.
    pub(super) async fn found(
        &self,
        id: &WorkflowId,
        run_id: Option<RunId>,
    ) -> Result<StoredRun, Problem> {
        if let Some(run) = self.stored(id, run_id).await? {
            return Ok(run);
        }
        // A process that has just been started knows of no run until it has read the journal.
        self.fresh(id, Consistency::Strong).await?;
        let found = self.stored(id, run_id).await?;
        found.ok_or_else(|| missing(id, run_id))
    }

    /// What `look` finds of a workflow's runs once it finds something; looks again at each change, until `wait` is over or the
    /// process stops.
    pub(super) async fn until<T, F: Future<Output = Result<Option<T>, Problem>>>(
        &self,
        (id, wait): (&WorkflowId, Duration),
        mut look: impl FnMut() -> F,
    ) -> Result<Option<T>, Problem> {
        let mut changes = self.projection().changes();
        let deadline = Instant::now() + wait;
        let mut begins = !wait.is_zero();
        loop {
            if let Some(found) = look().await? {
                return Ok(Some(found));
            }
            if std::mem::take(&mut begins) {
                self.closing().refuse()?;
            }
            loop {
                let changed = tokio::select! {
                    changed = timeout_at(deadline, changes.recv()) => changed,
                    () = self.closing().begun() => return Ok(None),
                };
                match changed {
                    Err(_) => return Ok(None),
                    // One that was missed may have been it.
                    Ok(Err(_)) => break,
                    Ok(Ok(changed)) if changed.runs.iter().any(|(of, _)| of == id) => break,
                    Ok(Ok(_)) => {}
                }
            }
        }
    }
}

/// There is no such run.
pub(super) fn missing(id: &WorkflowId, run_id: Option<RunId>) -> Problem {
    let (code, hint) = Subject::Workflow.missing();
    let text = match run_id {
        Some(run_id) => format!("there is no run {run_id} of workflow {id}"),
        None => format!("there is no run of workflow {id}"),
    };
    Problem::not_found(code, text).hint(hint)
}

fn behind(ends: &[(i32, i64)]) -> Problem {
    let partitions: Vec<String> = ends
        .iter()
        .map(|(partition, _)| partition.to_string())
        .collect();
    let text = format!(
        "the projection has not caught up with partition {} within {} s",
        partitions.join(", "),
        CATCH_UP_WAIT.as_secs()
    );
    Problem::unavailable("projection_behind", text).hint(
        "GET /api/v1/partitions says how far it is; ?consistency=eventual reads what is there",
    )
}

/// A read that failed.
pub(super) fn unread_error(error: &Error) -> Problem {
    let text = error.message();
    match (error.code(), error.kind()) {
        ("projection-page-token", _) => Problem::bad_request("invalid_page_token", text)
            .hint("a token is of one query and one order: begin with the first page"),
        ("projection-group-by", _) => Problem::bad_request("invalid_parameter", text),
        (code, ErrorKind::Invalid) if code.starts_with("projection-") => {
            Problem::bad_request("invalid_query", text)
        }
        (code, ErrorKind::Unavailable) if code.starts_with("projection-") => {
            Problem::unavailable("projection_unavailable", text).hint(
                "workflows run on; GET /api/v1/workflows/{id}?consistency=strong asks the owner",
            )
        }
        ("kafka-offset-missing", _) => Problem::new(axum::http::StatusCode::GONE, "history_trimmed", text)
            .hint("the journal begins later by now: `journal trim` deleted what was there, an archive may have it"),
        (_, ErrorKind::Unavailable | ErrorKind::NotFound) => {
            Problem::unavailable("kafka_unavailable", text)
        }
        _ => Problem::internal(text),
    }
}
