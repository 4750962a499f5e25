//! Starts that come with a message.

use std::rc::Rc;

use sagaline_core::{Command, IdConflict, Message, StartWith};

use super::{Env, Run, StartOptions, Update};
use crate::{Result, SignalCall, UpdateCall, Workflow, WorkflowCall};

impl Env {
    /// Starts a workflow unless it is open under the id of `options`, and sends it a message, in one.
    ///
    /// # Panics
    /// As [`Self::start_with`], but for an id of an open run.
    pub fn signal_with_start<R, W: Workflow, H>(
        &self,
        options: StartOptions,
        call: WorkflowCall<R, W>,
        signal: SignalCall<H>,
    ) -> Run<R> {
        let message = signal.erase();
        let encoded = |input| self.world.borrow().coding.encode(input);
        let input = message.input.and_then(encoded);
        let message = Message::Signal {
            signal: message.name.unwrap_or_else(|error| panic!("{error}")),
            input: input.unwrap_or_else(|error| panic!("{error}")),
        };
        self.know::<W>();
        let start = sagaline_core::Start {
            id_conflict: IdConflict::UseExisting,
            ..self.start_of(options, call.erase())
        };
        let with = StartWith { start, message };
        self.started(&Command::StartWith(Box::new(with))).0
    }

    /// Starts a workflow unless it is open under the id of `options`, and asks it to change, in one.
    ///
    /// The update is an error where it was refused; the run began all the same.
    ///
    /// # Panics
    /// As [`Self::start_with`], but for an id of an open run.
    pub fn update_with_start<R, W: Workflow, A, H>(
        &self,
        options: StartOptions,
        call: WorkflowCall<R, W>,
        update: UpdateCall<A, H>,
    ) -> (Run<R>, Result<Update<A>>) {
        self.know::<W>();
        let start = self.start_of(options, call.erase());
        let number = self.world.borrow_mut().next_update();
        let update = Update::<A>::command(
            &self.world.borrow(),
            &start.workflow_id,
            number,
            update.erase(),
        );
        let update = update.unwrap_or_else(|error| panic!("{error}"));
        let start = sagaline_core::Start {
            id_conflict: IdConflict::UseExisting,
            reply: update.reply.clone(),
            ..start
        };
        let with = StartWith {
            start,
            message: Message::Update(update.clone()),
        };
        let (run, replies) = self.started(&Command::StartWith(Box::new(with)));
        let begun = Update::of(Rc::clone(&self.world), &run, &update, &replies);
        (run, begun)
    }
}
