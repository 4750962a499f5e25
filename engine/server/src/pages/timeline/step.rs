//! What one event means for its lane: an attempt ends, a call ends, something is marked.

use super::lane::{Attempt, Coming, End, Lane, Mark, Stretch};
use crate::pages::{
    seen::{Details, Event, Failure},
    time::At,
};

/// What was open when the run ended ended with it.
pub(super) fn cut(lane: &mut Lane, ended: At) {
    lane.coming = None;
    if lane.end == End::Open {
        lane.close(End::Canceled, ended);
    }
    for attempt in lane
        .attempts
        .iter_mut()
        .filter(|attempt| attempt.end == End::Open)
    {
        (attempt.end, attempt.ended) = (End::Canceled, Some(ended));
    }
    for stretch in lane
        .stretches
        .iter_mut()
        .chain(&mut lane.incidents)
        .filter(|stretch| stretch.to.is_none())
    {
        (stretch.end, stretch.to) = (End::Canceled, Some(ended));
    }
}

pub(super) fn end_of(status: &str) -> End {
    match status {
        "Completed" | "ContinuedAsNew" => End::Done,
        "Failed" => End::Failed,
        "TimedOut" => End::TimedOut,
        _ => End::Canceled,
    }
}

/// The attempt that an event is about: it is among the last.
pub(super) fn last_attempt<'a>(lane: &'a mut Lane, details: &Details) -> Option<&'a mut Attempt> {
    let is_it = |one: &&mut Attempt| details.attempt.is_none_or(|number| one.number == number);
    let of = |one: &&mut Attempt| {
        details
            .activity
            .as_ref()
            .is_none_or(|name| one.activity == *name)
    };
    lane.attempts
        .iter_mut()
        .rev()
        .take(3)
        .filter(of)
        .find(is_it)
}

pub(super) fn attempt_failed(lane: &mut Lane, event: &Event, details: &Details) {
    let number = details.attempt.unwrap_or_default();
    if let Some(attempt) = last_attempt(lane, details) {
        let timed_out = details
            .failure
            .as_ref()
            .is_some_and(|failure| failure.r#type.raw().contains("Timeout"));
        attempt.end = if timed_out {
            End::TimedOut
        } else {
            End::Failed
        };
        attempt.ended = Some(event.at);
        attempt.end_seq = Some(event.seq);
        attempt.failure.clone_from(&details.failure);
        if details.worker.is_some() {
            attempt.worker.clone_from(&details.worker);
        }
    }
    lane.coming = details.next_attempt_at.map(|due| Coming {
        activity_id: details.activity_id,
        number: number.saturating_add(1),
        since: event.at,
        due,
    });
}

/// The call has ended; an attempt that was open ended with it.
pub(super) fn ended(lane: &mut Lane, event: &Event, details: &Details, end: End) {
    lane.coming = None;
    let undoes = match last_attempt(lane, details) {
        Some(attempt) => {
            if attempt.end == End::Open {
                (attempt.end, attempt.ended, attempt.end_seq) =
                    (end, Some(event.at), Some(event.seq));
                attempt.failure.clone_from(&details.failure);
                if details.worker.is_some() {
                    attempt.worker.clone_from(&details.worker);
                }
            } else if end == End::TimedOut {
                attempt.end = end;
            }
            attempt.undoes
        }
        None => false,
    };
    if details.reason.is_some() {
        lane.marks
            .push(mark(event, "changed", by("completed by hand", details)));
    }
    if !undoes {
        lane.close(end, event.at);
    }
}

pub(super) fn mark(event: &Event, icon: &'static str, what: String) -> Mark {
    Mark {
        at: event.at,
        icon,
        what,
        seq: event.seq,
    }
}

pub(super) const fn stretch(event: &Event, what: String) -> Stretch {
    Stretch {
        from: event.at,
        to: None,
        due: None,
        end: End::Open,
        seq: event.seq,
        what,
    }
}

pub(super) fn why(failure: &Failure) -> String {
    format!("{}: {}", failure.r#type.line(), failure.message.line())
}

/// `paused by ada: "the bank migrates"`
pub(super) fn by(what: &str, details: &Details) -> String {
    let actor = details
        .actor
        .as_ref()
        .map(|actor| format!(" by {}", actor.line()));
    let reason = details
        .reason
        .as_ref()
        .map(|reason| format!(": \"{}\"", reason.line()));
    format!(
        "{what}{}{}",
        actor.unwrap_or_default(),
        reason.unwrap_or_default()
    )
}
