//! What an owner still knows of a run that is closed: who, how and when. The rest is in the journal.

use alloc::{format, vec::Vec};

use serde::Serialize;

use super::{Empty, FieldsView, IncidentView, WaitKind, WaitingFor};
use crate::{Closed, RunId, Timestamp, WorkflowId, show::Shown};

/// A closed run as `GET /workflows/{id}` has it, with all its keys: what is not remembered is null.
#[derive(Debug, Serialize)]
pub struct Remembered<'a> {
    workflow_id: &'a WorkflowId,
    run_id: RunId,
    workflow: Unknown,
    version: Unknown,
    status: &'static str,
    situation: Unknown,
    waiting_for: WaitingFor,
    waits: Empty,
    task_queue: Unknown,
    attempt: Unknown,
    maximum_attempts: Unknown,
    next_attempt_at: Unknown,
    last_failure: Unknown,
    started_at: Unknown,
    closed_at: Shown<'a, Timestamp>,
    parent: Unknown,
    children: Unknown,
    compensation: Unknown,
    incidents: Vec<IncidentView<'a>>,
    attributes: FieldsView<'a>,
    input: Unknown,
    result: Unknown,
    failure: Unknown,
    memo: FieldsView<'a>,
    root: Unknown,
    first_run_id: Unknown,
    continued_from: Unknown,
    continued_as: Unknown,
    reset_of: Unknown,
    reset: Unknown,
    start_at: Unknown,
    retry: Unknown,
    deleted: Unknown,
    history_events: Unknown,
    history_bytes: Unknown,
    journal_partition: i32,
    as_of: Shown<'a, Timestamp>,
    server_time: Shown<'a, Timestamp>,
    pending_activities: Empty,
    pending_timers: Empty,
    pending_children: Unknown,
    pending_updates: Empty,
    uncovered_steps: Empty,
}

type Unknown = Option<()>;

impl<'a> Remembered<'a> {
    /// What is remembered of the last run of an id, as of the partition's last batch.
    #[must_use]
    pub fn of(
        workflow_id: &'a WorkflowId,
        closed: &'a Closed,
        journal_partition: i32,
        as_of: &'a Timestamp,
    ) -> Self {
        let status = closed.outcome.status();
        Self {
            workflow_id,
            run_id: closed.run_id,
            workflow: None,
            version: None,
            status,
            situation: None,
            waiting_for: WaitingFor {
                text: format!("{status}. The rest is in the journal."),
                kind: WaitKind::Closed,
                until: None,
            },
            waits: Empty,
            task_queue: None,
            attempt: None,
            maximum_attempts: None,
            next_attempt_at: None,
            last_failure: None,
            started_at: None,
            closed_at: Shown(&closed.closed_at),
            parent: None,
            children: None,
            compensation: None,
            incidents: Vec::new(),
            attributes: FieldsView(None),
            input: None,
            result: None,
            failure: None,
            memo: FieldsView(None),
            root: None,
            first_run_id: None,
            continued_from: None,
            continued_as: None,
            reset_of: None,
            reset: None,
            start_at: None,
            retry: None,
            deleted: None,
            history_events: None,
            history_bytes: None,
            journal_partition,
            as_of: Shown(as_of),
            server_time: Shown(as_of),
            pending_activities: Empty,
            pending_timers: Empty,
            pending_children: None,
            pending_updates: Empty,
            uncovered_steps: Empty,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::{
        string::{String, ToString},
        sync::Arc,
        vec::Vec,
    };

    use serde_json::{Value, json};

    use super::*;
    use crate::{
        Cause, Name, Outcome, Payload, Place, Position, Run, event::WorkflowStarted, view::View,
    };

    fn keys(json: &Value) -> Vec<&String> {
        json.as_object().unwrap().keys().collect()
    }

    #[test]
    fn what_is_remembered_of_a_closed_run_has_the_keys_of_any_description() {
        let id = WorkflowId::new("w").unwrap();
        let run_id = RunId::derive("ns", &id, b"1");
        let started = Arc::new(WorkflowStarted {
            workflow: Name::from("order"),
            version: "1".into(),
            input: Payload::empty(),
            trace: None,
            attributes: None,
            memo: None,
            run_timeout_ms: None,
            execution_timeout_ms: None,
            parent: None,
            chain: None,
            reset_of: None,
            reset: None,
            start_at: None,
            retry: None,
        });
        let place = Place {
            seq: 1,
            at: Timestamp::default(),
            cause: &Cause::lane(0, "1"),
        };
        let run = Run::start(
            run_id,
            place,
            &started,
            Default::default(),
            Default::default(),
        );
        let closed = Closed {
            run_id,
            outcome: Outcome::Completed,
            closed_at: Timestamp::from_millis(1_000),
            starts: Default::default(),
            changed: Position { batch: 1, index: 0 },
        };
        let now = Timestamp::from_millis(2_000);

        let open = serde_json::to_value(View::new(&id, &run, 3, now).describe()).unwrap();
        let json = serde_json::to_value(Remembered::of(&id, &closed, 3, &now)).unwrap();

        assert_eq!(keys(&json), keys(&open));
        for (key, expected) in [
            ("status", json!("Completed")),
            ("run_id", json!(run_id.to_string())),
            ("closed_at", json!("1970-01-01T00:00:01.000Z")),
            ("attributes", json!({})),
        ] {
            assert_eq!(json.get(key), Some(&expected), "{key}");
        }
    }
}
