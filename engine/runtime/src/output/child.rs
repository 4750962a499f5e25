//! What a run tells its children and its parent, as records of the inbox.

use sagaline_core::{
    Cause, ChildClosed, ChildEnd, ChildMessage, Event, Parent, StopChild, Timestamp, Trace,
    Transition, WorkflowId,
    event::{ChildStarted, WorkflowCanceled, WorkflowCompleted, WorkflowFailed},
    show::{Show, Shown},
};
use sagaline_journal::{
    Headers, NewRecord,
    wire::{ce_type, header, partition_of},
};
use sagaline_schemas::encode_transition;

use super::{SOURCE, Writing};
use crate::input::stop_word;

impl Writing {
    /// The record of a message between a run and its child.
    pub(crate) fn child(&self, message: &ChildMessage) -> NewRecord {
        let mut record = match message {
            ChildMessage::Start {
                child,
                parent,
                trace,
            } => self.start_child(child, parent, trace.as_ref()),
            ChildMessage::Stop(stop) => self.stop_child(stop),
            ChildMessage::Closed { child, closed } => self.child_closed(child, closed),
        };
        self.keys.sign_record(&mut record);
        record
    }

    fn start_child(
        &self,
        child: &ChildStarted,
        parent: &Parent,
        trace: Option<&Trace>,
    ) -> NewRecord {
        let id = format!("{}/{}", parent.run_id, parent.child_id);
        let mut record = self.to_run(&child.workflow_id, ce_type::CHILD_START, &id);
        record.value = Some(child.input.data().to_vec());
        record.push_header(header::CONTENT_TYPE, child.input.content_type());
        record.push_header(header::WORKFLOW, child.workflow.as_str());
        if let Some(version) = &child.version {
            record.push_header(header::VERSION, version.as_bytes());
        }
        record.push_header(header::ID_REUSE, child.id_reuse.as_str());
        record.push_header(header::PARENT_CLOSE, parent.close_policy.as_str());
        record.push_header(header::WORKFLOW_ID, parent.workflow_id.as_str());
        record.push_header(header::ROOT_ID, parent.root.as_str());
        let headers = &mut record.headers;
        headers.write(header::RUN_ID, format_args!("{}", parent.run_id));
        headers.write(header::CHILD_ID, format_args!("{}", parent.child_id));
        headers.write(header::DEPTH, format_args!("{}", parent.depth));
        if let Some(millis) = child.run_timeout_ms {
            headers.write(header::RUN_TIMEOUT_MS, format_args!("{millis}"));
        }
        if let Some(millis) = child.execution_timeout_ms {
            headers.write(header::EXECUTION_TIMEOUT_MS, format_args!("{millis}"));
        }
        if let Some(start_at) = child.start_at {
            record.push_header(header::START_AT, start_at.to_rfc3339());
        }
        if let Some(retry) = &child.retry {
            record.push_header(header::RETRY, shown(retry));
        }
        for (name, fields) in [
            (header::ATTRIBUTES, &child.attributes),
            (header::MEMO, &child.memo),
        ] {
            if let Some(fields) = fields {
                record.push_header(name, shown(fields));
            }
        }
        if let Some(trace) = trace {
            record.push_header(header::TRACEPARENT, trace.parent.as_bytes());
            if let Some(state) = &trace.state {
                record.push_header(header::TRACESTATE, state.as_bytes());
            }
        }
        record
    }

    fn stop_child(&self, stop: &StopChild) -> NewRecord {
        let (run_id, child_id) = stop.of;
        let word = stop_word(stop.how);
        let id = format!("{run_id}/{child_id}/{word}");
        let mut record = self.to_run(&stop.workflow_id, ce_type::CHILD_STOP, &id);
        record.push_header(header::ACT, word);
        if let Some(reason) = &stop.reason {
            record.push_header(header::REASON, reason.as_bytes());
        }
        let headers = &mut record.headers;
        headers.write(header::RUN_ID, format_args!("{run_id}"));
        headers.write(header::CHILD_ID, format_args!("{child_id}"));
        record
    }

    /// Its value is what the child's journal has of its end: the terminal event, and the compensations that go over.
    ///
    /// # Panics
    /// When that is over the journal's limit for a value, which core's limits keep it far below.
    fn child_closed(&self, child: &WorkflowId, closed: &ChildClosed) -> NewRecord {
        let (run_id, child_id) = (closed.run_id, closed.child_id);
        let id = format!("{run_id}/{child_id}/closed");
        let mut record = self.to_run(&closed.workflow_id, ce_type::CHILD_CLOSED, &id);
        let end = Transition {
            run_id: closed.child_run_id,
            workflow_id: Some(child.clone()),
            first_seq: 0,
            at: Timestamp::default(),
            cause: Cause::lane(0, ""),
            events: end_events(&closed.end),
        };
        let mut value = Vec::new();
        encode_transition(&end, &mut value)
            .expect("a result and what goes over have less than 2 MB");
        record.value = Some(value);
        let headers = &mut record.headers;
        headers.write(header::RUN_ID, format_args!("{run_id}"));
        headers.write(header::CHILD_ID, format_args!("{child_id}"));
        record
    }

    pub(super) fn to_run(
        &self,
        workflow_id: &WorkflowId,
        ce_type: &'static str,
        id: &str,
    ) -> NewRecord {
        let key = workflow_id.as_str().as_bytes();
        let mut record = NewRecord {
            topic: self.inbox.clone(),
            partition: partition_of(key, self.partitions),
            key: Some(key.to_vec()),
            value: Some(Vec::new()),
            headers: Headers::with_capacity(20, CHILD_HEADERS_BYTES),
        };
        record.push_header(header::CE_SPECVERSION, "1.0");
        record.push_header(header::CE_TYPE, ce_type);
        record.push_header(header::CE_SOURCE, SOURCE);
        record.push_header(header::CE_ID, id);
        record
    }
}

fn end_events(end: &ChildEnd) -> Vec<Event> {
    match end {
        ChildEnd::Completed {
            result,
            registrations,
        } => {
            let result = result.clone();
            let registered = registrations.iter().cloned();
            let registered = registered.map(Event::CompensationRegistered);
            [WorkflowCompleted { result }.into()]
                .into_iter()
                .chain(registered)
                .collect()
        }
        ChildEnd::Failed { failure } => {
            let failure = (**failure).clone();
            vec![
                WorkflowFailed {
                    failure,
                    new_run_id: None,
                }
                .into(),
            ]
        }
        ChildEnd::Canceled { reason } => {
            let reason = reason.clone();
            vec![WorkflowCanceled { reason }.into()]
        }
    }
}

/// One JSON object, as a start has it in a header.
fn shown(given: &impl Show) -> Vec<u8> {
    serde_json::to_vec(&Shown(given)).unwrap_or_default()
}

/// Room for the values of a message's headers: most fit.
const CHILD_HEADERS_BYTES: usize = 512;
