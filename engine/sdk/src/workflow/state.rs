//! What a run's context and its executor share: ids, steps, and the commands of the activation under way.
//!
//! Deliberately absent: polling. Invariant: the lock is never held while code of the user runs, so that no closure or
//! waker can meet it.

mod markers;
mod waiting;

use std::{
    collections::{BTreeMap, VecDeque},
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

use sagaline_core::{
    ActivityId, Name, Payload, RunId, StartChild, Stop, Timestamp, WorkflowId,
    event::{CarriedChild, Chain},
    program::{Activation, ProgramCommand, Recorded, SignalLeft},
    run::HistorySize,
};

use super::{
    WorkflowInfo,
    random::Stream,
    signal::Signals,
    step::{
        Compensate, Compensation, Progress, Step, StepKind, StepOutcome, canceled, register,
        schedule,
    },
    timer::Timers,
    waits::{Standing, Waiters},
};
use crate::{Error, Result, activity::ErasedCall};

/// One run's shared state.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) info: WorkflowInfo,
    default_queue: Name,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
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
    random: Stream,
    /// Somebody asked the run to stop, with this reason.
    cancel: Option<Option<Box<str>>>,
    /// How many `shielded` are being polled.
    shields: u32,
    history: HistorySize,
    suggests_continuing: bool,
    /// What the run that goes on in this one's place is given.
    continue_with: Option<Payload>,
    /// By which versions of changes the run goes on.
    versions: BTreeMap<Name, u32>,
    /// Children for the run that goes on in this one's place.
    handed_on: Vec<(ActivityId, WorkflowId)>,
    /// Children of the run before that nobody here has taken yet.
    taken_over: Vec<(ActivityId, WorkflowId)>,
}

impl Shared {
    pub(crate) fn new(info: WorkflowInfo, default_queue: Name, first_id: ActivityId) -> Self {
        let state = State {
            at: info.started_at,
            next_id: first_id,
            steps: BTreeMap::new(),
            timers: Timers::default(),
            signals: Signals::default(),
            expected: None,
            waiters: Waiters::default(),
            ended: false,
            commands: Vec::new(),
            replayed: None,
            random: Stream::of(info.run_id),
            cancel: None,
            shields: 0,
            history: HistorySize::default(),
            suggests_continuing: false,
            continue_with: None,
            versions: BTreeMap::new(),
            handed_on: Vec::new(),
            taken_over: Vec::new(),
        };
        Self {
            info,
            default_queue,
            state: Mutex::new(state),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an activation.
    pub(crate) fn begin(&self, activation: &Activation<'_>) {
        let mut state = self.lock();
        state.at = activation.at;
        state.history = activation.history;
        state.suggests_continuing = activation.suggests_continuing;
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
        let compensate = self
            .lock()
            .steps
            .get_mut(&id)
            .and_then(|step| step.compensate.take());
        if let (Some(Compensate(make)), StepOutcome::Completed(result)) = (compensate, &outcome) {
            let registered = make(result).and_then(|call| self.register(id, call));
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

    fn register(&self, compensates: ActivityId, call: ErasedCall) -> Result<()> {
        let mut state = self.lock();
        let command = register(state.next_id, call, &self.default_queue, compensates)?;
        state.commit(command);
        Ok(())
    }

    /// Notes that somebody wants the run to stop.
    pub(crate) fn request_cancel(&self, reason: Option<Box<str>>) {
        self.lock().cancel.get_or_insert(reason);
    }

    /// Asks what is under way to stop, once the run itself was asked to.
    pub(crate) fn cancel_pending(&self) {
        let mut state = self.lock();
        if state.cancel.is_none() {
            return;
        }
        let State {
            steps,
            timers,
            waiters,
            commands,
            ..
        } = &mut *state;
        let mut wakers = timers.cancel(commands);
        wakers.extend(waiters.cancel());
        for (&activity_id, step) in steps {
            if !step.shielded {
                wakers.extend(step.cancel(activity_id, commands));
            }
        }
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Starts a timer; `None` when the instant has passed.
    pub(crate) fn start_timer(&self, due_at: Timestamp) -> Result<Option<ActivityId>> {
        let mut state = self.lock();
        if state.cancel.is_some() && state.shields == 0 {
            return Err(canceled(&Name::from("sleep")));
        }
        if due_at <= state.at {
            return Ok(None);
        }
        let timer_id = state.next_id;
        state.commit(ProgramCommand::StartTimer { timer_id, due_at });
        let shielded = state.shields > 0;
        state.timers.insert(timer_id, shielded);
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

    /// The workflow goes on in a new run, with this input.
    pub(crate) fn continue_with(&self, input: Payload) {
        self.lock().continue_with = Some(input);
    }

    /// What that run is given: its input, and the signals that nobody has taken.
    pub(crate) fn take_continuation(&self) -> Option<Continuation> {
        let mut state = self.lock();
        Some(Continuation {
            input: state.continue_with.take()?,
            signals: state.signals.take_left(),
            children: state.take_children(),
        })
    }

    /// Children that the run before has handed on.
    pub(crate) fn take_over(&self, chain: &Chain) {
        let mut state = self.lock();
        for child in &chain.children {
            let id = (child.child_id, child.workflow_id.clone());
            state.taken_over.push(id);
            state.steps.insert(child.child_id, Step::carried(child));
        }
    }

    /// Those that nobody has taken yet.
    pub(crate) fn taken_over(&self) -> Vec<(ActivityId, WorkflowId)> {
        mem::take(&mut self.lock().taken_over)
    }

    /// The run that goes on in this one's place shall hear of a child.
    pub(crate) fn hand_on(&self, child_id: ActivityId, workflow_id: WorkflowId) {
        self.lock().handed_on.push((child_id, workflow_id));
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
        let mut state = self.lock();
        if state.cancel.is_some() && state.shields == 0 {
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
                Some(register(id.next(), *call, &self.default_queue, id)?),
            ),
        };
        state.commit(scheduled);
        if let Some(command) = registered {
            state.commit(command);
        }
        let shielded = state.shields > 0;
        state.steps.insert(
            id,
            Step {
                name,
                kind: StepKind::Activity,
                progress: Progress::Pending(None),
                compensate,
                shielded,
                cancel_requested: false,
                abandoned: false,
            },
        );
        Ok(id)
    }

    /// Starts what `make` makes of the run and the child's number.
    pub(crate) fn start_child(
        &self,
        kind: StepKind,
        make: impl FnOnce(RunId, ActivityId) -> Result<StartChild>,
    ) -> Result<(ActivityId, WorkflowId)> {
        let mut state = self.lock();
        let child_id = state.next_id;
        let child = make(self.info.run_id, child_id)?;
        if state.cancel.is_some() && state.shields == 0 {
            let text = format!("child `{}` was cancelled", child.workflow_id);
            return Err(Error::canceled(text));
        }
        let (name, workflow_id) = (child.workflow.clone(), child.workflow_id.clone());
        state.commit(ProgramCommand::StartChild(Box::new(child)));
        let shielded = state.shields > 0;
        state.steps.insert(
            child_id,
            Step {
                name,
                kind,
                progress: Progress::Pending(None),
                compensate: None,
                shielded,
                cancel_requested: false,
                abandoned: false,
            },
        );
        Ok((child_id, workflow_id))
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

    pub(crate) fn raise_shield(&self) {
        self.lock().shields += 1;
    }

    pub(crate) fn lower_shield(&self) {
        self.lock().shields -= 1;
    }
}

/// What the run that goes on in this one's place is given.
pub(crate) struct Continuation {
    pub(crate) input: Payload,
    pub(crate) signals: Vec<SignalLeft>,
    pub(crate) children: Vec<CarriedChild>,
}

impl State {
    /// The children that the next run shall hear of, with how they have ended.
    fn take_children(&mut self) -> Vec<CarriedChild> {
        let left = mem::take(&mut self.taken_over).into_iter();
        let children = left.chain(mem::take(&mut self.handed_on));
        let steps = &mut self.steps;
        children
            .filter_map(|(child_id, workflow_id)| {
                let step = steps.remove(&child_id)?;
                Some(step.into_carried(child_id, workflow_id))
            })
            .collect()
    }

    const fn standing(&self) -> Standing {
        Standing {
            canceled: self.cancel.is_some(),
            shielded: self.shields > 0,
        }
    }

    /// Issues a command that takes the next number.
    fn commit(&mut self, command: ProgramCommand) {
        self.next_id = self.next_id.next();
        self.commands.push(command);
    }
}
