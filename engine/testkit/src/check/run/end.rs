//! The last event of a run, and what must have happened before it.

use sagaline_core::{Event, Outcome};

use super::{Place, Run};
use crate::{
    Violation,
    inputs::{Asks, ByHand, OnIncident, OperateAsked, StopAsked},
};

impl Run {
    pub(super) fn ended(&mut self, place: Place<'_>, event: &Event) -> Result<(), Violation> {
        let outcome = match event {
            Event::WorkflowCompleted(_) => Outcome::Completed,
            Event::WorkflowFailed(_) => Outcome::Failed,
            Event::WorkflowCanceled(_) => Outcome::Canceled,
            Event::WorkflowTimedOut(_) => Outcome::TimedOut,
            _ => Outcome::Terminated,
        };
        self.closed = Some((outcome, place.at));
        self.close_family(event);
        if self.ends_at_once(place) && outcome == Outcome::Terminated {
            return Ok(());
        }
        if outcome == Outcome::TimedOut && self.undo.is_none() {
            self.check_timed_out(place)?;
        }
        match self.undo {
            Some(fixed) => self.check_undone(fixed, outcome),
            None => self.check_nothing_to_undo(outcome, event),
        }
    }

    fn check_undone(&self, fixed: Outcome, outcome: Outcome) -> Result<(), Violation> {
        let pending = self.activities.values().any(|one| !one.is_over());
        let (left, child) = (self.not_undone(), self.awaited_child());
        if fixed == outcome && !pending && left.is_empty() && child.is_none() {
            return Ok(());
        }
        let what = format!(
            "ends as {outcome:?}, fixed was {fixed:?}; pending {pending}, {child:?}; not undone {left:?}"
        );
        Err(self.violates("I12", what))
    }

    fn check_nothing_to_undo(&self, outcome: Outcome, event: &Event) -> Result<(), Violation> {
        if let Event::WorkflowCompleted(completed) = event {
            return self.check_result(completed.result.data());
        }
        let undo_is_not_wanted = outcome == Outcome::Canceled && self.cancel == Some(false);
        let unclear = self
            .activities
            .values()
            .any(|one| one.compensable && (!one.is_over() || one.result.is_some()))
            || self.awaited_child().is_some();
        if undo_is_not_wanted || (!unclear && self.registrations.is_empty()) {
            return Ok(());
        }
        Err(self.violates(
            "I12",
            format!("ends as {outcome:?} without undoing what it did"),
        ))
    }

    /// The program returned every result that it was given: those that workers and children gave, each once.
    fn check_result(&self, result: &[u8]) -> Result<(), Violation> {
        let all: Vec<(u32, String)> = serde_json::from_slice(result).unwrap_or_default();
        let (signals, given): (Vec<_>, Vec<_>) = all.into_iter().partition(|(id, _)| *id == 0);
        let signals: Vec<String> = signals.into_iter().map(|(_, text)| text).collect();
        self.check_signals(&signals)?;
        let activities = self.activities.iter();
        let activities = activities.filter(|(id, _)| !self.inherited.contains(id));
        let activities = activities.map(|(id, one)| (id, &one.result));
        let children = self.family.children.iter();
        let children = children.map(|(id, one)| (id, &one.result));
        let text = |result: &Vec<u8>| String::from_utf8_lossy(result).into_owned();
        let mut journaled: Vec<(u32, String)> = activities
            .chain(children)
            .filter_map(|(id, result)| Some((*id, text(result.as_ref()?))))
            .collect();
        let mut returned = given.clone();
        journaled.sort();
        returned.sort();
        if returned == journaled {
            return Ok(());
        }
        Err(self.violates(
            "I11",
            format!("returns {given:?}, its activities returned {journaled:?}"),
        ))
    }

    /// Somebody asked for the end, and not for undoing anything first.
    fn ends_at_once(&self, place: Place<'_>) -> bool {
        match place.by.map(|input| &input.asks) {
            Some(Asks::StopChild(asked)) => asked.terminate && self.undo.is_none(),
            Some(Asks::Terminate(StopAsked { compensate, .. })) => !compensate,
            // The run was terminated before, while it was being undone, and waited for this word.
            Some(Asks::Operate(OperateAsked {
                act: ByHand::Incident { act, .. },
                ..
            })) => *act == OnIncident::Fail,
            Some(Asks::Operate(OperateAsked {
                act: ByHand::Reset(_),
                ..
            })) => true,
            Some(asks) => asks.start().is_some_and(|asked| {
                asked.id_conflict == sagaline_core::IdConflict::TerminateExisting
            }),
            None => false,
        }
    }
}
