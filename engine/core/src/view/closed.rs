//! How a closed run ended, in a sentence: `Failed after 1.9 s: CourierRefused. 2 of 2 completed steps compensated.`

use alloc::{format, string::String, vec::Vec};

use super::{View, WaitKind, WaitingFor, compensation, span};
use crate::{Name, Outcome, Run, run::ClosedBy};

pub(super) fn sentence(view: &View<'_>, closed: &ClosedBy) -> WaitingFor {
    let run = view.run;
    let took = span::took(closed.at.since(run.begins_at()));
    let text = match closed.outcome {
        Outcome::Completed => format!("Completed in {took}."),
        Outcome::ContinuedAsNew => match closed.new_run_id {
            Some(run_id) => format!("Continued after {took} as run {run_id}."),
            None => format!("Continued after {took}."),
        },
        Outcome::Failed => {
            let why = closed
                .failure
                .as_ref()
                .map(|failure| format!(": {}", failure.error_type))
                .unwrap_or_default();
            let next = tried_again(run, closed);
            format!("Failed after {took}{why}.{}{next}", compensated(run))
        }
        Outcome::TimedOut => {
            let next = tried_again(run, closed);
            format!("Timed out after {took}.{}{next}", compensated(run))
        }
        Outcome::Canceled => format!(
            "Canceled after {took}{}.{}",
            why(view, closed),
            compensated(run)
        ),
        Outcome::Terminated => match closed.new_run_id {
            Some(run_id) => format!("Reset{}. It goes on as run {run_id}.", why(view, closed)),
            None => format!("Terminated{}.{}", why(view, closed), compensated(run)),
        },
    };
    WaitingFor {
        text,
        kind: WaitKind::Closed,
        until: None,
    }
}

/// ` Attempt 2 is run 0198….`
fn tried_again(run: &Run, closed: &ClosedBy) -> String {
    let next = |run_id| format!(" Attempt {} is run {run_id}.", run.attempt().next());
    closed.new_run_id.map_or_else(String::new, next)
}

/// ` by ada: "duplicate"`: who ended it and what they said.
fn why(view: &View<'_>, closed: &ClosedBy) -> String {
    let actor = view
        .closed_by
        .and_then(actor)
        .map(|actor| format!(" by {actor}"))
        .unwrap_or_default();
    let reason = closed
        .reason
        .as_ref()
        .map(|reason| format!(": \"{reason}\""))
        .unwrap_or_default();
    format!("{actor}{reason}")
}

/// The person behind a `ce_source` of ours: `sagaline.cli/ada` is `ada`.
pub(super) fn actor(source: &str) -> Option<&str> {
    let known = ["sagaline.http/", "sagaline.cli/"];
    known
        .iter()
        .find_map(|prefix| source.strip_prefix(prefix))
        .filter(|actor| !actor.is_empty())
}

/// What became of the completed steps; nothing to say where there are none.
fn compensated(run: &Run) -> String {
    let (done, total) = (compensation::done(run), compensation::total(run));
    let left = compensation::left(run);
    match (total, done) {
        (0, _) => String::new(),
        (1, 0) | (_, 0) => format!(" Nothing was compensated: {}.", stay_done(&left)),
        (1, _) => String::from(" 1 of 1 completed step compensated."),
        _ if left.is_empty() => format!(" {done} of {total} completed steps compensated."),
        _ => format!(
            " {done} of {total} completed steps compensated: {}.",
            stay_done(&left)
        ),
    }
}

/// `charge-card stays done`, `charge-card and ship stay done`.
fn stay_done(left: &[&Name]) -> String {
    let names: Vec<&str> = left.iter().map(|name| name.as_str()).collect();
    match names.as_slice() {
        [only] => format!("{only} stays done"),
        [first @ .., last] => format!("{} and {last} stay done", first.join(", ")),
        [] => String::from("nothing stays done"),
    }
}
