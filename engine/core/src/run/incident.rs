//! What waits for a person, and what was solved.

use serde::{Deserialize, Serialize};

use crate::{ActivityId, Failure, Name, Seq, Timestamp, event::IncidentKind};

/// What waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Position of the first `IncidentRaised`: with the run id, the incident's id.
    pub seq: Seq,
    /// What kind.
    pub kind: IncidentKind,
    /// The activity that it is about.
    pub activity_id: Option<ActivityId>,
    /// Its name.
    pub activity: Option<Name>,
    /// Why.
    pub failure: Failure,
    /// Since when.
    pub since: Timestamp,
    /// How often it came: once, and after each retry that did not help.
    pub times: u32,
}

/// An incident that is solved, for whoever comes too late, and for when it comes again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    /// Position of the first `IncidentRaised`.
    pub seq: Seq,
    /// What kind.
    pub kind: IncidentKind,
    /// The activity that it was about.
    pub activity_id: Option<ActivityId>,
    /// How often it had come.
    pub times: u32,
    /// What solved it.
    pub act: Name,
    /// Who.
    pub actor: Name,
    /// When.
    pub at: Timestamp,
}

impl IncidentKind {
    /// Whether the run's program is not activated while such an incident is open.
    #[must_use]
    pub const fn blocks_program(self) -> bool {
        match self {
            Self::AttemptsExhausted | Self::CompensationFailed => false,
            Self::Nondeterminism
            | Self::Panic
            | Self::DefinitionMissing
            | Self::Quarantined
            | Self::Limit
            | Self::Deadlock => true,
        }
    }
}
