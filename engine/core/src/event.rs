//! Facts: what happened to a run, each written once to the journal and never changed.
//!
//! The name of a struct here is its name in Avro, in JSON and on every page. Fields may be added with a default, never
//! removed or retyped. How an event changes state is in `apply/`, under the same name.

#[macro_use]
mod declare;
mod activity;
mod chain;
mod child;
mod compensation;
mod external;
mod incident;
mod input;
mod program;
mod queue;
mod reset;
mod size;
mod timer;
mod transition;
mod update;
mod word;
mod workflow;

use alloc::{boxed::Box, format, string::String, sync::Arc};

use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::{
    Cause,
    show::{Read, Show, shown_as_serialized},
};

pub use activity::{
    ActivityAttemptFailed, ActivityAttemptScheduled, ActivityCancelRequested, ActivityCanceled,
    ActivityCompleted, ActivityFailed, ActivityHeartbeatRecorded, ActivityOptionsUpdated,
    ActivityPaused, ActivityResumed, ActivityScheduled, ActivityStarted, ActivityTimedOut,
};
pub use chain::{CarriedChild, Chain};
pub use child::{ChildCancelRequested, ChildCanceled, ChildCompleted, ChildFailed, ChildStarted};
pub use compensation::{
    CompensationCompleted, CompensationFailed, CompensationRegistered, CompensationStarted,
};
pub use external::{ExternalSignalDelivered, ExternalSignalFailed, ExternalSignalSent};
pub use incident::{IncidentRaised, IncidentResolved};
pub use input::{InputForwarded, InputRejected, ReplyRequested};
pub use program::{AttributesUpserted, MarkerRecorded, SignalReceived, WaitRecorded};
pub use queue::{QueueChanged, QueueTaskEnded, QueueTaskOffered, QueueTaskReleased};
pub use reset::{Origin, Reset};
pub use timer::{TimerCanceled, TimerFired, TimerStarted};
pub use transition::Transition;
pub use update::{UpdateAccepted, UpdateCompleted, UpdateRejected};
pub use word::{Answer, AnswerOutcome, IncidentKind, Outcome, ParentClosePolicy, RejectReason};
pub use workflow::{
    WorkflowCancelRequested, WorkflowCanceled, WorkflowCompleted, WorkflowContinuedAsNew,
    WorkflowDelayEnded, WorkflowDeleted, WorkflowFailed, WorkflowPaused, WorkflowResumed,
    WorkflowStarted, WorkflowTerminated, WorkflowTimedOut,
};

events! {
    /// A run began.
    WorkflowStarted in Arc<WorkflowStarted>,
    /// The run ended and returned.
    WorkflowCompleted,
    /// The run ended with an error; what it had done is compensated.
    WorkflowFailed,
    /// The run ended because it was asked to; what it had done is compensated.
    WorkflowCanceled,
    /// The run was ended from outside.
    WorkflowTerminated,
    /// Somebody asked the run to stop.
    WorkflowCancelRequested,
    /// The program asked for an activity.
    ActivityScheduled in Arc<ActivityScheduled>,
    /// An attempt's task goes to the queue.
    ActivityAttemptScheduled,
    /// A worker said that it began with an attempt.
    ActivityStarted,
    /// The activity was asked to stop.
    ActivityCancelRequested,
    /// The activity succeeded.
    ActivityCompleted,
    /// An attempt failed; whether another follows is in `next_attempt_at`.
    ActivityAttemptFailed in Box<ActivityAttemptFailed>,
    /// The activity failed for good.
    ActivityFailed in Box<ActivityFailed>,
    /// The activity's last attempt ran out of time.
    ActivityTimedOut in Box<ActivityTimedOut>,
    /// The activity ended because it was asked to.
    ActivityCanceled,
    /// A step can be undone by this activity.
    CompensationRegistered in Arc<CompensationRegistered>,
    /// The run's end is fixed; what was done is undone first.
    CompensationStarted in Box<CompensationStarted>,
    /// A step was undone.
    CompensationCompleted,
    /// A step could not be undone and nobody is asked: its policy says `fail`.
    CompensationFailed in Box<CompensationFailed>,
    /// The program kept a value.
    MarkerRecorded,
    /// The run waits for a person, or for what it lacks.
    IncidentRaised in Box<IncidentRaised>,
    /// An incident is solved.
    IncidentResolved,
    /// Somebody wants an answer: at once, and when the run closes.
    ReplyRequested in Box<ReplyRequested>,
    /// A record of another partition's workflow was sent there.
    InputForwarded,
    /// A record could not be understood, or not be taken. Its place is in the transition's cause.
    InputRejected in Box<InputRejected>,
    /// A person changed a pending activity; what is absent stays.
    ActivityOptionsUpdated in Box<ActivityOptionsUpdated>,
    /// The program asked to be woken at an instant.
    TimerStarted,
    /// The instant has come.
    TimerFired,
    /// The program does not wait for it any more.
    TimerCanceled,
    /// A worker said that an attempt goes on.
    ActivityHeartbeatRecorded,
    /// Nothing new of the run begins: what is in flight may end, and its time goes on.
    WorkflowPaused,
    /// The run goes on.
    WorkflowResumed,
    /// No attempt of the activity begins; one in flight may end.
    ActivityPaused,
    /// The activity goes on.
    ActivityResumed,
    /// The run ended because its time ran out; what it had done is compensated.
    WorkflowTimedOut,
    /// What limits a task queue from now on: all of it, whatever it was before.
    QueueChanged in Arc<QueueChanged>,
    /// The home of a limited queue keeps an attempt's task until it is its turn.
    QueueTaskOffered in Box<QueueTaskOffered>,
    /// A task goes to its queue: it is its turn, says the queue's home; the partition of the run sends it.
    QueueTaskReleased in Box<QueueTaskReleased>,
    /// An attempt has ended, or is not wanted any more, and leaves its place to the next.
    QueueTaskEnded in Box<QueueTaskEnded>,
    /// Somebody sent the run a message; its program takes it when it asks for one of that name.
    SignalReceived,
    /// What the run waits for that no other event shows: all of it, none when it is empty. Replay ignores it.
    WaitRecorded,
    /// The program started a child: a run of its own, which tells this one how it ends.
    ChildStarted in Arc<ChildStarted>,
    /// A child is asked to stop.
    ChildCancelRequested,
    /// A child returned.
    ChildCompleted in Box<ChildCompleted>,
    /// A child failed, its time ran out, it was terminated, or it was never started: by the failure's type.
    ChildFailed in Box<ChildFailed>,
    /// A child was cancelled.
    ChildCanceled in Box<ChildCanceled>,
    /// The run ended, and another goes on in its place: the program began its history anew.
    WorkflowContinuedAsNew,
    /// The program changed what is said about its run.
    AttributesUpserted,
    /// Somebody wants the run to change, and its program would take it.
    UpdateAccepted,
    /// An update has ended: with a result, or with a failure.
    UpdateCompleted in Box<UpdateCompleted>,
    /// The program did not want an update, which has changed nothing.
    UpdateRejected in Box<UpdateRejected>,
    /// The instant has come at which the run was to begin: its program is activated for the first time.
    WorkflowDelayEnded,
    /// What was given to a closed run, and what it gave, is shown to nobody any more. It belongs to no history.
    WorkflowDeleted in Box<WorkflowDeleted>,
    /// The program sent a signal to another run.
    ExternalSignalSent in Box<ExternalSignalSent>,
    /// A signal that the program waits for is in the history of the run that it was sent to.
    ExternalSignalDelivered,
    /// No run took a signal: by the failure's type.
    ExternalSignalFailed in Box<ExternalSignalFailed>,
}

shown_as_serialized!(Cause);

impl Event {
    /// Whether its run is closed by it.
    #[must_use]
    pub const fn closes(&self) -> bool {
        matches!(
            self,
            Self::WorkflowCompleted(_)
                | Self::WorkflowFailed(_)
                | Self::WorkflowCanceled(_)
                | Self::WorkflowTerminated(_)
                | Self::WorkflowTimedOut(_)
                | Self::WorkflowContinuedAsNew(_)
        )
    }
}
