//! The least program: a number of activities one after the other. It keeps nothing, so what is measured is the core.

use std::sync::Arc;

use sagaline_core::{
    ActivityId, Millis, Name, Payload, RetryPolicy, Run, WorkflowId,
    program::{
        Activated, Activation, Job, Program, ProgramCommand, Programs, ScheduleActivity, Timeouts,
    },
};

/// Calls activities one after the other and completes with the result of the last.
#[derive(Clone, Debug)]
pub struct Steps {
    activities: u32,
    activity: Name,
    task_queue: Name,
    input: Payload,
    version: Arc<str>,
    sleeps: bool,
}

impl Steps {
    /// The workflow's name.
    pub const WORKFLOW: &'static str = "steps";

    /// A program of that many activities, at least one.
    #[must_use]
    pub fn new(activities: u32) -> Self {
        Self {
            activities,
            activity: Name::from("reserve-stock"),
            task_queue: Name::from("default"),
            input: Payload::json(
                *br#"{"order":"order-4711","customer":"c-17","sku":"keyboard","quantity":2}"#,
            ),
            version: Arc::from("1.0.0"),
            sleeps: false,
        }
    }

    /// A program that sleeps for a quarter of a year, each run until an instant of its own.
    #[must_use]
    pub fn sleeping() -> Self {
        Self {
            sleeps: true,
            ..Self::new(1)
        }
    }

    /// Instants that differ, as those of people's runs do.
    fn sleep(activation: Activation<'_>) -> ProgramCommand {
        let bytes = activation.run_id.as_bytes();
        let apart = u64::from(u32::from_be_bytes([0, bytes[1], bytes[2], bytes[3]]));
        ProgramCommand::StartTimer {
            timer_id: ActivityId::FIRST,
            due_at: activation.at.plus(Millis(QUARTER_MS + apart)),
        }
    }

    fn command(&self, job: &Job) -> Option<ProgramCommand> {
        match job {
            Job::Started { .. } => Some(self.schedule(ActivityId::FIRST)),
            Job::ActivityCompleted { activity_id, .. } if activity_id.get() < self.activities => {
                Some(self.schedule(activity_id.next()))
            }
            Job::ActivityCompleted { result, .. } => Some(ProgramCommand::Complete {
                result: result.clone(),
            }),
            Job::ActivityFailed { failure, .. } => Some(ProgramCommand::Fail {
                failure: (**failure).clone(),
            }),
            _ => None,
        }
    }

    fn schedule(&self, activity_id: ActivityId) -> ProgramCommand {
        ProgramCommand::ScheduleActivity(ScheduleActivity {
            activity_id,
            activity: self.activity.clone(),
            task_queue: self.task_queue.clone(),
            input: self.input.clone(),
            retry: RetryPolicy::default(),
            timeouts: Timeouts::start_to_close(60_000),
            compensable: false,
        })
    }
}

const QUARTER_MS: u64 = 90 * 24 * 3_600 * 1_000;

impl Program for Steps {
    fn activate(&mut self, activation: Activation<'_>) -> Vec<ProgramCommand> {
        if self.sleeps {
            return vec![Self::sleep(activation)];
        }
        activation
            .jobs
            .iter()
            .filter_map(|job| self.command(job))
            .collect()
    }
}

impl Programs for Steps {
    fn activate(&mut self, workflow_id: &WorkflowId, run: &Run) -> Activated {
        Activated::Commands(sagaline_core::activate_last(self, workflow_id, run))
    }

    fn resolve(&self, workflow: &Name, _version: Option<&str>) -> Option<Box<str>> {
        (workflow.as_str() == Self::WORKFLOW).then(|| Box::from(&*self.version))
    }

    fn names(&self) -> Vec<Name> {
        vec![Name::from(Self::WORKFLOW)]
    }
}
