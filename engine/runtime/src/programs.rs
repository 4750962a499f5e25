//! The programs of a lane: made from the app's workflows, kept while there is room, rebuilt from history when not.
//!
//! Invariant: a program that is kept has been given exactly the activations before the run's last one; one that is asked,
//! the last one, too. Whatever breaks that (a void batch, a lost lane, a revoked activation) drops the program; rebuilding
//! is always right.

use std::{
    collections::BTreeSet,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use lru::LruCache;
use sagaline_core::{
    Failure, Name, Payload, Run, RunId, WorkflowId, activate_last, error_type,
    program::{
        Activated, Inquired, Inquiry, Nondeterminism, Program, ProgramCommand, Programs, Question,
    },
    replay, verify,
};

/// The workflows of an app: what the engine needs of them.
pub trait Workflows: Send + Sync {
    /// The version that a start gets: the named one if it is there, the highest if none is named.
    fn resolve(&self, workflow: &Name, version: Option<&str>) -> Option<Box<str>>;

    /// A new program of that workflow, before its first activation.
    fn program(&self, workflow: &Name, version: &str) -> Option<Box<dyn Program>>;

    /// All names, sorted.
    fn names(&self) -> Vec<Name>;

    /// The task queues that they are known to use, whose topics are made at start.
    fn task_queues(&self) -> Vec<Name>;
}

/// One lane's programs, or those of whoever drives core without a lane.
pub struct LanePrograms {
    workflows: Arc<dyn Workflows>,
    kept: LruCache<RunId, Kept>,
    /// Not to be activated: its activation stopped an engine.
    quarantined: BTreeSet<RunId>,
}

struct Kept {
    program: Box<dyn Program>,
    /// How many activations it was given.
    activations: usize,
}

impl LanePrograms {
    /// Of these workflows, with that many programs kept at most.
    #[must_use]
    pub fn new(workflows: Arc<dyn Workflows>, kept_max: NonZeroUsize) -> Self {
        Self {
            workflows,
            kept: LruCache::new(kept_max),
            quarantined: BTreeSet::new(),
        }
    }

    /// A batch is void or unknown, or the lane was lost: programs have seen what did not happen, or missed what did.
    pub fn drop_all(&mut self) {
        self.kept.clear();
    }

    pub(crate) fn closed(&mut self, run_id: RunId) {
        self.kept.pop(&run_id);
    }

    pub(crate) fn quarantine(&mut self, runs: &BTreeSet<RunId>) {
        self.quarantined.clone_from(runs);
    }

    /// A run that began while nobody had its program was given no version: it goes by the highest.
    fn program_of(&self, run: &Run) -> Option<Box<dyn Program>> {
        let version = match &*run.started.version {
            "" => self.workflows.resolve(&run.started.workflow, None)?,
            version => version.into(),
        };
        self.workflows.program(&run.started.workflow, &version)
    }

    fn run(&mut self, workflow_id: &WorkflowId, run: &Run) -> Activated {
        let earlier = run.activations.len().saturating_sub(1);
        let kept = self
            .kept
            .pop(&run.run_id)
            .filter(|kept| kept.activations == earlier);
        let (mut program, rebuild) = match kept {
            Some(kept) => (kept.program, false),
            None => match self.program_of(run) {
                Some(program) => (program, true),
                None => return Activated::Missing,
            },
        };
        let outcome = catch_unwind(AssertUnwindSafe(
            || -> Result<Vec<ProgramCommand>, String> {
                match rebuild {
                    true => replay(&mut *program, workflow_id, run),
                    false => Ok(activate_last(&mut *program, workflow_id, run)),
                }
            },
        ));
        match outcome {
            Ok(Ok(commands)) => {
                self.kept.put(
                    run.run_id,
                    Kept {
                        program,
                        activations: run.activations.len(),
                    },
                );
                Activated::Commands(commands)
            }
            Ok(Err(difference)) => Activated::Nondeterministic(difference),
            Err(panic) => match panic.downcast::<Nondeterminism>() {
                Ok(differs) => Activated::Nondeterministic(differs.0),
                Err(panic) => Activated::Panicked(panic_message(&*panic)),
            },
        }
    }
}

impl LanePrograms {
    /// The program as it is after all activations of its run; the text says how it differs from its history.
    fn caught_up(
        &mut self,
        workflow_id: &WorkflowId,
        run: &Run,
    ) -> Result<Box<dyn Program>, Failure> {
        let is_current = |kept: &Kept| kept.activations == run.activations.len();
        if let Some(kept) = self.kept.pop(&run.run_id).filter(is_current) {
            return Ok(kept.program);
        }
        let Some(mut program) = self.program_of(run) else {
            let (name, version) = (&run.started.workflow, &run.started.version);
            let message = format!("this engine does not have workflow {name} {version}");
            return Err(failure(error_type::DEFINITION_MISSING, message));
        };
        let rebuilt = catch_unwind(AssertUnwindSafe(|| verify(&mut *program, workflow_id, run)));
        match rebuilt {
            Ok(Ok(())) => Ok(program),
            Ok(Err(difference)) => Err(failure(error_type::NONDETERMINISM, difference)),
            // It says nothing about what is asked: a build without that panic, or with the app's key, will.
            Err(panic) => Err(failure(error_type::BLOCKED, panic_message(&*panic))),
        }
    }
}

/// Why a program gives no answer.
fn failure(error_type: &'static str, message: String) -> Failure {
    Failure::new(Name::from(error_type), message).non_retryable()
}

impl Programs for LanePrograms {
    fn activate(&mut self, workflow_id: &WorkflowId, run: &Run) -> Activated {
        if self.quarantined.contains(&run.run_id) {
            return Activated::Quarantined;
        }
        self.run(workflow_id, run)
    }

    /// A program that panics, or does more than answer, is not kept: the run is as it was.
    fn inquire(
        &mut self,
        workflow_id: &WorkflowId,
        run: &Run,
        question: Question<'_>,
    ) -> Result<Payload, Failure> {
        if self.quarantined.contains(&run.run_id) {
            let message = "activating this run stopped its engine three times in a row";
            return Err(failure(error_type::QUARANTINED, message.to_owned()));
        }
        let mut program = self.caught_up(workflow_id, run)?;
        let inquiry = Inquiry {
            run_id: run.run_id,
            workflow_id,
            question,
        };
        let said = match catch_unwind(AssertUnwindSafe(|| program.inquire(inquiry))) {
            Ok(Inquired::Answered(answer)) => Ok(answer),
            Ok(Inquired::Refused(failure)) => Err(failure),
            Ok(Inquired::Changed) => {
                let message = "what answers a question may not command anything";
                return Err(failure(error_type::QUERY_CHANGED, message.to_owned()));
            }
            Err(panic) => return Err(failure(error_type::PANIC, panic_message(&*panic))),
        };
        let kept = Kept {
            program,
            activations: run.activations.len(),
        };
        self.kept.put(run.run_id, kept);
        said
    }

    fn resolve(&self, workflow: &Name, version: Option<&str>) -> Option<Box<str>> {
        self.workflows.resolve(workflow, version)
    }

    fn names(&self) -> Vec<Name> {
        self.workflows.names()
    }
}

impl std::fmt::Debug for LanePrograms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LanePrograms")
            .field("kept", &self.kept.len())
            .finish_non_exhaustive()
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "the program panicked without a message".to_owned())
}
