//! Start, end, cancellation, markers and replies.

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use super::Place;
use smallvec::SmallVec;

use crate::{
    ActivityId, IdentityRing, Run, RunId,
    event::{
        AnswerOutcome, MarkerRecorded, Outcome, ReplyRequested, WorkflowCancelRequested,
        WorkflowCanceled, WorkflowCompleted, WorkflowFailed, WorkflowStarted, WorkflowTerminated,
        WorkflowTimedOut,
    },
    program::{CommandKind, Job, Recorded},
    run::{Activations, CancelRequest, ClosedBy, REPLIES_MAX, Updates},
};

impl Run {
    /// The state after a run's first event. `starts` are those of earlier runs of the same id.
    #[must_use]
    pub fn start(
        run_id: RunId,
        place: Place<'_>,
        event: &Arc<WorkflowStarted>,
        mut starts: IdentityRing,
    ) -> Self {
        let identity = place.cause.identity();
        starts.insert(identity);
        let mut run = Self {
            run_id,
            started: Arc::clone(event),
            started_at: place.at,
            seq: place.seq,
            next_activity_id: ActivityId::FIRST,
            activities: SmallVec::new(),
            waits: Vec::new(),
            timers: SmallVec::new(),
            children: None,
            steps: Vec::new(),
            registrations: Vec::new(),
            undo: None,
            cancel: None,
            incidents: Vec::new(),
            resolved: Vec::new(),
            activations: Activations::default(),
            unseen: SmallVec::new(),
            updates: Updates::default(),
            replies: Vec::new(),
            seen: IdentityRing::default(),
            starts,
            paused: None,
            closed: None,
        };
        run.seen.insert(identity);
        run.see(Job::Started {
            input: event.input.clone(),
        });
        run
    }

    pub(super) fn workflow_completed(&mut self, place: Place<'_>, event: &WorkflowCompleted) {
        self.close(ClosedBy {
            outcome: Outcome::Completed,
            at: place.at,
            result: Some(event.result.clone()),
            failure: None,
            reason: None,
        });
    }

    pub(super) fn workflow_failed(&mut self, place: Place<'_>, event: &WorkflowFailed) {
        self.close(ClosedBy {
            outcome: Outcome::Failed,
            at: place.at,
            result: None,
            failure: Some(event.failure.clone()),
            reason: None,
        });
    }

    pub(super) fn workflow_canceled(&mut self, place: Place<'_>, event: &WorkflowCanceled) {
        self.close_from_outside(place, Outcome::Canceled, event.reason.clone());
    }

    pub(super) fn workflow_terminated(&mut self, place: Place<'_>, event: &WorkflowTerminated) {
        self.close_from_outside(place, Outcome::Terminated, event.reason.clone());
    }

    pub(super) fn workflow_timed_out(&mut self, place: Place<'_>, event: &WorkflowTimedOut) {
        self.close(ClosedBy {
            outcome: Outcome::TimedOut,
            at: place.at,
            result: None,
            failure: Some(event.failure.clone()),
            reason: None,
        });
    }

    fn close_from_outside(&mut self, place: Place<'_>, outcome: Outcome, reason: Option<Box<str>>) {
        self.close(ClosedBy {
            outcome,
            at: place.at,
            result: None,
            failure: None,
            reason,
        });
    }

    /// Nothing is pending after the terminal event; what it leaves behind is only for describing the run.
    fn close(&mut self, closed: ClosedBy) {
        self.activities.clear();
        self.timers.clear();
        if let Some(children) = &mut self.children {
            children.forget_open();
        }
        self.incidents.clear();
        self.unseen.clear();
        self.waits.clear();
        self.closed = Some(Box::new(closed));
    }

    pub(super) fn workflow_cancel_requested(
        &mut self,
        place: Place<'_>,
        event: &WorkflowCancelRequested,
    ) {
        self.seen.insert(place.cause.identity());
        self.cancel = Some(CancelRequest {
            reason: event.reason.clone(),
            compensate: event.compensate,
        });
        self.see(Job::CancelRequested {
            reason: event.reason.clone(),
        });
    }

    pub(super) fn marker_recorded(&mut self, place: Place<'_>, event: &MarkerRecorded) {
        self.recorded(
            place,
            Recorded {
                seq: place.seq,
                kind: CommandKind::RecordMarker,
                name: Some(event.name.clone()),
                id: None,
                value: Some(Box::new(event.value.clone())),
            },
        );
    }

    pub(super) fn reply_requested(&mut self, place: Place<'_>, event: &ReplyRequested) {
        // What was refused is decided anew when it comes again.
        if event.answer.outcome != AnswerOutcome::Rejected {
            self.seen.insert(place.cause.identity());
        }
        if let Some(update_id) = &event.update_id {
            self.updates.follow(update_id, &event.reply);
        }
        if event.follow && !self.replies.contains(&event.reply) {
            // Who would be one too many is not told to follow; journals of before may say so.
            if self.replies.len() >= REPLIES_MAX {
                self.replies.remove(0);
            }
            self.replies.push(event.reply.clone());
        }
    }
}
