//! The world of a test: virtual time, what is on its way, and what happens next.
//!
//! ```text
//! tasks to take, now ─▶ what was sent to come later, and deadlines, by their instants; of the same instant the deadline last
//! ```
//! Time never passes while something can be done now; then it jumps to the next instant.

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use sagaline_core::{
    ActivityId, Cause, ChildMessage, Command, Effect, Event, ExternalMessage, IdConflict, Millis,
    QueuedUntil, Reply, Report, ReportAttempt, RunId, Start, Task, Timestamp, Transacted,
    WorkflowId, effect_without_run,
};

use super::{
    answer::{Erased, canceled},
    attempt,
    lane::Lane,
    mocks::{Maker, Mocks},
};
use crate::{
    ActivityContext, ActivityInfo, Workflows,
    activity::{Data, Link},
    codec::Coding,
    recorded::Recorded,
};

pub(super) struct World {
    pub(super) lane: Lane,
    pub(super) mocks: Mocks,
    pub(super) data: Data,
    pub(super) coding: Coding,
    pub(super) now: Timestamp,
    /// Steps that one wait may take.
    pub(super) steps_max: u32,
    pub(super) started: u32,
    updates: u32,
    /// Sent, and not taken yet.
    tasks: VecDeque<Task>,
    /// Inputs that are on their way, by when they come.
    coming: BTreeMap<(Timestamp, u64), Command>,
    sent: u64,
    /// Tasks that no worker takes.
    left: Vec<Task>,
    /// Attempts that stop when they are asked to.
    stopping: Vec<Task>,
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waited {
    /// What was waited for is there.
    Done,
    /// Nothing more happens before the instant.
    Idle,
    /// It took [`World::steps_max`] steps.
    Endless,
}

/// What happens next.
enum Next {
    Take(Task, Maker),
    Input(Command),
    Fire(WorkflowId, Timestamp),
}

/// Lets things happen until `is_done`, or until nothing more does at or before `until`.
pub(super) fn wait(
    world: &RefCell<World>,
    until: Timestamp,
    is_done: impl Fn(&World) -> bool,
) -> Waited {
    let steps_max = world.borrow().steps_max;
    for _ in 0..steps_max {
        if is_done(&world.borrow()) {
            return Waited::Done;
        }
        // The borrow ends here: a mock may look at the environment.
        let next = world.borrow_mut().next(until);
        match next {
            None => return Waited::Idle,
            Some(Next::Take(task, maker)) => {
                let cx = world.borrow().context(&task);
                let coding = world.borrow().coding.clone();
                let answer = answer(&task, maker, cx, &coding).encoded(&coding);
                world.borrow_mut().answered(&task, answer);
            }
            Some(Next::Input(command)) => {
                world.borrow_mut().input(&command);
            }
            Some(Next::Fire(workflow_id, due)) => world.borrow_mut().fire(workflow_id, due),
        }
    }
    Waited::Endless
}

fn answer(task: &Task, maker: Maker, cx: ActivityContext, coding: &Coding) -> Erased {
    let input = match coding.decode(task.scheduled.input.clone()) {
        Ok(input) => input,
        Err(error) => return Erased::of(Some(Err(error)), Duration::ZERO),
    };
    match maker {
        Maker::Queued(answer) => answer,
        Maker::Mock(mock) => (mock.borrow_mut())(cx.info(), &input),
        Maker::Real(real) => {
            let limit = Duration::from_millis(task.scheduled.start_to_close_ms);
            attempt::make(real.make(cx, input), limit)
        }
    }
}

impl World {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            lane: Lane::new(),
            mocks: Mocks::default(),
            data: Data::default(),
            coding: Coding::default(),
            now,
            steps_max: super::STEPS_MAX,
            started: 0,
            updates: 0,
            tasks: VecDeque::new(),
            coming: BTreeMap::new(),
            sent: 0,
            left: Vec::new(),
            stopping: Vec::new(),
        }
    }

    /// Runs these workflows from now on, and their payloads are encoded as all are here.
    pub(super) fn deploy(&mut self, workflows: Workflows) {
        self.lane.deploy(workflows.coding(self.coding.clone()));
    }

    /// An input, and what follows from it outside.
    pub(super) fn input(&mut self, command: &Command) -> (Transacted, Vec<Reply>) {
        let done = self.lane.input(self.now, command);
        let mut replies = Vec::new();
        for effect in &done.effects {
            match effect {
                Effect::Task(task) => self.tasks.push_back(task.clone()),
                Effect::Reply(reply) => replies.push((**reply).clone()),
                Effect::Retry(retry) => {
                    let due = Command::RetryDue(retry.due.clone());
                    self.send(retry.next_attempt_at, due);
                }
                // Who is asked to stop is seen from the events; no queue is limited here.
                Effect::Child(message) => self.send(self.now, between((**message).clone())),
                Effect::External(message) => self.send(self.now, signaled((**message).clone())),
                Effect::Cancel(_) | Effect::Queue(_) | Effect::Forward { .. } => {}
            }
        }
        if let Some(refused) = refused_signal(command, &done) {
            self.send(self.now, refused);
        }
        for transition in &done.transitions {
            let asked = transition.events.iter().filter_map(|event| match event {
                Event::ActivityCancelRequested(asked) => Some(asked.activity_id),
                _ => None,
            });
            if let Some(run_id) = transition.run_id {
                asked.for_each(|activity_id| self.stop(run_id, activity_id));
            }
        }
        (done, replies)
    }

    /// A run that was started here, or the one that goes on in its place.
    /// The number of the next update.
    pub(super) fn next_update(&mut self) -> u32 {
        self.updates += 1;
        self.updates
    }

    pub(super) fn run(&self, run_id: RunId) -> &Recorded {
        let run = self.lane.runs.newest(run_id);
        run.expect("a handle is of a run that was started here")
    }

    /// Whether anything can still happen to a run without a person, at or before `until`.
    pub(super) fn moves(&self, run_id: RunId, until: Timestamp) -> bool {
        let recorded = self.run(run_id);
        let (run, id) = (&recorded.run, &recorded.workflow_id);
        let run_id = run.run_id;
        let deadline = run.deadline_of(&self.queued(run_id));
        let mut in_time = self.coming.range(..=(until, u64::MAX));
        run.closed.is_some()
            || deadline.is_some_and(|due| due <= until)
            || self.tasks.iter().any(|task| task.run_id == run_id)
            || in_time.any(|(_, input)| input.workflow_id() == Some(id))
            || ((run.open_children().next().is_some() || self.lane.state.open_runs() > 1)
                && self.anything_moves(until))
    }

    /// Whether anything at all can still happen: a run that waits for another one, its child or one that is to signal it,
    /// waits for what that one waits for.
    fn anything_moves(&self, until: Timestamp) -> bool {
        let comes = self.coming.first_key_value().map(|((at, _), _)| *at);
        let due = self.lane.state.next_deadline();
        !self.tasks.is_empty() || comes.into_iter().chain(due).any(|at| at <= until)
    }

    /// Task queues whose tasks nobody takes.
    pub(super) fn unread_queues(&self) -> Vec<sagaline_core::Name> {
        let queues = self.left.iter();
        queues
            .map(|task| task.scheduled.task_queue.clone())
            .collect()
    }

    /// Attempts under way are lost: nobody hears of them again.
    pub(super) fn lose_attempts(&mut self) {
        self.coming
            .retain(|_, input| !matches!(input, Command::ReportAttempt(_)));
        self.stopping.clear();
    }

    fn next(&mut self, until: Timestamp) -> Option<Next> {
        if let Some(task) = self.tasks.pop_front() {
            let maker = self.mocks.next(task.scheduled.activity.as_str());
            return Some(Next::Take(task, maker));
        }
        let comes = self.coming.first_key_value().map(|((at, _), _)| *at);
        let due = self.lane.state.next_deadline();
        let at = comes.into_iter().chain(due).min();
        let at = at.filter(|at| *at <= until)?;
        self.now = self.now.max(at);
        if comes == Some(at) {
            return self.coming.pop_first().map(|(_, input)| Next::Input(input));
        }
        let mut due = self.lane.state.due(at, 1);
        due.next()
            .map(|(due, workflow_id)| Next::Fire(workflow_id.clone(), due))
    }

    fn fire(&mut self, workflow_id: WorkflowId, due: Timestamp) {
        let run = self.lane.state.run(&workflow_id);
        let queued = run.map_or_else(Vec::new, |run| self.queued(run.run_id));
        let later = run.and_then(|run| run.deadline_of(&queued));
        if let Some(later) = later.filter(|later| *later > due) {
            self.lane.state.hold(&workflow_id, later);
            return;
        }
        self.input(&Command::Fire {
            workflow_id,
            due,
            queued,
        });
    }

    /// What is known of a run's tasks that nobody takes: they wait for ever.
    fn queued(&self, run_id: RunId) -> Vec<QueuedUntil> {
        let left = self.left.iter().filter(|task| task.run_id == run_id);
        left.map(|task| QueuedUntil {
            activity_id: task.activity_id(),
            attempt: task.attempt,
            until: Timestamp::LATEST,
            is_proved: true,
        })
        .collect()
    }

    fn context(&self, task: &Task) -> ActivityContext {
        let (run_id, activity_id) = (task.run_id, task.activity_id());
        let trace = task.started.trace.as_ref();
        let info = ActivityInfo {
            activity: task.scheduled.activity.to_string(),
            workflow: task.started.workflow.to_string(),
            workflow_id: task.workflow_id.to_string(),
            run_id: run_id.to_string(),
            activity_id: activity_id.get(),
            attempt: task.attempt.get(),
            idempotency_key: format!("{}/{activity_id}", task.scheduled_by),
            start_to_close: Some(Duration::from_millis(task.scheduled.start_to_close_ms)),
            heartbeat: task.scheduled.heartbeat_ms.map(Duration::from_millis),
            traceparent: trace.map(|trace| (*trace.parent).into()),
            tracestate: trace.and_then(|trace| trace.state.as_deref().map(Into::into)),
        };
        let link = Arc::new(Link::local());
        ActivityContext::new(info, self.data.clone(), task.progress.clone(), link)
    }

    fn answered(&mut self, task: &Task, answer: Erased) {
        if !answer.taken {
            self.left.push(task.clone());
            return;
        }
        let is_at_once = answer.report.is_some() && answer.after == Millis(0);
        if !is_at_once {
            self.say(task, Millis(0), Report::Started);
        }
        for at in answer.heartbeats() {
            self.say(task, at, Report::Heartbeat { progress: None });
        }
        if let Some(report) = answer.report {
            self.say(task, answer.after, report);
        }
        if answer.stops {
            self.stopping.push(task.clone());
        }
    }

    /// A worker will say something of its attempt.
    fn say(&mut self, task: &Task, after: Millis, report: Report) {
        let report = ReportAttempt {
            workflow_id: task.workflow_id.clone(),
            run_id: task.run_id,
            activity_id: task.activity_id(),
            attempt: task.attempt,
            report,
            worker: None,
        };
        self.send(self.now.plus(after), Command::ReportAttempt(report));
    }

    /// Something will come at that instant, after what was sent for it before.
    fn send(&mut self, at: Timestamp, command: Command) {
        self.sent += 1;
        self.coming.insert((at, self.sent), command);
    }

    /// An activity was asked to stop.
    fn stop(&mut self, run_id: RunId, activity_id: ActivityId) {
        let is_it = |task: &mut Task| (task.run_id, task.activity_id()) == (run_id, activity_id);
        let stopped: Vec<Task> = self.stopping.extract_if(.., is_it).collect();
        for task in stopped {
            self.say(&task, Millis(0), canceled());
        }
    }
}

/// A signal of one run to another, and what the other tells of it, as it arrives there.
fn signaled(message: ExternalMessage) -> Command {
    match message {
        ExternalMessage::Signal(signal) => Command::ExternalSignal(Box::new(signal)),
        ExternalMessage::Told(told) => Command::SignalTold(Box::new(told)),
    }
}

/// What the sender of a signal is told that no run takes: its refusal is journaled by whoever refuses an input.
fn refused_signal(command: &Command, done: &Transacted) -> Option<Command> {
    let Command::ExternalSignal(signal) = command else {
        return None;
    };
    let refused = done.rejected.as_ref()?.reply.as_deref()?;
    let (cause, event) = (Cause::lane(0, ""), Event::from(refused.clone()));
    match effect_without_run(Some(&signal.workflow_id), &cause, &event)? {
        Effect::External(message) => Some(signaled(*message)),
        _ => None,
    }
}

/// What a run tells its child, or its parent, as it arrives there.
fn between(message: ChildMessage) -> Command {
    match message {
        ChildMessage::Start {
            child,
            parent,
            trace,
        } => Command::Start(Start {
            workflow_id: child.workflow_id.clone(),
            workflow: child.workflow.clone(),
            version: child.version.clone(),
            input: child.input.clone(),
            id_conflict: IdConflict::Fail,
            id_reuse: child.id_reuse,
            reply: None,
            trace,
            attributes: child.attributes.clone(),
            memo: child.memo.clone(),
            run_timeout: child.run_timeout_ms.map(Millis),
            execution_timeout: child.execution_timeout_ms.map(Millis),
            start_at: child.start_at,
            retry: child.retry.clone().map(Box::new),
            parent: Some(Box::new(parent)),
            appended_at: Timestamp::default(),
        }),
        ChildMessage::Stop(stop) => Command::StopChild(Box::new(stop)),
        ChildMessage::Closed { closed, .. } => Command::ChildClosed(Box::new(closed)),
    }
}
