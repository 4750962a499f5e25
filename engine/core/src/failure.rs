//! Why something did not succeed: a type, a message, and details if its author gave some.

use alloc::{boxed::Box, string::String};

use serde::{Deserialize, Serialize};

use crate::{Name, Payload};

/// Longest error message that is kept; the rest is cut at a character.
pub const ERROR_MESSAGE_BYTES_MAX: usize = 4 * 1024;

/// The error types that Sagaline itself gives.
pub mod error_type {
    /// An attempt ran longer than its start-to-close time-out.
    pub const START_TO_CLOSE: &str = "sagaline.Timeout.StartToClose";
    /// No worker took an attempt's task within its schedule-to-start time-out.
    pub const SCHEDULE_TO_START: &str = "sagaline.Timeout.ScheduleToStart";
    /// All attempts together took longer than the schedule-to-close time-out.
    pub const SCHEDULE_TO_CLOSE: &str = "sagaline.Timeout.ScheduleToClose";
    /// A worker was silent for longer than the heartbeat time-out.
    pub const HEARTBEAT: &str = "sagaline.Timeout.Heartbeat";
    /// The run took longer than its run time-out.
    pub const RUN_TIMEOUT: &str = "sagaline.Timeout.Run";
    /// The run and those that it continues took longer than their execution time-out.
    pub const EXECUTION_TIMEOUT: &str = "sagaline.Timeout.Execution";
    /// The activity or the run was cancelled.
    pub const CANCELED: &str = "sagaline.Canceled";
    /// The run was terminated.
    pub const TERMINATED: &str = "sagaline.Terminated";
    /// A run of that id is open, or was, and the id rules refuse another.
    pub const ALREADY_STARTED: &str = "sagaline.AlreadyStarted";
    /// No run of that id is known.
    pub const NOT_FOUND: &str = "sagaline.NotFound";
    /// The run that was asked for is closed.
    pub const CLOSED: &str = "sagaline.Closed";
    /// The run that was asked for is open.
    pub const OPEN: &str = "sagaline.Open";
    /// The worker does not know the activity's name.
    pub const UNKNOWN_ACTIVITY: &str = "sagaline.UnknownActivity";
    /// The program's commands differ from those of its history.
    pub const NONDETERMINISM: &str = "sagaline.Nondeterminism";
    /// A payload is over [`crate::PAYLOAD_BYTES_MAX`].
    pub const PAYLOAD_TOO_LARGE: &str = "sagaline.PayloadTooLarge";
    /// The program panicked.
    pub const PANIC: &str = "sagaline.Panic";
    /// No owner has the program of this workflow.
    pub const DEFINITION_MISSING: &str = "sagaline.DefinitionMissing";
    /// The program waits for something that no event can bring.
    pub const DEADLOCK: &str = "sagaline.Deadlock";
    /// The program asked for more than a limit allows.
    pub const LIMIT: &str = "sagaline.Limit";
    /// The run's activation stopped its engine repeatedly.
    pub const QUARANTINED: &str = "sagaline.Quarantined";
    /// A completed step has no registered compensation although it was to have one.
    pub const COMPENSATION_MISSING: &str = "sagaline.CompensationMissing";
    /// A record that was sent to us could not be understood.
    pub const INVALID_INPUT: &str = "sagaline.InvalidInput";
    /// Options of an activity make no sense; the message names the field.
    pub const INVALID_OPTIONS: &str = "sagaline.InvalidOptions";
    /// A worker may be at the activity.
    pub const ATTEMPT_RUNNING: &str = "sagaline.AttemptRunning";
    /// What was asked for would begin something while it is paused.
    pub const PAUSED: &str = "sagaline.Paused";
    /// Somebody was faster: the incident is solved.
    pub const INCIDENT_RESOLVED: &str = "sagaline.IncidentResolved";
    /// The run's history is at its limit.
    pub const HISTORY_FULL: &str = "sagaline.HistoryFull";
    /// The workflow has no query of that name.
    pub const UNKNOWN_QUERY: &str = "sagaline.UnknownQuery";
    /// The workflow has no update of that name.
    pub const UNKNOWN_UPDATE: &str = "sagaline.UnknownUpdate";
    /// A question to a run did more than answer.
    pub const QUERY_CHANGED: &str = "sagaline.QueryChanged";
    /// The run's program cannot be asked before an incident is solved.
    pub const BLOCKED: &str = "sagaline.Blocked";
    /// A run cannot be reset to that event: the message says why, and to which it can.
    pub const CANNOT_RESET: &str = "sagaline.CannotReset";
    /// A record could not be delivered.
    pub const UNDELIVERABLE: &str = "sagaline.Undeliverable";
}

/// Whether it is one of an activity's four time-outs: nobody knows what the attempt did.
pub(crate) fn is_timeout(error_type: &Name) -> bool {
    matches!(
        error_type.as_str(),
        error_type::SCHEDULE_TO_START
            | error_type::START_TO_CLOSE
            | error_type::SCHEDULE_TO_CLOSE
            | error_type::HEARTBEAT
    )
}

/// Why an attempt, an activity or a run failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// For code to match on; those of [`error_type`] are Sagaline's own.
    #[serde(rename = "type")]
    pub error_type: Name,
    /// For people, at most [`ERROR_MESSAGE_BYTES_MAX`].
    pub message: Box<str>,
    /// Whatever else the author of the error gave.
    pub details: Option<Payload>,
    /// No attempt shall follow.
    pub non_retryable: bool,
}

impl Failure {
    /// A failure that may be retried.
    #[must_use]
    pub fn new(error_type: Name, message: impl Into<String>) -> Self {
        let mut message: String = message.into();
        if message.len() > ERROR_MESSAGE_BYTES_MAX {
            let end = (0..=ERROR_MESSAGE_BYTES_MAX)
                .rev()
                .find(|&at| message.is_char_boundary(at))
                .unwrap_or(0);
            message.truncate(end);
        }
        Self {
            error_type,
            message: message.into_boxed_str(),
            details: None,
            non_retryable: false,
        }
    }

    /// The same, never to be retried.
    #[must_use]
    pub fn non_retryable(mut self) -> Self {
        self.non_retryable = true;
        self
    }

    /// The same with details.
    #[must_use]
    pub fn with_details(mut self, details: Payload) -> Self {
        self.details = Some(details);
        self
    }
}
