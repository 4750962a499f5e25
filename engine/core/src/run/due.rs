//! What happens to a run if nobody reports, and when.
//!
//! ```text
//! attempt held       schedule-to-start                                                 schedule-to-close
//! attempt queued     schedule-to-start   start-to-close, from when it may have begun   schedule-to-close
//! attempt running    heartbeat           start-to-close, from when it began            schedule-to-close
//! backoff            next attempt, if the record that waits for it stays away          schedule-to-close
//! parked             nothing: it waits for a person; paused: no next attempt and no timer, all else
//! the run            its delay           its timers   run and execution time-out, until its end is fixed
//! ```

use super::{Activity, ActivityState, Run, Timer};
use crate::{Millis, QueuedUntil, RETRY_TAKEN_OVER_AFTER, Timestamp};

/// Something that is due.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Due<'a> {
    /// Of an activity.
    Activity(&'a Activity, ActivityDue),
    Timer(&'a Timer),
    /// Its program may begin.
    Start(Timestamp),
    /// The run's time runs out.
    Run(RunDue),
}

/// What is due of an activity; of the same instant, the first of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ActivityDue {
    ScheduleToClose,
    ScheduleToStart,
    Heartbeat,
    StartToClose,
    NextAttempt,
}

/// Which time-out of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RunDue {
    ExecutionTimeout,
    RunTimeout,
}

impl Run {
    /// When the run's next deadline is.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        self.deadline_of(&[])
    }

    /// The same, with what is known of tasks that wait in their queues.
    #[must_use]
    pub fn deadline_of(&self, queued: &[QueuedUntil]) -> Option<Timestamp> {
        self.first_due(queued).map(|(at, _)| at)
    }

    /// What is due first. Of the same instant, an activity before a timer: what it waited for may have come in time; the
    /// run's own end last.
    pub(crate) fn first_due(&self, queued: &[QueuedUntil]) -> Option<(Timestamp, Due<'_>)> {
        let held = self.paused.is_some();
        let of_activity = |one| Activity::due(one, queued, held).map(|(at, due)| (at, one, due));
        let activities = self.activities.iter().filter_map(of_activity);
        let activity = activities
            .min_by_key(|(at, one, due)| (*at, one.activity_id, *due))
            .map(|(at, one, due)| (at, Due::Activity(one, due)));
        let timer = self.timers.first().filter(|_| !held);
        let timer = timer.map(|timer| (timer.due_at, Due::Timer(timer)));
        let start = self.delayed_until.filter(|_| !held);
        let start = start.map(|at| (at, Due::Start(at)));
        let run = self.time_limit().map(|(at, due)| (at, Due::Run(due)));
        let all = activity.into_iter().chain(timer).chain(start).chain(run);
        // The first of those with the same instant.
        all.min_by_key(|(at, _)| *at)
    }

    /// When the run's time runs out. Undoing takes the time that it takes.
    pub(crate) fn time_limit(&self) -> Option<(Timestamp, RunDue)> {
        if self.undo.is_some() {
            return None;
        }
        let span = self.started.run_timeout_ms;
        let run = span.map(|millis| self.begins_at().plus(Millis(millis)));
        let run = run.map(|at| (at, RunDue::RunTimeout));
        let execution = self.execution_ends_by();
        let execution = execution.map(|at| (at, RunDue::ExecutionTimeout));
        execution.into_iter().chain(run).min()
    }

    /// When the time of its chain runs out: from when that was started, not from when it begins.
    pub(crate) fn execution_ends_by(&self) -> Option<Timestamp> {
        let span = self.started.execution_timeout_ms?;
        Some(self.execution_started_at().plus(Millis(span)))
    }
}

impl Activity {
    /// How long one attempt may run.
    #[must_use]
    pub fn start_to_close(&self) -> Millis {
        Millis(self.scheduled.start_to_close_ms)
    }

    /// When something must happen to it, if nobody reports.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        self.due(&[], false).map(|(at, _)| at)
    }

    /// When something is expected of it: of the next attempt that it is made, of a running one that it ends.
    #[must_use]
    pub fn expected_at(&self) -> Option<Timestamp> {
        if let ActivityState::Backoff { next_attempt_at } = self.state {
            return Some(next_attempt_at);
        }
        self.deadline()
    }

    /// When all its attempts must have ended.
    #[must_use]
    pub fn closes_by(&self) -> Option<Timestamp> {
        let span = self.scheduled.schedule_to_close_ms?;
        Some(self.set_at.plus(Millis(span)))
    }

    /// After which no worker shall begin with the attempt that was sent last.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        let start_by = self.start_by();
        start_by.into_iter().chain(self.closes_by()).min()
    }

    /// When a worker must have begun with the attempt that was sent last.
    #[must_use]
    pub fn start_by(&self) -> Option<Timestamp> {
        let span = self.scheduled.schedule_to_start_ms?;
        Some(self.attempt_at.plus(Millis(span)))
    }

    /// When a worker that is to send heartbeats has been silent for too long. Not every heartbeat is journaled: one may have
    /// come half a time-out after the last that was.
    fn heard_by(&self, started_at: Timestamp) -> Option<Timestamp> {
        let span = self.scheduled.heartbeat_ms?;
        let from = |silent: Timestamp| silent.max(self.silence_from);
        Some(match self.heartbeat_at() {
            Some(at) => from(at).plus(Millis(span.saturating_add(span / 2))),
            None => from(started_at).plus(Millis(span)),
        })
    }

    /// The last heartbeat of the attempt that was sent last.
    #[must_use]
    pub fn heartbeat_at(&self) -> Option<Timestamp> {
        let heartbeat = self.heartbeat.as_ref()?;
        (heartbeat.attempt == self.attempt).then_some(heartbeat.at)
    }

    /// `held`: its run is paused.
    fn due(&self, queued: &[QueuedUntil], held: bool) -> Option<(Timestamp, ActivityDue)> {
        let close_by = self
            .closes_by()
            .map(|at| (at, ActivityDue::ScheduleToClose));
        let (first, second) = match self.state {
            ActivityState::Held => (
                self.start_by().map(|at| (at, ActivityDue::ScheduleToStart)),
                None,
            ),
            ActivityState::Queued => {
                let known = self.known_of(queued);
                let begun = known.map_or(self.sent_at, |one| one.until.max(self.sent_at));
                let start_by = self.start_by().and_then(|by| still_waits(by, known));
                (
                    start_by.map(|at| (at, ActivityDue::ScheduleToStart)),
                    Some((begun.plus(self.start_to_close()), ActivityDue::StartToClose)),
                )
            }
            ActivityState::Running { started_at, .. } => {
                let heard_by = self.heard_by(started_at);
                let close_by = started_at.plus(self.start_to_close());
                (
                    heard_by.map(|at| (at, ActivityDue::Heartbeat)),
                    Some((close_by, ActivityDue::StartToClose)),
                )
            }
            ActivityState::Backoff { .. } if held || self.paused.is_some() => (None, None),
            ActivityState::Backoff { next_attempt_at } => {
                let taken_over_at = next_attempt_at.plus(RETRY_TAKEN_OVER_AFTER);
                (None, Some((taken_over_at, ActivityDue::NextAttempt)))
            }
            ActivityState::Parked => return None,
        };
        first.into_iter().chain(second).chain(close_by).min()
    }

    fn known_of<'a>(&self, queued: &'a [QueuedUntil]) -> Option<&'a QueuedUntil> {
        let is_it =
            |one: &&QueuedUntil| (one.activity_id, one.attempt) == (self.activity_id, self.attempt);
        queued.iter().find(is_it)
    }
}

/// When a task has waited for too long that nobody said to have begun with: never if it may have begun in time.
fn still_waits(start_by: Timestamp, known: Option<&QueuedUntil>) -> Option<Timestamp> {
    match known {
        Some(known) if known.until < start_by => None,
        Some(known) if !known.is_proved => Some(known.until.plus(LOOK_AGAIN_AFTER)),
        Some(_) | None => Some(start_by),
    }
}

/// Where nobody can tell whether a task was taken, it is looked at again after this.
const LOOK_AGAIN_AFTER: Millis = Millis::from_secs(1);
