//! The children of a run, as `GET /workflows/{id}` has them.

use alloc::{format, string::String, vec::Vec};

use serde::Serialize;

use crate::{
    ActivityId, Name, Parent, Run, RunId, Timestamp, WaitFor, WorkflowId,
    run::{Child, Children},
    show::Shown,
};

/// Most open children that are told of one by one.
const SHOWN_MAX: usize = 100;

/// How many children a run has, and what became of them.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ChildrenView {
    /// How many there will be, where the workflow says so; else how many were started.
    pub total: u64,
    /// Not ended.
    pub running: u64,
    /// Returned.
    pub completed: u64,
    /// Failed, ran out of time, were terminated, or never started.
    pub failed: u64,
    /// Cancelled.
    pub canceled: u64,
}

impl ChildrenView {
    /// None of a run that has started none and has announced none.
    pub(super) fn of(run: &Run) -> Option<Self> {
        let announced = run.waits.iter().filter(|one| one.kind == WaitFor::Children);
        let announced = announced.filter_map(|one| one.total).max();
        let children = match (&run.children, announced) {
            (None, None) => return None,
            (Some(children), _) => (**children).clone(),
            (None, Some(_)) => Children::default(),
        };
        Some(Self {
            total: children.total().max(announced.unwrap_or_default()),
            running: children.running,
            completed: children.completed,
            failed: children.failed,
            canceled: children.canceled,
        })
    }

    /// `600 children: 412 completed, 3 failed, 4 running, 181 not started`
    #[must_use]
    pub fn in_words(&self) -> String {
        let started = [self.completed, self.failed, self.canceled, self.running];
        let started = started.into_iter().fold(0, u64::saturating_add);
        let counts = [
            (self.completed, "completed"),
            (self.failed, "failed"),
            (self.canceled, "cancelled"),
            (self.running, "running"),
            (self.total.saturating_sub(started), "not started"),
        ];
        let counts = counts.into_iter().filter(|(count, _)| *count > 0);
        let counts: Vec<String> = counts
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        let noun = match self.total {
            1 => "child",
            _ => "children",
        };
        format!("{} {noun}: {}", self.total, counts.join(", "))
    }
}

/// The same with the first of those that are open.
#[derive(Debug, Serialize)]
pub struct PendingChildren<'a> {
    #[serde(flatten)]
    counts: ChildrenView,
    first: Vec<PendingChild<'a>>,
}

/// A child that has not ended.
#[derive(Debug, Serialize)]
struct PendingChild<'a> {
    child_id: ActivityId,
    workflow_id: &'a WorkflowId,
    workflow: &'a Name,
    started_at: Shown<'a, Timestamp>,
    parent_close_policy: &'static str,
    cancel_requested: bool,
}

impl<'a> PendingChildren<'a> {
    pub(super) fn of(run: &'a Run) -> Option<Self> {
        let first = run.open_children().take(SHOWN_MAX).map(PendingChild::of);
        Some(Self {
            counts: ChildrenView::of(run)?,
            first: first.collect(),
        })
    }
}

impl<'a> PendingChild<'a> {
    fn of(child: &'a Child) -> Self {
        Self {
            child_id: child.child_id,
            workflow_id: &child.workflow_id,
            workflow: &child.workflow,
            started_at: Shown(&child.started_at),
            parent_close_policy: child.close_policy.as_str(),
            cancel_requested: child.cancel_requested,
        }
    }
}

/// Whose child a run is.
#[derive(Debug, Serialize)]
pub struct ParentView<'a> {
    workflow_id: &'a WorkflowId,
    run_id: RunId,
    child_id: ActivityId,
}

impl<'a> ParentView<'a> {
    pub(super) fn of(run: &'a Run) -> Option<Self> {
        run.started.parent.as_ref().map(|parent: &Parent| Self {
            workflow_id: &parent.workflow_id,
            run_id: parent.run_id,
            child_id: parent.child_id,
        })
    }
}
