//! A person changes how a pending activity is retried and how long it may take.
//!
//! What is under way goes on, measured by the new time-outs. What waits for its next attempt is judged anew: an attempt that
//! the new policy allows comes when it was to come, or sooner if the new policy says so; else the activity ends by it.

use alloc::vec::Vec;

use super::{
    super::activity::{exhausted, is_followed, is_in_time, next_attempt, wait},
    Refused, is_paused,
};
use crate::{
    Activity, Event, Operate, OptionsChange, RetryChange, Run, TimeoutsChange, Timestamp,
    bounds::{self, OutOfBounds},
    error_type,
    event::ActivityOptionsUpdated,
    run::{ActivityState, LastFailure},
};

pub(super) fn update(
    run: &Run,
    now: Timestamp,
    pending: &Activity,
    asked: (&Result<OptionsChange, OutOfBounds>, &Operate),
) -> Result<Vec<Event>, Refused> {
    let (change, command) = asked;
    let invalid = |out: &OutOfBounds| {
        let message = out.of(&pending.scheduled.activity);
        Refused(error_type::INVALID_OPTIONS, message)
    };
    let change = change.as_ref().map_err(invalid)?;
    let mut updated = event(pending, change, command);
    let mut changed = pending.clone();
    changed.change_options(now, &updated);
    if changed.scheduled == pending.scheduled {
        return Ok(Vec::new());
    }
    let retry = &changed.scheduled.retry;
    if change.retry.is_of_intervals() {
        bounds::ordered(retry.initial_interval_ms, retry.maximum_interval_ms)
            .map_err(|out| invalid(&out))?;
    }
    let then = match (&changed.state, &changed.last_failure) {
        // Not so if it was paused before it was made.
        (ActivityState::Backoff { next_attempt_at }, Some(last))
            if last.attempt == pending.attempt =>
        {
            let due = is_followed(&changed, &last.failure)
                .then(|| match change.retry.is_of_waits() {
                    true => sooner(run, &changed, last, now).min(*next_attempt_at),
                    false => *next_attempt_at,
                })
                .filter(|at| is_in_time(&changed, *at));
            match due {
                None => exhausted(&changed, &last.failure),
                Some(at) if at <= now && !is_paused(run, pending) => {
                    Vec::from([next_attempt(pending)])
                }
                Some(at) => {
                    updated.next_attempt_at = (at < *next_attempt_at).then_some(at);
                    Vec::new()
                }
            }
        }
        _ => Vec::new(),
    };
    Ok(core::iter::once(updated.into()).chain(then).collect())
}

fn event(pending: &Activity, change: &OptionsChange, command: &Operate) -> ActivityOptionsUpdated {
    let OptionsChange { retry, timeouts } = change;
    ActivityOptionsUpdated {
        activity_id: pending.activity_id,
        activity: pending.scheduled.activity.clone(),
        input: None,
        actor: Some(command.actor.clone()),
        reason: command.reason.clone(),
        retry: (*retry != RetryChange::default()).then(|| retry.clone()),
        timeouts_ms: (*timeouts != TimeoutsChange::default()).then_some(*timeouts),
        next_attempt_at: None,
    }
}

/// When the attempt after the last is due by the policy as it is now, at once if that is over.
fn sooner(run: &Run, changed: &Activity, last: &LastFailure, now: Timestamp) -> Timestamp {
    last.at
        .plus(wait(run, changed, &last.failure, None))
        .max(now)
}
