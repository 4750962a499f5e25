//! What is registered to undo steps, and its undoing.

use alloc::boxed::Box;

use super::Outcome;
use crate::{ActivityId, Failure, Name, Payload, RetryPolicy, WorkflowId};

event! {
    /// A step can be undone by this activity.
    CompensationRegistered {
        /// Number that the compensating activity will have.
        activity_id: ActivityId,
        /// Its name.
        activity: Name,
        /// Where workers take it from.
        task_queue: Name,
        /// Its input.
        input: Payload,
        /// How it is retried.
        retry: RetryPolicy,
        /// How long one attempt may run.
        start_to_close_ms: u64,
        /// The step that it undoes.
        compensates: ActivityId,
        /// Neighbours of the same group run in parallel.
        group: Option<u32>,
        /// How long an attempt may wait for a worker; absent from records of before, as the next two.
        schedule_to_start_ms: Option<u64>,
        /// How long all attempts may take together.
        schedule_to_close_ms: Option<u64>,
        /// How long a worker may be silent.
        heartbeat_ms: Option<u64>,
        /// The child whose step it undoes and that handed it over when it completed; `compensates` is its number then.
        child_workflow_id: Option<WorkflowId>,
        /// The name of that step.
        child_step: Option<Name>,
    }
    /// The run's end is fixed; what was done is undone first.
    CompensationStarted {
        /// How the run will end.
        outcome: Outcome,
        /// Why, when it failed.
        failure: Option<Failure>,
        /// Why, in the words of whoever asked.
        reason: Option<Box<str>>,
        /// Decided without the program: the run was terminated, or its program is not to be had.
        forced: bool,
    }
    /// A step was undone.
    CompensationCompleted {
        /// Number of the compensating activity.
        activity_id: ActivityId,
        /// Its name.
        activity: Name,
        /// The step.
        compensates: ActivityId,
    }
    /// A step could not be undone and nobody is asked: its policy says `fail`.
    CompensationFailed {
        /// Number of the compensating activity.
        activity_id: ActivityId,
        /// Its name.
        activity: Name,
        /// The step.
        compensates: ActivityId,
        /// Why.
        failure: Failure,
    }
}
