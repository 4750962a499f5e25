//! The run as a whole: its start, its ends, and what people ask of it.

use alloc::boxed::Box;

use super::{Chain, Reset};
use crate::{
    ActivityId, Failure, Fields, Name, Parent, Payload, RetryPolicy, RunId, Timestamp, Trace,
};

event! {
    /// A run began.
    WorkflowStarted {
        /// The registered workflow.
        workflow: Name,
        /// Its version, pinned for the run.
        version: Box<str>,
        /// The input.
        input: Payload,
        /// The caller's trace.
        trace: Option<Trace>,
        /// Search attributes; absent from records of before there were any.
        attributes: Option<Fields>,
        /// For people; likewise.
        memo: Option<Fields>,
        /// How long this run may take; absent from records of before there was such a time-out.
        run_timeout_ms: Option<u64>,
        /// How long it and those that continue it may take; likewise.
        execution_timeout_ms: Option<u64>,
        /// Whose child it is; absent from records of before there were children, and of runs that are nobody's.
        parent: Option<Parent>,
        /// Of a run that follows another: where it stands in the chain.
        chain: Option<Box<Chain>>,
        /// When its program is first activated; absent, or past: at once.
        start_at: Option<Timestamp>,
        /// How it is retried when it fails or its time runs out; absent: not at all.
        retry: Option<RetryPolicy>,
        /// Of a run that begins with copies of another's events: that run.
        reset_of: Option<RunId>,
        /// And up to which event, and how that came.
        reset: Option<Box<Reset>>,
    }
    /// The run ended and returned.
    WorkflowCompleted {
        /// What it returned.
        result: Payload,
    }
    /// The run ended with an error; what it had done is compensated.
    WorkflowFailed {
        /// Why.
        failure: Failure,
        /// The run that tries again.
        new_run_id: Option<RunId>,
    }
    /// The run ended because it was asked to; what it had done is compensated.
    WorkflowCanceled {
        /// For people.
        reason: Option<Box<str>>,
    }
    /// The run was ended from outside.
    WorkflowTerminated {
        /// For people.
        reason: Option<Box<str>>,
        /// The run that goes on in its place, since the workflow was reset.
        new_run_id: Option<RunId>,
        /// Its children whose numbers are lower are that run's.
        hands_over_below: Option<ActivityId>,
    }
    /// Somebody asked the run to stop.
    WorkflowCancelRequested {
        /// For people.
        reason: Option<Box<str>>,
        /// Whether completed steps shall be compensated.
        compensate: bool,
    }
    /// Nothing new of the run begins: what is in flight may end, and its time goes on.
    WorkflowPaused {
        /// Who.
        actor: Name,
        /// Why, in their words.
        reason: Option<Box<str>>,
    }
    /// The run goes on.
    WorkflowResumed {
        /// Who.
        actor: Name,
        /// Why, in their words.
        reason: Option<Box<str>>,
    }
    /// The run ended because its time ran out; what it had done is compensated.
    WorkflowTimedOut {
        /// Which time-out, by its error type.
        failure: Failure,
        /// The run that tries again.
        new_run_id: Option<RunId>,
    }
    /// The run ended, and another goes on in its place: the program began its history anew.
    WorkflowContinuedAsNew {
        /// The run that goes on.
        new_run_id: RunId,
    }
    /// The instant has come at which the run was to begin: its program is activated for the first time.
    WorkflowDelayEnded {
        /// Which instant.
        start_at: Timestamp,
    }
    /// What was given to a closed run, and what it gave, is shown to nobody any more. It belongs to no history.
    WorkflowDeleted {
        /// The run, and with it those in whose place it went on.
        run_id: RunId,
        /// Who.
        actor: Name,
        /// Why, in their words.
        reason: Option<Box<str>>,
    }
}
