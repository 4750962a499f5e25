//! Effects as records.

use std::sync::Arc;

use sagaline_core::{Payload, Reply, Task};
use sagaline_journal::{
    NewRecord,
    wire::{ce_type, header, partition_of, topic},
};

use crate::{Keys, keys::TokenClaims};

/// What a lane must know to write its effects.
#[derive(Debug)]
pub(crate) struct Writing {
    pub(crate) namespace: String,
    pub(crate) keys: Keys,
    pub(crate) results: Arc<str>,
}

impl Writing {
    /// The topic of a task's queue.
    pub(crate) fn task_topic(&self, task: &Task) -> Arc<str> {
        topic::tasks(&self.namespace, task.task_queue.as_str()).into()
    }

    /// The record of an attempt's task; `partition` is the lane's, `partitions` those of the queue's topic.
    pub(crate) fn task(
        &self,
        task: &Task,
        topic: Arc<str>,
        partition: i32,
        partitions: i32,
    ) -> NewRecord {
        let task_id = format!("{}/{}/{}", task.run_id, task.activity_id, task.attempt);
        let idempotency_key =
            task_id[..task_id.len() - decimal_digits(task.attempt.get()) - 1].to_owned();
        let token = self.keys.token(&TokenClaims {
            run_id: task.run_id,
            activity_id: task.activity_id,
            attempt: task.attempt,
            task_queue: task.task_queue.clone(),
        });
        let mut record = NewRecord {
            topic,
            partition: partition_of(task_id.as_bytes(), partitions),
            key: Some(task.workflow_id.as_str().as_bytes().to_vec()),
            value: Some(task.input.data().to_vec()),
            headers: Vec::with_capacity(17),
        };
        event(&mut record, ce_type::ACTIVITY_TASK, task_id, &task.input);
        record.push_header(header::CE_SUBJECT, task.workflow_id.as_str());
        record.push_header(header::ACTIVITY, task.activity.as_str());
        record.push_header(header::WORKFLOW, task.workflow.as_str());
        record.push_header(header::WORKFLOW_ID, task.workflow_id.as_str());
        record.push_header(header::RUN_ID, task.run_id.to_string());
        record.push_header(header::ACTIVITY_ID, task.activity_id.to_string());
        record.push_header(header::ATTEMPT, task.attempt.to_string());
        record.push_header(header::IDEMPOTENCY_KEY, idempotency_key);
        record.push_header(header::TOKEN, token);
        record.push_header(header::REPLY_TOPIC, self.results.as_bytes());
        record.push_header(header::REPLY_PARTITION, partition.to_string());
        record.push_header(header::START_TO_CLOSE_MS, task.start_to_close.0.to_string());
        if let Some(trace) = &task.trace {
            record.push_header(header::TRACEPARENT, trace.parent.as_bytes());
            if let Some(state) = &trace.state {
                record.push_header(header::TRACESTATE, state.as_bytes());
            }
        }
        record
    }

    /// The record of an answer.
    pub(crate) fn reply(&self, reply: &Reply) -> NewRecord {
        let empty = Payload::empty();
        let result = reply.answer.result.as_ref().unwrap_or(&empty);
        let mut record = NewRecord {
            topic: reply.to.topic.clone(),
            partition: reply.to.partition,
            key: Some(reply.workflow_id.as_str().as_bytes().to_vec()),
            value: Some(result.data().to_vec()),
            headers: Vec::with_capacity(11),
        };
        event(&mut record, ce_type::REPLY, reply.id.to_string(), result);
        record.push_header(header::CE_SUBJECT, reply.workflow_id.as_str());
        record.push_header(header::CORRELATION, reply.to.correlation.as_bytes());
        record.push_header(header::OUTCOME, reply.answer.outcome.as_str());
        if let Some(run_id) = reply.run_id {
            record.push_header(header::RUN_ID, run_id.to_string());
        }
        if let Some(error_type) = &reply.answer.error_type {
            record.push_header(header::ERROR_TYPE, error_type.as_str());
        }
        if let Some(message) = &reply.answer.error_message {
            record.push_header(header::ERROR_MESSAGE, message.as_bytes());
        }
        record
    }
}

fn event(record: &mut NewRecord, ce_type: &'static str, id: String, payload: &Payload) {
    record.push_header(header::CE_SPECVERSION, "1.0");
    record.push_header(header::CE_TYPE, ce_type);
    record.push_header(header::CE_SOURCE, "sagaline.engine");
    record.push_header(header::CE_ID, id);
    record.push_header(header::CONTENT_TYPE, payload.content_type());
}

fn decimal_digits(number: u32) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}
