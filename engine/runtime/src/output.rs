//! Effects as records.

mod child;
mod external;
mod queue;

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use sagaline_core::{
    ActivityId, Attempt, CancelAttempt, Name, Payload, Reply, Retry, RunId, Task, Timestamp,
};
use sagaline_journal::{
    Headers, NewRecord,
    wire::{CONTROL_PARTITION, ce_type, header, partition_of, topic},
};

use crate::{Keys, delay::Tier, keys::TokenClaims};

/// What a lane must know to write its effects.
#[derive(Debug)]
pub(crate) struct Writing {
    pub(crate) namespace: String,
    pub(crate) keys: Keys,
    pub(crate) inbox: Arc<str>,
    pub(crate) results: Arc<str>,
    pub(crate) control: Arc<str>,
    /// How many partitions the inbox has.
    pub(crate) partitions: i32,
}

impl Writing {
    /// The topic of a queue.
    pub(crate) fn queue_topic(&self, queue: &Name) -> Arc<str> {
        topic::tasks(&self.namespace, queue.as_str()).into()
    }

    /// The record of an attempt's task; `partition` is the lane's, `partitions` those of the queue's topic.
    pub(crate) fn task(
        &self,
        task: &Task,
        topic: Arc<str>,
        partition: i32,
        partitions: i32,
    ) -> NewRecord {
        let (run_id, activity_id) = (task.run_id, task.activity_id());
        let task_id = task_id(run_id, activity_id, task.attempt);
        let token = self.keys.token(&TokenClaims {
            run_id: task.run_id,
            activity_id: task.activity_id(),
            attempt: task.attempt,
            task_queue: task.scheduled.task_queue.clone(),
        });
        let mut record = NewRecord {
            topic,
            partition: partition_of(task_id.as_bytes(), partitions),
            key: Some(task.workflow_id.as_str().as_bytes().to_vec()),
            value: Some(task.scheduled.input.data().to_vec()),
            headers: Headers::with_capacity(22, TASK_HEADERS_BYTES),
        };
        event(
            &mut record,
            ce_type::ACTIVITY_TASK,
            &task_id,
            &task.scheduled.input,
        );
        record.push_header(header::CE_SUBJECT, task.workflow_id.as_str());
        record.push_header(header::ACTIVITY, task.scheduled.activity.as_str());
        record.push_header(header::WORKFLOW, task.started.workflow.as_str());
        record.push_header(header::WORKFLOW_ID, task.workflow_id.as_str());
        let headers = &mut record.headers;
        headers.write(header::RUN_ID, format_args!("{run_id}"));
        headers.write(header::ACTIVITY_ID, format_args!("{activity_id}"));
        headers.write(header::ATTEMPT, format_args!("{}", task.attempt));
        headers.write(
            header::IDEMPOTENCY_KEY,
            format_args!("{}/{activity_id}", task.scheduled_by),
        );
        record.push_header(header::TOKEN, token);
        record.push_header(header::REPLY_TOPIC, self.results.as_bytes());
        let headers = &mut record.headers;
        headers.write(header::REPLY_PARTITION, format_args!("{partition}"));
        headers.write(
            header::START_TO_CLOSE_MS,
            format_args!("{}", task.scheduled.start_to_close_ms),
        );
        if let Some(heartbeat_ms) = task.scheduled.heartbeat_ms {
            headers.write(header::HEARTBEAT_TIMEOUT_MS, format_args!("{heartbeat_ms}"));
        }
        if let Some(expires_at) = task.expires_at {
            record.push_header(header::EXPIRES_AT, expires_at.to_rfc3339());
        }
        if let Some(progress) = &task.progress {
            record.push_header(header::LAST_HEARTBEAT, BASE64.encode(progress.data()));
            if !progress.is_json() {
                record.push_header(header::LAST_HEARTBEAT_TYPE, progress.content_type());
            }
        }
        if let Some(trace) = &task.started.trace {
            record.push_header(header::TRACEPARENT, trace.parent.as_bytes());
            if let Some(state) = &trace.state {
                record.push_header(header::TRACESTATE, state.as_bytes());
            }
        }
        record
    }

    /// The record that waits for an attempt of the lane's `partition`, in the tier for what remains now.
    pub(crate) fn retry(&self, retry: &Retry, partition: i32, now: Timestamp) -> NewRecord {
        // Kafka's and RFC 3339's milliseconds: rounded up, it is never early.
        let deliver_at = Timestamp::from_micros(retry.next_attempt_at.as_micros() + 999);
        let tier = Tier::of(deliver_at.since(now));
        let due = &retry.due;
        let mut record = NewRecord {
            topic: topic::retry(&self.namespace, tier.name()).into(),
            partition,
            key: Some(due.workflow_id.as_str().as_bytes().to_vec()),
            value: Some(Vec::new()),
            headers: Headers::with_capacity(12, RETRY_HEADERS_BYTES),
        };
        record.push_header(header::CE_SPECVERSION, "1.0");
        record.push_header(header::CE_TYPE, ce_type::RETRY_DUE);
        record.push_header(header::CE_SOURCE, SOURCE);
        let headers = &mut record.headers;
        let id = format_args!("{}/{}/{}/due", due.run_id, due.activity_id, due.attempt);
        headers.write(header::CE_ID, id);
        record.push_header(header::CE_SUBJECT, due.workflow_id.as_str());
        record.push_header(header::DELIVER_AT, deliver_at.to_rfc3339());
        record.push_header(header::TARGET_TOPIC, self.inbox.as_bytes());
        let headers = &mut record.headers;
        headers.write(header::TARGET_PARTITION, format_args!("{partition}"));
        headers.write(header::RUN_ID, format_args!("{}", due.run_id));
        headers.write(header::ACTIVITY_ID, format_args!("{}", due.activity_id));
        headers.write(header::ATTEMPT, format_args!("{}", due.attempt));
        self.keys.sign_record(&mut record);
        record
    }

    /// The record that tells an attempt to stop.
    pub(crate) fn cancel(&self, cancel: &CancelAttempt) -> NewRecord {
        let task_id = task_id(cancel.run_id, cancel.activity_id, cancel.attempt);
        let mut record = NewRecord {
            topic: self.control.clone(),
            partition: CONTROL_PARTITION,
            key: Some(task_id.clone().into_bytes()),
            value: None,
            headers: Headers::with_capacity(10, CANCEL_HEADERS_BYTES),
        };
        record.push_header(header::CE_SPECVERSION, "1.0");
        record.push_header(header::CE_TYPE, ce_type::ACTIVITY_CANCEL);
        record.push_header(header::CE_SOURCE, SOURCE);
        record.push_header(header::CE_ID, format!("{task_id}/cancel"));
        record.push_header(header::CE_SUBJECT, task_id);
        record.push_header(header::WORKFLOW_ID, cancel.workflow_id.as_str());
        let headers = &mut record.headers;
        headers.write(header::RUN_ID, format_args!("{}", cancel.run_id));
        headers.write(header::ACTIVITY_ID, format_args!("{}", cancel.activity_id));
        headers.write(header::ATTEMPT, format_args!("{}", cancel.attempt));
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
            headers: Headers::with_capacity(12, REPLY_HEADERS_BYTES),
        };
        event(&mut record, ce_type::REPLY, &reply.id, result);
        record.push_header(header::CE_SUBJECT, reply.workflow_id.as_str());
        record.push_header(header::CORRELATION, reply.to.correlation.as_bytes());
        record.push_header(header::OUTCOME, reply.answer.outcome.as_str());
        if let Some(run_id) = reply.run_id {
            record
                .headers
                .write(header::RUN_ID, format_args!("{run_id}"));
        }
        if let Some(event_seq) = reply.event_seq {
            record
                .headers
                .write(header::EVENT_SEQ, format_args!("{event_seq}"));
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

/// `ce_id` of an attempt's task, and what spreads tasks over the partitions of their queue.
pub(crate) fn task_id(run_id: RunId, activity_id: ActivityId, attempt: Attempt) -> String {
    format!("{run_id}/{activity_id}/{attempt}")
}

/// Who says all this.
const SOURCE: &str = "sagaline.engine";

/// Room for the values of a task's headers, of a reply's, of a retry's, of a cancellation's: most fit.
const TASK_HEADERS_BYTES: usize = 640;
const REPLY_HEADERS_BYTES: usize = 256;
const RETRY_HEADERS_BYTES: usize = 320;
const CANCEL_HEADERS_BYTES: usize = 320;

fn event(record: &mut NewRecord, ce_type: &'static str, id: &str, payload: &Payload) {
    record.push_header(header::CE_SPECVERSION, "1.0");
    record.push_header(header::CE_TYPE, ce_type);
    record.push_header(header::CE_SOURCE, SOURCE);
    record.push_header(header::CE_ID, id);
    record.push_header(header::CONTENT_TYPE, payload.content_type());
}
