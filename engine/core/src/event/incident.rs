//! What waits for a person.

use alloc::boxed::Box;

use super::IncidentKind;
use crate::{ActivityId, Failure, Name, Seq};

event! {
    /// The run waits for a person, or for what it lacks.
    IncidentRaised {
        /// What kind.
        kind: IncidentKind,
        /// The activity that it is about.
        activity_id: Option<ActivityId>,
        /// Its name.
        activity: Option<Name>,
        /// Why.
        failure: Failure,
    }
    /// An incident is solved.
    IncidentResolved {
        /// Position of its first `IncidentRaised`.
        incident_seq: Seq,
        /// What solved it: `retry`, `skip`, `fail`, `recovered`.
        act: Name,
        /// Who.
        actor: Name,
        /// Why, in their words.
        reason: Option<Box<str>>,
    }
}
