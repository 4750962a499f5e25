//! I13: what parents say of their children, and children of themselves, in whatever partitions they are.

use std::{collections::BTreeMap, sync::Arc};

use sagaline_core::{
    Failure, Parent, RunId, WorkflowId,
    event::{ChildStarted, WorkflowStarted},
};

use crate::inputs::ChildKey;

/// All children that there ever were.
#[derive(Debug, Default)]
pub(super) struct Children {
    started: BTreeMap<ChildKey, Started>,
    /// More than one end have those that began again after their id was forgotten.
    ended: BTreeMap<ChildKey, Vec<End>>,
}

/// What one journal says that another must agree with.
#[derive(Clone, Debug)]
pub(super) enum Told {
    Started(Box<Started>),
    Ended(ChildKey, End),
}

/// A child as its parent's journal has it.
#[derive(Clone, Debug)]
pub(super) struct Started {
    pub(super) parent: Parent,
    pub(super) event: Arc<ChildStarted>,
}

/// How a child ended, by its own journal.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum End {
    /// It never began.
    Refused(String),
    Completed {
        run_id: RunId,
        result: Vec<u8>,
        handed_over: Vec<Handed>,
    },
    Failed(RunId, Box<Failure>),
    /// It was terminated.
    Terminated(RunId),
    Canceled(RunId),
}

/// How something is undone that a child did.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Handed {
    pub(super) activity: String,
    pub(super) task_queue: String,
    pub(super) input: Vec<u8>,
    pub(super) workflow_id: WorkflowId,
    pub(super) step: String,
    /// What is undone in parallel: whose group it is in the child, and which.
    pub(super) group: Option<(Option<u32>, u32)>,
}

impl Children {
    pub(super) fn told(&mut self, told: Told) {
        match told {
            Told::Started(started) => {
                let key = (started.parent.run_id, started.parent.child_id.get());
                self.started.insert(key, *started);
            }
            Told::Ended(key, end) => self.ended.entry(key).or_default().push(end),
        }
    }

    /// Whether a child began as its parent said.
    pub(super) fn began_well(
        &self,
        key: ChildKey,
        workflow_id: &WorkflowId,
        began: &WorkflowStarted,
    ) -> bool {
        let Some(Started { parent, event }) = self.started.get(&key) else {
            return false;
        };
        began.parent.as_ref() == Some(parent)
            && event.workflow_id == *workflow_id
            && event.workflow == began.workflow
            && event.input == began.input
            && event.run_timeout_ms == began.run_timeout_ms
            && event.execution_timeout_ms == began.execution_timeout_ms
    }

    /// How a child ended, once or more often.
    pub(super) fn ends(&self, key: ChildKey) -> &[End] {
        self.ended.get(&key).map(Vec::as_slice).unwrap_or_default()
    }
}
