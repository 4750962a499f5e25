//! Whole sagas through `transact`, with programs that are a list of steps; after every input the fold of what was
//! journaled must equal the state.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::cell::RefCell;

use sagaline_core::{
    ActivityId, Cancel, CancelAttempt, Cause, ChildMessage, Command, Delta, Effect, Env, Event,
    ExternalMessage, Failure, IdConflict, IdReuse, Name, OnExhausted, Outcome, Overlay, Payload,
    Position, QueueMessage, Reply, ReplyTo, Report, ReportAttempt, Retry, RetryPolicy, Start,
    State, Task, Terminate, Timestamp, Transacted, Transition, WorkflowId,
    event::{AnswerOutcome, RejectReason},
    program::{
        Activated, Activation, Job, Program, ProgramCommand, Programs, RegisterCompensation,
        ScheduleActivity, SignalLeft, Timeouts,
    },
    replay,
};

mod attempts;
mod by_hand;
mod chain;
mod children;
mod delays;
mod deletes;
mod external;
mod operate;
mod options;
mod queues;
mod resets;
mod retries;
mod runs;
mod settled;
mod signals;
mod starts;
mod stops;
mod timeouts;

/// Runs `steps` one after the other; each is undone by `undo-<step>`, registered when it completes.
#[derive(Clone)]
struct Steps {
    steps: &'static [&'static str],
    at: usize,
    next_id: u32,
    retry: RetryPolicy,
    timeouts: Timeouts,
    ended: bool,
    /// It asks each activity to stop that is over, which changes nothing.
    stops: bool,
    /// How often it continues as new, with input `again <n>`.
    again: Option<u32>,
    /// Signals that it was given; it takes none.
    kept: Vec<SignalLeft>,
    /// Of what undoes its steps.
    group: Option<u32>,
}

impl Steps {
    fn schedule(&mut self) -> ProgramCommand {
        let name = self.steps[self.at];
        ProgramCommand::ScheduleActivity(ScheduleActivity {
            activity_id: self.id(),
            activity: Name::from(name),
            task_queue: Name::from("q"),
            input: Payload::json(*b"{}"),
            retry: self.retry.clone(),
            timeouts: self.timeouts,
            compensable: true,
        })
    }

    fn begin(&mut self, input: &Payload) -> Vec<ProgramCommand> {
        let again = |input: &Payload| ProgramCommand::ContinueAsNew {
            input: input.clone(),
            signals: Vec::new(),
            children: Vec::new(),
        };
        match input.data() {
            b"\"at once\"" => vec![ProgramCommand::Complete {
                result: Payload::empty(),
            }],
            b"\"hasty\"" => vec![self.schedule(), again(input)],
            b"\"for ever\"" => vec![again(input)],
            other => {
                let times = other.strip_prefix(b"\"again ");
                self.again = times.and_then(|times| Some(u32::from(times.first()? - b'0')));
                self.stops = other == b"\"stops\"";
                self.group = (other == b"\"grouped\"").then_some(3);
                vec![self.schedule()]
            }
        }
    }

    fn end(&mut self, result: &Payload) -> ProgramCommand {
        match self.again.and_then(|times| times.checked_sub(1)) {
            Some(left) => ProgramCommand::ContinueAsNew {
                input: Payload::json(format!("\"again {left}\"").into_bytes()),
                signals: std::mem::take(&mut self.kept),
                children: Vec::new(),
            },
            None => ProgramCommand::Complete {
                result: result.clone(),
            },
        }
    }

    fn id(&mut self) -> ActivityId {
        self.next_id += 1;
        ActivityId::new(self.next_id).unwrap()
    }
}

impl Program for Steps {
    fn activate(&mut self, activation: Activation<'_>) -> Vec<ProgramCommand> {
        let mut commands = Vec::new();
        self.ended |= activation.jobs.contains(&Job::Ended);
        if self.next_id == 0 {
            self.next_id = activation.first_id().get() - 1;
        }
        for job in activation.jobs {
            match job {
                Job::Started { input } => commands.extend(self.begin(input)),
                Job::ActivityCompleted {
                    activity_id,
                    result,
                } => {
                    let activity_id_of_undo = self.id();
                    commands.push(ProgramCommand::RegisterCompensation(RegisterCompensation {
                        activity_id: activity_id_of_undo,
                        activity: Name::new(&format!(
                            "undo-{}",
                            self.steps[self.at.min(self.steps.len() - 1)]
                        ))
                        .unwrap(),
                        task_queue: Name::from("q"),
                        input: result.clone(),
                        retry: RetryPolicy {
                            on_exhausted: OnExhausted::Park,
                            maximum_attempts: 2,
                            ..RetryPolicy::default()
                        },
                        timeouts: Timeouts::start_to_close(1_000),
                        compensates: *activity_id,
                        group: self.group,
                    }));
                    if self.ended {
                        continue;
                    }
                    if self.stops {
                        let activity_id = *activity_id;
                        commands.push(ProgramCommand::CancelActivity { activity_id });
                    }
                    self.at += 1;
                    if self.at < self.steps.len() {
                        commands.push(self.schedule());
                    } else {
                        commands.push(self.end(result));
                    }
                }
                Job::ActivityFailed { failure, .. } => {
                    self.ended = true;
                    commands.push(ProgramCommand::Fail {
                        failure: (**failure).clone(),
                    });
                }
                Job::ActivityCanceled { .. } => {
                    self.ended = true;
                    commands.push(ProgramCommand::Cancel { reason: None });
                }
                Job::CancelRequested { .. } => {
                    let activity_id = ActivityId::new(self.next_id).unwrap();
                    commands.push(ProgramCommand::CancelActivity { activity_id });
                }
                Job::SignalReceived { signal, input } => self.kept.push(SignalLeft {
                    signal: signal.clone(),
                    input: input.clone(),
                }),
                _ => {}
            }
        }
        commands
    }
}

/// Rebuilds the program at every activation: the hardest cache.
struct Rebuilding {
    steps: &'static [&'static str],
    retry: RetryPolicy,
    timeouts: Timeouts,
    missing: RefCell<bool>,
}

impl Programs for Rebuilding {
    fn activate(&mut self, workflow_id: &WorkflowId, run: &sagaline_core::Run) -> Activated {
        if *self.missing.borrow() {
            return Activated::Missing;
        }
        let fresh = || Steps {
            steps: self.steps,
            at: 0,
            next_id: 0,
            retry: self.retry.clone(),
            timeouts: self.timeouts,
            ended: false,
            stops: false,
            again: None,
            kept: Vec::new(),
            group: None,
        };
        let mut rebuilt: Box<dyn Program> = match run.started.workflow.as_str() {
            "parent" => Box::new(children::Parent::default()),
            "sender" => Box::new(external::Sends::default()),
            _ => Box::new(fresh()),
        };
        match replay(&mut *rebuilt, workflow_id, run) {
            Ok(commands) => Activated::Commands(commands),
            Err(difference) => Activated::Nondeterministic(difference),
        }
    }

    fn resolve(&self, workflow: &Name, _: Option<&str>) -> Option<Box<str>> {
        ["steps", "parent", "sender"]
            .contains(&workflow.as_str())
            .then(|| "1.0.0".into())
    }

    fn names(&self) -> Vec<Name> {
        vec![Name::from("steps")]
    }
}

struct World {
    state: State,
    programs: Rebuilding,
    batch: u64,
    now: Timestamp,
    offset: i64,
    journal: Vec<(u64, Timestamp, Vec<Transition>)>,
    tasks: Vec<Task>,
    retries: Vec<Retry>,
    replies: Vec<Reply>,
    canceled: Vec<CancelAttempt>,
    /// What partitions tell each other of queues, not yet delivered.
    words: Vec<QueueMessage>,
    /// What runs tell their children and their parents, not yet delivered.
    between: Vec<ChildMessage>,
    /// Signals between runs, and what became of them, not yet delivered.
    signals: Vec<ExternalMessage>,
}

impl World {
    fn new(steps: &'static [&'static str]) -> Self {
        let retry = RetryPolicy {
            maximum_attempts: 3,
            jitter_permille: 0,
            ..RetryPolicy::default()
        };
        Self {
            state: State::new(1),
            programs: Rebuilding {
                steps,
                retry,
                timeouts: Timeouts::start_to_close(1_000),
                missing: RefCell::new(false),
            },
            batch: 0,
            now: Timestamp::from_millis(1_000_000),
            offset: 0,
            journal: Vec::new(),
            tasks: Vec::new(),
            retries: Vec::new(),
            replies: Vec::new(),
            canceled: Vec::new(),
            words: Vec::new(),
            between: Vec::new(),
            signals: Vec::new(),
        }
    }

    /// One input as a batch of its own.
    fn input(&mut self, id: &str, command: Command) -> Transacted {
        let mut done = self.batch(vec![(id, command)]);
        done.pop().unwrap()
    }

    /// Takes inputs in one batch.
    fn batch(&mut self, inputs: Vec<(&str, Command)>) -> Vec<Transacted> {
        self.batch += 1;
        let mut delta = Delta::default();
        let mut overlay = Overlay::new(&self.state, &mut delta);
        let env = Env {
            namespace: "test",
            now: self.now,
        };
        let mut done = Vec::new();
        let mut transitions = Vec::new();
        for (id, command) in &inputs {
            self.offset += 1;
            let cause = Cause {
                source: "test".into(),
                id: (*id).into(),
                topic: "inbox".into(),
                partition: 0,
                offset: self.offset,
            };
            let one =
                sagaline_core::transact(&mut overlay, env, &cause, command, &mut self.programs);
            for transition in &one.transitions {
                let position = Position {
                    batch: self.batch,
                    index: u32::try_from(transitions.len()).unwrap(),
                };
                sagaline_core::settle(&mut overlay, transition, position);
                transitions.push(transition.clone());
            }
            done.push(one);
        }
        let preview = self.state.preview(&delta, self.now);
        self.state.merge(delta, self.now);
        assert_eq!(preview, (self.state.open_runs(), self.state.digest()));
        let runs = self.state.runs();
        let incidents: usize = runs.iter().map(|(_, run)| run.incidents.len()).sum();
        assert_eq!(self.state.open_incidents(), incidents as u64);
        self.journal.push((self.batch, self.now, transitions));
        for effect in done.iter().flat_map(|one| &one.effects) {
            match effect {
                Effect::Task(task) => self.tasks.push(task.clone()),
                Effect::Retry(retry) => self.retries.push((**retry).clone()),
                Effect::Reply(reply) => self.replies.push((**reply).clone()),
                Effect::Cancel(cancel) => self.canceled.push((**cancel).clone()),
                Effect::Queue(word) => self.words.push((**word).clone()),
                Effect::Child(message) => self.between.push((**message).clone()),
                Effect::External(message) => self.signals.push((**message).clone()),
                Effect::Forward { .. } => unreachable!(),
            }
        }
        assert_eq!(
            self.folded(),
            self.state,
            "fold(journal) differs from memory after {inputs:?}"
        );
        done
    }

    fn folded(&self) -> State {
        let mut state = State::new(99);
        for (batch, now, transitions) in &self.journal {
            let mut delta = Delta::default();
            let mut overlay = Overlay::new(&state, &mut delta);
            for (index, transition) in transitions.iter().enumerate() {
                let position = Position {
                    batch: *batch,
                    index: u32::try_from(index).unwrap(),
                };
                let _effects = sagaline_core::fold(&mut overlay, &[transition], position);
            }
            state.merge(delta, *now);
        }
        state
    }

    fn start(&mut self, id: &str) -> Transacted {
        self.input(id, Command::Start(start("w")))
    }

    fn report(&mut self, report: Report) -> Transacted {
        let task = self.tasks.last().expect("a task was sent").clone();
        self.report_on(&task, report)
    }

    fn report_on(&mut self, task: &Task, report: Report) -> Transacted {
        self.input(
            "result",
            Command::ReportAttempt(ReportAttempt {
                workflow_id: task.workflow_id.clone(),
                run_id: task.run_id,
                activity_id: task.activity_id(),
                attempt: task.attempt,
                report,
                worker: None,
            }),
        )
    }

    fn complete(&mut self) -> Transacted {
        self.report(Report::Completed {
            result: Payload::json(*b"1"),
        })
    }

    fn fail(&mut self) -> Transacted {
        let failure = Failure::new(Name::from("Broken"), "it broke");
        self.report(Report::Failed {
            failure,
            retry_after: None,
            on_exhausted: None,
        })
    }

    fn fail_for_good(&mut self) -> Transacted {
        let failure = Failure::new(Name::from("No"), "no").non_retryable();
        self.report(Report::Failed {
            failure,
            retry_after: None,
            on_exhausted: None,
        })
    }

    fn fire(&mut self) -> Transacted {
        let due = self.state.next_deadline().expect("a deadline");
        self.now = due;
        self.fire_at(due)
    }

    fn fire_at(&mut self, due: Timestamp) -> Transacted {
        let workflow_id = id();
        self.input(
            "fire",
            Command::Fire {
                workflow_id,
                due,
                queued: Vec::new(),
            },
        )
    }

    fn events(&self) -> Vec<&Event> {
        self.journal
            .iter()
            .flat_map(|(_, _, transitions)| transitions)
            .flat_map(|transition| &transition.events)
            .collect()
    }

    fn names(&self) -> Vec<&'static str> {
        self.events().iter().map(|event| event.name()).collect()
    }

    fn activities_sent(&self) -> Vec<&str> {
        self.tasks
            .iter()
            .map(|task| task.scheduled.activity.as_str())
            .collect()
    }
}

fn id() -> WorkflowId {
    WorkflowId::new("w").unwrap()
}

fn start(id: &str) -> Start {
    Start {
        workflow_id: WorkflowId::new(id).unwrap(),
        workflow: Name::from("steps"),
        version: None,
        input: Payload::json(*b"{}"),
        id_conflict: IdConflict::UseExisting,
        id_reuse: IdReuse::RejectDuplicate,
        reply: None,
        trace: None,
        attributes: None,
        memo: None,
        run_timeout: None,
        execution_timeout: None,
        start_at: None,
        retry: None,
        parent: None,
        appended_at: Timestamp::from_millis(1),
    }
}

fn cancel(compensate: bool) -> Command {
    Command::Cancel(Cancel {
        workflow_id: id(),
        run_id: None,
        reason: Some("why".into()),
        compensate,
        reply: None,
    })
}

fn terminate(compensate: bool) -> Command {
    Command::Terminate(Terminate {
        workflow_id: id(),
        run_id: None,
        reason: None,
        compensate,
        reply: None,
    })
}
