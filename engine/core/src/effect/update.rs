//! Answers to those who wait for the end of an update.

use crate::{
    Effects, Event, Failure, Name, Run, WorkflowId,
    decide::update::{completed_with, failed},
    effect::{Which, reply},
    error_type::CLOSED,
    event::Answer,
    run::PendingUpdate,
};

/// Tells of an update that the event ends; `run` is the state before it, which knows whom to tell.
pub(crate) fn ended(workflow_id: &WorkflowId, run: &Run, event: &Event, effects: &mut Effects) {
    let Event::UpdateCompleted(event) = event else {
        return;
    };
    let Some(pending) = run.updates.pending_of(&event.update_id) else {
        return;
    };
    let answer = match (&event.result, &event.failure) {
        (_, Some(failure)) => failed(failure),
        (result, None) => completed_with(result.clone().unwrap_or_else(crate::Payload::empty)),
    };
    let seq = run.seq.saturating_add(1);
    tell((workflow_id, run), pending, (seq, &answer), effects);
}

/// Tells of updates that were under way when the run closed; `run` is the state after that.
pub(super) fn cut_off(workflow_id: &WorkflowId, run: &Run, effects: &mut Effects) {
    for pending in run.updates.pending() {
        let message = alloc::format!("run {} closed before the update ended", run.run_id);
        let answer = failed(&Failure::new(Name::from(CLOSED), message));
        tell((workflow_id, run), pending, (run.seq, &answer), effects);
    }
}

fn tell(
    (workflow_id, run): (&WorkflowId, &Run),
    pending: &PendingUpdate,
    (seq, answer): (crate::Seq, &Answer),
    effects: &mut Effects,
) {
    let which = || Which::Update(&pending.update_id);
    let replies = pending.replies.iter();
    effects.extend(replies.map(|to| {
        let about = (workflow_id, Some((run.run_id, seq)));
        reply(about, to, which(), answer.clone())
    }));
}
