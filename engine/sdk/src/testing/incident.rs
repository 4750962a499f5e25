//! What waits for a person, and the person.

use std::{cell::RefCell, fmt, rc::Rc};

use sagaline_core::{
    Act, Command, IncidentAct, Name, Operate, ReplyTo, RunId, WorkflowId, event::AnswerOutcome, run,
};
use serde::Serialize;

use super::world::World;
use crate::{Error, Result, json};

/// An incident of a run: what is done about it happens at once, in virtual time.
pub struct Incident {
    world: Rc<RefCell<World>>,
    workflow_id: WorkflowId,
    run_id: RunId,
    incident: run::Incident,
}

impl Incident {
    pub(super) fn of(
        world: &Rc<RefCell<World>>,
        (workflow_id, run_id): (&WorkflowId, RunId),
        incident: &run::Incident,
    ) -> Self {
        Self {
            world: Rc::clone(world),
            workflow_id: workflow_id.clone(),
            run_id,
            incident: incident.clone(),
        }
    }

    /// Its kind in the API's word: `attempts-exhausted`, `nondeterminism` …
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.incident.kind.as_str()
    }

    /// The activity that it is about, if it is about one.
    #[must_use]
    pub fn activity(&self) -> Option<&str> {
        self.incident.activity.as_ref().map(Name::as_str)
    }

    /// Why it was raised.
    #[must_use]
    pub fn error(&self) -> Error {
        Error::from_failure(self.incident.failure.clone())
    }

    /// How often it was raised: once, and after each retry that did not help.
    #[must_use]
    pub fn times(&self) -> u32 {
        self.incident.times
    }

    /// Tries again: an activity with a fresh set of attempts.
    ///
    /// # Errors
    /// The act is refused: the incident is solved already, or there is nothing to try again.
    pub fn retry(&self) -> Result<()> {
        self.act(IncidentAct::Retry { input: None })
    }

    /// Tries an activity again with another input.
    ///
    /// # Errors
    /// As of [`Self::retry`]; or the input cannot be written as JSON, or the incident is about no activity.
    pub fn retry_with(&self, input: &(impl Serialize + ?Sized)) -> Result<()> {
        let input = json::encode("the changed input", input)?;
        self.act(IncidentAct::Retry { input: Some(input) })
    }

    /// Goes on as if the activity had returned this.
    ///
    /// # Errors
    /// The act is refused, or the result cannot be written as JSON.
    pub fn skip(&self, result: &(impl Serialize + ?Sized)) -> Result<()> {
        let result = json::encode("the given result", result)?;
        self.act(IncidentAct::Skip { result })
    }

    /// Lets the activity fail, or the run where no activity is at fault.
    ///
    /// # Errors
    /// The act is refused.
    pub fn fail(&self) -> Result<()> {
        self.act(IncidentAct::Fail)
    }

    fn act(&self, act: IncidentAct) -> Result<()> {
        let seq = self.incident.seq;
        let act = Act::Incident { seq, act };
        operate(&self.world, (&self.workflow_id, self.run_id), act)
    }
}

/// A person acts on a run, and what follows now happens.
pub(super) fn operate(
    world: &Rc<RefCell<World>>,
    (workflow_id, run_id): (&WorkflowId, RunId),
    act: Act,
) -> Result<()> {
    let mut operate = Operate {
        workflow_id: workflow_id.clone(),
        run_id: Some(run_id),
        act,
        actor: Name::from("sagaline.cli/tester"),
        reason: None,
        reply: None,
    };
    let command = Command::Operate(Box::new(operate.clone()));
    let (done, _) = world.borrow_mut().input(&command);
    if let Some(rejected) = done.rejected {
        return Err(Error::new("sagaline.Rejected", format!("{rejected:?}")));
    }
    if done.transitions.is_empty() {
        // It is refused, or so already: only an answer says which.
        operate.reply = Some(ReplyTo {
            topic: "testing".into(),
            partition: 0,
            correlation: "act".into(),
        });
        let (_, replies) = world
            .borrow_mut()
            .input(&Command::Operate(Box::new(operate)));
        let refused = replies.into_iter().map(|reply| reply.answer);
        let mut refused = refused.filter(|answer| answer.outcome == AnswerOutcome::Rejected);
        if let Some(answer) = refused.next() {
            let error_type = answer.error_type.as_ref().map_or("Error", Name::as_str);
            let message = answer.error_message.unwrap_or_default();
            return Err(Error::new(error_type, message));
        }
    }
    super::env::settle(world);
    Ok(())
}

impl fmt::Debug for Incident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Incident").field(&self.incident).finish()
    }
}
