//! The deterministic executor: one future, polled when something happened, whose wishes become commands.
//!
//! ```text
//! jobs, in order ─▶ outcomes to steps, registrations; handlers ─▶ cancellations ─▶ poll until it waits ─▶ commands
//! ```
//! A run that has just begun is polled before the first handler: it may make its state ready.
//! Deliberately absent: catching panics and comparing commands with history; the engine does both.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context as TaskContext, Poll, Wake, Waker},
};

use futures_util::stream::{FuturesUnordered, StreamExt};
use sagaline_core::{
    Failure, Name, Payload,
    error_type::BLOCKED,
    program::{Activation, Inquired, Inquiry, Job, Program, ProgramCommand, Question},
};

use super::{
    Context, Inbound, WorkflowInfo,
    desk::{Begun, Desk},
    handler::Handled,
    intercept::Around,
    state::Shared,
    step::StepOutcome,
};
use crate::{Error, Result, activity::BoxFuture};

/// Most polls of one activation: a future that wakes itself that often never waits.
const POLLS_MAX: u32 = 100_000;

/// What the executor needs to know of a workflow.
#[derive(Clone)]
pub(crate) struct Definition {
    pub(crate) workflow: &'static str,
    pub(crate) version: &'static str,
    /// Runs of earlier versions go on with it.
    pub(crate) takes_over: bool,
    /// Whether a payload is an input of the workflow.
    pub(crate) check: fn(&Payload) -> Result<()>,
    pub(crate) begin: fn(Arc<Shared>, Payload) -> Begun,
    /// What stands around its runs.
    pub(crate) around: Around,
    /// What it handles.
    pub(crate) handled: Arc<Handled>,
}

/// A run of a Rust workflow.
pub(crate) struct RustProgram {
    definition: Definition,
    /// The version that the run began with.
    version: Box<str>,
    default_queue: Name,
    run: Option<Run>,
}

/// What there is once the run began.
struct Run {
    shared: Arc<Shared>,
    /// None once the workflow returned or its end was decided without it. Steps may still complete, to be undone.
    future: Option<BoxFuture<'static, Result<Payload>>>,
    check: fn(&Payload) -> Result<()>,
    /// Branches that go on beside it, until it ends.
    branches: FuturesUnordered<BoxFuture<'static, ()>>,
    desk: Box<dyn Desk>,
    /// Updates under way, in the order in which they were accepted.
    updates: Vec<(Name, BoxFuture<'static, Result<Payload>>)>,
    woken: Arc<Woken>,
}

impl RustProgram {
    pub(crate) fn new(definition: Definition, version: &str, default_queue: Name) -> Self {
        Self {
            definition,
            version: version.into(),
            default_queue,
            run: None,
        }
    }

    fn begin(&self, activation: &Activation<'_>, input: Payload) -> Run {
        let info = WorkflowInfo {
            workflow: self.definition.workflow.into(),
            version: self.version.clone().into(),
            workflow_id: activation.workflow_id.clone(),
            run_id: activation.run_id,
            started_at: activation.at,
            continued_from: activation.chain.map(|chain| chain.continued_from),
            first_run_id: activation.first_run_id(),
            attempt: activation
                .chain
                .and_then(|chain| chain.attempt)
                .map_or(1, |attempt| attempt.get()),
        };
        let around = &self.definition.around;
        let queue = self.default_queue.clone();
        let shared = Arc::new(Shared::new(info, queue, around.clone(), activation));
        if let Some(chain) = activation.chain {
            shared.take_over(chain);
        }
        let Begun { future, desk } = (self.definition.begin)(shared.clone(), input);
        let future = around.run(&Context::new(shared.clone()), future);
        Run {
            shared,
            future: Some(future),
            check: self.definition.check,
            branches: FuturesUnordered::new(),
            desk,
            updates: Vec::new(),
            woken: Arc::new(Woken::default()),
        }
    }
}

impl Program for RustProgram {
    fn activate(&mut self, activation: Activation<'_>) -> Vec<ProgramCommand> {
        if let Some(Job::Started { input }) = activation.jobs.first() {
            self.run = Some(self.begin(&activation, input.clone()));
        }
        let Some(run) = &mut self.run else {
            return Vec::new();
        };
        run.shared.begin(&activation);
        // Before anything that the program numbers itself.
        run.shared.skip_numbers(numbers_taken(activation.jobs));
        let is_first = matches!(activation.jobs, [Job::Started { .. }, _, ..]);
        if is_first {
            let (handled, others): (Vec<&Job>, Vec<&Job>) =
                activation.jobs.iter().partition(|job| run.handles(job));
            run.go_on(others);
            run.go_on(handled);
        } else {
            run.go_on(activation.jobs);
        }
        if run.future.is_some() {
            run.shared.tell_waits();
        }
        run.shared.take_commands()
    }

    fn inquire(&mut self, inquiry: Inquiry<'_>) -> Inquired {
        let question = inquiry.question;
        let Some(run) = &self.run else {
            let failure = Failure::new(Name::from(BLOCKED), "the run has not begun");
            return Inquired::Refused(failure.non_retryable());
        };
        let message = match question {
            Question::Query { query, input } => Inbound::Query {
                name: query.as_str(),
                input,
            },
            Question::Validate { update, input } => Inbound::Update {
                name: update.as_str(),
                input,
            },
        };
        let said = run.shared.lets_in(&message);
        let said = said.and_then(|()| run.desk.answer(question));
        if run.shared.takes_back_commands() {
            return Inquired::Changed;
        }
        match said {
            Ok(answer) => Inquired::Answered(answer),
            Err(error) => Inquired::Refused(error.into_failure()),
        }
    }
}

impl Run {
    /// Takes what happened, and lets the workflow go on.
    fn go_on<'a>(&mut self, jobs: impl IntoIterator<Item = &'a Job>) {
        for job in jobs {
            self.take(job);
        }
        if self.future.is_some() {
            self.shared.cancel_pending();
            self.poll();
        }
    }

    /// Whether a job is a message for a handler.
    fn handles(&self, job: &Job) -> bool {
        match job {
            Job::SignalReceived { signal, .. } => self.desk.takes_signal(signal),
            Job::UpdateAccepted { .. } => true,
            _ => false,
        }
    }

    /// A signal goes to its handler, or waits to be asked for. One that is not what the handler expects is passed over: a
    /// stranger's mistake must not end the run.
    fn receive(&self, signal: &Name, input: &Payload) {
        let let_in = self.shared.lets_in(&Inbound::Signal {
            name: signal.as_str(),
            input,
        });
        let handled = let_in.and_then(|()| match self.desk.takes_signal(signal) {
            true => self.desk.signal(signal, input),
            false => {
                self.shared.receive(signal, input);
                Ok(())
            }
        });
        if let Err(error) = handled
            && !self.shared.is_replaying()
        {
            let run_id = self.shared.info.run_id;
            tracing::warn!(%run_id, %signal, %error, "a signal is passed over");
        }
    }

    fn take(&mut self, job: &Job) {
        match job {
            Job::Started { .. } => {}
            Job::ActivityCompleted {
                activity_id,
                result,
            } => {
                self.shared
                    .resolve(*activity_id, StepOutcome::Completed(result.clone()));
            }
            Job::ActivityFailed {
                activity_id,
                failure,
            } => {
                self.shared
                    .resolve(*activity_id, StepOutcome::Failed((**failure).clone()));
            }
            Job::ActivityCanceled { activity_id } => {
                self.shared.resolve(*activity_id, StepOutcome::Canceled)
            }
            Job::ChildCompleted {
                child_id, result, ..
            } => {
                let outcome = StepOutcome::Completed(result.clone());
                self.shared.resolve(*child_id, outcome);
            }
            Job::ChildFailed { child_id, failure } => {
                let outcome = StepOutcome::Failed((**failure).clone());
                self.shared.resolve(*child_id, outcome);
            }
            Job::ChildCanceled { child_id } => {
                self.shared.resolve(*child_id, StepOutcome::Canceled);
            }
            Job::SignalDelivered { signal_id } => {
                let outcome = StepOutcome::Completed(Payload::empty());
                self.shared.resolve(*signal_id, outcome);
            }
            Job::SignalFailed { signal_id, failure } => {
                let outcome = StepOutcome::Failed((**failure).clone());
                self.shared.resolve(*signal_id, outcome);
            }
            Job::CancelRequested { reason } => self.shared.request_cancel(reason.clone()),
            Job::SignalReceived { signal, input } => self.receive(signal, input),
            Job::UpdateAccepted {
                update_id,
                update,
                input,
            } => self.begin_update(update_id, update, input),
            Job::TimerFired { timer_id } => self.shared.fire_timer(*timer_id),
            Job::Ended => {
                self.shared.end();
                self.forget();
            }
        }
    }

    /// Nobody waits any more for what the workflow waited for.
    fn forget(&mut self) {
        self.future = None;
        self.updates.clear();
        self.branches.clear();
        drop(self.shared.spawned.take());
    }

    /// Begins with an update, as far as it gets without waiting: what comes after it in history finds what it has done.
    fn begin_update(&mut self, update_id: &Name, update: &Name, input: &Payload) {
        if self.future.is_some() {
            let future = self.desk.update(update, input.clone());
            self.updates.push((update_id.clone(), future));
            let last = self.updates.len() - 1;
            self.poll_updates(last);
        }
    }

    /// Polls the updates from that place on, and tells of those that have ended.
    fn poll_updates(&mut self, from: usize) {
        let waker = Waker::from(self.woken.clone());
        let mut task = TaskContext::from_waker(&waker);
        let shared = &self.shared;
        let mut place = 0;
        self.updates.retain_mut(|(update_id, future)| {
            place += 1;
            if place <= from {
                return true;
            }
            let Poll::Ready(outcome) = future.as_mut().poll(&mut task) else {
                return true;
            };
            shared.push(ProgramCommand::CompleteUpdate {
                update_id: update_id.clone(),
                outcome: outcome.map_err(Error::into_failure),
            });
            false
        });
    }

    /// Polls until all branches wait, or the workflow ends.
    ///
    /// # Panics
    /// When one wakes itself for ever.
    fn poll(&mut self) {
        let waker = Waker::from(self.woken.clone());
        let mut task = TaskContext::from_waker(&waker);
        for _ in 0..POLLS_MAX {
            self.woken.0.store(false, Ordering::Relaxed);
            self.poll_updates(0);
            let Some(future) = &mut self.future else {
                return;
            };
            if let Poll::Ready(result) = future.as_mut().poll(&mut task) {
                // What the workflow did last may be what an update waits for.
                self.poll_updates(0);
                self.forget();
                let end = self.end(result);
                self.shared.push(end);
                return;
            }
            self.branches.extend(self.shared.spawned.take());
            if let Poll::Ready(Some(())) = self.branches.poll_next_unpin(&mut task) {
                // Others may have been woken, too.
                self.woken.0.store(true, Ordering::Relaxed);
            }
            // Combinators such as `FuturesUnordered` wake themselves to be polled on.
            if !self.woken.0.load(Ordering::Relaxed) && !self.shared.spawned.has_any() {
                return;
            }
        }
        panic!("the workflow wakes itself without end: {POLLS_MAX} polls in one activation");
    }

    fn end(&self, result: Result<Payload>) -> ProgramCommand {
        match result {
            Ok(result) => ProgramCommand::Complete { result },
            Err(error) if error.continues_as_new() => self.continuation(error),
            Err(error) if error.is_canceled() => ProgramCommand::Cancel {
                // Nobody asked: it says itself why.
                reason: match self.shared.cancel_reason() {
                    Some(asked) => asked,
                    None => Some(error.message().into()),
                },
            },
            Err(error) => ProgramCommand::Fail {
                failure: error.into_failure(),
            },
        }
    }
}

/// How many numbers went to what completed children have handed over.
fn numbers_taken(jobs: &[Job]) -> u32 {
    let taken = jobs.iter().map(|job| match job {
        Job::ChildCompleted { numbers, .. } => *numbers,
        _ => 0,
    });
    taken.fold(0, u32::saturating_add)
}

impl Run {
    /// An input that the workflow could not read is told to the run that wrote it.
    fn continuation(&self, error: Error) -> ProgramCommand {
        let Some(next) = self.shared.take_continuation() else {
            return ProgramCommand::Fail {
                failure: error.into_failure(),
            };
        };
        match (self.check)(&next.input) {
            Ok(()) => ProgramCommand::ContinueAsNew {
                input: next.input,
                signals: next.signals,
                children: next.children,
            },
            Err(error) => ProgramCommand::Fail {
                failure: error.into_failure(),
            },
        }
    }
}

/// Notes that the future wants to be polled again.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl fmt::Debug for RustProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "RustProgram({}@{})",
            self.definition.workflow, self.definition.version
        )
    }
}
