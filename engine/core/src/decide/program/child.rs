//! Commands about children.

use alloc::{format, string::String};

use super::{Translation, too_large};
use crate::{
    ActivityId, Event, Failure, HANDED_OVER_BYTES_MAX, HANDED_OVER_MAX, Name, PAYLOAD_BYTES_MAX,
    Payload, StartChild, Stop, Timestamp, error_type,
    event::{ChildCancelRequested, ChildStarted, CompensationRegistered},
    program::SPAN_MS_MAX,
    run::RegistrationState,
};

impl Translation<'_> {
    pub(super) fn start_child(&mut self, command: StartChild) -> Result<(), String> {
        self.take_id(command.child_id)?;
        if command.input.is_too_large() {
            let message = too_large(&command.workflow, &command.input).message;
            return Err(format!("child {}: {message}", command.workflow_id));
        }
        let span = |millis: Option<u64>| millis.map(|millis| millis.min(SPAN_MS_MAX));
        self.events.push(
            ChildStarted {
                child_id: command.child_id,
                workflow: command.workflow,
                version: command.version,
                workflow_id: command.workflow_id,
                input: command.input,
                parent_close_policy: command.close_policy,
                id_reuse: command.id_reuse,
                attributes: command.attributes,
                memo: command.memo,
                run_timeout_ms: span(command.run_timeout_ms),
                execution_timeout_ms: span(command.execution_timeout_ms),
                start_at: command.start_at.map(Timestamp::up_to_millis),
                retry: command.retry,
            }
            .into(),
        );
        Ok(())
    }

    /// Asks a child to stop that has not ended, or was started by this very activation, once; one that was asked may still
    /// be made to end at once.
    pub(super) fn stop_child(&mut self, child_id: ActivityId, how: Stop) -> Option<Event> {
        let is_first = self.canceled.insert(child_id);
        let started = self.events.iter().skip(self.first).find_map(|event| {
            let Event::ChildStarted(started) = event else {
                return None;
            };
            (started.child_id == child_id).then(|| (&started.workflow, &started.workflow_id))
        });
        let open = self
            .run
            .child(child_id)
            .filter(|one| match how {
                Stop::Cancel => !one.cancel_requested,
                Stop::Terminate => !one.terminate_requested,
            })
            .map(|one| (&one.workflow, &one.workflow_id));
        let (workflow, workflow_id) = open.or(started)?;
        let requested = ChildCancelRequested {
            child_id,
            workflow: workflow.clone(),
            workflow_id: workflow_id.clone(),
            terminate: (how == Stop::Terminate).then_some(true),
        };
        (is_first || how == Stop::Terminate).then(|| requested.into())
    }

    /// What a completed child leaves done is its parent's to undo: more than fits is a failure of the child, which undoes
    /// it itself then.
    pub(super) fn hands_over_too_much(&self, result: &Payload) -> Option<Failure> {
        let parent = self.run.started.parent.as_ref()?;
        if !parent.takes_over() {
            return None;
        }
        let before = self.run.registrations.iter();
        let before = before
            .filter(|one| one.state == RegistrationState::Registered)
            .map(|one| &*one.registered);
        let now = self.events.iter().skip(self.first);
        let now = now.filter_map(|event| {
            let Event::CompensationRegistered(registered) = event else {
                return None;
            };
            Some(&**registered)
        });
        let (count, bytes) = before.chain(now).fold((0_usize, 0_usize), |sum, one| {
            (sum.0.saturating_add(1), sum.1.saturating_add(size(one)))
        });
        if count == 0 {
            return None;
        }
        let over = count > HANDED_OVER_MAX
            || bytes > HANDED_OVER_BYTES_MAX
            || bytes.saturating_add(result.data().len()) > PAYLOAD_BYTES_MAX;
        over.then(|| {
            let message = format!(
                "a child hands its {count} compensations of {bytes} bytes to its parent when it completes; {HANDED_OVER_MAX} of {HANDED_OVER_BYTES_MAX} bytes are allowed"
            );
            Failure::new(Name::from(error_type::PAYLOAD_TOO_LARGE), message).non_retryable()
        })
    }
}

/// Bytes of a registration in a record, about.
fn size(one: &CompensationRegistered) -> usize {
    let types = one.retry.non_retryable_error_types.iter();
    let types = types.map(|name| name.as_str().len()).sum::<usize>();
    let texts = [one.activity.as_str(), one.task_queue.as_str()];
    let texts = texts.iter().map(|text| text.len()).sum::<usize>();
    [one.input.data().len(), types, texts, REGISTRATION_BYTES]
        .into_iter()
        .fold(0, usize::saturating_add)
}

/// What a registration takes beside its input and the names that its author chose: ids, numbers, the child's names.
const REGISTRATION_BYTES: usize = 640;
