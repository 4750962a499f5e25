//! Workers: they take tasks, mostly do them, and answer as Kafka clients do: at least once, late, or never.

use sagaline_core::{RunId, WorkflowId};
use sagaline_journal::{
    Record,
    wire::{ce_type, header},
};

use crate::{
    Violation,
    event::Event,
    inputs::{Asks, Input, Reported, What, draft, identify},
    time::Span,
    world::World,
};

/// What workers remember.
#[derive(Debug, Default)]
pub(crate) struct Workers {
    answers: u64,
}

/// A task as a worker sees it.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    workflow_id: String,
    run_id: RunId,
    activity_id: u32,
    attempt: u32,
    token: String,
    partition: i32,
}

/// What a worker does next.
#[derive(Clone, Debug)]
pub(crate) enum Job {
    /// Reads a task.
    Take(Task),
    /// Answers.
    Answer(Task, What),
}

impl World {
    /// A task has reached its queue: some worker will read it.
    pub(crate) fn give_to_worker(&mut self, record: &Record) {
        if let Some(task) = task(record) {
            let after = self.rng.delay(Span::millis(3));
            self.push(after, Event::Work(Job::Take(task)));
        }
    }

    pub(crate) fn work(&mut self, job: Job) -> Result<(), Violation> {
        match job {
            Job::Take(task) => {
                self.workers.answers += 1;
                let what = What::Completed(format!("\"{}\"", self.workers.answers).into_bytes());
                let after = self.rng.delay(Span::millis(20));
                self.push(after, Event::Work(Job::Answer(task, what)));
            }
            Job::Answer(task, what) => self.answer(task, what),
        }
        Ok(())
    }

    fn answer(&mut self, task: Task, what: What) {
        self.workers.answers += 1;
        let id = self.workers.answers.to_string();
        let ce_type = match &what {
            What::Started => ce_type::ACTIVITY_STARTED,
            What::Completed(_) => ce_type::ACTIVITY_COMPLETED,
            What::Failed { .. } => ce_type::ACTIVITY_FAILED,
            What::Canceled => ce_type::ACTIVITY_CANCELED,
        };
        let mut record = draft(
            &self.topics.results,
            task.partition,
            &task.workflow_id,
            ce_type,
        );
        record.push_header(header::TOKEN, task.token);
        identify(&mut record, "worker", &id);
        if let What::Completed(result) = &what {
            record.value = Some(result.clone());
        }
        let input = Input {
            workflow_id: WorkflowId::new(&task.workflow_id).ok(),
            identity: Some(("worker".into(), id)),
            asks: Asks::Report(Reported {
                run_id: task.run_id,
                activity_id: task.activity_id,
                attempt: task.attempt,
                what,
            }),
        };
        self.inputs.add(&mut record, input);
        self.produce(&record);
    }
}

fn task(record: &Record) -> Option<Task> {
    let text = |name: &str| std::str::from_utf8(record.header(name)?).ok();
    Some(Task {
        workflow_id: text(header::WORKFLOW_ID)?.to_owned(),
        run_id: text(header::RUN_ID)?.parse().ok()?,
        activity_id: text(header::ACTIVITY_ID)?.parse().ok()?,
        attempt: text(header::ATTEMPT)?.parse().ok()?,
        token: text(header::TOKEN)?.to_owned(),
        partition: text(header::REPLY_PARTITION)?.parse().ok()?,
    })
}
