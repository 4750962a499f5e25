//! Runs as their events tell them, and their programs against these: those of a test, of a file, of a journal.
//!
//! No part of the public contract: tests and the command line read it.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use sagaline_core::{
    Event, IdentityRing, Outcome, Place, Run, RunId, Transition, WorkflowId, error_type,
    event::CompensationStarted, program::Nondeterminism, verify,
};

use crate::{Error, Result, Workflows};

/// One run and its history.
#[derive(Debug)]
pub struct Recorded {
    /// Its workflow id.
    pub workflow_id: WorkflowId,
    /// The run after the last of its events.
    pub run: Run,
    /// Its events, by input.
    pub transitions: Vec<Transition>,
    /// The run as its program ended it, where that is not what the run was closed by: a closed run forgets it.
    ended: Option<Box<Run>>,
}

/// Runs, in the order in which they began.
#[derive(Debug, Default)]
pub struct Runs(Vec<Recorded>);

impl Runs {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Recorded> {
        self.0.iter()
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, run_id: RunId) -> Option<&Recorded> {
        self.0.iter().find(|one| one.run.run_id == run_id)
    }

    /// The run of an id that began last.
    #[must_use]
    pub fn newest_of(&self, workflow_id: &str) -> Option<&Recorded> {
        let mut newest = self.0.iter().rev();
        newest.find(|one| one.workflow_id.as_str() == workflow_id)
    }

    /// The run that goes on in the place of that one: itself while none does.
    #[must_use]
    pub fn newest(&self, run_id: RunId) -> Option<&Recorded> {
        self.chain(run_id).last()
    }

    /// A run, and those that go on in its place, one after the other.
    pub fn chain(&self, run_id: RunId) -> impl Iterator<Item = &Recorded> {
        std::iter::successors(self.get(run_id), |one| {
            let closed = one.run.closed.as_ref()?;
            self.get(closed.new_run_id?)
        })
    }

    /// Takes a run as it was where a trimmed journal begins. What it was given and wanted is part of it; its earlier events
    /// are gone.
    pub fn resume(&mut self, workflow_id: &WorkflowId, run: &Run) {
        self.0.push(Recorded {
            workflow_id: workflow_id.clone(),
            run: run.clone(),
            transitions: Vec::new(),
            ended: None,
        });
    }

    /// Forgets a run.
    pub fn forget(&mut self, run_id: RunId) {
        self.0.retain(|one| one.run.run_id != run_id);
    }

    /// Takes the events of one input; those of no run are of no interest.
    ///
    /// # Errors
    /// They do not follow those that were taken before.
    pub fn take(&mut self, transition: Transition) -> Result<(), String> {
        let (Some(run_id), Some(workflow_id)) = (transition.run_id, &transition.workflow_id) else {
            return Ok(());
        };
        let known = self.0.iter().position(|one| one.run.run_id == run_id);
        let known = match (known, transition.events.first()) {
            (Some(known), _) => known,
            (None, Some(Event::WorkflowStarted(started))) => {
                let place = place(&transition, transition.first_seq);
                let before = started.continued_from();
                let before = before.and_then(|before| self.get(before));
                let carried = before.map(|before| before.run.carry()).unwrap_or_default();
                let run = Run::start(run_id, place, started, IdentityRing::default(), carried);
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
    #[must_use]
    pub fn replayed(&self) -> &Run {
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
            Event::WorkflowContinuedAsNew(_) => (Outcome::ContinuedAsNew, None),
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

/// Whether a run's program, built anew and given its whole history, wants what it wanted.
///
/// # Errors
/// `sagaline.Nondeterminism`, `sagaline.DefinitionMissing`, `sagaline.Panic`.
pub fn check(workflows: &Workflows, recorded: &Recorded) -> Result<()> {
    let (run, id) = (recorded.replayed(), &recorded.workflow_id);
    let workflow = run.started.workflow.as_str();
    let version = match &*run.started.version {
        "" => workflows.resolve(workflow, None).unwrap_or_default(),
        version => version,
    };
    let what = format!("run {} of `{id}`, {workflow} {version}", run.run_id);
    let broken = |error_type, text: &str| {
        Err(Error::new(error_type, format!("{what}: {text}")).non_retryable())
    };
    let Some(mut program) = workflows.program(workflow, version) else {
        return broken(error_type::DEFINITION_MISSING, "that version is not here");
    };
    match catch_unwind(AssertUnwindSafe(|| verify(&mut *program, id, run))) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(difference)) => broken(error_type::NONDETERMINISM, &difference),
        Err(panic) => match panic.downcast_ref::<Nondeterminism>() {
            Some(differs) => broken(error_type::NONDETERMINISM, &differs.0),
            None => broken(error_type::PANIC, panic_text(&*panic)),
        },
    }
}

const fn place(transition: &Transition, seq: u64) -> Place<'_> {
    Place {
        seq,
        at: transition.at,
        cause: &transition.cause,
    }
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("(no message)")
}
