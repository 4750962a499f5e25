//! Handlers of signals, queries and updates: functions on the state of a run.
//!
//! A signal or an update is handled in the order of history, before the workflow itself goes on. A query is handled
//! between activations and sees the state by reference alone.

use sagaline_core::Payload;

use super::{Context, QueryCall, SignalCall, UpdateCall};
use crate::{Result, activity::BoxFuture};

/// What a signal does to the state of a run. `#[signal]` writes it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` handles no signal",
    label = "not made by `#[signal]`"
)]
pub trait SignalHandler: 'static {
    /// The state that it changes.
    type State;

    /// Its name on the wire.
    const NAME: &'static str;

    /// Takes a signal.
    ///
    /// # Errors
    /// It carries something else than expected.
    fn handle(state: &mut Self::State, input: &Payload) -> Result<()>;
}

/// What a query answers from the state of a run. `#[query]` writes it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` answers no query",
    label = "not made by `#[query]`"
)]
pub trait QueryHandler: 'static {
    /// The state that it reads.
    type State;

    /// Its name on the wire.
    const NAME: &'static str;

    /// Answers.
    ///
    /// # Errors
    /// What the function returns, or that it was asked with something else than expected.
    fn answer(state: &Self::State, input: &Payload) -> Result<Payload>;
}

/// What an update does to the state of a run, and answers. `#[update]` writes it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` handles no update",
    label = "not made by `#[update]`"
)]
pub trait UpdateHandler: 'static {
    /// The state that it changes.
    type State;

    /// Its name on the wire.
    const NAME: &'static str;

    /// Says whether the update would be taken now.
    ///
    /// # Errors
    /// Why not.
    fn validate(state: &Self::State, input: &Payload) -> Result<()>;

    /// Takes an update.
    fn handle(cx: Context<Self::State>, input: Payload) -> BoxFuture<'static, Result<Payload>>;
}

/// What stands for a signal: a function that `#[signal]` made.
#[diagnostic::on_unimplemented(
    message = "this is no signal that a workflow could handle",
    label = "no function marked `#[signal]` that has a body"
)]
pub trait SignalFn<Arguments> {
    /// Its handler.
    type Handler: SignalHandler;
}

/// What stands for a query: a function that `#[query]` made.
#[diagnostic::on_unimplemented(
    message = "this is no query that a workflow could answer",
    label = "no function marked `#[query]` that has a body"
)]
pub trait QueryFn<Arguments> {
    /// Its handler.
    type Handler: QueryHandler;
}

/// What stands for an update: a function that `#[update]` made.
#[diagnostic::on_unimplemented(
    message = "this is no update that a workflow could handle",
    label = "no function marked `#[update]` that has a body"
)]
pub trait UpdateFn<Arguments> {
    /// Its handler.
    type Handler: UpdateHandler;
}

impl<F: Fn() -> SignalCall<H>, H: SignalHandler> SignalFn<(H,)> for F {
    type Handler = H;
}

impl<F: Fn(I) -> SignalCall<H>, I, H: SignalHandler> SignalFn<(I, H)> for F {
    type Handler = H;
}

impl<F: Fn() -> QueryCall<R, H>, R, H: QueryHandler> QueryFn<(R, H)> for F {
    type Handler = H;
}

impl<F: Fn(I) -> QueryCall<R, H>, I, R, H: QueryHandler> QueryFn<(I, R, H)> for F {
    type Handler = H;
}

impl<F: Fn() -> UpdateCall<R, H>, R, H: UpdateHandler> UpdateFn<(R, H)> for F {
    type Handler = H;
}

impl<F: Fn(I) -> UpdateCall<R, H>, I, R, H: UpdateHandler> UpdateFn<(I, R, H)> for F {
    type Handler = H;
}

/// The handlers of a workflow, by name. `#[workflow(signals(…), queries(…), updates(…))]` makes it.
#[derive(Debug)]
pub struct Handlers<S> {
    pub(super) signals: Vec<(&'static str, HandleSignal<S>)>,
    pub(super) queries: Vec<(&'static str, AnswerQuery<S>)>,
    pub(super) updates: Vec<(&'static str, TakeUpdate<S>)>,
}

/// What a workflow handles, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handled {
    /// Signals.
    pub signals: Vec<&'static str>,
    /// Queries.
    pub queries: Vec<&'static str>,
    /// Updates.
    pub updates: Vec<&'static str>,
}

type HandleSignal<S> = fn(&mut S, &Payload) -> Result<()>;
type AnswerQuery<S> = fn(&S, &Payload) -> Result<Payload>;

/// The two halves of an update.
#[derive(Debug)]
pub(super) struct TakeUpdate<S> {
    pub(super) validate: fn(&S, &Payload) -> Result<()>,
    pub(super) handle: fn(Context<S>, Payload) -> BoxFuture<'static, Result<Payload>>,
}

impl<S> Handlers<S> {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            signals: Vec::new(),
            queries: Vec::new(),
            updates: Vec::new(),
        }
    }

    /// Their names.
    #[must_use]
    pub fn names(&self) -> Handled {
        Handled {
            signals: self.signals.iter().map(|(name, _)| *name).collect(),
            queries: self.queries.iter().map(|(name, _)| *name).collect(),
            updates: self.updates.iter().map(|(name, _)| *name).collect(),
        }
    }

    /// The same with one of a signal.
    ///
    /// # Panics
    /// Another has that name.
    #[must_use]
    pub fn signal<A, F>(mut self, signal: F) -> Self
    where
        F: SignalFn<A, Handler: SignalHandler<State = S>>,
    {
        let _ = signal;
        let name = F::Handler::NAME;
        assert!(find(&self.signals, name).is_none(), "{TWICE} `{name}`");
        self.signals.push((name, F::Handler::handle));
        self
    }

    /// The same with one of a query.
    ///
    /// # Panics
    /// Another has that name.
    #[must_use]
    pub fn query<A, F>(mut self, query: F) -> Self
    where
        F: QueryFn<A, Handler: QueryHandler<State = S>>,
    {
        let _ = query;
        let name = F::Handler::NAME;
        assert!(find(&self.queries, name).is_none(), "{TWICE} `{name}`");
        self.queries.push((name, F::Handler::answer));
        self
    }

    /// The same with one of an update.
    ///
    /// # Panics
    /// Another has that name.
    #[must_use]
    pub fn update<A, F>(mut self, update: F) -> Self
    where
        F: UpdateFn<A, Handler: UpdateHandler<State = S>>,
    {
        let _ = update;
        let name = F::Handler::NAME;
        assert!(find(&self.updates, name).is_none(), "{TWICE} `{name}`");
        let (validate, handle) = (F::Handler::validate, F::Handler::handle);
        self.updates.push((name, TakeUpdate { validate, handle }));
        self
    }
}

const TWICE: &str = "a workflow has two handlers named";

/// The handler of a name: there are few.
pub(super) fn find<'a, T>(handlers: &'a [(&'static str, T)], name: &str) -> Option<&'a T> {
    let found = handlers.iter().find(|(known, _)| *known == name);
    found.map(|(_, handler)| handler)
}

impl<S> Default for Handlers<S> {
    fn default() -> Self {
        Self::new()
    }
}
