//! A lane without a log: core decides, and what it would journal is kept.
//!
//! Invariant: what a reader makes of the journal equals the state, and a program that is rebuilt from history wants the
//! same. Both are looked at after every input, and once there were [`CHECKED_MAX`] after every [`CHECKED_EVERY`]th.

use std::{num::NonZeroUsize, sync::Arc};

use sagaline_core::{
    Cause, Command, Delta, Env, Failure, Name, Overlay, Payload, Position, State, Timestamp,
    Transacted, WorkflowId,
    error_type::CLOSED,
    fold,
    program::{Programs, Question},
    settle, transact,
};
use sagaline_runtime::LanePrograms;

use crate::{Workflows, recorded::Runs};

/// Inputs after each of which everything is checked.
const CHECKED_MAX: u64 = 1_000;

/// And how many pass from one check to the next after that: each takes as long as the history is.
const CHECKED_EVERY: u64 = 1_000;

/// The namespace, which run ids are derived with.
const NAMESPACE: &str = "testing";

/// State, programs and history.
pub(super) struct Lane {
    pub(super) state: State,
    pub(super) runs: Runs,
    pub(super) workflows: Workflows,
    /// The state as a reader of the journal has it.
    folded: State,
    programs: LanePrograms,
    inputs: u64,
}

impl Lane {
    pub(super) fn new() -> Self {
        let workflows = Workflows::new();
        Self {
            state: State::new(1),
            folded: State::new(2),
            programs: programs(&workflows),
            workflows,
            runs: Runs::default(),
            inputs: 0,
        }
    }

    /// Runs these workflows from now on, with programs that are built from history.
    pub(super) fn deploy(&mut self, workflows: Workflows) {
        self.programs = programs(&workflows);
        self.workflows = workflows;
    }

    /// What was in memory is gone; it comes back from what was journaled.
    pub(super) fn crash(&mut self) {
        self.state = self.folded.clone();
        self.programs.drop_all();
    }

    /// One input as a batch of its own.
    ///
    /// # Panics
    /// The invariant does not hold: a bug of Sagaline's.
    pub(super) fn input(&mut self, now: Timestamp, command: &Command) -> Transacted {
        self.inputs += 1;
        let is_checked = self.inputs <= CHECKED_MAX || self.inputs.is_multiple_of(CHECKED_EVERY);
        if is_checked {
            self.programs.drop_all();
        }
        let cause = self.cause(command);
        let mut delta = Delta::default();
        let mut overlay = Overlay::new(&self.state, &mut delta);
        let env = Env {
            namespace: NAMESPACE,
            now,
        };
        let done = transact(&mut overlay, env, &cause, command, &mut self.programs);
        for (index, transition) in (0..).zip(&done.transitions) {
            settle(&mut overlay, transition, self.position(index));
        }
        self.state.merge(delta, now);
        self.read(now, &done);
        assert!(
            !is_checked || self.folded == self.state,
            "the fold of the journal differs from the state after {command:?}"
        );
        done
    }

    /// Asks the program of an open run; nothing changes.
    ///
    /// # Errors
    /// What it says, or why it cannot be asked.
    pub(super) fn inquire(
        &mut self,
        workflow_id: &WorkflowId,
        question: Question<'_>,
    ) -> Result<Payload, Failure> {
        match self.state.run(workflow_id) {
            Some(run) => self.programs.inquire(workflow_id, run, question),
            None => {
                let message = "only open runs answer";
                Err(Failure::new(Name::from(CLOSED), message).non_retryable())
            }
        }
    }

    /// Takes what was journaled, as a reader does.
    fn read(&mut self, now: Timestamp, done: &Transacted) {
        let mut delta = Delta::default();
        let mut overlay = Overlay::new(&self.folded, &mut delta);
        for (index, transition) in (0..).zip(&done.transitions) {
            let _sent_already = fold(&mut overlay, &[transition], self.position(index));
            let taken = self.runs.take(transition.clone());
            taken.expect("core numbers events without a gap");
        }
        self.folded.merge(delta, now);
    }

    const fn position(&self, index: u32) -> Position {
        Position {
            batch: self.inputs,
            index,
        }
    }

    fn cause(&self, command: &Command) -> Cause {
        let id = self.inputs.to_string();
        match command {
            Command::Fire { .. } => Cause::lane(0, &id),
            _ => Cause {
                source: "sagaline.testing".into(),
                id: id.into(),
                topic: "testing".into(),
                partition: 0,
                offset: i64::try_from(self.inputs).unwrap_or(i64::MAX),
            },
        }
    }
}

fn programs(workflows: &Workflows) -> LanePrograms {
    let kept_max = NonZeroUsize::new(PROGRAMS_KEPT_MAX).expect("it is not zero");
    LanePrograms::new(Arc::new(workflows.clone()), kept_max)
}

/// Programs that are kept between two checks.
const PROGRAMS_KEPT_MAX: usize = 1_000;
