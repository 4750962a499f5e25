//! What a child's end means for its parent, and what a parent wants of its child.

use alloc::{sync::Arc, vec::Vec};

use super::{Ignored, cancel};
use crate::{
    ActivityId, Cancel, Cause, ChildClosed, ChildEnd, Event, Run, Stop, StopChild, Terminate,
    WorkflowId,
    event::{
        ChildCancelRequested, ChildCanceled, ChildCompleted, ChildFailed, CompensationRegistered,
    },
    run::Child,
};

/// A child has ended. The first word of it counts.
pub(crate) fn closed(run: &Run, command: &ChildClosed) -> Result<Vec<Event>, Ignored> {
    let is_it = |child: &&Child| child.started_by == command.run_id;
    let child = run.child(command.child_id).filter(is_it);
    let child = child.ok_or(Ignored::Stale)?;
    let (child_id, run_id) = (child.child_id, command.child_run_id);
    let (workflow, workflow_id) = (child.workflow.clone(), child.workflow_id.clone());
    Ok(match &command.end {
        ChildEnd::Completed {
            result,
            registrations,
        } => {
            let handed_over = match child.is_awaited() {
                true => registrations.as_slice(),
                false => &[],
            };
            let completed = ChildCompleted {
                child_id,
                workflow,
                workflow_id,
                run_id,
                result: result.clone(),
                compensations: u32::try_from(handed_over.len()).unwrap_or(u32::MAX),
            };
            let mut events = Vec::from([Event::from(completed)]);
            taken_over(run, child_id, handed_over, &mut events);
            events
        }
        ChildEnd::Failed { failure } => Vec::from([ChildFailed {
            child_id,
            workflow,
            workflow_id,
            run_id,
            failure: (**failure).clone(),
        }
        .into()]),
        ChildEnd::Canceled { reason } => Vec::from([ChildCanceled {
            child_id,
            workflow,
            workflow_id,
            run_id,
            reason: reason.clone(),
        }
        .into()]),
    })
}

/// What a child has done is the parent's to undo now, under numbers of its own. Those of a group stay together, and apart
/// from others of the child and of its children: a group is named by the first number that it gets.
fn taken_over(
    run: &Run,
    child_id: ActivityId,
    registrations: &[Arc<CompensationRegistered>],
    events: &mut Vec<Event>,
) {
    let mut next = run.next_activity_id;
    let mut group: Option<((Option<&WorkflowId>, u32), u32)> = None;
    for registered in registrations {
        let activity_id = next;
        next = next.next();
        group = registered.group.map(|theirs| {
            let theirs = (registered.child_workflow_id.as_ref(), theirs);
            match group {
                Some((same, ours)) if same == theirs => (same, ours),
                Some(_) | None => (theirs, activity_id.get()),
            }
        });
        let ours = CompensationRegistered {
            activity_id,
            compensates: child_id,
            group: group.map(|(_, ours)| ours),
            ..CompensationRegistered::clone(registered)
        };
        events.push(ours.into());
    }
}

/// The parent wants the child to stop; one that is undoing what it has done goes on with it.
pub(crate) fn stop(run: &Run, cause: &Cause, command: &StopChild) -> Result<Vec<Event>, Ignored> {
    let (run_id, child_id) = command.of;
    let parent = run.started.parent.as_ref();
    if !parent.is_some_and(|parent| parent.is(run_id, child_id)) {
        return Err(Ignored::Stale);
    }
    let (workflow_id, reason) = (command.workflow_id.clone(), command.reason.clone());
    match command.how {
        Stop::Cancel => cancel::cancel(
            run,
            cause,
            &Cancel {
                workflow_id,
                run_id: None,
                reason,
                compensate: true,
                reply: None,
            },
        ),
        Stop::Terminate if run.undo.is_some() => Err(Ignored::Already),
        Stop::Terminate => cancel::terminate(
            run,
            cause,
            &Terminate {
                workflow_id,
                run_id: None,
                reason,
                compensate: false,
                reply: None,
            },
        ),
    }
}

pub(crate) fn cancel_requested(child: &Child) -> Event {
    ChildCancelRequested {
        child_id: child.child_id,
        workflow: child.workflow.clone(),
        workflow_id: child.workflow_id.clone(),
    }
    .into()
}
