//! What limits a queue, and whose task goes.
//!
//! Invariant: a task that the home releases is told of its end, by the attempt's end or as soon as the partition of the run
//! finds that it does not want it: no place is lost for good.

use alloc::{format, string::String, vec::Vec};

use super::{Ignored, accepted, refusal};
use crate::{
    Cause, ChangeQueue, Event, Limit, Name, Overlay, PausedType, QUEUE_PAUSED_MAX,
    QUEUE_RATE_PER_SECOND_MAX, QueueAct, QueueTask, Timestamp, error_type,
    event::{QueueChanged, QueueTaskEnded, QueueTaskOffered, QueueTaskReleased},
    run::ActivityState,
};

/// A person changes what limits a queue; one that cannot be is only answered.
pub(crate) fn change(
    overlay: &Overlay<'_>,
    now: Timestamp,
    cause: &Cause,
    change: &ChangeQueue,
) -> Result<Vec<Event>, Ignored> {
    let reply = change.reply.as_ref();
    let accepted = || reply.map(|reply| Event::from(accepted(reply, false)));
    let ignored = |ignored| accepted().map(|one| Vec::from([one])).ok_or(ignored);
    if overlay.has_changed(&change.queue, cause.identity()) {
        return ignored(Ignored::Repeat);
    }
    let old = overlay.settings(&change.queue);
    match changed(old, now, change) {
        Ok(Some(new)) => Ok([Event::from(new)].into_iter().chain(accepted()).collect()),
        Ok(None) => ignored(Ignored::Already),
        Err(message) => reply
            .map(|reply| Vec::from([refusal(reply, error_type::INVALID_INPUT, message).into()]))
            .ok_or(Ignored::Already),
    }
}

/// What limits the queue after a change; none where it is so already.
fn changed(
    old: Option<&QueueChanged>,
    now: Timestamp,
    change: &ChangeQueue,
) -> Result<Option<QueueChanged>, String> {
    let mut new = old.cloned().unwrap_or_else(|| QueueChanged {
        queue: change.queue.clone(),
        version: 0,
        home_partition: change.home_partition,
        max_outstanding: None,
        rate_per_hour: None,
        paused: Vec::new(),
        actor: change.actor.clone(),
        reason: None,
    });
    match &change.act {
        QueueAct::Limit {
            max_outstanding,
            rate_per_hour,
        } => {
            check_rate(*rate_per_hour)?;
            new.max_outstanding = max_outstanding.or(new.max_outstanding);
            new.rate_per_hour = rate_per_hour.or(new.rate_per_hour);
        }
        QueueAct::Pause(activity) if new.paused.iter().all(|one| one.activity != *activity) => {
            if new.paused.len() >= QUEUE_PAUSED_MAX {
                return Err(format!(
                    "{QUEUE_PAUSED_MAX} activities of queue {} are paused; no more can be",
                    change.queue
                ));
            }
            new.paused.push(PausedType {
                activity: activity.clone(),
                at: now,
                actor: change.actor.clone(),
                reason: change.reason.clone(),
            });
        }
        // Who says so again says why anew.
        QueueAct::Pause(activity) => {
            let again = new
                .paused
                .iter_mut()
                .filter(|one| one.activity == *activity);
            for one in again.filter(|one| one.reason != change.reason) {
                one.actor.clone_from(&change.actor);
                one.reason.clone_from(&change.reason);
            }
        }
        QueueAct::Resume(activity) => new.paused.retain(|one| one.activity != *activity),
    }
    let is_same = |old: &QueueChanged| {
        (old.max_outstanding, old.rate_per_hour) == (new.max_outstanding, new.rate_per_hour)
            && old.paused == new.paused
    };
    let is_same = match old {
        Some(old) => is_same(old),
        None => !crate::state::is_limited(&new),
    };
    new.version = new.version.saturating_add(1);
    new.actor = change.actor.clone();
    new.reason = change.reason.clone();
    Ok((!is_same).then_some(new))
}

fn check_rate(rate_per_hour: Limit<u64>) -> Result<(), String> {
    let max = QUEUE_RATE_PER_SECOND_MAX.saturating_mul(3_600);
    match rate_per_hour {
        Limit::Set(rate) if rate == 0 || rate > max => Err(format!(
            "a rate is from 1 an hour to {QUEUE_RATE_PER_SECOND_MAX} a second; to stop a queue, pause it"
        )),
        Limit::Set(_) | Limit::Keep | Limit::Lift => Ok(()),
    }
}

/// The queue's home changed what limits it.
pub(crate) fn adopt(overlay: &Overlay<'_>, changed: &QueueChanged) -> Result<Vec<Event>, Ignored> {
    let known = overlay.settings(&changed.queue);
    match known.is_some_and(|known| known.version >= changed.version) {
        true => Err(Ignored::Repeat),
        false => Ok(Vec::from([changed.clone().into()])),
    }
}

/// At the home: an attempt waits for its turn.
pub(crate) fn offer(
    overlay: &Overlay<'_>,
    queue: &Name,
    task: &QueueTask,
) -> Result<Vec<Event>, Ignored> {
    if overlay.queue(queue).is_some_and(|one| one.knows(task)) {
        return Err(Ignored::Repeat);
    }
    Ok(Vec::from([QueueTaskOffered {
        queue: queue.clone(),
        task: task.clone(),
    }
    .into()]))
}

/// In the partition of the run: its turn has come; whoever is not there any more makes room.
pub(crate) fn send(
    overlay: &Overlay<'_>,
    queue: &Name,
    task: &QueueTask,
) -> Result<Vec<Event>, Ignored> {
    let run = overlay.run(&task.workflow_id);
    let run = run.filter(|run| run.run_id == task.run_id);
    let activity = run.and_then(|run| run.activity(task.activity_id));
    let activity = activity.filter(|one| one.attempt == task.attempt && one.has_attempt());
    let (queue, task) = (queue.clone(), task.clone());
    Ok(Vec::from([match activity.map(|one| &one.state) {
        Some(ActivityState::Held) => QueueTaskReleased {
            queue,
            at_home: false,
            task,
        }
        .into(),
        Some(_) => return Err(Ignored::Repeat),
        None => QueueTaskEnded {
            queue,
            at_home: false,
            task,
        }
        .into(),
    }]))
}

/// At the home: an attempt has ended.
pub(crate) fn end(
    overlay: &Overlay<'_>,
    queue: &Name,
    task: &QueueTask,
) -> Result<Vec<Event>, Ignored> {
    let is_known = overlay.queue(queue).is_some_and(|one| one.knows(task));
    if !is_known && !overlay.is_offered(queue, task) {
        return Err(Ignored::Stale);
    }
    Ok(Vec::from([QueueTaskEnded {
        queue: queue.clone(),
        at_home: true,
        task: task.clone(),
    }
    .into()]))
}

/// At the home: those go whose turn it is.
pub(crate) fn release(
    overlay: &Overlay<'_>,
    queue: &Name,
    now: Timestamp,
) -> Result<Vec<Event>, Ignored> {
    // What changes in this batch shows after it.
    if overlay.is_changing(queue) {
        return Err(Ignored::Already);
    }
    let ending = overlay.ending(queue);
    let turns = overlay.queue(queue).map(|one| one.turns(now, &ending));
    let released = |task| {
        Event::from(QueueTaskReleased {
            queue: queue.clone(),
            at_home: true,
            task,
        })
    };
    let events: Vec<Event> = turns.into_iter().flatten().map(released).collect();
    match events.is_empty() {
        true => Err(Ignored::Already),
        false => Ok(events),
    }
}
