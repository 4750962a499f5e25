//! I12, from outside: how often each step was done and undone is what the ends of runs say, whoever had to undo it.
//!
//! Deliberately absent: what the journal says of compensations. Only how runs ended, and who took over from whom, counts.

use std::collections::BTreeMap;

use sagaline_core::{Outcome, RunId};

use super::run::Run;
use crate::{Violation, counters::Counters};

/// What is to be with a step that was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It stays done.
    Kept,
    /// It is undone.
    Undone,
    /// A person decided, or ended the run at once.
    Unclear,
}

/// How many steps stayed done, and how many were undone: by the run that did them, and by another.
pub(super) fn check<'a>(
    runs: impl Iterator<Item = &'a Run>,
    counters: &Counters,
) -> Result<Counted, Violation> {
    let runs: BTreeMap<RunId, &Run> = runs.map(|run| (run.run_id, run)).collect();
    let mut counted = Counted::default();
    for run in runs.values() {
        for key in run.steps_done() {
            let by = undoer(run, &runs);
            let fate = match run.is_of_reset() {
                true => Fate::Unclear,
                false => fate(by, &key),
            };
            let (shows, was_undone) = counters.shows(&key);
            let fits = match fate {
                Fate::Kept => (shows, was_undone) == (1, false),
                Fate::Undone => (shows, was_undone) == (0, true),
                Fate::Unclear => true,
            };
            if !fits {
                let what = format!(
                    "step {key} is to be {fate:?} by {}, shows {shows}",
                    by.run_id
                );
                return Err(run.violates("I12", what));
            }
            match fate {
                Fate::Kept => counted.kept += 1,
                Fate::Undone if by.run_id == run.run_id => counted.undone += 1,
                Fate::Undone => counted.undone_by_parents += 1,
                Fate::Unclear => {}
            }
        }
    }
    Ok(counted)
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) kept: u64,
    pub(crate) undone: u64,
    pub(crate) undone_by_parents: u64,
}

/// Who has to undo what a run did: itself, or who took it over from it.
fn undoer<'a>(run: &'a Run, runs: &BTreeMap<RunId, &'a Run>) -> &'a Run {
    // One that failed undoes what it did before it is tried again.
    let goes_on = matches!(run.closed, Some((Outcome::ContinuedAsNew, _)));
    let next = run.next_run.filter(|_| goes_on);
    if let Some(next) = next.and_then(|next| runs.get(&next)) {
        return undoer(next, runs);
    }
    let took_over = || {
        let (run_id, id) = run.child_key()?;
        let parent = runs.get(&run_id)?;
        parent.took_over(id).then_some(*parent)
    };
    match took_over() {
        Some(parent) => undoer(parent, runs),
        None => run,
    }
}

fn fate(run: &Run, key: &str) -> Fate {
    match run.closed.map(|(outcome, _)| outcome) {
        Some(Outcome::Completed) => Fate::Kept,
        Some(Outcome::Terminated | Outcome::Canceled) if run.undo.is_none() => Fate::Kept,
        Some(Outcome::Terminated | Outcome::ContinuedAsNew) | None => Fate::Unclear,
        Some(Outcome::Failed | Outcome::TimedOut | Outcome::Canceled) => {
            match run.was_undone_by_itself(key) {
                true => Fate::Undone,
                false => Fate::Unclear,
            }
        }
    }
}
