//! Activities and their attempts.

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use super::Place;
use crate::{
    ActivityId, Attempt, Failure, QueueTask, Run, Timestamp, error_type,
    event::{
        ActivityAttemptFailed, ActivityAttemptScheduled, ActivityCancelRequested, ActivityCanceled,
        ActivityCompleted, ActivityFailed, ActivityHeartbeatRecorded, ActivityScheduled,
        ActivityStarted, ActivityTimedOut,
    },
    failure::is_timeout,
    is_local,
    program::{CommandKind, Job, Recorded},
    run::{
        Activity, ActivityState, ERROR_TYPES_MAX, FailedStep, Heartbeat, LastFailure,
        RegistrationState, Step,
    },
};

impl Run {
    pub(super) fn activity_scheduled(&mut self, place: Place<'_>, event: &Arc<ActivityScheduled>) {
        match event.compensates {
            None => {
                self.next_activity_id = event.activity_id.next();
                self.recorded_activity(
                    place,
                    CommandKind::ScheduleActivity,
                    event.activity_id,
                    &event.activity,
                );
            }
            Some(_) => self.set_registration(event.activity_id, RegistrationState::Running),
        }
        let at = self
            .activities
            .partition_point(|one| one.activity_id < event.activity_id);
        self.activities.insert(
            at,
            Activity {
                activity_id: event.activity_id,
                scheduled: Arc::clone(event),
                scheduled_by: self.origin_of(place.seq),
                scheduled_at: place.at,
                attempt: Attempt::FIRST,
                attempt_at: place.at,
                sent_at: place.at,
                limited: false,
                maximum_attempts: event.retry.maximum_attempts,
                attempts_before: 0,
                uncounted: 0,
                set_at: place.at,
                silence_from: place.at,
                state: ActivityState::Queued,
                cancel_requested: false,
                outcome_unknown: false,
                heartbeat: None,
                paused: None,
                last_failure: None,
                failures: Vec::new(),
            },
        );
    }

    pub(super) fn activity_attempt_scheduled(
        &mut self,
        place: Place<'_>,
        event: &ActivityAttemptScheduled,
    ) {
        // A task that a limited queue held back there may have been released: no event of the history says so.
        let held = event.held == Some(true) && !self.is_copy(place.seq);
        if let Some(activity) = self.activity_mut(event.activity_id) {
            // A person did not wait for the one before.
            activity.outcome_unknown |=
                activity.is_in_flight() && event.attempt != activity.attempt;
            activity.attempt = event.attempt;
            activity.attempt_at = place.at;
            activity.sent_at = place.at;
            activity.limited = held;
            activity.state = match activity.limited {
                true => ActivityState::Held,
                false => ActivityState::Queued,
            };
        }
    }

    /// Its queue released the task of an attempt; no event of the run's own history says so.
    pub fn task_released(&mut self, task: &QueueTask, at: Timestamp) {
        let activity = self.activity_mut(task.activity_id);
        let held =
            |one: &&mut Activity| one.attempt == task.attempt && one.state == ActivityState::Held;
        if let Some(activity) = activity.filter(held) {
            activity.sent_at = at;
            activity.state = ActivityState::Queued;
        }
    }

    pub(super) fn activity_started(&mut self, place: Place<'_>, event: &ActivityStarted) {
        if let Some(activity) = self.activity_mut(event.activity_id) {
            activity.state = ActivityState::Running {
                started_at: place.at,
                worker: event.worker.clone(),
            };
        }
    }

    pub(super) fn activity_heartbeat_recorded(
        &mut self,
        place: Place<'_>,
        event: &ActivityHeartbeatRecorded,
    ) {
        let Some(activity) = self.activity_mut(event.activity_id) else {
            return;
        };
        let before = activity.heartbeat.take().and_then(|one| one.progress);
        activity.heartbeat = Some(Box::new(Heartbeat {
            attempt: event.attempt,
            at: place.at,
            progress: event.progress.clone().or(before),
        }));
    }

    pub(super) fn activity_cancel_requested(
        &mut self,
        place: Place<'_>,
        event: &ActivityCancelRequested,
    ) {
        if self.undo.is_none() {
            self.recorded_activity(
                place,
                CommandKind::CancelActivity,
                event.activity_id,
                &event.activity,
            );
        }
        if let Some(activity) = self.activity_mut(event.activity_id) {
            activity.cancel_requested = true;
        }
    }

    pub(super) fn activity_completed(&mut self, _: Place<'_>, event: &ActivityCompleted) {
        let Some(activity) = self.take_activity(event.activity_id) else {
            return;
        };
        if activity.scheduled.compensable {
            self.steps.push(Step {
                activity_id: activity.activity_id,
                activity: activity.scheduled.activity.clone(),
                settled: None,
            });
        }
        if activity.scheduled.compensates.is_none()
            && (self.undo.is_none() || activity.scheduled.compensable)
        {
            self.see(Job::ActivityCompleted {
                activity_id: event.activity_id,
                result: event.result.clone(),
            });
        }
    }

    pub(super) fn activity_attempt_failed(
        &mut self,
        place: Place<'_>,
        event: &ActivityAttemptFailed,
    ) {
        let Some(activity) = self.activity_mut(event.activity_id) else {
            return;
        };
        let began = match activity.state {
            ActivityState::Running { started_at, .. } => started_at,
            ActivityState::Held
            | ActivityState::Queued
            | ActivityState::Backoff { .. }
            | ActivityState::Parked => activity.sent_at,
        };
        if event.uncounted {
            activity.uncounted = activity.uncounted.saturating_add(1);
            activity.limit_attempts();
        }
        // After these the work may be done: what was registered to undo it stays.
        let failure = &event.failure.error_type;
        let was_sent = activity.state != ActivityState::Held;
        activity.outcome_unknown |= (was_sent && is_timeout(failure))
            || failure.as_str() == error_type::PAYLOAD_TOO_LARGE
            || may_have_run(activity, failure);
        count(&mut activity.failures, &event.failure);
        activity.last_failure = Some(Box::new(LastFailure {
            failure: event.failure.clone(),
            attempt: event.attempt,
            at: place.at,
            took: place.at.since(began),
            worker: event.worker.clone(),
        }));
        activity.state = match event.next_attempt_at {
            Some(next_attempt_at) => ActivityState::Backoff { next_attempt_at },
            None => ActivityState::Parked,
        };
    }

    pub(super) fn activity_failed(&mut self, _: Place<'_>, event: &ActivityFailed) {
        let Some(activity) = self.take_activity(event.activity_id) else {
            return;
        };
        // Failed by a person, although a worker may be at it: not by its size, which is told before anything is sent.
        let may_run = activity.is_in_flight()
            && event.failure.error_type.as_str() != error_type::PAYLOAD_TOO_LARGE;
        if !activity.outcome_unknown && !may_run {
            self.forget_registration_of(event.activity_id);
        }
        self.see_failure(&activity, &event.failure);
    }

    pub(super) fn activity_timed_out(&mut self, _: Place<'_>, event: &ActivityTimedOut) {
        let Some(activity) = self.take_activity(event.activity_id) else {
            return;
        };
        self.see_failure(&activity, &event.failure);
    }

    pub(super) fn activity_canceled(&mut self, _: Place<'_>, event: &ActivityCanceled) {
        let Some(activity) = self.take_activity(event.activity_id) else {
            return;
        };
        if self.undo.is_none() && activity.scheduled.compensates.is_none() {
            self.see(Job::ActivityCanceled {
                activity_id: event.activity_id,
            });
        }
    }

    fn see_failure(&mut self, activity: &Activity, failure: &Failure) {
        if self.undo.is_none() && activity.scheduled.compensates.is_none() {
            self.note_failed(&failure.error_type, &activity.scheduled.activity);
            self.see(Job::ActivityFailed {
                activity_id: activity.activity_id,
                failure: Box::new(failure.clone()),
            });
        }
    }

    /// Remembers what failed last with an error of that type.
    pub(super) fn note_failed(&mut self, error_type: &crate::Name, name: &crate::Name) {
        let mut known = self.failed.iter_mut();
        if let Some(failed) = known.find(|one| one.error_type == *error_type) {
            failed.name = name.clone();
        } else if self.failed.len() < ERROR_TYPES_MAX {
            self.failed.push(FailedStep {
                error_type: error_type.clone(),
                name: name.clone(),
            });
        }
    }

    pub(super) fn recorded_activity(
        &mut self,
        place: Place<'_>,
        kind: CommandKind,
        id: ActivityId,
        name: &crate::Name,
    ) {
        self.recorded(
            place,
            Recorded {
                seq: place.seq,
                kind,
                name: Some(name.clone()),
                id: Some(id),
                value: None,
            },
        );
    }

    pub(super) fn activity_mut(&mut self, activity_id: ActivityId) -> Option<&mut Activity> {
        self.activities
            .iter_mut()
            .find(|activity| activity.activity_id == activity_id)
    }

    fn take_activity(&mut self, activity_id: ActivityId) -> Option<Activity> {
        let at = self
            .activities
            .iter()
            .position(|activity| activity.activity_id == activity_id)?;
        Some(self.activities.remove(at))
    }
}

/// Whether an earlier owner may have run a local attempt that a new one could give to nobody.
fn may_have_run(activity: &Activity, failure: &crate::Name) -> bool {
    failure.as_str() == error_type::UNDELIVERABLE && is_local(&activity.scheduled.task_queue)
}

fn count(failures: &mut Vec<(crate::Name, u32)>, failure: &Failure) {
    let known = failures
        .iter_mut()
        .find(|(error_type, _)| *error_type == failure.error_type);
    if let Some((_, times)) = known {
        *times = times.saturating_add(1);
    } else if failures.len() < ERROR_TYPES_MAX {
        failures.push((failure.error_type.clone(), 1));
    }
}
