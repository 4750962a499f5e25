//! What a lane can be asked: one command per input record, or a deadline that came.

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{
    ActivityId, Attempt, ChildClosed, ExternalSignal, Failure, Fields, Millis, Name, OnExhausted,
    OptionsChange, Parent, Payload, QueueCommand, RetryPolicy, RunId, Seq, SignalTold, State,
    StopChild, Timestamp, Transition, WorkflowId, bounds::OutOfBounds,
};

/// One input, understood and authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Start a workflow, by the id rules.
    Start(Start),
    /// Start a workflow unless it is open, and send it a message, in one.
    StartWith(Box<StartWith>),
    /// Ask a run to stop; it compensates what it has done.
    Cancel(Cancel),
    /// Stop a run at once.
    Terminate(Terminate),
    /// Send a run a message.
    Signal(Signal),
    /// Stop a run that is a child, as its parent wants.
    StopChild(Box<StopChild>),
    /// A child of the run has ended.
    ChildClosed(Box<ChildClosed>),
    /// Another run sends a run a message.
    ExternalSignal(Box<ExternalSignal>),
    /// What became of a signal that the run sent to another.
    SignalTold(Box<SignalTold>),
    /// Ask a run to change.
    Update(Update),
    /// A worker's word on an attempt.
    ReportAttempt(ReportAttempt),
    /// The time of an activity's next attempt has come, says the record that waited for it.
    RetryDue(RetryDue),
    /// A person solves an incident.
    Operate(Box<Operate>),
    /// Something about a limited queue.
    Queue(Box<QueueCommand>),
    /// The earliest deadline of an open run has come.
    Fire {
        /// The run's workflow id.
        workflow_id: WorkflowId,
        /// The deadline: all inputs up to it were decided. A later one that has taken its place does not fire.
        due: Timestamp,
        /// Attempts of which nobody said that they began, and that are known to have waited in their queue until then.
        queued: Vec<QueuedUntil>,
    },
    /// The program of a run may be here now: try again what waits for it.
    ProgramAvailable {
        /// The run's workflow id.
        workflow_id: WorkflowId,
    },
    /// A record of a run could not be delivered, for good.
    Undeliverable {
        /// The run's workflow id.
        workflow_id: WorkflowId,
        /// The run.
        run_id: RunId,
        /// The activity whose task it was.
        activity_id: ActivityId,
        /// The attempt whose task it was.
        attempt: Attempt,
        /// What the broker said.
        reason: Box<str>,
    },
}

impl Command {
    /// The workflow that it is about; none: a queue.
    #[must_use]
    pub const fn workflow_id(&self) -> Option<&WorkflowId> {
        Some(match self {
            Self::Start(start) => &start.workflow_id,
            Self::StartWith(with) => &with.start.workflow_id,
            Self::Cancel(cancel) => &cancel.workflow_id,
            Self::Terminate(terminate) => &terminate.workflow_id,
            Self::Signal(signal) => &signal.workflow_id,
            Self::StopChild(stop) => &stop.workflow_id,
            Self::ChildClosed(closed) => &closed.workflow_id,
            Self::ExternalSignal(signal) => &signal.workflow_id,
            Self::SignalTold(told) => &told.sender.workflow_id,
            Self::Update(update) => &update.workflow_id,
            Self::ReportAttempt(report) => &report.workflow_id,
            Self::RetryDue(retry) => &retry.workflow_id,
            Self::Operate(operate) => &operate.workflow_id,
            Self::Queue(_) => return None,
            Self::Fire { workflow_id, .. }
            | Self::ProgramAvailable { workflow_id }
            | Self::Undeliverable { workflow_id, .. } => workflow_id,
        })
    }
}

/// An attempt's task was in its queue at least until an instant: its start-to-close clock did not run before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueuedUntil {
    /// The activity.
    pub activity_id: ActivityId,
    /// The attempt.
    pub attempt: Attempt,
    /// Until when at least.
    pub until: Timestamp,
    /// It is known whether it waited on; else only that nobody can tell.
    pub is_proved: bool,
}

/// Start a workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// The id; at most one open run has it.
    pub workflow_id: WorkflowId,
    /// The registered workflow.
    pub workflow: Name,
    /// Its version; `None` is the highest registered one.
    pub version: Option<Box<str>>,
    /// The input, handed on untouched.
    pub input: Payload,
    /// When a run of this id is open.
    pub id_conflict: IdConflict,
    /// When a run of this id was open within the last `closed_retention`.
    pub id_reuse: IdReuse,
    /// Where to answer.
    pub reply: Option<ReplyTo>,
    /// The caller's trace, carried through.
    pub trace: Option<Trace>,
    /// Search attributes.
    pub attributes: Option<Fields>,
    /// For people.
    pub memo: Option<Fields>,
    /// How long the run may take.
    pub run_timeout: Option<Millis>,
    /// How long it and those that continue it may take.
    pub execution_timeout: Option<Millis>,
    /// When its program is first activated; none, or past: at once.
    pub start_at: Option<Timestamp>,
    /// How it is retried when it fails or its time runs out.
    pub retry: Option<Box<RetryPolicy>>,
    /// Whose child it will be. Its identity is that of the child then, whoever brings it.
    pub parent: Option<Box<Parent>>,
    /// Append time of the start record: part of the start's identity, so that a repeat after the window is another run.
    pub appended_at: Timestamp,
}

/// Start a workflow unless it is open, and send it a message, in one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartWith {
    /// The start, by the id rules. Where to answer stands here: of a signal as of any start, of an update its outcome.
    pub start: Start,
    /// What it is sent.
    pub message: Message,
}

/// What a run is sent with its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A signal.
    Signal {
        /// Its name.
        signal: Name,
        /// What it carries.
        input: Payload,
    },
    /// An update, with the caller of the start.
    Update(Update),
}

/// What a start does while a run of the same id is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdConflict {
    /// Nothing: the caller is given the open run.
    #[default]
    UseExisting,
    /// The start is refused.
    Fail,
    /// The open run is terminated and a new one started.
    TerminateExisting,
}

/// What a start does when the last run of the same id is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum IdReuse {
    /// It is refused.
    #[default]
    RejectDuplicate,
    /// A new run starts.
    AllowDuplicate,
    /// A new run starts unless the last one completed.
    AllowDuplicateFailedOnly,
}

/// Ask a run to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancel {
    /// The workflow.
    pub workflow_id: WorkflowId,
    /// Only this run of it.
    pub run_id: Option<RunId>,
    /// For people.
    pub reason: Option<Box<str>>,
    /// Whether completed steps are compensated.
    pub compensate: bool,
    /// Where to answer.
    pub reply: Option<ReplyTo>,
}

/// Stop a run at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terminate {
    /// The workflow.
    pub workflow_id: WorkflowId,
    /// Only this run of it.
    pub run_id: Option<RunId>,
    /// For people.
    pub reason: Option<Box<str>>,
    /// Whether completed steps are compensated first.
    pub compensate: bool,
    /// Where to answer.
    pub reply: Option<ReplyTo>,
}

/// Send a run a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// The workflow.
    pub workflow_id: WorkflowId,
    /// Only this run of it.
    pub run_id: Option<RunId>,
    /// The signal's name.
    pub signal: Name,
    /// What it carries.
    pub input: Payload,
    /// Where to answer.
    pub reply: Option<ReplyTo>,
}

/// Ask a run to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The workflow.
    pub workflow_id: WorkflowId,
    /// Only this run of it.
    pub run_id: Option<RunId>,
    /// Which: one that the run remembers is not done again.
    pub update_id: Name,
    /// The update's name.
    pub update: Name,
    /// What it carries.
    pub input: Payload,
    /// Where to answer: at once, and when it has ended.
    pub reply: Option<ReplyTo>,
}

/// A person steps in, authenticated by the record's MAC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operate {
    /// The workflow.
    pub workflow_id: WorkflowId,
    /// Only this run of it.
    pub run_id: Option<RunId>,
    /// What they do.
    pub act: Act,
    /// Who does it.
    pub actor: Name,
    /// Why, in their words.
    pub reason: Option<Box<str>>,
    /// Where to answer.
    pub reply: Option<ReplyTo>,
}

/// What a person does to a run: to an open one, but for [`Act::Delete`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Solves an incident.
    Incident {
        /// Position of its first `IncidentRaised`.
        seq: Seq,
        /// How.
        act: IncidentAct,
    },
    /// Does something about a pending activity.
    Activity {
        /// Which.
        activity_id: ActivityId,
        /// What.
        act: ActivityAct,
        /// Although a worker may be at it: what that one says is stale then.
        even_if_running: bool,
    },
    /// Nothing new begins until it is resumed.
    Pause,
    /// It goes on.
    Resume,
    /// It is closed, and what was given to it and what it gave shall be shown to nobody any more.
    Delete,
    /// Open or closed, it ends, and another goes on in its place from one of its events.
    Reset(Box<ResetTo>),
}

/// From where a run that is reset goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResetTo {
    /// The last event that holds.
    pub event_seq: Seq,
    /// What becomes of signals behind it.
    pub reapply: Reapply,
    /// The run's history as the journal has it, input by input, and behind it, if somebody deleted the run, that. Whoever
    /// decides the act has read it: state does not hold it.
    pub history: Arc<[Transition]>,
}

/// What becomes of signals that came behind the event to which a run is reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reapply {
    /// They come to the new run, in order.
    #[default]
    Signals,
    /// Nothing.
    None,
}

impl Command {
    /// The run of which the act needs the history; none of the id's runs, or no act that needs one: none.
    #[must_use]
    pub fn run_to_read(&self, state: &State) -> Option<(&WorkflowId, RunId)> {
        let Self::Operate(operate) = self else {
            return None;
        };
        let Act::Reset(_) = operate.act else {
            return None;
        };
        let id = &operate.workflow_id;
        let newest = || match state.run(id) {
            Some(run) => Some(run.run_id),
            None => state.closed(id).map(|closed| closed.run_id),
        };
        Some((id, operate.run_id.or_else(newest)?))
    }
}

/// What a person does about a pending activity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActivityAct {
    /// The next attempt is due now.
    Retry {
        /// With this input from now on.
        input: Option<Payload>,
    },
    /// It has returned this.
    Complete {
        /// What it would have returned.
        result: Payload,
    },
    /// It has failed for good.
    Fail {
        /// Why.
        failure: Failure,
    },
    /// No attempt begins until it is resumed.
    Pause,
    /// It goes on.
    Resume,
    /// It is retried in another way, or may take another time.
    UpdateOptions {
        /// What changes, or what of it cannot be: whoever asks is told.
        change: Result<OptionsChange, OutOfBounds>,
    },
}

/// What is done about an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IncidentAct {
    /// Try again: the activity gets a fresh set of attempts, the program another activation.
    Retry {
        /// With this input from now on.
        input: Option<Payload>,
    },
    /// Go on as if the activity had returned this.
    Skip {
        /// What it would have returned.
        result: Payload,
    },
    /// The activity has failed, or the run has.
    Fail,
}

impl IncidentAct {
    /// The word of the journal and of the API.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Retry { .. } => Self::RETRY,
            Self::Skip { .. } => Self::SKIP,
            Self::Fail => Self::FAIL,
        }
    }

    pub(crate) const RETRY: &'static str = "retry";
    pub(crate) const SKIP: &'static str = "skip";
    pub(crate) const FAIL: &'static str = "fail";
}

/// A worker's word on one attempt, authenticated by the task's token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportAttempt {
    /// The workflow (the record's key).
    pub workflow_id: WorkflowId,
    /// The run (from the token, as the next two).
    pub run_id: RunId,
    /// The activity.
    pub activity_id: ActivityId,
    /// The attempt.
    pub attempt: Attempt,
    /// What happened to it.
    pub report: Report,
    /// `sl-worker`, shown to people.
    pub worker: Option<Name>,
}

/// What happened to an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// A worker began with it.
    Started,
    /// It goes on.
    Heartbeat {
        /// How far it is, if the worker says so.
        progress: Option<Payload>,
    },
    /// It succeeded.
    Completed {
        /// What it returned.
        result: Payload,
    },
    /// It failed.
    Failed {
        /// Why.
        failure: Failure,
        /// The worker's wish for the next attempt.
        retry_after: Option<Millis>,
        /// What shall be when no attempt follows; none: what the policy says.
        on_exhausted: Option<OnExhausted>,
    },
    /// It stopped because it was asked to.
    Canceled {
        /// What the worker said.
        details: Payload,
    },
}

/// The time of an activity's next attempt has come, authenticated by the record's MAC.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RetryDue {
    /// The workflow.
    pub workflow_id: WorkflowId,
    /// The run.
    pub run_id: RunId,
    /// The activity.
    pub activity_id: ActivityId,
    /// The attempt to be made.
    pub attempt: Attempt,
}

/// Where and how a caller wants its answer: `sl-reply-topic`, `sl-reply-partition`, `sl-correlation`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyTo {
    /// A topic of the allow-list.
    pub topic: Arc<str>,
    /// Its partition.
    pub partition: i32,
    /// The caller's own mark.
    pub correlation: Arc<str>,
}

impl ReplyTo {
    /// Stands where nobody wants an answer but the parent of a child, who is told otherwise.
    pub(crate) fn nobody() -> Self {
        Self {
            topic: Arc::from(""),
            partition: 0,
            correlation: Arc::from(""),
        }
    }
}

/// W3C trace context, carried through untouched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// `traceparent`.
    pub parent: Arc<str>,
    /// `tracestate`.
    pub state: Option<Arc<str>>,
}
