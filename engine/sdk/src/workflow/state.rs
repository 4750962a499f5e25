//! What a run's context and its executor share: ids, steps, and the commands of the activation under way.
//!
//! Deliberately absent: polling. Invariant: the lock is never held while code of the user runs, so that no closure or
//! waker can meet it.

mod around;
mod carried;
mod markers;
mod waiting;

use std::{
    collections::{BTreeMap, VecDeque},
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

use sagaline_core::{
    ActivityId, Name, Payload, RunId, SignalExternal, StartChild, Stop, Timestamp, WorkflowId,
    is_local,
    program::{Activation, ProgramCommand, Recorded},
    run::HistorySize,
};

use super::{
    Outbound, WorkflowInfo,
    intercept::Around,
    park::Parked,
    random::Stream,
    reach::{Asked, Reach},
    signal::Signals,
    step::{
        Compensate, Compensation, Progress, Step, StepKind, StepOutcome, canceled, register,
        schedule,
    },
    task::Branches,
    timer::Timers,
    waits::Waiters,
};
use crate::{Error, Result, activity::ErasedCall};

/// One run's shared state.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) info: WorkflowInfo,
    default_queue: Name,
    around: Around,
    pub(super) parked: Parked,
    /// Branches that the executor has not taken over.
    pub(super) spawned: Branches,
    state: Mutex<State>,
}

#[derive(Debug)]
pub(super) struct State {
    at: Timestamp,
    next_id: ActivityId,
    steps: BTreeMap<ActivityId, Step>,
    timers: Timers,
    signals: Signals,
    /// Since when, and how many children there will be.
    expected: Option<(Timestamp, u64)>,
    waiters: Waiters,
    /// The run's end was decided without the program: what it drops is forgotten without a word.
    ended: bool,
    commands: Vec<ProgramCommand>,
    /// The markers of the activation that is replayed; `None` when nothing is.
    replayed: Option<VecDeque<Recorded>>,
    /// How many commands of the activation history has, where it was cut between them.
    cut_at: Option<usize>,
    random: Stream,
    /// Somebody asked the run to stop, with this reason.
    cancel: Option<Option<Box<str>>>,
    history: HistorySize,
    suggests_continuing: bool,
    /// What the run that goes on in this one's place is given.
    continue_with: Option<Payload>,
    /// By which versions of changes the run goes on.
    versions: BTreeMap<Name, u32>,
    /// The same, as what was begun by the run hears of it.
    asked: Asked,
    /// Where the future that is being polled stands.
    pub(super) here: Reach,
    /// Children for the run that goes on in this one's place.
    handed_on: Vec<(ActivityId, WorkflowId)>,
    /// Children of the run before that nobody here has taken yet.
    taken_over: Vec<(ActivityId, WorkflowId)>,
}

impl Shared {
    pub(crate) fn new(
        info: WorkflowInfo,
        default_queue: Name,
        around: Around,
        first: &Activation<'_>,
    ) -> Self {
        let asked = Asked::default();
        let state = State {
            at: info.started_at,
            next_id: first.first_id(),
            steps: BTreeMap::new(),
            timers: Timers::default(),
            signals: Signals::default(),
            expected: None,
            waiters: Waiters::default(),
            ended: false,
            commands: Vec::new(),
            replayed: None,
            cut_at: None,
            random: Stream::of(first.random_run_id()),
            cancel: None,
            history: HistorySize::default(),
            suggests_continuing: false,
            continue_with: None,
            versions: BTreeMap::new(),
            here: Reach::outermost(asked.clone()),
            asked,
            handed_on: Vec::new(),
            taken_over: Vec::new(),
        };
        Self {
            info,
            default_queue,
            around,
            parked: Parked::default(),
            spawned: Branches::default(),
            state: Mutex::new(state),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an activation.
    pub(crate) fn begin(&self, activation: &Activation<'_>) {
        let mut state = self.lock();
        state.at = activation.at;
        state.history = activation.history;
        state.suggests_continuing = activation.suggests_continuing;
        let recorded = activation.recorded.filter(|_| activation.is_cut);
        state.cut_at = recorded.map(<[Recorded]>::len);
        state.replayed = activation.recorded.map(|recorded| {
            let markers = recorded.iter().filter(|one| markers::is_one(one.kind));
            markers.cloned().collect()
        });
    }

    /// Ends an activation.
    pub(crate) fn take_commands(&self) -> Vec<ProgramCommand> {
        mem::take(&mut self.lock().commands)
    }

    pub(crate) fn push(&self, command: ProgramCommand) {
        self.lock().commands.push(command);
    }

    /// Takes an activity's end: registers its compensation first, then hands the outcome to whoever waits.
    pub(crate) fn resolve(&self, id: ActivityId, outcome: StepOutcome) {
        let mut state = self.lock();
        let compensate = state.steps.get_mut(&id).and_then(|step| {
            let compensate = step.compensate.take()?;
            Some((compensate, step.reach.clone()))
        });
        drop(state);
        if let (Some((Compensate(make), reach)), StepOutcome::Completed(result)) =
            (compensate, &outcome)
        {
            let registered = make(result).and_then(|call| self.register((id, &reach), call));
            if let Err(error) = registered
                && !self.is_replaying()
            {
                // The engine finds a completed step without registration and raises an incident.
                tracing::error!(run_id = %self.info.run_id, activity_id = %id, %error, "no compensation could be registered");
            }
        }
        let mut state = self.lock();
        let Some(step) = state.steps.get_mut(&id) else {
            return;
        };
        if step.abandoned {
            state.steps.remove(&id);
            return;
        }
        // A child that was let go has ended behind a parent that was cancelled.
        if matches!(step.progress, Progress::Ended(_)) {
            return;
        }
        let before = mem::replace(&mut step.progress, Progress::Ended(outcome));
        drop(state);
        if let Progress::Pending(Some(waker)) = before {
            waker.wake();
        }
    }

    fn register(&self, compensates: (ActivityId, &Reach), call: ErasedCall) -> Result<()> {
        let mut state = self.lock();
        let command = register(state.next_id, call, &self.default_queue, compensates)?;
        state.commit(command);
        Ok(())
    }

    /// Notes that somebody wants the run to stop.
    pub(crate) fn request_cancel(&self, reason: Option<Box<str>>) {
        let mut state = self.lock();
        state.cancel.get_or_insert(reason);
        state.asked.ask();
    }

    /// Asks what is under way to stop, once the run itself was asked to.
    pub(crate) fn cancel_pending(&self) {
        if self.lock().cancel.is_some() {
            self.cancel_reached();
        }
    }

    /// Asks what is under way to stop, where a request to stop has reached it.
    pub(crate) fn cancel_reached(&self) {
        let mut state = self.lock();
        let State {
            steps,
            timers,
            waiters,
            commands,
            ..
        } = &mut *state;
        let mut wakers = timers.cancel(commands);
        wakers.extend(waiters.cancel());
        wakers.extend(self.parked.reached());
        for (&activity_id, step) in steps {
            if step.reach.is_canceled() {
                wakers.extend(step.cancel(activity_id, commands));
            }
        }
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Starts a timer; `None` when the instant has passed.
    pub(crate) fn start_timer(&self, due_at: Timestamp) -> Result<Option<ActivityId>> {
        self.lets_out(&Outbound::Timer { due_at })?;
        let mut state = self.lock();
        if state.here.is_canceled() {
            return Err(canceled(&Name::from("sleep")));
        }
        if due_at <= state.at {
            return Ok(None);
        }
        let timer_id = state.next_id;
        state.commit(ProgramCommand::StartTimer { timer_id, due_at });
        let here = state.here.clone();
        state.timers.insert(timer_id, here);
        Ok(Some(timer_id))
    }

    /// A timer is due.
    pub(crate) fn fire_timer(&self, timer_id: ActivityId) {
        let waker = self.lock().timers.fire(timer_id);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether a timer's instant has come.
    pub(crate) fn poll_timer(&self, timer_id: ActivityId, waker: &Waker) -> Poll<Result<()>> {
        self.lock().timers.poll(timer_id, waker)
    }

    /// Nobody waits for a timer any more.
    pub(crate) fn forget_timer(&self, timer_id: ActivityId) {
        let mut state = self.lock();
        if state.timers.forget(timer_id) && !state.ended {
            state
                .commands
                .push(ProgramCommand::CancelTimer { timer_id });
        }
    }

    /// Whether anything is commanded outside of an activation; it is taken back.
    pub(crate) fn takes_back_commands(&self) -> bool {
        !self.take_commands().is_empty()
    }

    /// How long the history is, and whether it had better begin anew.
    pub(crate) fn history(&self) -> (HistorySize, bool) {
        let state = self.lock();
        (state.history, state.suggests_continuing)
    }

    /// The run's end was decided without the program.
    pub(crate) fn end(&self) {
        self.lock().ended = true;
    }

    /// The reason with which the run was asked to stop, if it was.
    pub(crate) fn cancel_reason(&self) -> Option<Option<Box<str>>> {
        self.lock().cancel.clone()
    }

    /// Schedules a step and, if so wished, registers at once how it is undone.
    pub(crate) fn schedule(
        &self,
        call: ErasedCall,
        compensation: Option<Compensation>,
    ) -> Result<ActivityId> {
        if let Ok(input) = &call.input {
            self.lets_out(&Outbound::Activity {
                name: call.name.as_str(),
                is_local: call.queue.as_ref().is_some_and(is_local),
                input,
            })?;
        }
        let mut state = self.lock();
        if state.here.is_canceled() {
            return Err(canceled(&call.name));
        }
        let id = state.next_id;
        let name = call.name.clone();
        let scheduled = schedule(id, call, &self.default_queue, compensation.is_some())?;
        let (compensate, registered) = match compensation {
            None => (None, None),
            Some(Compensation::AtCompletion(compensate)) => (Some(compensate), None),
            Some(Compensation::AtScheduling(call)) => (
                None,
                Some(register(
                    id.next(),
                    *call,
                    &self.default_queue,
                    (id, &state.here),
                )?),
            ),
        };
        state.commit(scheduled);
        if let Some(command) = registered {
            state.commit(command);
        }
        state.await_step(id, (name, StepKind::Activity), compensate);
        Ok(id)
    }

    /// Starts what `make` makes of the run and the child's number.
    pub(crate) fn start_child(
        &self,
        kind: StepKind,
        make: impl FnOnce(RunId, ActivityId) -> Result<StartChild>,
    ) -> Result<(ActivityId, WorkflowId)> {
        let child_id = self.lock().next_id;
        let child = make(self.info.run_id, child_id)?;
        self.lets_out(&Outbound::Child {
            workflow: child.workflow.as_str(),
            workflow_id: child.workflow_id.as_str(),
            input: &child.input,
        })?;
        let mut state = self.lock();
        if state.here.is_canceled() {
            let text = format!("child `{}` was cancelled", child.workflow_id);
            return Err(Error::canceled(text));
        }
        let (name, workflow_id) = (child.workflow.clone(), child.workflow_id.clone());
        state.commit(ProgramCommand::StartChild(Box::new(child)));
        state.await_step(child_id, (name, kind), None);
        Ok((child_id, workflow_id))
    }

    /// Sends what `make` makes of the signal's number to another run.
    pub(crate) fn signal_external(
        &self,
        make: impl FnOnce(ActivityId) -> SignalExternal,
    ) -> Result<ActivityId> {
        let mut state = self.lock();
        let signal_id = state.next_id;
        let command = make(signal_id);
        if state.here.is_canceled() {
            let text = format!("signal `{}` was not sent", command.signal);
            return Err(Error::canceled(text));
        }
        let (name, awaited) = (command.signal.clone(), command.awaited);
        state.commit(ProgramCommand::SignalExternal(Box::new(command)));
        if awaited {
            state.await_step(signal_id, (name, StepKind::Signal), None);
        }
        Ok(signal_id)
    }

    /// Stops a child; it is asked to once.
    pub(crate) fn stop_child(&self, child_id: ActivityId, how: Stop) {
        self.stop_step(child_id, how, ProgramCommand::CancelChild { child_id, how });
    }

    /// Asks an activity to stop, once.
    pub(crate) fn cancel_activity(&self, activity_id: ActivityId) {
        let command = ProgramCommand::CancelActivity { activity_id };
        self.stop_step(activity_id, Stop::Cancel, command);
    }

    fn stop_step(&self, id: ActivityId, how: Stop, command: ProgramCommand) {
        let mut state = self.lock();
        let State {
            steps, commands, ..
        } = &mut *state;
        let pending = steps.get_mut(&id);
        let pending = pending.filter(|step| matches!(step.progress, Progress::Pending(_)));
        let wanted = |step: &&mut Step| how == Stop::Terminate || !step.cancel_requested;
        if let Some(step) = pending.filter(wanted) {
            step.cancel_requested = true;
            commands.push(command);
        }
    }

    /// The engine gave that many numbers to what completed children have handed over.
    pub(crate) fn skip_numbers(&self, numbers: u32) {
        let mut state = self.lock();
        for _ in 0..numbers {
            state.next_id = state.next_id.next();
        }
    }

    /// Tells how many children there will be; none: no more than were started.
    pub(crate) fn expect_children(&self, total: u64) {
        let mut state = self.lock();
        let since = state.expected.map_or(state.at, |(since, _)| since);
        state.expected = (total > 0).then_some((since, total));
    }

    /// The name and the outcome of a step, once it has one.
    pub(crate) fn poll_step(&self, id: ActivityId, waker: &Waker) -> Poll<(Name, StepOutcome)> {
        let mut state = self.lock();
        let step = state
            .steps
            .get_mut(&id)
            .expect("a step stays until its outcome is taken");
        if let Progress::Pending(waiting) = &mut step.progress {
            match waiting {
                Some(before) => before.clone_from(waker),
                None => *waiting = Some(waker.clone()),
            }
            return Poll::Pending;
        }
        match state.steps.remove(&id) {
            Some(Step {
                name,
                progress: Progress::Ended(outcome),
                ..
            }) => Poll::Ready((name, outcome)),
            _ => unreachable!("it was seen ended under the same lock"),
        }
    }

    /// Nobody waits for the step any more; its compensation is registered all the same.
    pub(crate) fn abandon(&self, id: ActivityId) {
        let mut state = self.lock();
        if let Some(step) = state.steps.get_mut(&id) {
            match step.progress {
                Progress::Pending(_) => step.abandoned = true,
                Progress::Ended(_) => drop(state.steps.remove(&id)),
            }
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.lock().at
    }

    pub(crate) fn is_replaying(&self) -> bool {
        self.lock().replayed.is_some()
    }

    pub(crate) fn random<T>(&self, take: impl FnOnce(&mut Stream) -> T) -> T {
        take(&mut self.lock().random)
    }
}

impl State {
    /// Issues a command that takes the next number.
    fn commit(&mut self, command: ProgramCommand) {
        self.next_id = self.next_id.next();
        self.commands.push(command);
    }

    /// Notes a step whose outcome comes later.
    fn await_step(
        &mut self,
        id: ActivityId,
        (name, kind): (Name, StepKind),
        compensate: Option<Compensate>,
    ) {
        let step = Step {
            name,
            kind,
            progress: Progress::Pending(None),
            compensate,
            reach: self.here.clone(),
            cancel_requested: false,
            abandoned: false,
        };
        self.steps.insert(id, step);
    }
}
