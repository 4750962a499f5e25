//! One partition of the core, driven as a lane drives it: a batch of inputs on an overlay, settled and merged.

use sagaline_core::{
    Cause, Command, Delta, Effect, Env, IdConflict, IdReuse, Millis, Name, Overlay, Payload,
    Position, Report, ReportAttempt, Start, State, Task, Timestamp, Transition, WorkflowId, settle,
    transact,
};

use crate::Steps;

/// An input as core takes it.
#[derive(Clone, Debug)]
pub struct Input {
    cause: Cause,
    command: Command,
}

/// A partition's state, its programs and its clock.
#[derive(Clone, Debug)]
pub struct Partition {
    state: State,
    programs: Steps,
    batch: u64,
    now_ms: i64,
    offset: i64,
    started: u64,
}

impl Partition {
    /// An empty partition whose runs call that many activities.
    #[must_use]
    pub fn new(activities: u32) -> Self {
        let mut state = State::new(7);
        // With a millisecond for each batch, as many closed ids stay as in a partition that closes them for a while.
        state.claimed(
            [Steps::WORKFLOW].into_iter(),
            (Millis(CLOSED_RETENTION_MS), 1),
        );
        Self {
            state,
            programs: Steps::new(activities),
            batch: 0,
            now_ms: 1_700_000_000_000,
            offset: 0,
            started: 0,
        }
    }

    /// An empty partition whose runs sleep.
    #[must_use]
    pub fn sleeping() -> Self {
        Self {
            programs: Steps::sleeping(),
            ..Self::new(1)
        }
    }

    /// What the partition knows.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Starts of workflow ids that were never used.
    pub fn starts(&mut self, count: usize) -> Vec<Input> {
        (0..count).map(|_| self.start()).collect()
    }

    fn start(&mut self) -> Input {
        self.started += 1;
        let workflow_id = WorkflowId::new(&format!("order-{}", self.started)).expect("it is short");
        let command = Command::Start(Start {
            workflow_id: workflow_id.clone(),
            workflow: Name::from(Steps::WORKFLOW),
            version: None,
            input: Payload::json(
                format!(
                    r#"{{"order":"{workflow_id}","customer":"c-17","sku":"keyboard","quantity":2}}"#
                )
                .into_bytes(),
            ),
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
            appended_at: Timestamp::from_millis(self.now_ms),
        });
        self.input("bench.inbox", workflow_id.as_str(), command)
    }

    /// A worker's answers to tasks.
    pub fn results(&mut self, tasks: &[Task]) -> Vec<Input> {
        tasks.iter().map(|task| self.result(task)).collect()
    }

    fn result(&mut self, task: &Task) -> Input {
        let command = Command::ReportAttempt(ReportAttempt {
            workflow_id: task.workflow_id.clone(),
            run_id: task.run_id,
            activity_id: task.activity_id(),
            attempt: task.attempt,
            report: Report::Completed {
                result: Payload::json(*br#"{"reservation":"r-4711"}"#),
            },
            worker: None,
        });
        let id = format!("{}/{}/{}", task.run_id, task.activity_id(), task.attempt);
        self.input("bench.results", &id, command)
    }

    fn input(&mut self, topic: &str, id: &str, command: Command) -> Input {
        self.offset += 1;
        let cause = Cause {
            source: "bench".into(),
            id: id.into(),
            topic: topic.into(),
            partition: 0,
            offset: self.offset,
        };
        Input { cause, command }
    }

    /// Decides, applies, settles and merges a batch; returns its transitions and the tasks that follow from it.
    pub fn batch(&mut self, inputs: &[Input]) -> (Vec<Transition>, Vec<Task>) {
        self.batch += 1;
        self.now_ms += 1;
        let now = Timestamp::from_millis(self.now_ms);
        let mut delta = Delta::default();
        let mut overlay = Overlay::new(&self.state, &mut delta);
        let (mut transitions, mut tasks) = (
            Vec::with_capacity(inputs.len()),
            Vec::with_capacity(inputs.len()),
        );
        let mut index = 0;
        for input in inputs {
            let env = Env {
                namespace: "bench",
                now,
            };
            let done = transact(
                &mut overlay,
                env,
                &input.cause,
                &input.command,
                &mut self.programs,
            );
            for transition in done.transitions {
                settle(
                    &mut overlay,
                    &transition,
                    Position {
                        batch: self.batch,
                        index,
                    },
                );
                index += 1;
                transitions.push(transition);
            }
            tasks.extend(done.effects.into_iter().filter_map(|effect| match effect {
                Effect::Task(task) => Some(task),
                Effect::Cancel(_)
                | Effect::Retry(_)
                | Effect::Reply(_)
                | Effect::Queue(_)
                | Effect::Child(_)
                | Effect::External(_)
                | Effect::Forward { .. } => None,
            }));
        }
        self.state.merge(delta, now);
        (transitions, tasks)
    }

    /// Starts that many runs, in batches, and leaves each waiting for its first activity.
    pub fn open(&mut self, runs: usize) {
        for begin in (0..runs).step_by(BATCH) {
            let inputs = self.starts(BATCH.min(runs - begin));
            self.batch(&inputs);
        }
    }
}

const BATCH: usize = 256;
const CLOSED_RETENTION_MS: u64 = 1_000;
