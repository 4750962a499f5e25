//! One update of a test: asked for once, under way, ended.

use std::{cell::RefCell, fmt, marker::PhantomData, rc::Rc};

use sagaline_core::{
    Command, Failure, Name, Payload, Reply, ReplyTo, RunId, WorkflowId, error_type,
    event::AnswerOutcome,
    run::{EndedUpdate, Run, UpdateOutcome},
};
use serde::de::DeserializeOwned;

use super::{env::settle, run::wait, world::World};
use crate::{Error, Result, codec::Coding, json, workflow::Message};

/// An update that [`Run::begin_update`](super::Run::begin_update) began; `A` is what it answers.
pub struct Update<A> {
    world: Rc<RefCell<World>>,
    workflow_id: WorkflowId,
    run_id: RunId,
    update_id: Name,
    update: Name,
    answer: PhantomData<fn() -> A>,
}

impl<A> Update<A> {
    pub(super) fn begin(
        (world, workflow_id, run_id): (Rc<RefCell<World>>, WorkflowId, RunId),
        message: Message,
    ) -> Result<Self> {
        let number = world.borrow_mut().next_update();
        let update = Self::command(&world.borrow(), &workflow_id, number, message)?;
        let begun = Self {
            world,
            workflow_id,
            run_id,
            update_id: update.update_id,
            update: update.update,
            answer: PhantomData,
        };
        begun.ask(update.input)?;
        Ok(begun)
    }

    /// The update of a start, unless it was refused.
    pub(super) fn of<R>(
        world: Rc<RefCell<World>>,
        run: &super::Run<R>,
        update: &sagaline_core::Update,
        replies: &[Reply],
    ) -> Result<Self> {
        taken(replies, &world.borrow().coding)?;
        Ok(Self {
            world,
            workflow_id: update.workflow_id.clone(),
            run_id: run.run_id(),
            update_id: update.update_id.clone(),
            update: update.update.clone(),
            answer: PhantomData,
        })
    }

    /// The request for an update of its own.
    pub(super) fn command(
        world: &World,
        workflow_id: &WorkflowId,
        number: u32,
        message: Message,
    ) -> Result<sagaline_core::Update> {
        let update_id = Name::new(&format!("update-{number}"))?;
        Ok(sagaline_core::Update {
            workflow_id: workflow_id.clone(),
            run_id: None,
            update: message.name?,
            input: world.coding.encode(message.input?)?,
            reply: Some(reply_to(&update_id)),
            update_id,
        })
    }

    /// Asks for the same update once more, with another input: nothing happens again.
    ///
    /// # Errors
    /// Why it is refused: the run has closed, or the update was rejected.
    pub fn repeat(&self, input: &impl serde::Serialize) -> Result<()> {
        let input = json::encode("input of the update", input)?;
        let input = self.world.borrow().coding.encode(input)?;
        self.ask(input)
    }

    fn ask(&self, input: Payload) -> Result<()> {
        let command = Command::Update(sagaline_core::Update {
            workflow_id: self.workflow_id.clone(),
            run_id: Some(self.run_id),
            update_id: self.update_id.clone(),
            update: self.update.clone(),
            input,
            reply: Some(reply_to(&self.update_id)),
        });
        let (_, replies) = self.world.borrow_mut().input(&command);
        settle(&self.world);
        taken(&replies, &self.world.borrow().coding)
    }

    /// Whether it is under way.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.is_pending_in(&self.world.borrow())
    }

    fn is_pending_in(&self, world: &World) -> bool {
        let run = &world.run(self.run_id).run;
        run.closed.is_none() && run.updates.pending_of(&self.update_id).is_some()
    }

    /// Lets time pass until it has ended, and gives what it answered.
    ///
    /// # Errors
    /// What it failed with; `sagaline.Closed` when the run closed before; [`STUCK`](super::STUCK) when nothing can happen
    /// to the run any more.
    pub fn result(&self) -> Result<A>
    where
        A: DeserializeOwned,
    {
        let of = (&self.workflow_id, self.run_id);
        wait(&self.world, of, |world| !self.is_pending_in(world))?;
        let world = self.world.borrow();
        let run = &world.run(self.run_id).run;
        let answer = world
            .coding
            .decode(outcome(run, &self.update_id, &world.coding)?)?;
        json::decode(&format!("answer of update `{}`", self.update), &answer)
    }
}

fn outcome(run: &Run, update_id: &Name, coding: &Coding) -> Result<Payload> {
    let ended = run.updates.ended_of(update_id);
    match ended.map(|EndedUpdate { outcome, .. }| outcome) {
        Some(Some(UpdateOutcome::Completed(answer))) => Ok(answer.clone()),
        Some(Some(UpdateOutcome::Failed(failure) | UpdateOutcome::Rejected(failure))) => {
            Err(Error::from_failure(coding.decode_details(failure.clone())))
        }
        Some(None) => Err(Error::new(
            error_type::LIMIT,
            "its outcome is not kept any more",
        )),
        None => {
            let text = format!("run {} closed before the update ended", run.run_id);
            Err(Error::new(error_type::CLOSED, text))
        }
    }
}

fn reply_to(update_id: &Name) -> ReplyTo {
    ReplyTo {
        topic: "testing".into(),
        partition: 0,
        correlation: update_id.as_str().into(),
    }
}

fn taken(replies: &[Reply], coding: &Coding) -> Result<()> {
    match replies.first() {
        Some(reply) if reply.answer.outcome == AnswerOutcome::Rejected => {
            Err(refused(reply, coding))
        }
        _ => Ok(()),
    }
}

fn refused(reply: &Reply, coding: &Coding) -> Error {
    let answer = &reply.answer;
    let error_type = answer.error_type.clone();
    let error_type = error_type.unwrap_or_else(|| Name::from(error_type::INVALID_INPUT));
    let message = answer.error_message.clone().unwrap_or_default();
    let failure = Failure::new(error_type, message);
    Error::from_failure(match &answer.result {
        Some(details) => coding.decode_details(failure.with_details(details.clone())),
        None => failure,
    })
}

impl<A> fmt::Debug for Update<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Update")
            .field("update_id", &self.update_id)
            .field("update", &self.update)
            .finish_non_exhaustive()
    }
}
