//! Runs as their events tell them: those of an environment, and those that were read from a file.

use sagaline_core::{
    Event, IdentityRing, Outcome, Place, Run, RunId, Transition, WorkflowId,
    event::CompensationStarted,
};

/// One run and its history.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) workflow_id: WorkflowId,
    pub(super) run: Run,
    pub(super) transitions: Vec<Transition>,
    /// The run as its program ended it, where that is not what the run was closed by: a closed run forgets it.
    ended: Option<Box<Run>>,
}

/// Runs, in the order in which they began.
#[derive(Debug, Default)]
pub(super) struct Runs(Vec<Recorded>);

impl Runs {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Recorded> {
        self.0.iter()
    }

    pub(super) fn get(&self, run_id: RunId) -> Option<&Recorded> {
        self.0.iter().find(|one| one.run.run_id == run_id)
    }

    /// The run of an id that began last.
    pub(super) fn newest(&self, workflow_id: &str) -> Option<&Recorded> {
        let mut newest = self.0.iter().rev();
        newest.find(|one| one.workflow_id.as_str() == workflow_id)
    }

    /// Takes the events of one input; those of no run are of no interest.
    ///
    /// # Errors
    /// They do not follow those that were taken before.
    pub(super) fn take(&mut self, transition: Transition) -> Result<(), String> {
        let (Some(run_id), Some(workflow_id)) = (transition.run_id, &transition.workflow_id) else {
            return Ok(());
        };
        let known = self.0.iter().position(|one| one.run.run_id == run_id);
        let known = match (known, transition.events.first()) {
            (Some(known), _) => known,
            (None, Some(Event::WorkflowStarted(started))) => {
                let place = place(&transition, transition.first_seq);
                let run = Run::start(run_id, place, started, IdentityRing::default());
                self.0.push(Recorded {
                    workflow_id: workflow_id.clone(),
                    run,
                    transitions: Vec::new(),
                    ended: None,
                });
                self.0.len() - 1
            }
            (None, _) => return Err(format!("run {run_id} lacks its first event")),
        };
        self.0[known].take(transition)
    }
}

impl Recorded {
    /// The run with all that its program was given and wanted.
    pub(super) fn replayed(&self) -> &Run {
        self.ended.as_deref().unwrap_or(&self.run)
    }

    fn take(&mut self, transition: Transition) -> Result<(), String> {
        let starts = matches!(transition.events.first(), Some(Event::WorkflowStarted(_)));
        let expected = match starts {
            true => 1,
            false => self.run.seq + 1,
        };
        if transition.first_seq != expected {
            return Err(format!(
                "run {}: event {} where event {expected} is expected",
                self.run.run_id, transition.first_seq
            ));
        }
        let resolves = |event: &Event| matches!(event, Event::IncidentResolved(_));
        let by_program = !self.run.is_blocked() && !transition.events.iter().any(resolves);
        for (seq, event) in (transition.first_seq..).zip(&transition.events) {
            let place = place(&transition, seq);
            if by_program {
                self.end(place, event);
            }
            self.run.apply(place, event);
        }
        self.run.end_transition(transition.at);
        self.transitions.push(transition);
        Ok(())
    }

    /// Keeps the end that a program asked for. Where nothing is to be undone the terminal event follows at once, and core
    /// needs no record of the program's last command.
    fn end(&mut self, place: Place<'_>, event: &Event) {
        let (outcome, failure) = match event {
            Event::WorkflowCompleted(_) => (Outcome::Completed, None),
            Event::WorkflowFailed(failed) => (Outcome::Failed, Some(failed.failure.clone())),
            Event::WorkflowCanceled(_) => (Outcome::Canceled, None),
            _ => return,
        };
        if self.run.undo.is_some() {
            return;
        }
        let mut ended = Box::new(self.run.clone());
        let started = CompensationStarted {
            outcome,
            failure,
            reason: None,
            forced: false,
        };
        ended.apply(place, &started.into());
        self.ended = Some(ended);
    }
}

const fn place(transition: &Transition, seq: u64) -> Place<'_> {
    Place {
        seq,
        at: transition.at,
        cause: &transition.cause,
    }
}
