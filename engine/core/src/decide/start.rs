//! Start: the id rules of PROTOCOL §3.
//!
//! ```text
//!                      repeat of a known start        ─▶ nothing
//! open run of the id:  use-existing ─▶ nothing   fail ─▶ refused   terminate-existing ─▶ terminated, then started
//! closed, its repeat:  ─▶ refused, whatever the start says
//! closed, remembered:  reject-duplicate ─▶ refused   allow-duplicate ─▶ started   …-failed-only ─▶ unless it completed
//! ```

use alloc::{boxed::Box, format, string::String};

use super::{Ignored, Rejection, accepted, refusal};
use crate::{
    CHILD_DEPTH_MAX, Cause, IdConflict, IdReuse, Identity, Millis, Name, OUR_NAMES, Outcome,
    Overlay, Parent, ReplyTo, RunId, Start, Timestamp, WorkflowId,
    error_type::{ALREADY_STARTED, INVALID_INPUT, LIMIT, NOT_FOUND},
    event::{RejectReason, ReplyRequested, WorkflowStarted},
    program::{Programs, SPAN_MS_MAX},
    reserved::id_prefix_of,
    run::REPLIES_MAX,
    workflow_of_id,
};

/// What a start comes to.
#[derive(Debug)]
pub(crate) enum Decision {
    /// A new run.
    Started {
        event: WorkflowStarted,
        /// The open run of the id, which ends first.
        terminated: Option<RunId>,
        /// The program is not here, but it was somewhere.
        program_missing: bool,
    },
    /// An answer from the open run, which stays as it is.
    Existing(ReplyRequested),
    /// The id rules refuse it; only the caller is told.
    Refused(Option<ReplyRequested>),
    Ignored(Ignored),
    Rejected(Rejection),
}

pub(crate) fn decide(
    overlay: &Overlay<'_>,
    identity: Identity,
    start: &Start,
    programs: &dyn Programs,
) -> Decision {
    if let Some(decided) = of_child(overlay, identity, start).or_else(|| reserved(start)) {
        return decided;
    }
    let reply = start.reply.as_ref();
    let mut terminated = None;
    if let Some(run) = overlay.run(&start.workflow_id) {
        let repeat = run.seen.contains(identity) || run.starts.contains(identity);
        if repeat || start.id_conflict == IdConflict::UseExisting {
            return match reply {
                Some(reply) if !run.replies.contains(reply) && run.replies.len() >= REPLIES_MAX => {
                    let message = format!(
                        "{REPLIES_MAX} callers wait for the end of run {} already; read the journal instead",
                        run.run_id
                    );
                    Decision::Existing(refusal(reply, LIMIT, message))
                }
                Some(reply) => Decision::Existing(accepted(reply, true)),
                None if repeat => Decision::Ignored(Ignored::Repeat),
                None => Decision::Ignored(Ignored::Already),
            };
        }
        if start.id_conflict == IdConflict::Fail {
            let message = format!(
                "workflow {} is open as run {}",
                start.workflow_id, run.run_id
            );
            return Decision::Refused(refused(start, ALREADY_STARTED, message));
        }
        terminated = Some(run.run_id);
    } else if let Some(closed) = overlay.closed(&start.workflow_id) {
        let repeat = closed.starts.contains(identity);
        let reusable = match start.id_reuse {
            IdReuse::RejectDuplicate => false,
            IdReuse::AllowDuplicate => true,
            IdReuse::AllowDuplicateFailedOnly => closed.outcome != Outcome::Completed,
        };
        let (id, run_id, status) = (&start.workflow_id, closed.run_id, closed.outcome.status());
        if repeat {
            let message =
                format!("this start was taken as run {run_id} of {id}, which is {status}");
            return Decision::Refused(refused(start, ALREADY_STARTED, message));
        }
        if !reusable {
            let message = format!("workflow {id} was used by run {run_id}, which is {status}");
            return Decision::Refused(refused(start, ALREADY_STARTED, message));
        }
    }
    match version_of(overlay, start, programs) {
        Ok((version, program_missing)) => Decision::Started {
            event: started(start, version),
            terminated,
            program_missing,
        },
        // Nobody but the parent of a child can do something about it.
        Err(unknown) if start.parent.is_some() => {
            Decision::Refused(refused(start, NOT_FOUND, unknown.message))
        }
        Err(unknown) => Decision::Rejected(unknown),
    }
}

/// The first event of the run.
fn started(start: &Start, version: Box<str>) -> WorkflowStarted {
    WorkflowStarted {
        workflow: start.workflow.clone(),
        version,
        input: start.input.clone(),
        trace: start.trace.clone(),
        attributes: start.attributes.clone(),
        memo: start.memo.clone(),
        run_timeout_ms: span(start.run_timeout),
        execution_timeout_ms: span(start.execution_timeout),
        parent: start.parent.as_deref().cloned(),
        chain: None,
        start_at: start.start_at,
        retry: start.retry.as_deref().cloned(),
        reset_of: None,
        reset: None,
    }
}

/// What whoever asked is told: a caller who wants an answer, or the parent of a child.
fn refused(
    start: &Start,
    error_type: &'static str,
    message: impl Into<Box<str>>,
) -> Option<ReplyRequested> {
    match (&start.parent, &start.reply) {
        (Some(parent), _) => Some(ReplyRequested {
            parent: Some(Parent::clone(parent)),
            ..refusal(&ReplyTo::nobody(), error_type, message)
        }),
        (None, reply) => reply
            .as_ref()
            .map(|reply| refusal(reply, error_type, message)),
    }
}

/// What holds for the start of a child alone: nobody is told of a repeat, and a child of a child … has an end.
fn of_child(overlay: &Overlay<'_>, identity: Identity, start: &Start) -> Option<Decision> {
    let parent = start.parent.as_ref()?;
    let run = overlay.run(&start.workflow_id);
    let open = run.is_some_and(|run| {
        let of = run.started.parent.as_ref();
        of.is_some_and(|of| of.is(parent.run_id, parent.child_id)) || run.starts.contains(identity)
    });
    let closed = overlay.closed(&start.workflow_id);
    if open || closed.is_some_and(|closed| closed.starts.contains(identity)) {
        return Some(Decision::Ignored(Ignored::Repeat));
    }
    if parent.depth <= CHILD_DEPTH_MAX {
        return None;
    }
    let message = format!(
        "child {} is {} generations below {}; {CHILD_DEPTH_MAX} are allowed",
        start.workflow_id, parent.depth, parent.root
    );
    Some(Decision::Refused(refused(start, LIMIT, message)))
}

/// Ids of Sagaline's own are for its own workflows, and these have no others.
pub(crate) fn reserved(start: &Start) -> Option<Decision> {
    let (id, workflow) = (start.workflow_id.as_str(), start.workflow.as_str());
    let message = match workflow_of_id(id) {
        Some(ours) if ours == workflow => return None,
        Some(ours) => format!("workflow id {id}: ids that begin so are those of {ours} alone"),
        None if workflow.starts_with(OUR_NAMES) => match id_prefix_of(workflow) {
            Some(prefix) => {
                format!("workflow id {id}: {workflow} has ids alone that begin with {prefix}")
            }
            None => format!("workflow {workflow}: names that begin with {OUR_NAMES} are our own"),
        },
        None => return None,
    };
    if start.parent.is_some() {
        return Some(Decision::Refused(refused(start, INVALID_INPUT, message)));
    }
    let rejection = Rejection::new(RejectReason::ReservedId, message);
    Some(Decision::Rejected(
        rejection.answered(start.reply.as_ref(), INVALID_INPUT),
    ))
}

/// A span that the journal can hold.
fn span(span: Option<Millis>) -> Option<u64> {
    span.map(|span| span.0.min(SPAN_MS_MAX))
}

/// The version that the run is pinned to, and whether its program is missing here.
fn version_of(
    overlay: &Overlay<'_>,
    start: &Start,
    programs: &dyn Programs,
) -> Result<(Box<str>, bool), Rejection> {
    if let Some(version) = programs.resolve(&start.workflow, start.version.as_deref()) {
        return Ok((version, false));
    }
    let names = programs.names();
    if !names.contains(&start.workflow) && overlay.state().was_named(&start.workflow) {
        return Ok((start.version.clone().unwrap_or_default(), true));
    }
    let version = start
        .version
        .as_deref()
        .map(|version| format!(" {version}"))
        .unwrap_or_default();
    let known = names
        .iter()
        .map(Name::as_str)
        .filter(|name| !name.starts_with(OUR_NAMES))
        .collect::<alloc::vec::Vec<_>>()
        .join(", ");
    let known = if known.is_empty() {
        String::from("none")
    } else {
        known
    };
    let message = format!(
        "workflow {}{version} is not known; known are: {known}",
        start.workflow
    );
    Err(Rejection::new(RejectReason::UnknownWorkflow, message)
        .answered(start.reply.as_ref(), NOT_FOUND))
}

/// The run that a start makes: its identity is the record's, and when that was appended; of a child its parent's run and
/// its number there.
#[must_use]
pub fn run_id_of_start(namespace: &str, cause: &Cause, start: &Start) -> RunId {
    run_id(namespace, cause.identity(), start)
}

/// The run that a start of no parent makes, for whoever sent it and was told when it was appended.
#[must_use]
pub fn run_id_of_appended(
    namespace: &str,
    workflow_id: &WorkflowId,
    identity: Identity,
    appended_at: Timestamp,
) -> RunId {
    let mut bytes = [0; 24];
    let (of_record, when) = bytes.split_at_mut(16);
    of_record.copy_from_slice(&identity.to_bytes());
    when.copy_from_slice(&appended_at.as_micros().to_be_bytes());
    RunId::derive(namespace, workflow_id, &bytes)
}

pub(crate) fn run_id(namespace: &str, identity: Identity, start: &Start) -> RunId {
    let mut bytes = [0; 24];
    let (of_record, when) = bytes.split_at_mut(16);
    match &start.parent {
        Some(parent) => {
            of_record.copy_from_slice(parent.run_id.as_bytes());
            when.copy_from_slice(&u64::from(parent.child_id.get()).to_be_bytes());
        }
        None => {
            return run_id_of_appended(namespace, &start.workflow_id, identity, start.appended_at);
        }
    }
    RunId::derive(namespace, &start.workflow_id, &bytes)
}
