//! One run of a test: its outcome, what it looks like, and what people do to it.

use std::{cell::RefCell, fmt, marker::PhantomData, rc::Rc};

use sagaline_core::{
    Act, Cancel, Command, Millis, Name, Outcome, Payload, RunId, Signal, Terminate, Timestamp,
    WorkflowId, error_type,
    program::{Question, SPAN_MS_MAX},
    run::ClosedBy,
    view::View,
};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    LIMIT, STUCK,
    env::settle,
    history::History,
    incident::{Incident, operate},
    update::Update,
    world::{self, Waited, World},
};
use crate::{
    Error, QueryCall, Result, SignalCall, UpdateCall, codec::Coding, json, recorded::check,
};

/// A run that [`Env::start`](super::Env::start) began; `R` is what its workflow returns. Once it has continued as new, all
/// that is said and done here is about the run that goes on in its place.
pub struct Run<R> {
    world: Rc<RefCell<World>>,
    workflow_id: WorkflowId,
    run_id: RunId,
    result: PhantomData<fn() -> R>,
}

impl<R> Run<R> {
    pub(super) fn new(world: Rc<RefCell<World>>, workflow_id: WorkflowId, run_id: RunId) -> Self {
        Self {
            world,
            workflow_id,
            run_id,
            result: PhantomData,
        }
    }

    /// Its workflow id.
    #[must_use]
    pub fn workflow_id(&self) -> &str {
        self.workflow_id.as_str()
    }

    /// Its id, or that of the run that goes on in its place.
    #[must_use]
    pub fn run_id(&self) -> RunId {
        self.world.borrow().run(self.run_id).run.run_id
    }

    /// Lets time pass until the run closes, and gives what it returned.
    ///
    /// # Errors
    /// What the workflow failed with; [`is_canceled`](Error::is_canceled), `sagaline.Terminated` or a time-out of the run
    /// when that is how it ended; `sagaline.Nondeterminism` when its code, run again on its history, wants something else.
    /// [`STUCK`] when nothing can happen to it any more but by a person, with what it waits for; [`LIMIT`] when it has not
    /// closed after [`STEPS_MAX`](super::STEPS_MAX) steps.
    pub fn result(&self) -> Result<R>
    where
        R: DeserializeOwned,
    {
        let is_closed = |world: &World| world.run(self.run_id).run.closed.is_some();
        self.wait(is_closed)?;
        let world = self.world.borrow();
        for recorded in world.lane.runs.chain(self.run_id) {
            check(&world.lane.workflows, recorded)?;
        }
        let recorded = world.run(self.run_id);
        let result = match &recorded.run.closed {
            Some(closed) => outcome(closed, &world.coding)?,
            None => unreachable!("it was waited for"),
        };
        let result = world.coding.decode(result)?;
        let what = format!("result of workflow `{}`", recorded.run.started.workflow);
        json::decode(&what, &result)
    }

    /// Lets time pass until the run waits for a person.
    ///
    /// # Errors
    /// [`STUCK`] when it closed, or nothing can happen to it any more; [`LIMIT`] as of [`Self::result`].
    pub fn wait_for_incident(&self) -> Result<Incident> {
        let has_one = |world: &World| !world.run(self.run_id).run.incidents.is_empty();
        self.wait(|world| has_one(world) || world.run(self.run_id).run.closed.is_some())?;
        let first = self.incidents().into_iter().next();
        first.ok_or_else(|| Error::new(STUCK, format!("no incident came: {}", self.waiting_for())))
    }

    /// What waits for a person now, oldest first.
    #[must_use]
    pub fn incidents(&self) -> Vec<Incident> {
        let world = self.world.borrow();
        let incidents = world.run(self.run_id).run.incidents.iter();
        let of = (&self.workflow_id, world.run(self.run_id).run.run_id);
        incidents
            .map(|incident| Incident::of(&self.world, of, incident))
            .collect()
    }

    /// Its status in the API's word: `Running`, `Completed` …
    #[must_use]
    pub fn status(&self) -> &'static str {
        self.see(|view| view.status())
    }

    /// What it waits for, as `sagaline workflow describe` says it; of a closed run how it ended.
    #[must_use]
    pub fn waiting_for(&self) -> String {
        self.see(|view| view.waiting_for().text)
    }

    /// All about it, as `sagaline workflow describe -o json` prints it.
    #[must_use]
    pub fn describe(&self) -> serde_json::Value {
        // A description holds nothing that JSON has not.
        self.see(|view| serde_json::to_value(view.describe()).unwrap_or_default())
    }

    /// What has happened to it so far.
    #[must_use]
    pub fn history(&self) -> History {
        History::of(self.world.borrow().run(self.run_id))
    }

    /// The histories of all runs of its chain, the first first.
    #[must_use]
    pub fn histories(&self) -> Vec<History> {
        let world = self.world.borrow();
        let first = world.run(self.run_id).run.first_run_id();
        world.lane.runs.chain(first).map(History::of).collect()
    }

    /// Asks it to stop; what it has done is undone.
    pub fn cancel(&self, reason: &str) {
        self.input(&Command::Cancel(Cancel {
            workflow_id: self.workflow_id.clone(),
            run_id: Some(self.run_id),
            reason: Some(reason.into()),
            compensate: true,
            reply: None,
        }));
    }

    /// Ends it at once; nothing is undone.
    pub fn terminate(&self, reason: &str) {
        self.input(&Command::Terminate(Terminate {
            workflow_id: self.workflow_id.clone(),
            run_id: Some(self.run_id),
            reason: Some(reason.into()),
            compensate: false,
            reply: None,
        }));
    }

    /// Lets nothing new of it begin, until [`Self::resume`].
    ///
    /// # Errors
    /// The act is refused.
    pub fn pause(&self) -> Result<()> {
        operate(&self.world, (&self.workflow_id, self.run_id()), Act::Pause)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// The act is refused.
    pub fn resume(&self) -> Result<()> {
        operate(&self.world, (&self.workflow_id, self.run_id()), Act::Resume)
    }

    /// Sends it a message.
    ///
    /// # Errors
    /// The message cannot be written as JSON, or the name is none.
    pub fn signal<T: Serialize + ?Sized>(&self, name: &str, input: &T) -> Result<()> {
        let input = json::encode(&format!("signal `{name}`"), input)?;
        let input = self.world.borrow().coding.encode(input)?;
        self.input(&Command::Signal(Signal {
            workflow_id: self.workflow_id.clone(),
            run_id: Some(self.run_id),
            signal: Name::new(name)?,
            input,
            reply: None,
        }));
        Ok(())
    }

    /// Sends it a message that a handler takes.
    ///
    /// # Errors
    /// The message cannot be written as JSON, or its name is none.
    pub fn send<H>(&self, call: SignalCall<H>) -> Result<()> {
        let message = call.erase();
        let input = self.world.borrow().coding.encode(message.input?)?;
        self.input(&Command::Signal(Signal {
            workflow_id: self.workflow_id.clone(),
            run_id: Some(self.run_id),
            signal: message.name?,
            input,
            reply: None,
        }));
        Ok(())
    }

    /// Asks it something, which changes nothing.
    ///
    /// # Errors
    /// What the query says, or why it cannot be answered: `sagaline.Closed`, `sagaline.UnknownQuery`, `sagaline.Panic` …
    pub fn query<A: DeserializeOwned, H>(&self, call: QueryCall<A, H>) -> Result<A> {
        let message = call.erase();
        let mut world = self.world.borrow_mut();
        let (query, input) = (&message.name?, &world.coding.encode(message.input?)?);
        let question = Question::Query { query, input };
        let answer = world.lane.inquire(&self.workflow_id, question);
        let failed = |failure| Error::from_failure(world.coding.decode_details(failure));
        let answer = world.coding.decode(answer.map_err(failed)?)?;
        json::decode(&format!("answer of query `{query}`"), &answer)
    }

    /// Asks it to change, and lets time pass until that has ended.
    ///
    /// # Errors
    /// What the update failed with; why it was refused; [`STUCK`] when nothing can happen to the run any more.
    pub fn update<A: DeserializeOwned, H>(&self, call: UpdateCall<A, H>) -> Result<A> {
        self.begin_update(call)?.result()
    }

    /// Asks it to change: an update of its own, which may be under way when this returns.
    ///
    /// # Errors
    /// Why it was refused.
    pub fn begin_update<A, H>(&self, call: UpdateCall<A, H>) -> Result<Update<A>> {
        let of = (self.world.clone(), self.workflow_id.clone(), self.run_id);
        Update::begin(of, call.erase())
    }

    fn input(&self, command: &Command) {
        self.world.borrow_mut().input(command);
        settle(&self.world);
    }

    /// Lets time pass until `is_done`, or this run can do nothing any more.
    fn wait(&self, is_done: impl Fn(&World) -> bool) -> Result<()> {
        wait(&self.world, (&self.workflow_id, self.run_id), is_done)
    }

    fn see<T>(&self, look: impl FnOnce(&View<'_>) -> T) -> T {
        see(&self.world, (&self.workflow_id, self.run_id), look)
    }
}

/// Lets time pass until `is_done`, or the run can do nothing any more.
pub(super) fn wait(
    world: &RefCell<World>,
    of: (&WorkflowId, RunId),
    is_done: impl Fn(&World) -> bool,
) -> Result<()> {
    let until = world.borrow().now.plus(Millis(SPAN_MS_MAX));
    let stands = |world: &World| !world.moves(of.1, until);
    let waited = world::wait(world, until, |world| is_done(world) || stands(world));
    if is_done(&world.borrow()) {
        return Ok(());
    }
    let waiting_for = see(world, of, |view| view.waiting_for().text);
    Err(match waited {
        Waited::Endless => {
            let steps = world.borrow().steps_max;
            let text = format!("not done after {steps} steps: {waiting_for}");
            Error::new(LIMIT, text)
        }
        Waited::Done | Waited::Idle => {
            let text = format!("nothing more happens by itself: {waiting_for}");
            Error::new(STUCK, text)
        }
    })
}

fn see<T>(
    world: &RefCell<World>,
    (workflow_id, run_id): (&WorkflowId, RunId),
    look: impl FnOnce(&View<'_>) -> T,
) -> T {
    let world = world.borrow();
    let unread_queues: Vec<Name> = world.unread_queues();
    let now: Timestamp = world.now;
    let run = &world.run(run_id).run;
    look(&View {
        unread_queues: &unread_queues,
        ..View::new(workflow_id, run, 0, now)
    })
}

fn outcome(closed: &ClosedBy, coding: &Coding) -> Result<Payload> {
    let reason = || String::from(closed.reason.as_deref().unwrap_or_default());
    let failed = || match &closed.failure {
        Some(failure) => Error::from_failure(coding.decode_details(failure.clone())),
        None => Error::new(closed.outcome.status(), reason()),
    };
    match closed.outcome {
        Outcome::Completed | Outcome::ContinuedAsNew => {
            Ok(closed.result.clone().unwrap_or_else(Payload::empty))
        }
        Outcome::Failed | Outcome::TimedOut => Err(failed()),
        Outcome::Canceled => Err(Error::canceled(reason())),
        Outcome::Terminated => Err(Error::new(error_type::TERMINATED, reason())),
    }
}

impl<R> fmt::Debug for Run<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("workflow_id", &self.workflow_id)
            .field("run_id", &self.run_id)
            .finish_non_exhaustive()
    }
}
