//! Children of a run.

use alloc::boxed::Box;

use super::ParentClosePolicy;
use crate::{
    ActivityId, Failure, Fields, IdReuse, Name, Payload, RetryPolicy, RunId, Timestamp, WorkflowId,
};

event! {
    /// The program started a child: a run of its own, which tells this one how it ends.
    ChildStarted {
        /// Its number in the run.
        child_id: ActivityId,
        /// Its workflow.
        workflow: Name,
        /// Its version; absent: the highest.
        version: Option<Box<str>>,
        /// Its workflow id.
        workflow_id: WorkflowId,
        /// Its input.
        input: Payload,
        /// What the end of this run means for it.
        parent_close_policy: ParentClosePolicy,
        /// When a run of its id was there before.
        id_reuse: IdReuse,
        /// Its search attributes.
        attributes: Option<Fields>,
        /// For people.
        memo: Option<Fields>,
        /// How long its run may take.
        run_timeout_ms: Option<u64>,
        /// How long it and those that continue it may take.
        execution_timeout_ms: Option<u64>,
        /// When its program is first activated; absent, or past: at once.
        start_at: Option<Timestamp>,
        /// How it is retried when it fails or its time runs out; absent: not at all.
        retry: Option<RetryPolicy>,
    }
    /// A child is asked to stop.
    ChildCancelRequested {
        /// Number of the child.
        child_id: ActivityId,
        /// Its workflow.
        workflow: Name,
        /// Its workflow id.
        workflow_id: WorkflowId,
        /// It is to end at once, as it is; absent: no.
        terminate: Option<bool>,
    }
    /// A child returned.
    ChildCompleted {
        /// Number of the child.
        child_id: ActivityId,
        /// Its workflow.
        workflow: Name,
        /// Its workflow id.
        workflow_id: WorkflowId,
        /// Its run.
        run_id: Option<RunId>,
        /// What it returned.
        result: Payload,
        /// How many compensations it hands over; they follow.
        compensations: u32,
    }
    /// A child failed, its time ran out, it was terminated, or it was never started: by the failure's type.
    ChildFailed {
        /// Number of the child.
        child_id: ActivityId,
        /// Its workflow.
        workflow: Name,
        /// Its workflow id.
        workflow_id: WorkflowId,
        /// Its run; none: it was not started.
        run_id: Option<RunId>,
        /// Why.
        failure: Failure,
    }
    /// A child was cancelled.
    ChildCanceled {
        /// Number of the child.
        child_id: ActivityId,
        /// Its workflow.
        workflow: Name,
        /// Its workflow id.
        workflow_id: WorkflowId,
        /// Its run.
        run_id: Option<RunId>,
        /// For people.
        reason: Option<Box<str>>,
    }
}
