//! Facts: what happened to a run, each written once to the journal and never changed.
//!
//! The name of a struct here is its name in Avro, in JSON and on every page. Fields may be added with a default, never
//! removed or retyped. How an event changes state is in `apply/`, under the same name.

#[macro_use]
mod declare;
mod transition;
mod word;

use alloc::{boxed::Box, format, string::String, sync::Arc, vec::Vec};

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;

use crate::{
    ActivityId, Attempt, Cause, Failure, Fields, IdReuse, Name, Parent, PausedType, Payload,
    QueueTask, ReplyTo, RetryChange, RetryPolicy, RunId, Seq, TimeoutsChange, Timestamp, Trace,
    Wait, WorkflowId,
    show::{Attributes, Show, Shown, shown_as_serialized},
};

pub use transition::Transition;
pub use word::{Answer, AnswerOutcome, IncidentKind, Outcome, ParentClosePolicy, RejectReason};

events! {
    /// A run began.
    WorkflowStarted in Arc<WorkflowStarted> {
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
    }
    /// Somebody asked the run to stop.
    WorkflowCancelRequested {
        /// For people.
        reason: Option<Box<str>>,
        /// Whether completed steps shall be compensated.
        compensate: bool,
    }
    /// The program asked for an activity.
    ActivityScheduled in Arc<ActivityScheduled> {
        /// Its number in the run.
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
        /// The step is to be compensated once it is done.
        compensable: bool,
        /// The step that it undoes, if it is a compensation.
        compensates: Option<ActivityId>,
        /// How long an attempt may wait for a worker; absent from records of before there was such a time-out, as the next two.
        schedule_to_start_ms: Option<u64>,
        /// How long all attempts may take together.
        schedule_to_close_ms: Option<u64>,
        /// How long a worker may be silent.
        heartbeat_ms: Option<u64>,
    }
    /// An attempt's task goes to the queue.
    ActivityAttemptScheduled {
        /// Number of the activity.
        activity_id: ActivityId,
        /// Its name.
        activity: Name,
        /// Number of the attempt.
        attempt: Attempt,
        /// Its task waits until the home of its queue, which is limited, releases it; absent where it is not.
        held: Option<bool>,
    }
    /// A worker said that it began with an attempt.
    ActivityStarted {
        /// Number of the activity.
        activity_id: ActivityId,
        /// Its name.
        activity: Name,
        /// Number of the attempt.
        attempt: Attempt,
        /// Who said so.
        worker: Option<Name>,
    }
    /// The activity was asked to stop.
    ActivityCancelRequested {
        /// Number of the activity.
        activity_id: ActivityId,
        /// Its name.
        activity: Name,
    }
    /// The activity succeeded.
    ActivityCompleted {
        /// Number of the activity.
        activity_id: ActivityId,
        /// Its name.
        activity: Name,
        /// The attempt that did.
        attempt: Attempt,
        /// What it returned.
        result: Payload,
        /// Who did it.
        worker: Option<Name>,
        /// Why, in the words of the person who did it in a worker's place.
        reason: Option<Box<str>>,
    }
    /// An attempt failed; whether another follows is in `next_attempt_at`.
    ActivityAttemptFailed in Box<ActivityAttemptFailed> {
        /// Number of the activity.
        activity_id: ActivityId,
        /// Its name.
        activity: Name,
        /// Number of the attempt.
        attempt: Attempt,
        /// Why.
        failure: Failure,
        /// When the next attempt is due; none: no attempt follows.
        next_attempt_at: Option<Timestamp>,
        /// It does not count against the maximum: no worker knew the activity.
        uncounted: bool,
        /// Who tried.
        worker: Option<Name>,
    }
    /// The activity failed for good.
    ActivityFailed in Box<ActivityFailed> {
        /// Number of the activity.
        activity_id: ActivityId,
        /// Its name.
        activity: Name,
        /// The failure of the last attempt.
        failure: Failure,
    }
    /// The activity's last attempt ran out of time.
    ActivityTimedOut in Box<ActivityTimedOut> {
        /// Number of the activity.
        activity_id: ActivityId,
        /// Its name.
        activity: Name,
        /// Which time-out, by its error type.
        failure: Failure,
    }
    /// The activity ended because it was asked to.
    ActivityCanceled {
        /// Number of the activity.
        activity_id: ActivityId,
        /// Its name.
        activity: Name,
        /// What the worker said.
        details: Option<Payload>,
    }
    /// A step can be undone by this activity.
    CompensationRegistered in Arc<CompensationRegistered> {
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
    CompensationStarted in Box<CompensationStarted> {
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
    CompensationFailed in Box<CompensationFailed> {
        /// Number of the compensating activity.
        activity_id: ActivityId,
        /// Its name.
        activity: Name,
        /// The step.
        compensates: ActivityId,
        /// Why.
        failure: Failure,
    }
    /// The program kept a value.
    MarkerRecorded {
        /// Kind of marker: `side-effect` …
        kind: Name,
        /// Its name in the code.
        name: Name,
        /// The value.
        value: Payload,
    }
    /// The run waits for a person, or for what it lacks.
    IncidentRaised in Box<IncidentRaised> {
        /// What kind.
        kind: IncidentKind,
        /// The activity that it is about.
        activity_id: Option<ActivityId>,
        /// Its name.
        activity: Option<Name>,
        /// Why.
        failure: Failure,
    }
    /// An incident is solved.
    IncidentResolved {
        /// Position of its first `IncidentRaised`.
        incident_seq: Seq,
        /// What solved it: `retry`, `skip`, `fail`, `recovered`.
        act: Name,
        /// Who.
        actor: Name,
        /// Why, in their words.
        reason: Option<Box<str>>,
    }
    /// Somebody wants an answer: at once, and when the run closes.
    ReplyRequested in Box<ReplyRequested> {
        /// Where to.
        reply: ReplyTo,
        /// The answer now.
        answer: Answer,
        /// Whether the run's outcome follows.
        follow: bool,
        /// It answers the start of a child that is refused, and goes to this parent instead.
        parent: Option<Parent>,
    }
    /// A record of another partition's workflow was sent there.
    InputForwarded {
        /// The partition it belongs to.
        target_partition: i32,
    }
    /// A record could not be understood, or not be taken. Its place is in the transition's cause.
    InputRejected in Box<InputRejected> {
        /// A word for code to match on.
        reason: RejectReason,
        /// For people: what is wrong and what would be right.
        message: Box<str>,
        /// The record's key.
        key: Option<Payload>,
        /// Its `ce_type`.
        ce_type: Option<Box<str>>,
        /// The first 64 KB of its value.
        value: Payload,
        /// Length of the whole value.
        value_bytes: u64,
        /// SHA-256 of the whole value, in hexadecimal.
        sha256: Box<str>,
    }
    /// A person changed a pending activity; what is absent stays.
    ActivityOptionsUpdated in Box<ActivityOptionsUpdated> {
        /// Number of the activity.
        activity_id: ActivityId,
        /// Its name.
        activity: Name,
        /// The input of its further attempts.
        input: Option<Payload>,
        /// Who changed it, if that is not said beside it.
        actor: Option<Name>,
        /// Why, in their words.
        reason: Option<Box<str>>,
        /// How it is retried from now on; absent from records of before there was such a change, as the next two.
        retry: Option<RetryChange>,
        /// How long it may take from now on.
        timeouts_ms: Option<TimeoutsChange>,
        /// When the next attempt is due, if that is sooner than before.
        next_attempt_at: Option<Timestamp>,
    }
    /// The program asked to be woken at an instant.
    TimerStarted {
        /// Its number in the run.
        timer_id: ActivityId,
        /// When.
        due_at: Timestamp,
    }
    /// The instant has come.
    TimerFired {
        /// Number of the timer.
        timer_id: ActivityId,
    }
    /// The program does not wait for it any more.
    TimerCanceled {
        /// Number of the timer.
        timer_id: ActivityId,
    }
    /// A worker said that an attempt goes on.
    ActivityHeartbeatRecorded {
        /// Number of the activity.
        activity_id: ActivityId,
        /// Its name.
        activity: Name,
        /// Number of the attempt.
        attempt: Attempt,
        /// How far it is; the next attempt is given it.
        progress: Option<Payload>,
        /// Who said so.
        worker: Option<Name>,
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
    /// No attempt of the activity begins; one in flight may end.
    ActivityPaused {
        /// Number of the activity.
        activity_id: ActivityId,
        /// Its name.
        activity: Name,
        /// Who.
        actor: Name,
        /// Why, in their words.
        reason: Option<Box<str>>,
    }
    /// The activity goes on.
    ActivityResumed {
        /// Number of the activity.
        activity_id: ActivityId,
        /// Its name.
        activity: Name,
        /// Who.
        actor: Name,
        /// Why, in their words.
        reason: Option<Box<str>>,
    }
    /// The run ended because its time ran out; what it had done is compensated.
    WorkflowTimedOut {
        /// Which time-out, by its error type.
        failure: Failure,
    }
    /// What limits a task queue from now on: all of it, whatever it was before.
    QueueChanged in Arc<QueueChanged> {
        /// The queue.
        queue: Name,
        /// Counts its changes up from 1; of two the higher is in force.
        version: u64,
        /// The partition that decides on the queue, and tells the others.
        home_partition: i32,
        /// Most tasks that workers may have at once, from their release until their attempt ends; none: no limit.
        max_outstanding: Option<u32>,
        /// How many tasks are released in an hour, evenly; none: no limit.
        rate_per_hour: Option<u64>,
        /// Activities of which nothing is released.
        paused: Vec<PausedType>,
        /// Who changed it.
        actor: Name,
        /// Why, in their words.
        reason: Option<Box<str>>,
    }
    /// The home of a limited queue keeps an attempt's task until it is its turn.
    QueueTaskOffered in Box<QueueTaskOffered> {
        /// The queue.
        queue: Name,
        /// The attempt.
        task: QueueTask,
    }
    /// A task goes to its queue: it is its turn, says the queue's home; the partition of the run sends it.
    QueueTaskReleased in Box<QueueTaskReleased> {
        /// The queue.
        queue: Name,
        /// Said by the queue's home, not by the partition of the run.
        at_home: bool,
        /// The attempt.
        task: QueueTask,
    }
    /// An attempt has ended, or is not wanted any more, and leaves its place to the next.
    QueueTaskEnded in Box<QueueTaskEnded> {
        /// The queue.
        queue: Name,
        /// Noted by the queue's home, not by the partition of the run.
        at_home: bool,
        /// The attempt.
        task: QueueTask,
    }
    /// Somebody sent the run a message; its program takes it when it asks for one of that name.
    SignalReceived {
        /// The signal's name.
        signal: Name,
        /// What it carries.
        input: Payload,
    }
    /// What the run waits for that no other event shows: all of it, none when it is empty. Replay ignores it.
    WaitRecorded {
        /// The waits, oldest first.
        waits: Vec<Wait>,
    }
    /// The program started a child: a run of its own, which tells this one how it ends.
    ChildStarted in Arc<ChildStarted> {
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
    }
    /// A child is asked to stop.
    ChildCancelRequested {
        /// Number of the child.
        child_id: ActivityId,
        /// Its workflow.
        workflow: Name,
        /// Its workflow id.
        workflow_id: WorkflowId,
    }
    /// A child returned.
    ChildCompleted in Box<ChildCompleted> {
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
    ChildFailed in Box<ChildFailed> {
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
    ChildCanceled in Box<ChildCanceled> {
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

shown_as_serialized!(Cause);
