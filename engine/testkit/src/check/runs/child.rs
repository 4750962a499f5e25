//! I13: of the start of a child comes one run, or a refusal, and none after it was told to stop.

use sagaline_core::{
    Event, RunId, Transition, WorkflowId,
    event::{ReplyRequested, WorkflowStarted},
};

use super::{IdState, Runs};
use crate::{
    Violation,
    check::{
        children::{End, Told},
        outside::Outside,
    },
    inputs::{Asks, ChildKey, Input, StopChildAsked},
};

impl Runs {
    pub(in crate::check) fn take_told(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.told)
    }

    pub(in crate::check) fn take_signals_told(&mut self) -> Vec<super::external::Told> {
        std::mem::take(&mut self.signals_told)
    }

    /// A run that begins is the child that its start says, or nobody's.
    pub(super) fn check_child(
        &mut self,
        workflow_id: &WorkflowId,
        run_id: RunId,
        started: &WorkflowStarted,
        (by, outside): (Option<&Input>, &Outside),
    ) -> Result<(), Violation> {
        let asked = match by.map(|input| &input.asks) {
            Some(Asks::Start(asked)) => asked.parent.map(|key| (key, asked.may_be_unknown)),
            _ => None,
        };
        let broken = |what: &str| {
            let what = format!("{workflow_id} run {run_id} as child {asked:?}: {what}");
            Err(Violation::new("I13", what))
        };
        let Some((key, may_be_unknown)) = asked else {
            return match started.parent {
                None => Ok(()),
                Some(_) => broken("it has a parent"),
            };
        };
        if !outside.children.began_well(key, workflow_id, started) {
            return broken("it is not what its parent started");
        }
        if self.stopped.contains(&key) {
            return broken("it was told to stop before");
        }
        match self.began.insert(key, Some(run_id)) {
            None => Ok(()),
            // What no engine knew is known when it comes again.
            Some(None) if may_be_unknown => Ok(()),
            Some(None) => broken("it was refused before"),
            Some(Some(_)) if self.state(workflow_id) == IdState::Unknown => Ok(()),
            Some(Some(_)) => broken("it began before"),
        }
    }

    /// What a transition without a run says of the start of a child.
    pub(in crate::check) fn of_children(
        &mut self,
        transition: &Transition,
    ) -> Result<(), Violation> {
        for event in &transition.events {
            if let Event::ReplyRequested(refused) = event
                && let Some(key) = child_refused(refused)
            {
                let error_type = refused.answer.error_type.as_ref();
                let error_type = error_type.map(ToString::to_string).unwrap_or_default();
                self.told.push(Told::Ended(key, End::Refused(error_type)));
                let before = self.began.insert(key, None).flatten();
                if let Some(run_id) = before.filter(|run_id| self.is_remembered(*run_id)) {
                    let what = format!("child {key:?} is refused, and began as run {run_id}");
                    return Err(Violation::new("I13", what));
                }
            }
        }
        Ok(())
    }

    /// Whether something came of the start of a child.
    pub(in crate::check) fn knows(&self, key: ChildKey) -> bool {
        self.began.contains_key(&key)
    }

    /// A child is told to stop, that may not have begun.
    pub(in crate::check) fn stopped(&mut self, asked: &StopChildAsked) {
        if !self.began.contains_key(&asked.of) {
            self.stopped.insert(asked.of);
        }
    }

    fn is_remembered(&self, run_id: RunId) -> bool {
        let closed = self.runs.get(&run_id).and_then(|run| run.closed);
        closed.is_none_or(|(_, at)| at.plus(self.retention) > self.before)
    }
}

/// The child whose parent is told that it never began.
pub(in crate::check) fn child_refused(refused: &ReplyRequested) -> Option<ChildKey> {
    let parent = refused.parent.as_ref()?;
    Some((parent.run_id, parent.child_id.get()))
}
