//! Signals that a run sends to others.

use crate::{ActivityId, Failure, Name, Payload, RunId, WorkflowId};

event! {
    /// The program sent a signal to another run.
    ExternalSignalSent {
        /// Its number in the run.
        signal_id: ActivityId,
        /// Whose run shall have it.
        workflow_id: WorkflowId,
        /// Only this run of it, or the chain that begins with it.
        run_id: Option<RunId>,
        /// Only the child of that number.
        child_id: Option<ActivityId>,
        /// The signal's name.
        signal: Name,
        /// What it carries.
        input: Payload,
        /// Whether the program waits until it is there; else only a refusal is told.
        awaited: bool,
    }
    /// A signal that the program waits for is in the history of the run that it was sent to.
    ExternalSignalDelivered {
        /// Its number.
        signal_id: ActivityId,
        /// Whose run has it.
        workflow_id: WorkflowId,
        /// Which run.
        run_id: RunId,
    }
    /// No run took a signal: by the failure's type.
    ExternalSignalFailed {
        /// Its number.
        signal_id: ActivityId,
        /// Whose run was to have it.
        workflow_id: WorkflowId,
        /// Why.
        failure: Failure,
    }
}
