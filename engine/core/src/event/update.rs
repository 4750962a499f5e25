//! Requests that may change a run.

use crate::{Failure, Name, Payload};

event! {
    /// Somebody wants the run to change, and its program would take it.
    UpdateAccepted {
        /// Which: of those that the run remembers none has the same.
        update_id: Name,
        /// The update's name.
        update: Name,
        /// What it carries.
        input: Payload,
    }
    /// An update has ended: with a result, or with a failure.
    UpdateCompleted {
        /// Which.
        update_id: Name,
        /// The update's name.
        update: Name,
        /// What it came to.
        result: Option<Payload>,
        /// Why it came to nothing.
        failure: Option<Failure>,
    }
    /// The program did not want an update, which has changed nothing.
    UpdateRejected {
        /// Which.
        update_id: Name,
        /// The update's name.
        update: Name,
        /// Why.
        failure: Failure,
    }
}
