//! The seam between the engine and a run's own logic: jobs in, commands out, nothing else.
//!
//! A [`Program`] is what one run executes: a Rust `async fn`, a declarative definition. It has no clock, no I/O and no
//! way to wait: what it knows are the jobs it was given, what it wants are the commands it returns.

mod inquiry;

use alloc::{boxed::Box, string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{
    ActivityId, Failure, Fields, Name, Payload, RetryPolicy, Run, RunId, Seq, SignalExternal,
    StartChild, Stop, Timestamp, Wait, WorkflowId,
    event::{CarriedChild, Chain, Reset},
    run::HistorySize,
};

pub use inquiry::{Inquired, Inquiry, Question};

/// Most commands that one activation may return; more is an incident.
pub const COMMANDS_MAX: usize = 10_000;

/// Most bytes of payloads that a run may ask for without waiting; more is an incident.
pub const COMMAND_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Longest time-out or interval in milliseconds: a hundred years.
pub const SPAN_MS_MAX: u64 = 100 * 366 * 24 * 3_600 * 1_000;

/// Longest progress of a heartbeat in bytes.
pub const PROGRESS_BYTES_MAX: usize = 16 * 1024;

/// Most error types that a retry policy names.
pub const ERROR_TYPES_NAMED_MAX: usize = 256;

/// The kind of a marker that says by which version of a change the run goes on; its name is the change's. On replay one that
/// the program does not ask for is passed over: the change's code is gone, and what is left is that of the newest version.
pub const VERSION_MARKER: &str = "version";

/// What a program panics with that cannot go on from its history: an incident of kind `nondeterminism`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nondeterminism(pub String);

/// One run's logic between its first job and its last command.
pub trait Program: Send {
    /// Takes what happened, in event order, and returns what the run wants now.
    ///
    /// Called once per activation, and with the same activations in the same order when it is rebuilt from history.
    /// Must be deterministic: the same activations give the same commands.
    fn activate(&mut self, activation: Activation<'_>) -> Vec<ProgramCommand>;

    /// Answers from what it is after its activations so far, and changes nothing. Most programs are not asked.
    fn inquire(&mut self, inquiry: Inquiry<'_>) -> Inquired {
        Inquired::Refused(inquiry.question.unknown([]))
    }
}

/// What a program is given at once.
#[derive(Clone, Copy, Debug)]
pub struct Activation<'a> {
    /// The run.
    pub run_id: RunId,
    /// The run's workflow id.
    pub workflow_id: &'a WorkflowId,
    /// Of a run that follows another: where it stands in the chain.
    pub chain: Option<&'a Chain>,
    /// Of a run that begins with copies of another's events: how that came.
    pub reset: Option<&'a Reset>,
    /// The transition's time: `cx.now()`.
    pub at: Timestamp,
    /// What happened, in event order.
    pub jobs: &'a [Job],
    /// When history is replayed: the commands that this activation gave then; markers take their values from them.
    pub recorded: Option<&'a [Recorded]>,
    /// There may be more commands than are recorded: history was cut between them.
    pub is_cut: bool,
    /// How long the history was with the last of what happened.
    pub history: HistorySize,
    /// Whether the run had better continue as new.
    pub suggests_continuing: bool,
}

impl Activation<'_> {
    /// The number of the run's first command that takes one.
    #[must_use]
    pub fn first_id(&self) -> ActivityId {
        self.chain
            .map_or(ActivityId::FIRST, |chain| chain.first_activity_id)
    }

    /// The first run of the chain.
    #[must_use]
    pub fn first_run_id(&self) -> RunId {
        match (self.reset, self.chain) {
            (Some(reset), _) => reset.first_run_id,
            (None, Some(chain)) => chain.first_run_id,
            (None, None) => self.run_id,
        }
    }

    /// The run whose random values it has: this one, or the one of which its history begins with a copy.
    #[must_use]
    pub fn random_run_id(&self) -> RunId {
        let origin = self.reset.and_then(|reset| reset.origins.first());
        origin.map_or(self.run_id, |origin| origin.run_id)
    }
}

/// What happened to a run, as its program sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Job {
    /// The run began.
    Started {
        /// The workflow's input.
        input: Payload,
    },
    /// An activity succeeded.
    ActivityCompleted {
        /// Which.
        activity_id: ActivityId,
        /// What it returned.
        result: Payload,
    },
    /// An activity failed, timed out or was refused, for good.
    ActivityFailed {
        /// Which.
        activity_id: ActivityId,
        /// Why.
        failure: Box<Failure>,
    },
    /// An activity ended because it was asked to.
    ActivityCanceled {
        /// Which.
        activity_id: ActivityId,
    },
    /// A child returned.
    ChildCompleted {
        /// Which.
        child_id: ActivityId,
        /// What it returned.
        result: Payload,
        /// How many numbers went to the compensations that it handed over, before anything that this activation commands.
        numbers: u32,
    },
    /// A child failed, for whatever reason, or was never started.
    ChildFailed {
        /// Which.
        child_id: ActivityId,
        /// Why.
        failure: Box<Failure>,
    },
    /// A child was cancelled.
    ChildCanceled {
        /// Which.
        child_id: ActivityId,
    },
    /// A timer is due.
    TimerFired {
        /// Which.
        timer_id: ActivityId,
    },
    /// Somebody sent a message.
    SignalReceived {
        /// Its name.
        signal: Name,
        /// What it carries.
        input: Payload,
    },
    /// A signal that the program waits for is in the history of the run that it went to.
    SignalDelivered {
        /// Which.
        signal_id: ActivityId,
    },
    /// No run took a signal that the program waits for.
    SignalFailed {
        /// Which.
        signal_id: ActivityId,
        /// Why.
        failure: Box<Failure>,
    },
    /// Somebody wants the run to change; it said that it would take it.
    UpdateAccepted {
        /// Which.
        update_id: Name,
        /// Its name.
        update: Name,
        /// What it carries.
        input: Payload,
    },
    /// Somebody asks the run to stop.
    CancelRequested {
        /// For people.
        reason: Option<Box<str>>,
    },
    /// The run's end was decided without the program: it commands nothing more but registrations of steps that still
    /// complete.
    Ended,
}

/// What a program wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgramCommand {
    /// Run an activity.
    ScheduleActivity(ScheduleActivity),
    /// Ask an activity to stop.
    CancelActivity {
        /// Which.
        activity_id: ActivityId,
    },
    /// Start a child.
    StartChild(Box<StartChild>),
    /// Stop a child.
    CancelChild {
        /// Which.
        child_id: ActivityId,
        /// How.
        how: Stop,
    },
    /// Send a signal to another run.
    SignalExternal(Box<SignalExternal>),
    /// Wake the run at an instant.
    StartTimer {
        /// The next number of the run.
        timer_id: ActivityId,
        /// When; in the past: at once.
        due_at: Timestamp,
    },
    /// Forget a timer.
    CancelTimer {
        /// Which.
        timer_id: ActivityId,
    },
    /// Remember how to undo a step.
    RegisterCompensation(RegisterCompensation),
    /// Keep a value that replay shall see again.
    RecordMarker {
        /// What kind of marker: `side-effect` …
        kind: Name,
        /// Its name in the code.
        name: Name,
        /// The value.
        value: Payload,
    },
    /// Say something else about the run; what is not named stays, and what is null goes.
    UpsertAttributes {
        /// Search attributes.
        attributes: Option<Fields>,
        /// For people.
        memo: Option<Fields>,
    },
    /// An update has ended.
    CompleteUpdate {
        /// Which.
        update_id: Name,
        /// What it came to.
        outcome: Result<Payload, Failure>,
    },
    /// What it waits for from now on that no other command shows; the last command of an activation, and no part of what
    /// replay compares.
    RecordWaits(Vec<Wait>),
    /// The workflow returned.
    Complete {
        /// What it returned.
        result: Payload,
    },
    /// The workflow failed.
    Fail {
        /// Why.
        failure: Failure,
    },
    /// The workflow ends as cancelled.
    Cancel {
        /// For people.
        reason: Option<Box<str>>,
    },
    /// The workflow goes on in a new run, with a history of its own.
    ContinueAsNew {
        /// What that run is given.
        input: Payload,
        /// Signals that the program was given and has not taken, in the order in which they came.
        signals: Vec<SignalLeft>,
        /// Children that the next run's program shall be able to await; others go on unheard.
        children: Vec<CarriedChild>,
    },
}

/// A signal that a program was given and has not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalLeft {
    /// Its name.
    pub signal: Name,
    /// What it carries.
    pub input: Payload,
}

/// Run an activity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleActivity {
    /// The next number of the run.
    pub activity_id: ActivityId,
    /// The activity's name.
    pub activity: Name,
    /// Where workers take it from.
    pub task_queue: Name,
    /// Its input.
    pub input: Payload,
    /// How it is retried.
    pub retry: RetryPolicy,
    /// How long it may take.
    pub timeouts: Timeouts,
    /// The step is to be compensated once it is done: a registration follows its completion or its scheduling.
    pub compensable: bool,
}

/// How long an activity may take, in milliseconds; none: for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a worker begins with an attempt, from when its task is sent. No attempt follows one that nobody took.
    pub schedule_to_start_ms: Option<u64>,
    /// From when a worker begins with an attempt until its end. Another attempt follows.
    pub start_to_close_ms: u64,
    /// All attempts and the waits between them.
    pub schedule_to_close_ms: Option<u64>,
    /// Between two heartbeats of an attempt. Another attempt follows, and is given the progress.
    pub heartbeat_ms: Option<u64>,
}

impl Timeouts {
    /// Only of one attempt.
    #[must_use]
    pub const fn start_to_close(millis: u64) -> Self {
        Self {
            schedule_to_start_ms: None,
            start_to_close_ms: millis,
            schedule_to_close_ms: None,
            heartbeat_ms: None,
        }
    }

    /// The same with none over [`SPAN_MS_MAX`].
    pub(crate) fn bounded(self) -> Self {
        let bounded = |span: Option<u64>| span.map(|millis| millis.min(SPAN_MS_MAX));
        Self {
            schedule_to_start_ms: bounded(self.schedule_to_start_ms),
            start_to_close_ms: self.start_to_close_ms.min(SPAN_MS_MAX),
            schedule_to_close_ms: bounded(self.schedule_to_close_ms),
            heartbeat_ms: bounded(self.heartbeat_ms),
        }
    }
}

/// Remember how to undo a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterCompensation {
    /// The next number of the run: the compensating activity will have it.
    pub activity_id: ActivityId,
    /// The compensating activity's name.
    pub activity: Name,
    /// Where workers take it from.
    pub task_queue: Name,
    /// Its input.
    pub input: Payload,
    /// How it is retried.
    pub retry: RetryPolicy,
    /// How long it may take.
    pub timeouts: Timeouts,
    /// The step that it undoes.
    pub compensates: ActivityId,
    /// Neighbours of the same group run in parallel.
    pub group: Option<u32>,
}

/// One command as history remembers it: what replay must find again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Position of its event.
    pub seq: Seq,
    /// Its kind.
    pub kind: CommandKind,
    /// Name of the activity, the child's workflow, the marker or the signal; id of an update; none for the end of the run.
    pub name: Option<Name>,
    /// Number of the activity, timer, child or signal; for a compensation of the compensating one.
    pub id: Option<ActivityId>,
    /// A marker's value.
    pub value: Option<Box<Payload>>,
}

/// The kinds of command that replay compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommandKind {
    /// [`ProgramCommand::ScheduleActivity`].
    ScheduleActivity,
    /// [`ProgramCommand::CancelActivity`].
    CancelActivity,
    /// [`ProgramCommand::RegisterCompensation`].
    RegisterCompensation,
    /// [`ProgramCommand::RecordMarker`].
    RecordMarker,
    /// [`ProgramCommand::Complete`].
    Complete,
    /// [`ProgramCommand::Fail`].
    Fail,
    /// [`ProgramCommand::Cancel`].
    Cancel,
    /// [`ProgramCommand::StartTimer`].
    StartTimer,
    /// [`ProgramCommand::CancelTimer`].
    CancelTimer,
    /// [`ProgramCommand::StartChild`].
    StartChild,
    /// [`ProgramCommand::CancelChild`].
    CancelChild,
    /// [`ProgramCommand::ContinueAsNew`].
    ContinueAsNew,
    /// [`ProgramCommand::RecordMarker`] of kind [`VERSION_MARKER`].
    RecordVersion,
    /// [`ProgramCommand::UpsertAttributes`].
    UpsertAttributes,
    /// [`ProgramCommand::CompleteUpdate`].
    CompleteUpdate,
    /// [`ProgramCommand::SignalExternal`].
    SignalExternal,
}

impl CommandKind {
    /// What a marker of that kind is.
    pub(crate) fn of_marker(kind: &Name) -> Self {
        match kind.as_str() {
            VERSION_MARKER => Self::RecordVersion,
            _ => Self::RecordMarker,
        }
    }

    /// Whether the run ends with it.
    pub(crate) const fn is_end(self) -> bool {
        match self {
            Self::Complete | Self::Fail | Self::Cancel | Self::ContinueAsNew => true,
            Self::ScheduleActivity
            | Self::CancelActivity
            | Self::RegisterCompensation
            | Self::RecordMarker
            | Self::RecordVersion
            | Self::UpsertAttributes
            | Self::StartTimer
            | Self::CancelTimer
            | Self::StartChild
            | Self::CancelChild
            | Self::SignalExternal
            | Self::CompleteUpdate => false,
        }
    }
}

/// What came of activating a run's program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Activated {
    /// What the run wants.
    Commands(Vec<ProgramCommand>),
    /// This owner does not have the program.
    Missing,
    /// The program panicked, with this message.
    Panicked(String),
    /// Activating this run stopped its engines: it is not tried again.
    Quarantined,
    /// The program, rebuilt, wanted something else than history says; the text shows both sides.
    Nondeterministic(String),
}

/// The programs of an owner. Runtime implements it over the app's workflows and a bounded cache.
pub trait Programs {
    /// Activates the program of `run` with the last activation of its replay log.
    fn activate(&mut self, workflow_id: &WorkflowId, run: &Run) -> Activated;

    /// Asks the program of `run` as it is after all activations of its replay log. Unless said, nobody answers.
    ///
    /// # Errors
    /// What the program says, or why it cannot be asked: the run is as it was.
    fn inquire(
        &mut self,
        workflow_id: &WorkflowId,
        run: &Run,
        question: Question<'_>,
    ) -> Result<Payload, Failure> {
        let _ = (workflow_id, run);
        Err(question.unknown([]))
    }

    /// The version that a start of `workflow` gets, `None` when this owner has no such program.
    fn resolve(&self, workflow: &Name, version: Option<&str>) -> Option<Box<str>>;

    /// The names of all workflows that this owner has, for the message of a rejection.
    fn names(&self) -> Vec<Name>;
}
