//! Events change state here and nowhere else. Infallible: what was journaled has happened.
//!
//! One file per subject; a function per event, under the event's name.

mod activity;
mod child;
mod compensation;
mod external;
mod incident;
mod pause;
mod signal;
mod timer;
mod update;
mod workflow;

use smallvec::SmallVec;

use crate::{
    Cause, Event, Run, Seq, Timestamp,
    program::{CommandKind, Job, Recorded},
    run::{ActivationRecord, Copied},
};

/// An event's place: what every change may need beside the event.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Position in the run's history.
    pub seq: Seq,
    /// The transition's time.
    pub at: Timestamp,
    /// The input.
    pub cause: &'a Cause,
}

impl Run {
    /// Applies the next event of this run, which is not its first: see [`Run::start`].
    pub fn apply(&mut self, place: Place<'_>, event: &Event) {
        self.seq = place.seq;
        if !matches!(event, Event::WorkflowStarted(_)) {
            self.history.add(event.history_bytes());
            if self.is_carried(place.seq) {
                self.carried = self.history;
            }
        }
        match event {
            Event::WorkflowStarted(_)
            | Event::WorkflowDeleted(_)
            | Event::InputForwarded(_)
            | Event::InputRejected(_)
            | Event::QueueChanged(_)
            | Event::QueueTaskOffered(_)
            | Event::QueueTaskReleased(_)
            | Event::QueueTaskEnded(_) => {}
            Event::WorkflowCompleted(event) => self.workflow_completed(place, event),
            Event::WorkflowFailed(event) => self.workflow_failed(place, event),
            Event::WorkflowCanceled(event) => self.workflow_canceled(place, event),
            Event::WorkflowTerminated(event) => self.workflow_terminated(place, event),
            Event::WorkflowCancelRequested(event) => self.workflow_cancel_requested(place, event),
            Event::ActivityScheduled(event) => self.activity_scheduled(place, event),
            Event::ActivityAttemptScheduled(event) => self.activity_attempt_scheduled(place, event),
            Event::ActivityStarted(event) => self.activity_started(place, event),
            Event::ActivityCancelRequested(event) => self.activity_cancel_requested(place, event),
            Event::ActivityCompleted(event) => self.activity_completed(place, event),
            Event::ActivityAttemptFailed(event) => self.activity_attempt_failed(place, event),
            Event::ActivityFailed(event) => self.activity_failed(place, event),
            Event::ActivityTimedOut(event) => self.activity_timed_out(place, event),
            Event::ActivityCanceled(event) => self.activity_canceled(place, event),
            Event::CompensationRegistered(event) => self.compensation_registered(place, event),
            Event::CompensationStarted(event) => self.compensation_started(place, event),
            Event::CompensationCompleted(event) => self.compensation_completed(event),
            Event::CompensationFailed(event) => self.compensation_failed(event),
            Event::MarkerRecorded(event) => self.marker_recorded(place, event),
            Event::IncidentRaised(event) => self.incident_raised(place, event),
            Event::IncidentResolved(event) => self.incident_resolved(place, event),
            Event::ReplyRequested(event) => self.reply_requested(place, event),
            Event::ActivityOptionsUpdated(event) => self.activity_options_updated(place, event),
            Event::SignalReceived(event) => self.signal_received(place, event),
            Event::ExternalSignalSent(event) => self.external_signal_sent(place, event),
            Event::ExternalSignalDelivered(event) => self.external_signal_delivered(event),
            Event::ExternalSignalFailed(event) => self.external_signal_failed(place, event),
            Event::WaitRecorded(event) => self.wait_recorded(event),
            Event::ChildStarted(event) => self.child_started(place, event),
            Event::ChildCancelRequested(event) => self.child_cancel_requested(place, event),
            Event::ChildCompleted(event) => self.child_completed(event),
            Event::ChildFailed(event) => self.child_failed(event),
            Event::ChildCanceled(event) => self.child_canceled(event),
            Event::UpdateAccepted(event) => self.update_accepted(place, event),
            Event::UpdateCompleted(event) => self.update_completed(place, event),
            Event::UpdateRejected(event) => self.update_rejected(place, event),
            Event::TimerStarted(event) => self.timer_started(place, event),
            Event::TimerFired(event) => self.timer_fired(event),
            Event::TimerCanceled(event) => self.timer_canceled(place, event),
            Event::ActivityHeartbeatRecorded(event) => {
                self.activity_heartbeat_recorded(place, event);
            }
            Event::WorkflowPaused(event) => self.workflow_paused(place, event),
            Event::WorkflowResumed(_) => self.workflow_resumed(place),
            Event::ActivityPaused(event) => self.activity_paused(place, event),
            Event::ActivityResumed(event) => self.activity_resumed(place, event),
            Event::WorkflowTimedOut(event) => self.workflow_timed_out(place, event),
            Event::AttributesUpserted(event) => self.attributes_upserted(place, event),
            Event::WorkflowDelayEnded(_) => self.workflow_delay_ended(),
            Event::WorkflowContinuedAsNew(event) => self.workflow_continued_as_new(place, event),
        }
        self.end_copies(place.seq);
    }

    /// Ends a transition: what the program can see now was given to it, unless it waits for a person.
    pub fn end_transition(&mut self, at: Timestamp) {
        if self.leave_copies() {
            return;
        }
        self.copied = Copied::No;
        if self.may_activate() && self.closed.is_none() {
            self.open_activation(at);
        }
    }

    /// Gives the program what it has not seen, as one activation. Says whether there was anything.
    pub(crate) fn open_activation(&mut self, at: Timestamp) -> bool {
        if self.unseen.is_empty() {
            return false;
        }
        let jobs = core::mem::take(&mut self.unseen);
        self.activations.push(ActivationRecord {
            at,
            jobs,
            commands: SmallVec::new(),
            history: self.seen_at,
        });
        true
    }

    /// Takes back an activation that did not happen: the program was missing, or broke.
    pub(crate) fn revoke_activation(&mut self) {
        if let Some(activation) = self.activations.pop() {
            debug_assert!(
                activation.commands.is_empty(),
                "commands of an activation that did not happen"
            );
            self.unseen = activation.jobs;
        }
    }

    fn see(&mut self, job: Job) {
        self.unseen.push(job);
        self.seen_at = self.history;
    }

    /// Whether the event at that place is a copy of what had come to the run before.
    fn is_carried(&self, seq: Seq) -> bool {
        let copies = self
            .started
            .chain
            .as_ref()
            .map(|chain| chain.carried_events);
        copies.is_some_and(|copies| seq <= Seq::from(copies).saturating_add(1))
    }

    /// Remembers a command of the program, as part of the activation that is under way.
    fn recorded(&mut self, place: Place<'_>, command: Recorded) {
        self.open_activation(place.at);
        if let Some(activation) = self.activations.last_mut() {
            activation.commands.push(command);
        }
    }

    /// Remembers a command that has neither name nor number.
    fn recorded_plain(&mut self, place: Place<'_>, kind: CommandKind) {
        self.recorded(
            place,
            Recorded {
                seq: place.seq,
                kind,
                name: None,
                id: None,
                value: None,
            },
        );
    }
}
