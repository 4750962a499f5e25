//! Children.

use alloc::boxed::Box;

use super::Place;
use crate::{
    ActivityId, Name, Run,
    event::{ChildCancelRequested, ChildCanceled, ChildCompleted, ChildFailed, ChildStarted},
    program::{CommandKind, Job, Recorded},
    run::{Child, Children},
};

impl Run {
    pub(super) fn child_started(&mut self, place: Place<'_>, event: &ChildStarted) {
        self.next_activity_id = event.child_id.next();
        self.recorded_child(
            place,
            CommandKind::StartChild,
            event.child_id,
            &event.workflow,
        );
        let begun = (self.origin_of(place.seq), place.at);
        let children = self.children.get_or_insert_default();
        children.insert(Child::of(event, begun));
    }

    pub(super) fn child_cancel_requested(
        &mut self,
        place: Place<'_>,
        event: &ChildCancelRequested,
    ) {
        if self.undo.is_none() {
            self.recorded_child(
                place,
                CommandKind::CancelChild,
                event.child_id,
                &event.workflow,
            );
        }
        let children = self.children.as_deref_mut();
        if let Some(child) = children.and_then(|children| children.get_mut(event.child_id)) {
            child.cancel_requested = true;
            child.terminate_requested |= event.terminate == Some(true);
        }
    }

    /// Compensations that it hands over follow, each as an event of its own.
    pub(super) fn child_completed(&mut self, event: &ChildCompleted) {
        let ended = |children: &mut Children| {
            children.completed = children.completed.saturating_add(1);
        };
        let job = || Job::ChildCompleted {
            child_id: event.child_id,
            result: event.result.clone(),
            numbers: event.compensations,
        };
        self.child_ended(event.child_id, ended, job);
        if event.compensations > 0 && self.undo.is_some() && self.may_register() {
            self.see(job());
        }
    }

    pub(super) fn child_failed(&mut self, event: &ChildFailed) {
        let ended = |children: &mut Children| {
            children.failed = children.failed.saturating_add(1);
        };
        let job = || Job::ChildFailed {
            child_id: event.child_id,
            failure: Box::new(event.failure.clone()),
        };
        let child = self.child(event.child_id);
        if let Some(workflow) = child.map(|child| child.workflow.clone())
            && self.undo.is_none()
        {
            self.note_failed(&event.failure.error_type, &workflow);
        }
        self.child_ended(event.child_id, ended, job);
    }

    pub(super) fn child_canceled(&mut self, event: &ChildCanceled) {
        let ended = |children: &mut Children| {
            children.canceled = children.canceled.saturating_add(1);
        };
        let job = || Job::ChildCanceled {
            child_id: event.child_id,
        };
        self.child_ended(event.child_id, ended, job);
    }

    /// A program whose end is fixed is told nothing more, but what it must know to number what it may still register.
    fn child_ended(
        &mut self,
        child_id: ActivityId,
        ended: impl FnOnce(&mut Children),
        job: impl FnOnce() -> Job,
    ) {
        let Some(children) = self.children.as_deref_mut() else {
            return;
        };
        if children.remove(child_id).is_none() {
            return;
        }
        ended(children);
        if self.undo.is_none() {
            self.see(job());
        }
    }

    /// Whether its program, whose end is fixed, may be given something that it answers by a registration.
    fn may_register(&self) -> bool {
        let mut activities = self.activities.iter();
        activities.any(|one| one.scheduled.compensable)
            || self.uncovered_steps().next().is_some()
            || !self.unseen.is_empty()
    }

    fn recorded_child(
        &mut self,
        place: Place<'_>,
        kind: CommandKind,
        child_id: ActivityId,
        workflow: &Name,
    ) {
        self.recorded(
            place,
            Recorded {
                seq: place.seq,
                kind,
                name: Some(workflow.clone()),
                id: Some(child_id),
                value: None,
            },
        );
    }
}
