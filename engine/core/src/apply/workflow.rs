//! Start, end, cancellation, markers and replies.

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use super::Place;
use smallvec::SmallVec;

use crate::{
    ActivityId, Event, Fields, IdentityRing, Run, RunId,
    event::{
        AnswerOutcome, AttributesUpserted, MarkerRecorded, Outcome, ReplyRequested,
        WorkflowCancelRequested, WorkflowCanceled, WorkflowCompleted, WorkflowContinuedAsNew,
        WorkflowFailed, WorkflowStarted, WorkflowTerminated, WorkflowTimedOut,
    },
    program::{CommandKind, Job, Recorded},
    run::{
        Activations, CancelRequest, Carried, ClosedBy, Copied, HistorySize, REPLIES_MAX, Updates,
    },
};

impl Run {
    /// The state after a run's first event. `starts` are those of earlier runs of the same id; `carried` is what the run
    /// left in whose place this one goes on.
    #[must_use]
    pub fn start(
        run_id: RunId,
        place: Place<'_>,
        event: &Arc<WorkflowStarted>,
        mut starts: IdentityRing,
        carried: Carried,
    ) -> Self {
        let identity = place.cause.identity();
        let chain = event.chain.as_deref();
        let mut seen = carried.seen;
        let reset = event.reset.as_deref();
        // What made the run before end is no start. A reset is remembered as one: its repeat resets nothing again.
        if chain.is_none() || reset.is_some() {
            starts.insert(identity);
            seen.insert(identity);
        }
        let mut history = HistorySize::default();
        history.add(Event::WorkflowStarted(Arc::clone(event)).history_bytes());
        let mut run = Self {
            run_id,
            started: Arc::clone(event),
            started_at: reset.map_or(place.at, |reset| reset.started_at),
            delayed_until: event.start_at.filter(|at| *at > place.at),
            seq: place.seq,
            history,
            carried: if chain.is_some() {
                history
            } else {
                HistorySize::default()
            },
            seen_at: history,
            next_activity_id: chain.map_or(ActivityId::FIRST, |chain| chain.first_activity_id),
            activities: SmallVec::new(),
            waits: Vec::new(),
            timers: SmallVec::new(),
            children: carried.children,
            signals_sent: Vec::new(),
            steps: carried.steps,
            registrations: carried.registrations,
            undo: None,
            cancel: None,
            incidents: Vec::new(),
            resolved: Vec::new(),
            failed: Vec::new(),
            activations: Activations::default(),
            copied: Copied::No,
            unseen: SmallVec::new(),
            // What came of updates behind the copies is taken back; of those before, the copies tell.
            updates: match reset {
                Some(_) => Updates::default(),
                None => carried.updates,
            },
            replies: carried.replies,
            seen,
            starts,
            paused: None,
            closed: None,
        };
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
            new_run_id: None,
        });
    }

    pub(super) fn workflow_continued_as_new(
        &mut self,
        place: Place<'_>,
        event: &WorkflowContinuedAsNew,
    ) {
        // They are those of the run that goes on.
        let children = self.children.clone();
        self.close(ClosedBy {
            outcome: Outcome::ContinuedAsNew,
            at: place.at,
            result: None,
            failure: None,
            reason: None,
            new_run_id: Some(event.new_run_id),
        });
        self.children = children;
    }

    pub(super) fn workflow_failed(&mut self, place: Place<'_>, event: &WorkflowFailed) {
        self.close(ClosedBy {
            outcome: Outcome::Failed,
            at: place.at,
            result: None,
            failure: Some(event.failure.clone()),
            reason: None,
            new_run_id: event.new_run_id,
        });
    }

    pub(super) fn workflow_canceled(&mut self, place: Place<'_>, event: &WorkflowCanceled) {
        self.close(ClosedBy {
            outcome: Outcome::Canceled,
            at: place.at,
            result: None,
            failure: None,
            reason: event.reason.clone(),
            new_run_id: None,
        });
    }

    pub(super) fn workflow_terminated(&mut self, place: Place<'_>, event: &WorkflowTerminated) {
        self.close(ClosedBy {
            outcome: Outcome::Terminated,
            at: place.at,
            result: None,
            failure: None,
            reason: event.reason.clone(),
            new_run_id: event.new_run_id,
        });
    }

    pub(super) fn workflow_timed_out(&mut self, place: Place<'_>, event: &WorkflowTimedOut) {
        self.close(ClosedBy {
            outcome: Outcome::TimedOut,
            at: place.at,
            result: None,
            failure: Some(event.failure.clone()),
            reason: None,
            new_run_id: event.new_run_id,
        });
    }

    /// Its program is given what has come so far.
    pub(super) fn workflow_delay_ended(&mut self) {
        self.delayed_until = None;
    }

    /// Nothing is pending after the terminal event; what it leaves behind is only for describing the run.
    fn close(&mut self, closed: ClosedBy) {
        self.activities.clear();
        self.timers.clear();
        self.signals_sent.clear();
        if let Some(children) = &mut self.children {
            children.forget_open();
        }
        self.incidents.clear();
        self.unseen.clear();
        self.waits.clear();
        self.delayed_until = None;
        self.closed = Some(Box::new(closed));
    }

    pub(super) fn workflow_cancel_requested(
        &mut self,
        place: Place<'_>,
        event: &WorkflowCancelRequested,
    ) {
        if !self.is_carried(place.seq) {
            self.seen.insert(place.cause.identity());
        }
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
                kind: CommandKind::of_marker(&event.kind),
                name: Some(event.name.clone()),
                id: None,
                value: Some(Box::new(event.value.clone())),
            },
        );
    }

    /// What a run is started with, views and the run that goes on in its place have as it is now.
    pub(super) fn attributes_upserted(&mut self, place: Place<'_>, event: &AttributesUpserted) {
        self.recorded_plain(place, CommandKind::UpsertAttributes);
        let started = Arc::make_mut(&mut self.started);
        for (fields, upserted) in [
            (&mut started.attributes, &event.attributes),
            (&mut started.memo, &event.memo),
        ] {
            // What would not fit was not journaled.
            if let Ok(merged) = Fields::merged(fields.as_ref(), upserted.as_ref()) {
                *fields = merged;
            }
        }
    }

    pub(super) fn reply_requested(&mut self, place: Place<'_>, event: &ReplyRequested) {
        // What was refused is decided anew when it comes again.
        if event.answer.outcome != AnswerOutcome::Rejected {
            self.seen.insert(place.cause.identity());
        }
        if let Some(update_id) = event
            .update_id
            .as_ref()
            .filter(|_| !self.is_copy(place.seq))
        {
            self.updates.follow(update_id, &event.reply);
        }
        // Who was told in a run that was reset since waits there, or was handed over.
        let follows = event.follow && !self.is_copy(place.seq);
        if follows && !self.replies.contains(&event.reply) {
            // Who would be one too many is not told to follow; journals of before may say so.
            if self.replies.len() >= REPLIES_MAX {
                self.replies.remove(0);
            }
            self.replies.push(event.reply.clone());
        }
    }
}
