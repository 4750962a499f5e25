//! Runs that begin with a copy of another's history: I1, I7.

use sagaline_core::{Event, RunId, Transition, WorkflowId};

use super::{
    super::{
        outside::Outside,
        run::{Identity, Place, Run},
    },
    IdState, Runs,
};
use crate::{
    Violation,
    inputs::{Asks, ByHand, Input},
};

/// An event, who caused it, and what its run was then.
#[derive(Debug)]
pub(super) struct Past {
    event: Event,
    by: Identity,
    run: Run,
}

impl Runs {
    /// Whether a transition is a copy of what happened in another run, at its own time.
    pub(in crate::check) fn begins_or_goes_on_with_copies(&self, transition: &Transition) -> bool {
        let begins = match transition.events.first() {
            Some(Event::WorkflowStarted(started)) => started.reset.is_some(),
            _ => false,
        };
        let run = transition.run_id.and_then(|run_id| self.run(run_id));
        begins || run.is_some_and(|run| run.copies(transition.first_seq))
    }

    /// Takes a transition's events: those that are copies, and those that happen now.
    pub(super) fn take_events(
        &mut self,
        run_id: RunId,
        (transition, identity): (&Transition, &Identity),
        (by, outside): (Option<&Input>, &Outside),
    ) -> Result<(), Violation> {
        let Some(run) = self.runs.get_mut(&run_id) else {
            return Ok(());
        };
        for (seq, event) in (transition.first_seq..).zip(&transition.events) {
            let place = Place {
                seq,
                at: transition.at,
                by,
                outside,
            };
            if run.copies(seq) {
                let of = run.reset_of.and_then(|base| self.past.get(&base));
                let index = usize::try_from(seq - 1).unwrap_or_default();
                let original = of.and_then(|past| past.get(index)).map(|past| &past.event);
                run.copy(seq, (event, original))?;
                continue;
            }
            let before = run.places();
            run.event(place, event)?;
            let after = run.places();
            self.ended.extend(before.difference(&after));
            if run.may_be_reset() {
                let past = self.past.entry(run_id).or_default();
                past.push(Past {
                    event: event.clone(),
                    by: identity.clone(),
                    run: run.clone(),
                });
            }
        }
        Ok(())
    }

    /// Takes the first transition of a run that begins with a copy of another's history; says whether it is one.
    pub(super) fn reset(
        &mut self,
        transition: &Transition,
        (workflow_id, run_id): (&WorkflowId, RunId),
        (by, identity): (Option<&Input>, &Identity),
    ) -> Result<bool, Violation> {
        let Some(Event::WorkflowStarted(started)) = transition.events.first() else {
            return Ok(false);
        };
        let (Some(happened), Some(base)) = (&started.reset, started.reset_of) else {
            return Ok(false);
        };
        let broken = |what: &str| {
            let what = format!("{workflow_id} is reset by {by:?}, {happened:?}: {what}");
            Err(Violation::new("I7", what))
        };
        // Of an id that is forgotten nothing is known but what its person says.
        let is_forgotten = self.state(workflow_id) == IdState::Unknown;
        let id = self.ids.entry(workflow_id.clone()).or_default();
        if is_forgotten {
            id.starts.clear();
            id.last = Some(base);
        }
        let asked = match by.map(|input| &input.asks) {
            Some(Asks::Operate(asked)) => asked.act == ByHand::Reset(happened.event_seq),
            _ => false,
        };
        if !asked || id.open.is_some() || id.starts.contains(identity) {
            return broken("nobody asked for it now");
        }
        let newest = id.last.filter(|last| *last == happened.continued_from);
        let newest = newest.and_then(|last| self.runs.get(&last));
        let past = self.past.get(&base).map_or(&[][..], Vec::as_slice);
        let at = usize::try_from(happened.event_seq).unwrap_or(usize::MAX);
        let (Some(newest), Some(last)) = (newest, at.checked_sub(1).and_then(|at| past.get(at)))
        else {
            return broken("there is no such run, or no such event");
        };
        let later = past.get(at..).unwrap_or_default();
        last.run
            .check_not_undone(later.iter().map(|past| &past.event))?;
        let signals = later.iter();
        let signals = signals.filter(|past| matches!(past.event, Event::SignalReceived(_)));
        let again = signals.map(|past| past.by.clone()).collect();
        let mut run = last.run.reset(run_id, newest, (started, happened), again);
        run.reset_of = Some(base);
        run.seen.insert(identity.clone());
        for run_id in [base, newest.run_id] {
            self.runs.get_mut(&run_id).map(Run::was_reset);
        }
        self.runs.insert(run_id, run);
        let id = self.ids.entry(workflow_id.clone()).or_default();
        (id.open, id.last) = (Some(run_id), Some(run_id));
        id.starts.push(identity.clone());
        Ok(true)
    }
}
