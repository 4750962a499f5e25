//! A run's state and its handlers, as the executor sees them: without their types.

use std::{fmt, sync::Arc};

use sagaline_core::{Name, Payload, program::Question};

use super::{
    Context, Workflow,
    handler::{Handlers, find},
    state::Shared,
};
use crate::{Error, Result, activity::BoxFuture};

/// What a run begins with.
pub(crate) struct Begun {
    pub(crate) future: BoxFuture<'static, Result<Payload>>,
    pub(crate) desk: Box<dyn Desk>,
}

/// Begins a run of a workflow.
pub(crate) fn begin<W: Workflow>(shared: Arc<Shared>, input: Payload) -> Begun {
    let cx = Context::<W::State>::new(shared);
    let handlers = W::handlers();
    Begun {
        future: W::start(cx.clone(), input),
        desk: Box::new(OfState { cx, handlers }),
    }
}

/// Hands messages to their handlers.
pub(crate) trait Desk: Send {
    /// Whether somebody handles signals of that name.
    fn takes_signal(&self, signal: &Name) -> bool;

    /// Has a signal handled.
    fn signal(&self, signal: &Name, input: &Payload) -> Result<()>;

    /// Begins with an update.
    fn update(&self, update: &Name, input: Payload) -> BoxFuture<'static, Result<Payload>>;

    /// Answers a question.
    fn answer(&self, question: Question<'_>) -> Result<Payload>;
}

struct OfState<S> {
    cx: Context<S>,
    handlers: Handlers<S>,
}

impl<S: Send + 'static> Desk for OfState<S> {
    fn takes_signal(&self, signal: &Name) -> bool {
        find(&self.handlers.signals, signal.as_str()).is_some()
    }

    fn signal(&self, signal: &Name, input: &Payload) -> Result<()> {
        match find(&self.handlers.signals, signal.as_str()) {
            Some(handle) => self.cx.with_mut(|state| handle(state, input)),
            None => Ok(()),
        }
    }

    fn update(&self, update: &Name, input: Payload) -> BoxFuture<'static, Result<Payload>> {
        match find(&self.handlers.updates, update.as_str()) {
            Some(taken) => (taken.handle)(self.cx.clone(), input),
            // The code has changed since the update was accepted.
            None => {
                let question = Question::Validate {
                    update,
                    input: &input,
                };
                let unknown = Error::from_failure(question.unknown(self.updates()));
                Box::pin(async move { Err(unknown) })
            }
        }
    }

    fn answer(&self, question: Question<'_>) -> Result<Payload> {
        match question {
            Question::Query { query, input } => {
                match find(&self.handlers.queries, query.as_str()) {
                    Some(answer) => self.cx.with(|state| answer(state, input)),
                    None => {
                        let known = self.handlers.queries.iter().map(|(name, _)| *name);
                        Err(Error::from_failure(question.unknown(known)))
                    }
                }
            }
            Question::Validate { update, input } => {
                let Some(taken) = find(&self.handlers.updates, update.as_str()) else {
                    return Err(Error::from_failure(question.unknown(self.updates())));
                };
                self.cx.with(|state| (taken.validate)(state, input))?;
                Ok(Payload::empty())
            }
        }
    }
}

impl<S> OfState<S> {
    fn updates(&self) -> impl Iterator<Item = &'static str> {
        self.handlers.updates.iter().map(|(name, _)| *name)
    }
}

impl fmt::Debug for dyn Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Desk")
    }
}
