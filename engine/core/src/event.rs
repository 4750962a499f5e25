//! Facts: what happened to a run, each written once to the journal and never changed.
//!
//! The name of a struct here is its name in Avro, in JSON and on every page. Fields may be added with a default, never
//! removed or retyped. How an event changes state is in `apply/`, under the same name.

mod word;

use alloc::{boxed::Box, format, string::String, sync::Arc, vec::Vec};

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;

use crate::{
    ActivityId, Attempt, Cause, Failure, Fields, Name, Payload, ReplyTo, RetryChange, RetryPolicy,
    RunId, Seq, TimeoutsChange, Timestamp, Trace, WorkflowId,
    show::{Attributes, Show, Shown, shown_as_serialized},
};

pub use word::{Answer, AnswerOutcome, IncidentKind, Outcome, RejectReason};

/// One record of the journal: one input's events for one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// The run; none for events that belong to no history.
    pub run_id: Option<RunId>,
    /// The workflow; none when the input had no key that could be one.
    pub workflow_id: Option<WorkflowId>,
    /// Position of the first event in the run's history, from 1; 0 without a run.
    pub first_seq: Seq,
    /// The batch's time.
    pub at: Timestamp,
    /// The input.
    pub cause: Cause,
    /// The events, in order.
    pub events: Vec<Event>,
}

/// What a variant of [`Event`] holds: the event itself unless something else is said.
macro_rules! held {
    ($name:ident) => {
        $name
    };
    ($name:ident, $held:ty) => {
        $held
    };
}

/// Declares every event once: the struct, the variant of [`Event`], its name and its form for people.
///
/// `in Arc` are those that state goes on to need as they are: it shares them. `in Box` are rare ones that would make all
/// others larger.
macro_rules! events {
    ($( $(#[$doc:meta])* $name:ident $(in $held:ty)? { $( $(#[$field_doc:meta])* $field:ident: $type:ty, )* } )*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
            pub struct $name { $( $(#[$field_doc])* pub $field: $type, )* }

            impl Show for $name {
                fn show<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    let mut map = serializer.serialize_map(None)?;
                    $( map.serialize_entry(stringify!($field), &Shown(&self.$field))?; )*
                    map.end()
                }
            }
        )*

        /// One fact. The variants are in the order in which they came to exist; new ones go last.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Event { $( $(#[$doc])* $name(held!($name $(, $held)?)), )* }

        impl Event {
            /// The names of all events.
            pub const NAMES: &[&str] = &[$( stringify!($name) ),*];

            /// The event's name, the same everywhere.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self { $( Self::$name(_) => stringify!($name), )* }
            }
        }

        impl Event {
            /// The event of that name with these `attributes`, as the API's JSON has them.
            ///
            /// # Errors
            /// No event has that name, or its attributes are not as they should be; for people.
            pub fn read(name: &str, attributes: &RawValue) -> Result<Self, String> {
                let of = Attributes::of(attributes)?;
                match name {
                    $( stringify!($name) => Ok(Self::from($name {
                        $( $field: of.read(stringify!($field))?, )*
                    })), )*
                    _ => Err(format!("no event has the name `{name}`")),
                }
            }
        }

        /// An event's attributes, as `attributes` in the API's JSON.
        impl Show for Event {
            fn show<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self { $( Self::$name(event) => event.show(serializer), )* }
            }
        }

        $( impl From<$name> for Event { fn from(event: $name) -> Self { Self::$name(event.into()) } } )*
    };
}

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
}

shown_as_serialized!(Cause);
