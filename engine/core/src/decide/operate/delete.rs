//! A person deletes a closed run: the journal keeps its bytes until it is trimmed, and nobody shows them any more.
//!
//! Nothing of a closed run is state but that its id was used, which stays: the id rules hold as before.

use alloc::{boxed::Box, format, string::String, vec::Vec};

use crate::{
    Event, Operate, Overlay, Rejection, Run, RunId, WorkflowId,
    decide::accepted,
    error_type,
    event::{RejectReason, WorkflowDeleted},
};

/// Why an open run is not deleted.
pub(super) fn open(workflow_id: &WorkflowId, run: &Run) -> String {
    format!(
        "workflow {workflow_id} is open as run {}: cancel or terminate it first",
        run.run_id
    )
}

/// The events that belong to no run: that it is deleted, and the answer. The run is not the open one.
///
/// Without `run_id` the id's last run is meant; which others there were, nobody here knows: they are taken at their word.
pub(crate) fn delete(overlay: &Overlay<'_>, command: &Operate) -> Result<Vec<Event>, Rejection> {
    let id = &command.workflow_id;
    let reply = command.reply.as_ref();
    let last = overlay.closed(id).map(|closed| closed.run_id);
    let Some(run_id) = command.run_id.or(last) else {
        let message = format!("workflow {id} is not known");
        let rejection = Rejection::new(RejectReason::NoOpenRun, message);
        return Err(rejection.answered(reply, error_type::NOT_FOUND));
    };
    let deleted = Event::from(deleted(run_id, command));
    let answer = reply.map(|reply| Event::from(accepted(reply, false)));
    Ok([deleted].into_iter().chain(answer).collect())
}

fn deleted(run_id: RunId, command: &Operate) -> WorkflowDeleted {
    WorkflowDeleted {
        run_id,
        actor: command.actor.clone(),
        reason: command.reason.as_deref().map(Box::from),
    }
}
