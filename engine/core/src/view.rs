//! What people see of a run: one place for the engine's answers, the API, the command line and the pages.
//!
//! Deliberately absent: clocks and journal access. A [`View`] is given the run, the time and the few facts that a run
//! does not keep. Invariant: every key of `PROTOCOL.md` §6 is always there; what does not apply is null or empty.

mod activity;
mod attempt;
mod children;
mod closed;
mod compensation;
mod deleted;
mod describe;
mod history;
mod incident;
mod queue;
mod remembered;
mod reset;
mod row;
mod span;
mod wait;

use alloc::{collections::BTreeMap, vec::Vec};

use serde::{Serialize, Serializer};

pub use activity::{LastFailureView, NO_WORKER_AFTER, PendingActivity, Timeouts};
pub use attempt::AttemptView;
pub use children::{ChildrenView, ParentView, PendingChildren};
pub use compensation::{CompensationStep, CompensationView};
pub use deleted::{Deleted, DeletedView};
pub use describe::Description;
pub use history::{EventOfTransition, HistoryEvent, HistoryLine, HistoryPage, JournalLine};
pub use incident::IncidentView;
pub use queue::{PauseView, QueueView, limits};
pub use remembered::Remembered;
pub use reset::ResetView;
pub use row::Row;
pub use span::age;
pub use wait::{WaitKind, WaitingFor};
pub(crate) use {activity::next_attempt_at, compensation::state_of, wait::most_urgent};

use crate::{Activity, Fields, Name, Queue, Run, Timestamp, WorkflowId, show::Show};

/// A run as it is seen at one moment.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The run's workflow id.
    pub workflow_id: &'a WorkflowId,
    /// The run, open or closed.
    pub run: &'a Run,
    /// Where its history lies.
    pub journal_partition: i32,
    /// The time of the last batch that is seen here.
    pub as_of: Timestamp,
    /// The time now: what countdowns and ages are told by.
    pub server_time: Timestamp,
    /// `ce_source` of the input that closed the run, where that is known.
    pub closed_by: Option<&'a str>,
    /// Queues of which it is known that no worker reads them.
    pub unread_queues: &'a [Name],
    /// Queues that somebody limited, where they are known.
    pub queues: Option<&'a BTreeMap<Name, Queue>>,
    /// That somebody deleted it, where that is known.
    pub deleted: Option<&'a Deleted>,
}

impl<'a> View<'a> {
    /// A view that knows only the run and the time.
    #[must_use]
    pub const fn new(
        workflow_id: &'a WorkflowId,
        run: &'a Run,
        journal_partition: i32,
        as_of: Timestamp,
    ) -> Self {
        Self {
            workflow_id,
            run,
            journal_partition,
            as_of,
            server_time: as_of,
            closed_by: None,
            unread_queues: &[],
            queues: None,
            deleted: None,
        }
    }

    /// The run as a row of a list: `GET /workflows`.
    #[must_use]
    pub fn row(&self) -> Row<'a> {
        Row::of(self, None)
    }

    /// All about the run: `GET /workflows/{id}`.
    #[must_use]
    pub fn describe(&self) -> Description<'a> {
        Description::of(self)
    }

    /// The run's status: `Running`, `Completed` …
    #[must_use]
    pub fn status(&self) -> &'static str {
        match (&self.run.closed, &self.run.paused) {
            (Some(closed), _) => closed.outcome.status(),
            (None, Some(_)) => "Paused",
            (None, None) => "Running",
        }
    }

    /// The one word more that an open run has; none once it is closed.
    #[must_use]
    pub fn situation(&self) -> Option<Situation> {
        let run = self.run;
        if run.closed.is_some() {
            None
        } else if !run.incidents.is_empty() {
            Some(Situation::Incident)
        } else if run.paused.is_some() {
            Some(Situation::Paused)
        } else if run.undo.is_some() {
            Some(Situation::Compensating)
        } else if run
            .activities
            .iter()
            .any(|activity| activity::is_unread(self, activity))
        {
            Some(Situation::NoWorker)
        } else if run
            .activities
            .iter()
            .any(|activity| activity.last_failure.is_some())
        {
            Some(Situation::Retrying)
        } else if run.activities.is_empty() {
            Some(Situation::Waiting)
        } else {
            Some(Situation::Working)
        }
    }

    /// Whether a person is wanted: for an incident, or for a choice.
    #[must_use]
    pub fn needs_person(&self) -> bool {
        let run = self.run;
        let mut waits = run.waits.iter();
        run.closed.is_none()
            && (!run.incidents.is_empty() || waits.any(|wait| !wait.choices.is_empty()))
    }

    /// What waits for a person, oldest first, as `GET /incidents` has it.
    #[must_use]
    pub fn incidents(&self) -> Vec<IncidentView<'a>> {
        let incidents = self.run.incidents.iter();
        incidents
            .map(|incident| IncidentView::of(self, incident))
            .collect()
    }

    /// The pending activity that the run's sentence is about.
    #[must_use]
    pub fn most_urgent(&self) -> Option<&'a Activity> {
        most_urgent(self)
    }

    /// When an activity's next attempt is due, if one waits.
    #[must_use]
    pub fn next_attempt_at(&self, activity: &'a Activity) -> Option<Timestamp> {
        next_attempt_at(self.run, activity).copied()
    }

    /// Where a pending activity is: `queued`, `retrying` …
    #[must_use]
    pub fn activity_state(&self, activity: &Activity) -> &'static str {
        activity::state(self.run, activity)
    }

    /// How far what was done is undone; none: nothing is registered.
    #[must_use]
    pub fn compensation_state(&self) -> Option<&'static str> {
        state_of(self.run)
    }

    /// What the run waits for, in a sentence; of a closed one how it ended.
    #[must_use]
    pub fn waiting_for(&self) -> WaitingFor {
        match (&self.run.closed, self.deleted) {
            (_, Some(deleted)) => deleted.sentence(),
            (Some(closed), None) => closed::sentence(self, closed),
            (None, None) => wait::sentence(self),
        }
    }
}

/// What an open run is about: the first that fits, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Situation {
    /// It needs a person.
    Incident,
    /// A person holds it up.
    Paused,
    /// What was done is being undone.
    Compensating,
    /// Its tasks wait in a queue that nobody reads.
    NoWorker,
    /// An activity has failed at least once and is not done.
    Retrying,
    /// An activity is pending.
    Working,
    /// It waits for something else.
    Waiting,
}

impl Situation {
    /// The word of the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Incident => "incident",
            Self::Paused => "paused",
            Self::Compensating => "compensating",
            Self::NoWorker => "no-worker",
            Self::Retrying => "retrying",
            Self::Working => "working",
            Self::Waiting => "waiting",
        }
    }
}

impl Serialize for Situation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A list that is always empty: the feature that would fill it does not exist yet.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Empty;

impl Serialize for Empty {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(core::iter::empty::<()>())
    }
}

/// Search attributes or a memo: a JSON object, empty where there are none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldsView<'a>(Option<&'a Fields>);

impl<'a> FieldsView<'a> {
    fn attributes(run: &'a Run) -> Self {
        Self(run.started.attributes.as_ref())
    }

    fn memo(run: &'a Run) -> Self {
        Self(run.started.memo.as_ref())
    }
}

impl Serialize for FieldsView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(fields) => fields.show(serializer),
            None => serializer.collect_map(core::iter::empty::<((), ())>()),
        }
    }
}
