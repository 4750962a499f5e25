//! Signals: is each kept that was sent?

use sagaline_core::{Event, Transition, event::AnswerOutcome};
use sagaline_journal::Record;

use super::{Took, identity};
use crate::{
    check::runs::IdState,
    inputs::{Input, SignalAsked, SignalKey},
};

impl Took<'_> {
    /// A start with a signal that comes to a run is there with its signal, unless it was before.
    pub(super) fn starts_without_signal(
        &self,
        record: &Record,
        input: &Input,
        did: &[&Transition],
    ) -> bool {
        let mut events = did.iter().flat_map(|one| &one.events);
        let is_accepted = |event: &Event| match event {
            Event::WorkflowStarted(_) => true,
            Event::ReplyRequested(event) => event.answer.outcome == AnswerOutcome::Accepted,
            _ => false,
        };
        let mut all = events.clone();
        if !all.any(is_accepted) || events.any(|one| matches!(one, Event::SignalReceived(_))) {
            return false;
        }
        let identity = identity(record, input);
        let id = input.workflow_id.as_ref();
        let knows = |run_id| {
            let run = self.runs.run(run_id);
            run.is_some_and(|run| run.seen.contains(&identity))
        };
        let states = self.states(input);
        let mut open = states.iter();
        let was_seen = open.any(|state| matches!(state, IdState::Open(run_id) if knows(*run_id)));
        !was_seen && !id.is_some_and(|id| self.runs.was_started_by(id, &identity))
    }

    /// A message: it is in the run's history now, or was before.
    pub(super) fn may_keep_signal(
        &self,
        record: &Record,
        input: &Input,
        asked: &SignalAsked,
        did: &[&Transition],
    ) -> Result<(), &'static str> {
        let mut events = did.iter().flat_map(|one| &one.events);
        if events.any(|event| matches!(event, Event::SignalReceived(_))) {
            return Ok(());
        }
        if asked.wants_reply && did.is_empty() {
            return Err("nobody was told");
        }
        let identity = identity(record, input);
        let knows = |run_id| {
            let run = self.runs.run(run_id);
            run.is_some_and(|run| run.seen.contains(&identity))
        };
        let states = self.states(input);
        let mut open = states.iter();
        match open.any(|state| matches!(state, IdState::Open(run_id) if knows(*run_id))) {
            true => Ok(()),
            false => Err("it was to be kept"),
        }
    }

    /// What became of a signal: does its sender know it, or not listen?
    pub(super) fn may_drop_told(
        &self,
        (run_id, id): SignalKey,
        refused: bool,
    ) -> Result<(), &'static str> {
        let run = self.runs.run(run_id);
        match run.is_some_and(|run| run.listens_for_signal(id, refused)) {
            true => Err("its sender was to be told"),
            false => Ok(()),
        }
    }
}
