//! A run that somebody deleted: who, when and why, and nothing of what it was given or gave.

use alloc::{boxed::Box, format, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{WaitKind, WaitingFor, queue};
use crate::{Name, Payload, Run, Timestamp, event::WorkflowDeleted, run::Activations, show::Shown};

/// That a run was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deleted {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Name,
    /// Why, in their words.
    pub reason: Option<Box<str>>,
}

impl Deleted {
    /// What the event says, which was journaled at `at`.
    #[must_use]
    pub fn of(event: &WorkflowDeleted, at: Timestamp) -> Self {
        Self {
            at,
            actor: event.actor.clone(),
            reason: event.reason.clone(),
        }
    }

    /// Who, as people know them: `sagaline.cli/ada` is `ada`.
    #[must_use]
    pub fn by(&self) -> &str {
        queue::actor(&self.actor)
    }

    /// Takes all out of a closed run that its users gave, and that its workflow and its activities did.
    pub fn strip(run: &mut Run) {
        let started = alloc::sync::Arc::make_mut(&mut run.started);
        started.input = Payload::empty();
        (started.attributes, started.memo, started.trace) = (None, None, None);
        if let Some(closed) = &mut run.closed {
            (closed.result, closed.failure, closed.reason) = (None, None, None);
        }
        run.activations = Activations::default();
        run.undo = None;
        run.cancel = None;
        run.paused = None;
        (run.steps, run.registrations) = (Vec::new(), Vec::new());
        run.resolved = Vec::new();
        run.children = None;
    }

    /// `Deleted by ada at 2026-01-01T00:00:00.000Z: "a customer asked".`
    pub(super) fn sentence(&self) -> WaitingFor {
        let by = queue::by(&self.actor, self.reason.as_deref());
        WaitingFor {
            text: format!("Deleted at {} {by}.", self.at.to_rfc3339()),
            kind: WaitKind::Closed,
            until: None,
        }
    }
}

/// The same as the API has it.
#[derive(Debug, Serialize)]
pub struct DeletedView<'a> {
    by: &'a str,
    at: Shown<'a, Timestamp>,
    reason: Option<&'a str>,
}

impl<'a> DeletedView<'a> {
    pub(super) fn of(deleted: &'a Deleted) -> Self {
        Self {
            by: deleted.by(),
            at: Shown(&deleted.at),
            reason: deleted.reason.as_deref(),
        }
    }
}
