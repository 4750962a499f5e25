//! Every name that crosses a process border, in one place: topics, groups, `ce_type`s, headers and their values, and
//! the hash that gives a workflow id its partition. `PROTOCOL.md` says what each means.
//!
//! Deliberately absent: parsing and building of records. Invariant: a name here never changes; a new meaning gets a new
//! name.

mod partition;

pub use partition::partition_of;

/// Names of topics and consumer groups in a namespace.
pub mod topic {
    /// Starts, cancellations and all other requests.
    #[must_use]
    pub fn inbox(namespace: &str) -> String {
        format!("{namespace}.inbox")
    }

    /// Answers of workers.
    #[must_use]
    pub fn results(namespace: &str) -> String {
        format!("{namespace}.results")
    }

    /// The source of truth.
    #[must_use]
    pub fn journal(namespace: &str) -> String {
        format!("{namespace}.journal")
    }

    /// What was folded of journals whose beginning is gone.
    #[must_use]
    pub fn state(namespace: &str) -> String {
        format!("{namespace}.state")
    }

    /// Activity tasks of one queue.
    #[must_use]
    pub fn tasks(namespace: &str, queue: &str) -> String {
        format!("{namespace}.tasks.{queue}")
    }

    /// The retry topic of a tier: `soon`, `1m`, `5m`, `30m`, `2h`, `12h`.
    #[must_use]
    pub fn retry(namespace: &str, tier: &str) -> String {
        format!("{namespace}.retry.{tier}")
    }

    /// Attempts that shall stop.
    #[must_use]
    pub fn control(namespace: &str) -> String {
        format!("{namespace}.control")
    }

    /// Answers to callers.
    #[must_use]
    pub fn replies(namespace: &str) -> String {
        format!("{namespace}.replies")
    }

    /// Whether Kafka takes a topic of this name: 1 to 249 letters, digits, dots, dashes and underscores, not only dots.
    #[must_use]
    pub fn is_name(text: &str) -> bool {
        let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        (1..=249).contains(&text.len()) && text.bytes().all(is_legal) && !matches!(text, "." | "..")
    }

    /// The group of engine processes: the lease.
    #[must_use]
    pub fn engine_group(namespace: &str) -> String {
        format!("{namespace}.engine")
    }

    /// The group of delay services.
    #[must_use]
    pub fn delay_group(namespace: &str) -> String {
        format!("{namespace}.delay")
    }

    /// The group of a queue's workers.
    #[must_use]
    pub fn worker_group(namespace: &str, queue: &str) -> String {
        format!("{namespace}.worker.{queue}")
    }
}

/// The one partition of the topic of [control](topic::control).
pub const CONTROL_PARTITION: i32 = 0;

/// Most bytes of a record's headers in all, names and values.
pub const HEADERS_BYTES_MAX: usize = 32 * 1024;

/// Values of the header [`header::CE_TYPE`].
pub mod ce_type {
    /// Start a workflow.
    pub const WORKFLOW_START: &str = "sagaline.workflow.start.v1";
    /// Ask a run to stop.
    pub const WORKFLOW_CANCEL: &str = "sagaline.workflow.cancel.v1";
    /// Stop a run at once.
    pub const WORKFLOW_TERMINATE: &str = "sagaline.workflow.terminate.v1";
    /// Send a run a message.
    pub const WORKFLOW_SIGNAL: &str = "sagaline.workflow.signal.v1";
    /// Start a workflow unless it is open, and send it a signal.
    pub const WORKFLOW_SIGNAL_WITH_START: &str = "sagaline.workflow.signal-with-start.v1";
    /// Ask a run to change.
    pub const WORKFLOW_UPDATE: &str = "sagaline.workflow.update.v1";
    /// Start a workflow unless it is open, and ask it to change.
    pub const WORKFLOW_UPDATE_WITH_START: &str = "sagaline.workflow.update-with-start.v1";
    /// Ask a run's program something.
    pub const WORKFLOW_QUERY: &str = "sagaline.workflow.query.v1";
    /// Ask how a run is doing.
    pub const WORKFLOW_DESCRIBE: &str = "sagaline.workflow.describe.v1";
    /// An operator's act.
    pub const WORKFLOW_OPERATE: &str = "sagaline.workflow.operate.v1";
    /// The answer to a request with reply headers.
    pub const REPLY: &str = "sagaline.reply.v1";

    /// An attempt to be made.
    pub const ACTIVITY_TASK: &str = "sagaline.activity.task.v1";
    /// The attempt succeeded.
    pub const ACTIVITY_COMPLETED: &str = "sagaline.activity.completed.v1";
    /// The attempt failed.
    pub const ACTIVITY_FAILED: &str = "sagaline.activity.failed.v1";
    /// The attempt stopped because it was asked to.
    pub const ACTIVITY_CANCELED: &str = "sagaline.activity.canceled.v1";
    /// A worker began with the attempt.
    pub const ACTIVITY_STARTED: &str = "sagaline.activity.started.v1";
    /// The attempt goes on.
    pub const ACTIVITY_HEARTBEAT: &str = "sagaline.activity.heartbeat.v1";
    /// To workers: the attempt shall stop.
    pub const ACTIVITY_CANCEL: &str = "sagaline.activity.cancel.v1";
    /// What results accept: every type that begins so.
    pub const ACTIVITY_PREFIX: &str = "sagaline.activity.";

    /// A delayed retry is due.
    pub const RETRY_DUE: &str = "sagaline.retry.due.v1";
    /// A person changes what limits a queue; or its home tells another partition that one did.
    pub const QUEUE_CHANGE: &str = "sagaline.queue.change.v1";
    /// To a limited queue's home: an attempt waits to be released.
    pub const QUEUE_OFFER: &str = "sagaline.queue.offer.v1";
    /// From there: its task may go.
    pub const QUEUE_RELEASED: &str = "sagaline.queue.released.v1";
    /// To the home: the attempt has ended.
    pub const QUEUE_ENDED: &str = "sagaline.queue.ended.v1";
    /// How those four begin.
    pub const QUEUE_PREFIX: &str = "sagaline.queue.";
    /// To a child's partition: begin.
    pub const CHILD_START: &str = "sagaline.child.start.v1";
    /// To a child: stop.
    pub const CHILD_STOP: &str = "sagaline.child.stop.v1";
    /// To a parent: its child has ended, or was not started.
    pub const CHILD_CLOSED: &str = "sagaline.child.closed.v1";
    /// How those three begin.
    pub const CHILD_PREFIX: &str = "sagaline.child.";
    /// To another run: a signal of a run.
    pub const SIGNAL_EXTERNAL: &str = "sagaline.signal.external.v1";
    /// To its sender: it is in the target's history.
    pub const SIGNAL_DELIVERED: &str = "sagaline.signal.delivered.v1";
    /// To its sender: no run takes it.
    pub const SIGNAL_REFUSED: &str = "sagaline.signal.refused.v1";
    /// How those three begin.
    pub const SIGNAL_PREFIX: &str = "sagaline.signal.";
    /// A misrouted input, sent to its own partition.
    pub const FORWARD: &str = "sagaline.forward.v1";
    /// In [`header::FORWARDED`](super::header::FORWARDED): the record was too large, and this is its beginning.
    pub const CUT: &str = "sagaline.forward.cut.v1";
    /// In [`header::FORWARDED`](super::header::FORWARDED): the delay service refused the record.
    pub const REFUSED: &str = "sagaline.forward.refused.v1";
    /// What the delay service sends itself, to learn the time.
    pub const DELAY_TICK: &str = "sagaline.delay.tick.v1";
}

/// Names of headers.
pub mod header {
    /// Version of CloudEvents: `1.0`.
    pub const CE_SPECVERSION: &str = "ce_specversion";
    /// Second half of a record's identity; of a task its task id.
    pub const CE_ID: &str = "ce_id";
    /// First half of a record's identity.
    pub const CE_SOURCE: &str = "ce_source";
    /// What the record is: one of [`super::ce_type`].
    pub const CE_TYPE: &str = "ce_type";
    /// When the sender made it.
    pub const CE_TIME: &str = "ce_time";
    /// The workflow id.
    pub const CE_SUBJECT: &str = "ce_subject";
    /// The value's content type; absent: `application/json`.
    pub const CONTENT_TYPE: &str = "content-type";
    /// W3C trace context.
    pub const TRACEPARENT: &str = "traceparent";
    /// W3C trace context.
    pub const TRACESTATE: &str = "tracestate";

    /// Name of the workflow.
    pub const WORKFLOW: &str = "sl-workflow";
    /// Version of the workflow.
    pub const VERSION: &str = "sl-version";
    /// What to do while a run of the id is open: one of [`super::id_conflict`].
    pub const ID_CONFLICT: &str = "sl-id-conflict";
    /// What to do when the last run of the id is closed: one of [`super::id_reuse`].
    pub const ID_REUSE: &str = "sl-id-reuse";
    /// The workflow id, in a task.
    pub const WORKFLOW_ID: &str = "sl-workflow-id";
    /// The run.
    pub const RUN_ID: &str = "sl-run-id";
    /// Number of a child in its parent's run.
    pub const CHILD_ID: &str = "sl-child-id";
    /// What the end of its parent means for a child.
    pub const PARENT_CLOSE: &str = "sl-parent-close";
    /// Workflow id of the run above all parents of a child.
    pub const ROOT_ID: &str = "sl-root-id";
    /// How many generations a child is below that run.
    pub const DEPTH: &str = "sl-depth";
    /// For people.
    pub const REASON: &str = "sl-reason";
    /// Name of a signal.
    pub const SIGNAL: &str = "sl-signal";
    /// Number of a signal in its sender's run.
    pub const SIGNAL_ID: &str = "sl-signal-id";
    /// The run that sends a signal.
    pub const SENDER_RUN_ID: &str = "sl-sender-run-id";
    /// The run that started the child that a signal is for.
    pub const PARENT_RUN_ID: &str = "sl-parent-run-id";
    /// Whether the sender of a signal waits until it is there.
    pub const AWAITED: &str = "sl-awaited";
    /// Base64 of what the signal of a start carries.
    pub const SIGNAL_INPUT: &str = "sl-signal-input";
    /// Name of an update.
    pub const UPDATE: &str = "sl-update";
    /// Which update it is; otherwise the record's `ce_id`.
    pub const UPDATE_ID: &str = "sl-update-id";
    /// Base64 of what the update of a start carries.
    pub const UPDATE_INPUT: &str = "sl-update-input";
    /// Content type of what the signal or the update of a start carries; JSON unless said.
    pub const MESSAGE_CONTENT_TYPE: &str = "sl-message-content-type";
    /// Name of a query.
    pub const QUERY: &str = "sl-query";
    /// Whether what was done is compensated: `true` or `false`.
    pub const COMPENSATE: &str = "sl-compensate";

    /// Where the answer goes.
    pub const REPLY_TOPIC: &str = "sl-reply-topic";
    /// Its partition.
    pub const REPLY_PARTITION: &str = "sl-reply-partition";
    /// The caller's own mark, given back in the answer.
    pub const CORRELATION: &str = "sl-correlation";
    /// What became of a request: one of [`super::outcome`].
    pub const OUTCOME: &str = "sl-outcome";
    /// Position in the run's history of the event that an answer is sent for.
    pub const EVENT_SEQ: &str = "sl-event-seq";
    /// Type of an error.
    pub const ERROR_TYPE: &str = "sl-error-type";
    /// Message of an error.
    pub const ERROR_MESSAGE: &str = "sl-error-message";

    /// Search attributes, in one JSON object.
    pub const ATTRIBUTES: &str = "sl-attributes";
    /// How the header of one search attribute begins.
    pub const ATTRIBUTE_PREFIX: &str = "sl-attr-";
    /// Memo, in one JSON object.
    pub const MEMO: &str = "sl-memo";
    /// How the header of one field of the memo begins.
    pub const MEMO_PREFIX: &str = "sl-memo-";

    /// Name of the task queue.
    pub const TASK_QUEUE: &str = "sl-task-queue";
    /// Name of the activity.
    pub const ACTIVITY: &str = "sl-activity";
    /// Number of the activity in its run.
    pub const ACTIVITY_ID: &str = "sl-activity-id";
    /// Number of the attempt.
    pub const ATTEMPT: &str = "sl-attempt";
    /// The same over all attempts of an activity.
    pub const IDEMPOTENCY_KEY: &str = "sl-idempotency-key";
    /// Proof that an answer belongs to a task.
    pub const TOKEN: &str = "sl-token";
    /// How long the attempt may run once started.
    pub const START_TO_CLOSE_MS: &str = "sl-start-to-close-ms";
    /// After this instant (RFC 3339) the task is void.
    pub const EXPIRES_AT: &str = "sl-expires-at";
    /// Base64 of the progress that an earlier attempt told.
    pub const LAST_HEARTBEAT: &str = "sl-last-heartbeat";
    /// Content type of that progress; absent: JSON.
    pub const LAST_HEARTBEAT_TYPE: &str = "sl-last-heartbeat-type";
    /// How long the run may take.
    pub const RUN_TIMEOUT_MS: &str = "sl-run-timeout-ms";
    /// How long the run and those that continue it may take.
    pub const EXECUTION_TIMEOUT_MS: &str = "sl-execution-timeout-ms";
    /// When a run's program is first activated, RFC 3339.
    pub const START_AT: &str = "sl-start-at";
    /// How a run is retried: a policy as JSON.
    pub const RETRY: &str = "sl-retry";
    /// How often the worker must send a heartbeat.
    pub const HEARTBEAT_TIMEOUT_MS: &str = "sl-heartbeat-timeout-ms";
    /// Name of the worker, shown to people.
    pub const WORKER: &str = "sl-worker";
    /// `true`: no attempt shall follow.
    pub const NON_RETRYABLE: &str = "sl-non-retryable";
    /// When the next attempt shall follow at the earliest.
    pub const RETRY_AFTER_MS: &str = "sl-retry-after-ms";
    /// `fail` or `park`: what shall be when no attempt follows, whatever the policy says.
    pub const ON_EXHAUSTED: &str = "sl-on-exhausted";

    /// What an operator does: one of [`super::act`].
    pub const ACT: &str = "sl-act";
    /// The incident that an operator solves: `<run id>.<seq>`.
    pub const INCIDENT: &str = "sl-incident";
    /// Who does it.
    pub const ACTOR: &str = "sl-actor";

    /// When a delayed record is due (RFC 3339).
    pub const DELIVER_AT: &str = "sl-deliver-at";
    /// Where it goes then.
    pub const TARGET_TOPIC: &str = "sl-target-topic";
    /// The partition there.
    pub const TARGET_PARTITION: &str = "sl-target-partition";
    /// The record was forwarded once already.
    pub const FORWARDED: &str = "sl-forwarded";
    /// Proof that a record comes from the engine or an operator.
    pub const MAC: &str = "sl-mac";

    /// What a journal record is: one of [`super::kind`].
    pub const KIND: &str = "sl-kind";
    /// `epoch/batch_no/index` of a journal record.
    pub const BATCH: &str = "sl-batch";
    /// The footer, on a batch's last record.
    pub const FOOTER: &str = "sl-footer";
}

/// Values of [`header::ACT`].
pub mod act {
    /// Try again.
    pub const INCIDENT_RETRY: &str = "incident-retry";
    /// Go on without.
    pub const INCIDENT_SKIP: &str = "incident-skip";
    /// Give up.
    pub const INCIDENT_FAIL: &str = "incident-fail";
    /// Make an activity's next attempt now.
    pub const ACTIVITY_RETRY: &str = "activity-retry";
    /// Take an activity for done.
    pub const ACTIVITY_COMPLETE: &str = "activity-complete";
    /// Take an activity for failed.
    pub const ACTIVITY_FAIL: &str = "activity-fail";
    /// Begin no attempt of an activity.
    pub const ACTIVITY_PAUSE: &str = "activity-pause";
    /// Let an activity go on.
    pub const ACTIVITY_RESUME: &str = "activity-resume";
    /// Change how an activity is retried and how long it may take.
    pub const ACTIVITY_UPDATE_OPTIONS: &str = "activity-update-options";
    /// Begin nothing new of a run.
    pub const PAUSE: &str = "pause";
    /// Let a run go on.
    pub const RESUME: &str = "resume";
    /// Show nobody any more what a closed run was given and gave.
    pub const DELETE: &str = "delete";
    /// End a run, and have another go on from one of its events: its body says from which.
    pub const RESET: &str = "reset";
    /// Limit a queue: its body holds the limits.
    pub const LIMIT: &str = "limit";
}

/// Values of [`header::OUTCOME`].
pub mod outcome {
    /// Journaled.
    pub const ACCEPTED: &str = "accepted";
    /// The run completed.
    pub const COMPLETED: &str = "completed";
    /// The run failed.
    pub const FAILED: &str = "failed";
    /// The run was cancelled.
    pub const CANCELED: &str = "canceled";
    /// The run was terminated.
    pub const TERMINATED: &str = "terminated";
    /// The run's time ran out.
    pub const TIMED_OUT: &str = "timed-out";
    /// Refused.
    pub const REJECTED: &str = "rejected";
}

/// Values of [`header::ID_CONFLICT`].
pub mod id_conflict {
    /// The caller is given the open run.
    pub const USE_EXISTING: &str = "use-existing";
    /// The start is refused.
    pub const FAIL: &str = "fail";
    /// The open run is terminated and a new one started.
    pub const TERMINATE_EXISTING: &str = "terminate-existing";
}

/// Values of [`header::ID_REUSE`].
pub mod id_reuse {
    /// The start is refused.
    pub const REJECT_DUPLICATE: &str = "reject-duplicate";
    /// A new run starts.
    pub const ALLOW_DUPLICATE: &str = "allow-duplicate";
    /// A new run starts unless the last one completed.
    pub const ALLOW_DUPLICATE_FAILED_ONLY: &str = "allow-duplicate-failed-only";
}

/// Values of [`header::KIND`].
pub mod kind {
    /// A new owner.
    pub const CLAIM: &str = "claim";
    /// One input's events for one run.
    pub const TRANSITION: &str = "transition";
    /// A batch without transitions.
    pub const MARK: &str = "mark";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_s_name_is_what_kafka_takes() {
        for name in ["a", "shop.tasks.Pay-1_x", &"x".repeat(249)] {
            assert!(topic::is_name(name), "{name}");
        }
        for name in ["", ".", "..", "a b", "a/b", "é", "a\0", &"x".repeat(250)] {
            assert!(!topic::is_name(name), "{name}");
        }
    }

    #[test]
    fn topics_begin_with_their_namespace() {
        assert_eq!(topic::tasks("shop", "payments"), "shop.tasks.payments");
        assert_eq!(
            topic::worker_group("shop", "payments"),
            "shop.worker.payments"
        );
    }
}
