//! All about one run, as `GET /workflows/{id}` has it.

use alloc::vec::Vec;

use serde::Serialize;

use super::{
    AttemptView, DeletedView, FieldsView, PendingChildren, ResetView, Row, View,
    activity::PendingActivity, compensation::CompensationView,
};
use crate::{
    ActivityId, Failure, Name, Payload, RunId, Seq, Timestamp, WorkflowId, run::Timer, show::Shown,
};

/// A row of the list, and all else that is known of the run.
#[derive(Debug, Serialize)]
pub struct Description<'a> {
    #[serde(flatten)]
    row: Row<'a>,
    input: Shown<'a, Payload>,
    result: Option<Shown<'a, Payload>>,
    failure: Option<Shown<'a, Failure>>,
    memo: FieldsView<'a>,
    root: Option<&'a WorkflowId>,
    first_run_id: RunId,
    continued_from: Option<RunId>,
    continued_as: Option<RunId>,
    reset_of: Option<RunId>,
    reset: Option<ResetView<'a>>,
    start_at: Option<Shown<'a, Timestamp>>,
    retry: Option<AttemptView<'a>>,
    deleted: Option<DeletedView<'a>>,
    history_events: Seq,
    history_bytes: u32,
    journal_partition: i32,
    #[serde(serialize_with = "shown")]
    as_of: Timestamp,
    #[serde(serialize_with = "shown")]
    server_time: Timestamp,
    pending_activities: Vec<PendingActivity<'a>>,
    pending_timers: Vec<PendingTimer<'a>>,
    pending_children: Option<PendingChildren<'a>>,
    /// Of a closed run those that it cut off.
    pending_updates: Vec<PendingUpdateView<'a>>,
    /// Steps that are done and of which nobody said how to undo them.
    uncovered_steps: Vec<&'a Name>,
}

/// An update that has not ended.
#[derive(Debug, Serialize)]
struct PendingUpdateView<'a> {
    update_id: &'a Name,
    update: &'a Name,
}

/// A timer that is not due yet.
#[derive(Debug, Serialize)]
struct PendingTimer<'a> {
    id: ActivityId,
    due_at: Shown<'a, Timestamp>,
}

impl<'a> PendingTimer<'a> {
    const fn of(timer: &'a Timer) -> Self {
        Self {
            id: timer.timer_id,
            due_at: Shown(&timer.due_at),
        }
    }
}

impl<'a> Description<'a> {
    pub(super) fn of(view: &View<'a>) -> Self {
        let run = view.run;
        let closed = run.closed.as_ref();
        Self {
            row: Row::of(view, CompensationView::with_steps(run)),
            input: Shown(&run.started.input),
            result: closed.and_then(|closed| closed.result.as_ref()).map(Shown),
            failure: closed.and_then(|closed| closed.failure.as_ref()).map(Shown),
            memo: FieldsView::memo(run),
            root: run.started.parent.as_ref().map(|parent| &parent.root),
            first_run_id: run.first_run_id(),
            continued_from: run.started.continued_from(),
            reset_of: run.started.reset_of,
            reset: ResetView::of(run),
            continued_as: closed.and_then(|closed| closed.new_run_id),
            start_at: run.started.start_at.as_ref().map(Shown),
            retry: AttemptView::of(run),
            deleted: view.deleted.map(DeletedView::of),
            history_events: run.seq,
            history_bytes: run.history.bytes,
            journal_partition: view.journal_partition,
            as_of: view.as_of,
            server_time: view.server_time,
            pending_activities: run
                .activities
                .iter()
                .map(|activity| PendingActivity::of(view, activity))
                .collect(),
            pending_timers: run.timers.iter().map(PendingTimer::of).collect(),
            pending_children: PendingChildren::of(run),
            pending_updates: updates(view),
            uncovered_steps: run.uncovered_steps().map(|step| &step.activity).collect(),
        }
    }
}

/// Of a run that was deleted none.
fn updates<'a>(view: &View<'a>) -> Vec<PendingUpdateView<'a>> {
    let pending = view.run.updates.pending().iter();
    let pending = pending.filter(|_| view.deleted.is_none());
    pending
        .map(|one| PendingUpdateView {
            update_id: &one.update_id,
            update: &one.update,
        })
        .collect()
}

fn shown<S: serde::Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    Shown(at).serialize(serializer)
}
