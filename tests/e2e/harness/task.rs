//! The test as a worker: takes a task from its queue, and answers it when and how it likes.

use sagaline_journal::{Record, wire::topic};

use super::{
    records::{Draft, Place},
    wait::until,
    world::World,
};

/// An attempt's task, as it lay in the queue.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    record: Record,
}

impl Task {
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self
            .record
            .header(name)
            .unwrap_or_else(|| panic!("a task has {name}"));
        std::str::from_utf8(value).expect("our headers are UTF-8")
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.record.header(name).is_some()
    }

    pub(crate) fn id(&self) -> &str {
        self.header("ce_id")
    }

    pub(crate) fn activity(&self) -> &str {
        self.header("sl-activity")
    }

    pub(crate) fn workflow_id(&self) -> &str {
        self.header("sl-workflow-id")
    }

    pub(crate) fn attempt(&self) -> u32 {
        self.header("sl-attempt").parse().expect("a number")
    }

    pub(crate) fn value(&self) -> &[u8] {
        self.record.value().unwrap_or_default()
    }

    /// When it was sent, as its sender's clock had it.
    pub(crate) fn sent_at(&self) -> i64 {
        self.record.timestamp.as_millis()
    }
}

impl World {
    /// All tasks so far: every activity of these tests is on the queue `orders`.
    pub(crate) fn tasks(&self) -> Vec<Task> {
        let records = self.read(&topic::tasks(&self.namespace, "orders"));
        records.into_iter().map(|record| Task { record }).collect()
    }

    /// Waits for an attempt's task.
    pub(crate) fn task(&self, workflow_id: &str, activity: &str, attempt: u32) -> Task {
        until(
            &format!("a task {activity} {attempt} of {workflow_id}"),
            || {
                self.tasks().into_iter().find(|task| {
                    (task.workflow_id(), task.activity(), task.attempt())
                        == (workflow_id, activity, attempt)
                })
            },
        )
    }

    /// Begins an answer to a task: `completed`, `failed`, `canceled`, `started`.
    pub(crate) fn answer(&self, task: &Task, kind: &str) -> Draft<'_> {
        let partition = task.header("sl-reply-partition").parse().expect("a number");
        Draft::new(
            self,
            task.header("sl-reply-topic").to_owned(),
            task.workflow_id(),
        )
        .partition(partition)
        .header("ce_type", format!("sagaline.activity.{kind}.v1"))
        .header("sl-token", task.header("sl-token"))
        .header("sl-worker", "the test")
    }

    /// Completes a task with this JSON.
    pub(crate) fn complete(&self, task: &Task, result: &str) -> Place {
        self.answer(task, "completed").value(result).send()
    }
}
