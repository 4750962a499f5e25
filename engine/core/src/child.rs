//! Children: runs that a run started, and what the two tell each other.
//!
//! ```text
//! parent: ChildStarted ─▶ child.start ─▶ child: WorkflowStarted {parent} … its end ─▶ child.closed ─▶ parent: ChildCompleted …
//! parent: ChildCancelRequested, or its own end ─▶ cancel, terminate ─▶ child
//! ```
//! A child is known to its parent by its number, `child_id`, which is drawn from the same count as activities.

use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;

use crate::{
    ActivityId, Failure, Name, Payload, RunId, WorkflowId,
    event::{ChildStarted, CompensationRegistered, ParentClosePolicy},
    show::{Attributes, Read, Show},
};

/// Most generations of children below a run that nobody started as a child.
pub const CHILD_DEPTH_MAX: u32 = 64;

/// Most registered compensations that a completed child hands to its parent; a child with more fails.
pub const HANDED_OVER_MAX: usize = 1_000;

/// Most bytes of their inputs.
pub const HANDED_OVER_BYTES_MAX: usize = 512 * 1024;

/// Whose child a run is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// The parent's workflow id.
    pub workflow_id: WorkflowId,
    /// The run that started the child.
    pub run_id: RunId,
    /// The child's number there.
    pub child_id: ActivityId,
    /// What the end of the parent means for the child.
    pub close_policy: ParentClosePolicy,
    /// Workflow id of the run at the top, which is nobody's child.
    pub root: WorkflowId,
    /// How many generations above it: 1 for a child of the root.
    pub depth: u32,
}

impl Parent {
    /// Whether this run says that it is that child of that run.
    #[must_use]
    pub fn is(&self, run_id: RunId, child_id: ActivityId) -> bool {
        (self.run_id, self.child_id) == (run_id, child_id)
    }

    /// What a child's end leaves done is the parent's to undo, unless the child was let go.
    #[must_use]
    pub fn takes_over(&self) -> bool {
        self.close_policy != ParentClosePolicy::Abandon
    }
}

impl Show for Parent {
    fn show<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(6))?;
        map.serialize_entry("workflow_id", &self.workflow_id)?;
        map.serialize_entry("run_id", &self.run_id)?;
        map.serialize_entry("child_id", &self.child_id)?;
        map.serialize_entry("close_policy", self.close_policy.as_str())?;
        map.serialize_entry("root", &self.root)?;
        map.serialize_entry("depth", &self.depth)?;
        map.end()
    }
}

impl Read for Parent {
    fn read(shown: &RawValue) -> Result<Self, String> {
        let of = Attributes::of(shown)?;
        Ok(Self {
            workflow_id: of.read("workflow_id")?,
            run_id: of.read("run_id")?,
            child_id: of.read("child_id")?,
            close_policy: of.read("close_policy")?,
            root: of.read("root")?,
            depth: of.read("depth")?,
        })
    }
}

/// A child's end, as its parent is told. Authenticated by the record's MAC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildClosed {
    /// The parent's workflow id.
    pub workflow_id: WorkflowId,
    /// The run that started the child.
    pub run_id: RunId,
    /// The child's number there.
    pub child_id: ActivityId,
    /// The child's run; none: it was not started.
    pub child_run_id: Option<RunId>,
    /// How it ended.
    pub end: ChildEnd,
}

/// How a child ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChildEnd {
    /// It returned.
    Completed {
        /// What it returned.
        result: Payload,
        /// How what it has done is undone, in the order in which it was registered.
        registrations: Vec<Arc<CompensationRegistered>>,
    },
    /// It failed, its time ran out, it was terminated, or it was never started.
    Failed {
        /// Why.
        failure: Box<Failure>,
    },
    /// It was cancelled.
    Canceled {
        /// For people.
        reason: Option<Box<str>>,
    },
}

/// Something for a child, or for its parent, in another partition or this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChildMessage {
    /// To the child's partition: begin.
    Start {
        /// What to begin with.
        child: Arc<ChildStarted>,
        /// Whose child it is.
        parent: Parent,
        /// The parent's trace.
        trace: Option<crate::Trace>,
    },
    /// To the child: stop.
    Stop(StopChild),
    /// To the parent: it has ended.
    Closed {
        /// The child's workflow id.
        child: WorkflowId,
        /// How.
        closed: ChildClosed,
    },
}

/// Stop a child. Authenticated by the record's MAC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopChild {
    /// Its workflow id.
    pub workflow_id: WorkflowId,
    /// The run that started it and its number there: nobody else of that id is meant.
    pub of: (RunId, ActivityId),
    /// How.
    pub how: Stop,
    /// For people.
    pub reason: Option<Box<str>>,
}

/// How a child is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It is asked to, and compensates what it has done.
    Cancel,
    /// It ends at once.
    Terminate,
}

/// Start a child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartChild {
    /// The next number of the run.
    pub child_id: ActivityId,
    /// The registered workflow.
    pub workflow: Name,
    /// Its version; none: the highest.
    pub version: Option<Box<str>>,
    /// Its workflow id.
    pub workflow_id: WorkflowId,
    /// Its input.
    pub input: Payload,
    /// What the end of the parent means for it.
    pub close_policy: ParentClosePolicy,
    /// When a run of its id is closed.
    pub id_reuse: crate::IdReuse,
    /// Search attributes.
    pub attributes: Option<crate::Fields>,
    /// For people.
    pub memo: Option<crate::Fields>,
    /// How long its run may take.
    pub run_timeout_ms: Option<u64>,
    /// How long it and those that continue it may take.
    pub execution_timeout_ms: Option<u64>,
    /// When its program is first activated; none: at once.
    pub start_at: Option<crate::Timestamp>,
    /// How it is retried when it fails or its time runs out.
    pub retry: Option<crate::RetryPolicy>,
}
