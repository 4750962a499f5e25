//! One open run: everything that its decisions, its replay and its description depend on.
//!
//! Invariant: only `apply/` writes here. Ids are never reused, pending activities stand in the order of their ids.

mod activations;
mod attempt;
mod carried;
mod children;
pub(crate) mod due;
mod history;
mod incident;
mod reset;
mod updates;

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::{
    ActivityId, Attempt, Failure, IdentityRing, Millis, Name, Outcome, Payload, QueueTask, ReplyTo,
    RunId, Seq, Timestamp, Wait, WorkflowId,
    event::{ActivityOptionsUpdated, ActivityScheduled, CompensationRegistered, WorkflowStarted},
    program::Job,
};

pub use activations::{ActivationRecord, Activations};
pub use carried::Carried;
pub use children::{Child, Children};
pub use history::{
    HISTORY_BYTES_MAX, HISTORY_BYTES_SUGGESTED, HISTORY_EVENTS_MAX, HISTORY_EVENTS_SUGGESTED,
    HistorySize,
};
pub use incident::{Incident, Resolved};
pub use reset::Copied;
pub use updates::{
    EndedUpdate, OUTCOMES_BYTES_MAX, PendingUpdate, UPDATE_REPLIES_MAX, UPDATES_MAX,
    UPDATES_PENDING_MAX, UpdateOutcome, Updates,
};

/// Most callers that a run answers when it closes; one more is refused.
pub const REPLIES_MAX: usize = 64;

/// Most solved incidents that a run remembers.
pub const RESOLVED_MAX: usize = 16;

/// Most error types that are told apart of an activity, and of what failed in a run.
pub const ERROR_TYPES_MAX: usize = 16;

/// One run between its start and its end.
///
/// Written by serde it is what people see of it: without what only its owner needs to decide, replay and answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The run.
    pub run_id: RunId,
    /// Workflow, version, input and trace, as its first event has them; attributes and memo, as they are now.
    pub started: Arc<WorkflowStarted>,
    /// When it started.
    pub started_at: Timestamp,
    /// Set while its program was never activated because the instant at which it is to begin has not come.
    pub delayed_until: Option<Timestamp>,
    /// Position of the last event.
    pub seq: Seq,
    /// How long its history is.
    pub history: HistorySize,
    /// How much of it is what it took over from the run before.
    pub carried: HistorySize,
    /// How long it was when the program could see its last event.
    pub seen_at: HistorySize,
    /// The number that the next activity or registration gets.
    pub next_activity_id: ActivityId,
    /// Activities without an outcome, by id.
    pub activities: SmallVec<[Activity; 1]>,
    /// Timers that are not due yet, by when they are, and then by number.
    pub timers: SmallVec<[Timer; 1]>,
    /// Runs that it started; none as long as it started none.
    pub children: Option<Box<Children>>,
    /// Numbers of signals to other runs of which the program waits to hear that they are there.
    pub signals_sent: Vec<ActivityId>,
    /// Completed steps that are to be compensated.
    pub steps: Vec<Step>,
    /// What can be undone, in order of registration.
    pub registrations: Vec<Registration>,
    /// What it waits for that no event of its own shows.
    pub waits: Vec<Wait>,
    /// Requests that change it, under way or ended.
    pub updates: Updates,
    /// Set once the end of the run is fixed and what was done is being undone.
    pub undo: Option<Box<Undo>>,
    /// Set once somebody asked the run to stop.
    pub cancel: Option<CancelRequest>,
    /// What waits for a person, oldest first.
    pub incidents: Vec<Incident>,
    /// The last incidents that were solved, oldest first, at most [`RESOLVED_MAX`].
    pub resolved: Vec<Resolved>,
    /// What failed for good last with each error type: of the first [`ERROR_TYPES_MAX`] of them.
    pub failed: Vec<FailedStep>,
    /// What the program was given and what it wanted: all that replay needs.
    #[serde(skip)]
    pub activations: Activations,
    /// Of a run that begins with copies of another's events: where it is with them.
    #[serde(skip)]
    pub copied: Copied,
    /// What the program was not given yet.
    #[serde(skip)]
    pub unseen: SmallVec<[Job; 1]>,
    /// Whom to tell when the run closes.
    #[serde(skip)]
    pub replies: Vec<ReplyTo>,
    /// Inputs whose repeats are dropped.
    #[serde(skip)]
    pub seen: IdentityRing,
    /// Starts of this and earlier runs of the id.
    #[serde(skip)]
    pub starts: IdentityRing,
    /// Set while nothing new may begin.
    pub paused: Option<Box<Paused>>,
    /// Set by the terminal event.
    pub closed: Option<Box<ClosedBy>>,
}

/// An activity without an outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// Its number.
    pub activity_id: ActivityId,
    /// Name, queue, input, retry policy and what else its first event has.
    pub scheduled: Arc<ActivityScheduled>,
    /// In which run: this one, or one that was reset since. Its idempotency key is by that.
    pub scheduled_by: RunId,
    /// When it was scheduled.
    pub scheduled_at: Timestamp,
    /// The last attempt sent.
    pub attempt: Attempt,
    /// When the last attempt was scheduled: its schedule-to-start time-out counts from then.
    pub attempt_at: Timestamp,
    /// When its task was sent: as it was scheduled, or when its queue released it.
    pub sent_at: Timestamp,
    /// The last attempt goes through the home of its queue, which is limited.
    pub limited: bool,
    /// Attempts in all, 0 without limit: those before its set, those of it that do not count, and as many as its policy says.
    pub maximum_attempts: u32,
    /// Attempts that were made when somebody last gave it a fresh set.
    pub attempts_before: u32,
    /// Attempts of its set that do not count: no worker knew the activity.
    pub uncounted: u32,
    /// When it was scheduled, or last given a fresh set: its schedule-to-close time-out counts from then.
    pub set_at: Timestamp,
    /// When its heartbeat time-out was set or last changed: no silence of before counts.
    pub silence_from: Timestamp,
    /// Where it is.
    pub state: ActivityState,
    /// It was asked to stop.
    pub cancel_requested: bool,
    /// An attempt ended without anybody knowing what it did.
    pub outcome_unknown: bool,
    /// The last heartbeat that was journaled, of any attempt.
    pub heartbeat: Option<Box<Heartbeat>>,
    /// Set while no attempt may begin.
    pub paused: Option<Box<Paused>>,
    /// The last failure.
    pub last_failure: Option<Box<LastFailure>>,
    /// How often each error type came, the first [`ERROR_TYPES_MAX`] of them.
    pub failures: Vec<(Name, u32)>,
}

impl Activity {
    /// The attempts of the set that it is in.
    pub(crate) const fn attempts_of_set(&self) -> u32 {
        self.attempt.get().saturating_sub(self.attempts_before)
    }

    /// As many attempts more as its policy allows in all, with the waits of the first ones.
    pub(crate) fn give_fresh_attempts(&mut self, at: Timestamp) {
        self.attempts_before = self.attempt.get();
        self.uncounted = 0;
        self.set_at = at;
        self.limit_attempts();
    }

    /// What its policy allows counts from the set that it is in.
    pub(crate) fn limit_attempts(&mut self) {
        let set = self.scheduled.retry.maximum_attempts;
        let others = self.attempts_before.saturating_add(self.uncounted);
        self.maximum_attempts = match set {
            0 => 0,
            set => others.saturating_add(set),
        };
    }

    /// Paused while its attempt waits for its turn in a limited queue, it takes no place there: that attempt is over and
    /// does not count, and the next is made when it goes on.
    pub(crate) fn give_up_turn(&mut self, at: Timestamp) {
        if self.state == ActivityState::Held {
            self.state = ActivityState::Backoff {
                next_attempt_at: at,
            };
            self.uncounted = self.uncounted.saturating_add(1);
            self.limit_attempts();
        }
    }

    /// What its further attempts are made with, how many there may be, and when the next is due.
    pub(crate) fn change_options(&mut self, at: Timestamp, event: &ActivityOptionsUpdated) {
        let scheduled = Arc::make_mut(&mut self.scheduled);
        if let Some(input) = &event.input {
            scheduled.input = input.clone();
        }
        if let Some(retry) = &event.retry {
            retry.change(&mut scheduled.retry);
        }
        if let Some(timeouts) = event.timeouts_ms {
            timeouts.change(scheduled);
            if timeouts.heartbeat.is_some() {
                self.silence_from = at;
            }
        }
        self.limit_attempts();
        if let (ActivityState::Backoff { next_attempt_at }, Some(at)) =
            (&mut self.state, event.next_attempt_at)
        {
            *next_attempt_at = at;
        }
    }

    /// Whether a worker has, or may have, its task.
    #[must_use]
    pub const fn is_in_flight(&self) -> bool {
        match self.state {
            ActivityState::Queued | ActivityState::Running { .. } => true,
            ActivityState::Held | ActivityState::Backoff { .. } | ActivityState::Parked => false,
        }
    }

    /// Whether the attempt that was scheduled last has not ended.
    #[must_use]
    pub fn has_attempt(&self) -> bool {
        self.is_in_flight() || self.state == ActivityState::Held
    }

    /// Its attempt as the home of its queue knows it; `partition` is the run's.
    pub(crate) fn task_of(&self, of: (&WorkflowId, RunId), partition: i32) -> QueueTask {
        QueueTask {
            partition,
            workflow_id: of.0.clone(),
            run_id: of.1,
            activity_id: self.activity_id,
            activity: self.scheduled.activity.clone(),
            attempt: self.attempt,
        }
    }
}

/// A person holds something up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// Since when.
    pub at: Timestamp,
    /// Who.
    pub actor: Name,
    /// Why, in their words.
    pub reason: Option<Box<str>>,
}

/// A worker's word that an attempt goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Which attempt.
    pub attempt: Attempt,
    /// When.
    pub at: Timestamp,
    /// The last progress that any attempt told.
    pub progress: Option<Payload>,
}

/// The run waits for an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Timer {
    /// Which instant.
    pub due_at: Timestamp,
    /// Its number.
    pub timer_id: ActivityId,
}

/// Where an activity is between its attempts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ActivityState {
    /// The task waits until the home of its queue releases it.
    Held,
    /// The task was sent; nobody said that it began.
    Queued,
    /// A worker said that it began.
    Running {
        /// When.
        started_at: Timestamp,
        /// Who.
        worker: Option<Name>,
    },
    /// The next attempt waits.
    Backoff {
        /// Until then.
        next_attempt_at: Timestamp,
    },
    /// It waits for a person.
    Parked,
}

/// The last failure of an activity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastFailure {
    /// Why.
    pub failure: Failure,
    /// Of which attempt.
    pub attempt: Attempt,
    /// When.
    pub at: Timestamp,
    /// How long the attempt took, from its task or its reported start.
    pub took: Millis,
    /// Who tried.
    pub worker: Option<Name>,
}

/// A completed step that is to be compensated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The activity.
    pub activity_id: ActivityId,
    /// Its name.
    pub activity: Name,
    /// What a person said of it when nothing could undo it: undone by hand, or to stay done. It holds for what is registered
    /// to undo it afterwards, too.
    pub settled: Option<RegistrationState>,
}

/// How a step is undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// The compensating activity, the step and the group, as the event has them.
    pub registered: Arc<CompensationRegistered>,
    /// The step's name.
    pub of: Name,
    /// How far it is.
    pub state: RegistrationState,
}

/// How far a compensation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RegistrationState {
    /// Not begun.
    Registered,
    /// Its activity is pending.
    Running,
    /// The step is undone.
    Completed,
    /// It could not be undone.
    Failed,
}

/// The run's end is fixed; what was done is being undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undo {
    /// How the run will end.
    pub outcome: Outcome,
    /// Why, when it failed.
    pub failure: Option<Failure>,
    /// Why, in the words of whoever asked.
    pub reason: Option<Box<str>>,
}

/// Somebody asked the run to stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelRequest {
    /// For people.
    pub reason: Option<Box<str>>,
    /// Whether completed steps shall be compensated.
    pub compensate: bool,
}

/// An activity or a child that failed for good, so that the program was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedStep {
    /// With which error.
    pub error_type: Name,
    /// The activity, or the child's workflow.
    pub name: Name,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedBy {
    /// How.
    pub outcome: Outcome,
    /// When.
    pub at: Timestamp,
    /// What it returned.
    pub result: Option<Payload>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// Why, in the words of whoever ended it.
    pub reason: Option<Box<str>>,
    /// The run that goes on in its place.
    pub new_run_id: Option<RunId>,
}

impl Run {
    /// A pending activity.
    #[must_use]
    pub fn activity(&self, activity_id: ActivityId) -> Option<&Activity> {
        self.activities
            .iter()
            .find(|activity| activity.activity_id == activity_id)
    }

    /// Children that have not ended, as far as is known here.
    pub fn open_children(&self) -> impl Iterator<Item = &Child> {
        self.children.iter().flat_map(|children| children.iter())
    }

    /// A child that has not ended.
    #[must_use]
    pub fn child(&self, child_id: ActivityId) -> Option<&Child> {
        self.children.as_ref()?.get(child_id)
    }

    /// Whether the end of the run would have to wait for a child.
    #[must_use]
    pub fn has_awaited_child(&self) -> bool {
        self.open_children().any(Child::is_awaited)
    }

    /// Whether the program waits for a person or for its code.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.incidents
            .iter()
            .any(|incident| incident.kind.blocks_program())
    }

    /// Whether the program may be given what it has not seen.
    #[must_use]
    pub fn may_activate(&self) -> bool {
        !self.is_blocked() && self.paused.is_none() && self.delayed_until.is_none()
    }

    /// The open incident about an activity.
    #[must_use]
    pub fn incident_of(&self, activity_id: ActivityId) -> Option<&Incident> {
        self.incidents
            .iter()
            .find(|incident| incident.activity_id == Some(activity_id))
    }

    /// Completed steps that are to be compensated and have no registration.
    pub fn uncovered_steps(&self) -> impl Iterator<Item = &Step> {
        let open = self.steps.iter().filter(|step| step.settled.is_none());
        open.filter(|step| {
            !self
                .registrations
                .iter()
                .any(|one| one.registered.compensates == step.activity_id)
        })
    }
}
