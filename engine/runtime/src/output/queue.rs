//! What partitions tell each other of limited queues, as records of the inbox.

use sagaline_core::{QueueMessage, QueueTask, QueueWord, event::QueueChanged};
use sagaline_journal::{
    Headers, NewRecord,
    wire::{ce_type, header, partition_of},
};

use super::{SOURCE, Writing, task_id};

impl Writing {
    /// The record of a message about a queue.
    pub(crate) fn queue(&self, message: &QueueMessage) -> NewRecord {
        let queue = message.queue.as_str();
        let mut record = match &message.word {
            QueueWord::Offered(task) => self.of_task(queue, (ce_type::QUEUE_OFFER, "offer"), task),
            QueueWord::Ended(task) => self.of_task(queue, (ce_type::QUEUE_ENDED, "end"), task),
            QueueWord::Released(task) => {
                let workflow_id = task.workflow_id.as_str();
                let named = (ce_type::QUEUE_RELEASED, "release");
                let mut record = self.of_task(workflow_id, named, task);
                record.partition = task.partition;
                record.push_header(header::TASK_QUEUE, queue);
                record
            }
            QueueWord::Changed(change, partition) => self.changed(change, *partition),
        };
        self.keys.sign_record(&mut record);
        record
    }

    /// A message about a task, for the partition of `key`.
    fn of_task(
        &self,
        key: &str,
        (ce_type, word): (&'static str, &str),
        task: &QueueTask,
    ) -> NewRecord {
        let task_id = task_id(task.run_id, task.activity_id, task.attempt);
        let mut record = self.message(key, ce_type, &format!("{task_id}/{word}"));
        record.push_header(header::WORKFLOW_ID, task.workflow_id.as_str());
        record.push_header(header::ACTIVITY, task.activity.as_str());
        let headers = &mut record.headers;
        headers.write(header::RUN_ID, format_args!("{}", task.run_id));
        headers.write(header::ACTIVITY_ID, format_args!("{}", task.activity_id));
        headers.write(header::ATTEMPT, format_args!("{}", task.attempt));
        headers.write(header::REPLY_PARTITION, format_args!("{}", task.partition));
        record
    }

    fn changed(&self, change: &QueueChanged, partition: i32) -> NewRecord {
        let queue = change.queue.as_str();
        let id = format!("{queue}/{}/{partition}", change.version);
        let mut record = self.message(queue, ce_type::QUEUE_CHANGE, &id);
        record.partition = partition;
        record.value = serde_json::to_vec(change).ok();
        let headers = &mut record.headers;
        headers.write(header::TARGET_PARTITION, format_args!("{partition}"));
        record
    }

    fn message(&self, key: &str, ce_type: &'static str, id: &str) -> NewRecord {
        let mut record = NewRecord {
            topic: self.inbox.clone(),
            partition: partition_of(key.as_bytes(), self.partitions),
            key: Some(key.as_bytes().to_vec()),
            value: Some(Vec::new()),
            headers: Headers::with_capacity(12, QUEUE_HEADERS_BYTES),
        };
        record.push_header(header::CE_SPECVERSION, "1.0");
        record.push_header(header::CE_TYPE, ce_type);
        record.push_header(header::CE_SOURCE, SOURCE);
        record.push_header(header::CE_ID, id);
        record
    }
}

/// Room for the values of a message's headers: most fit.
const QUEUE_HEADERS_BYTES: usize = 384;
