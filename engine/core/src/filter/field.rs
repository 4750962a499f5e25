//! The fields: their names, and of which kind their values are.

use super::{InvalidQuery, parse};
use crate::{Name, event::Outcome, view::Situation};

/// What a filter can ask about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// `Status`, also written `ExecutionStatus`.
    Status,
    /// `Open`
    Open,
    /// `Situation`
    Situation,
    /// `NeedsPerson`
    NeedsPerson,
    /// `WorkflowId`
    WorkflowId,
    /// `RunId`
    RunId,
    /// `WorkflowType`
    WorkflowType,
    /// `Version`
    Version,
    /// `StartTime`
    StartTime,
    /// `CloseTime`
    CloseTime,
    /// `Duration`: of an open run, how long it goes on already.
    Duration,
    /// `TaskQueue`: of a pending activity.
    TaskQueue,
    /// `Activity`: name of a pending activity.
    Activity,
    /// `ActivityId`: of a pending activity.
    ActivityId,
    /// `LastFailureType`: of a pending activity, or of an incident.
    LastFailureType,
    /// `Attempt`: of a pending activity.
    Attempt,
    /// `NextAttemptAt`: of a pending activity.
    NextAttemptAt,
    /// `Compensation`
    Compensation,
    /// `Incidents`: how many are open.
    Incidents,
    /// `ParentWorkflowId`: null of a run that is nobody's child.
    ParentWorkflowId,
    /// A search attribute.
    Attribute(Name),
}

/// Of which kind a field's values are: what it can be compared with, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// One of a few texts.
    Word(&'static [&'static str]),
    /// A version, by its numbers.
    Version,
    /// A number.
    Number,
    /// `true` or `false`.
    Bool,
    /// An instant, by the millisecond.
    Time,
    /// A length of time, by the millisecond.
    Span,
    /// Whatever an attribute has.
    Any,
}

impl Field {
    /// All but attributes.
    pub const KNOWN: [Self; 20] = [
        Self::Status,
        Self::Open,
        Self::Situation,
        Self::NeedsPerson,
        Self::WorkflowId,
        Self::RunId,
        Self::WorkflowType,
        Self::Version,
        Self::StartTime,
        Self::CloseTime,
        Self::Duration,
        Self::TaskQueue,
        Self::Activity,
        Self::ActivityId,
        Self::LastFailureType,
        Self::Attempt,
        Self::NextAttemptAt,
        Self::Compensation,
        Self::Incidents,
        Self::ParentWorkflowId,
    ];

    /// Reads a field as a filter writes it: what runs are grouped by, say.
    ///
    /// # Errors
    /// The text is no field: says where, what was found there and what was expected.
    ///
    /// # Example: an attribute that is called like a field
    /// ```
    /// use sagaline_core::{Name, filter::Field};
    ///
    /// assert_eq!(Field::parse("Status").unwrap(), Field::Status);
    /// assert_eq!(Field::parse("`Status`").unwrap(), Field::Attribute(Name::from("Status")));
    /// assert!(Field::parse("status").unwrap_err().hint.unwrap().starts_with("did you mean Status?"));
    /// ```
    pub fn parse(text: &str) -> Result<Self, InvalidQuery> {
        parse::field(text)
    }

    /// Its name, as it is written.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Status => "Status",
            Self::Open => "Open",
            Self::Situation => "Situation",
            Self::NeedsPerson => "NeedsPerson",
            Self::WorkflowId => "WorkflowId",
            Self::RunId => "RunId",
            Self::WorkflowType => "WorkflowType",
            Self::Version => "Version",
            Self::StartTime => "StartTime",
            Self::CloseTime => "CloseTime",
            Self::Duration => "Duration",
            Self::TaskQueue => "TaskQueue",
            Self::Activity => "Activity",
            Self::ActivityId => "ActivityId",
            Self::LastFailureType => "LastFailureType",
            Self::Attempt => "Attempt",
            Self::NextAttemptAt => "NextAttemptAt",
            Self::Compensation => "Compensation",
            Self::Incidents => "Incidents",
            Self::ParentWorkflowId => "ParentWorkflowId",
            Self::Attribute(name) => name.as_str(),
        }
    }

    /// Of which kind its values are.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Status => Kind::Word(&STATUSES),
            Self::Situation => Kind::Word(&SITUATIONS),
            Self::Compensation => Kind::Word(&COMPENSATIONS),
            Self::WorkflowId
            | Self::RunId
            | Self::WorkflowType
            | Self::TaskQueue
            | Self::Activity
            | Self::LastFailureType
            | Self::ParentWorkflowId => Kind::Text,
            Self::Version => Kind::Version,
            Self::Open | Self::NeedsPerson => Kind::Bool,
            Self::StartTime | Self::CloseTime | Self::NextAttemptAt => Kind::Time,
            Self::Duration => Kind::Span,
            Self::ActivityId | Self::Attempt | Self::Incidents => Kind::Number,
            Self::Attribute(_) => Kind::Any,
        }
    }

    /// Whether it is told of each pending activity.
    #[must_use]
    pub const fn is_of_activity(&self) -> bool {
        match self {
            Self::TaskQueue
            | Self::Activity
            | Self::ActivityId
            | Self::LastFailureType
            | Self::Attempt
            | Self::NextAttemptAt => true,
            Self::Status
            | Self::Open
            | Self::Situation
            | Self::NeedsPerson
            | Self::WorkflowId
            | Self::RunId
            | Self::WorkflowType
            | Self::Version
            | Self::StartTime
            | Self::CloseTime
            | Self::Duration
            | Self::Compensation
            | Self::Incidents
            | Self::ParentWorkflowId
            | Self::Attribute(_) => false,
        }
    }

    /// The field of that name, if it is not an attribute's.
    pub(super) fn known(name: &str) -> Option<Self> {
        match name {
            "ExecutionStatus" => Some(Self::Status),
            _ => Self::KNOWN.into_iter().find(|field| field.name() == name),
        }
    }

    /// The field whose name differs at most in small and capital letters.
    pub(super) fn alike(name: &str) -> Option<Self> {
        let is_alike = |field: &Self| field.name().eq_ignore_ascii_case(name);
        let status = "ExecutionStatus".eq_ignore_ascii_case(name);
        let mut known = Self::KNOWN.into_iter();
        match status {
            true => Some(Self::Status),
            false => known.find(is_alike),
        }
    }
}

const STATUSES: [&str; 8] = [
    "Running",
    Outcome::Completed.status(),
    Outcome::Failed.status(),
    Outcome::Canceled.status(),
    Outcome::Terminated.status(),
    Outcome::TimedOut.status(),
    Outcome::ContinuedAsNew.status(),
    "Paused",
];

const SITUATIONS: [&str; 7] = [
    Situation::Incident.as_str(),
    Situation::Paused.as_str(),
    Situation::Compensating.as_str(),
    Situation::NoWorker.as_str(),
    Situation::Retrying.as_str(),
    Situation::Working.as_str(),
    Situation::Waiting.as_str(),
];

const COMPENSATIONS: [&str; 5] = ["registered", "running", "completed", "failed", "parked"];

impl Kind {
    /// Whether its values have an order that means something.
    pub(super) const fn is_ordered(self) -> bool {
        match self {
            Self::Text | Self::Version | Self::Number | Self::Time | Self::Span | Self::Any => true,
            Self::Word(_) | Self::Bool => false,
        }
    }

    /// Whether its values can be looked into.
    pub(super) const fn has_parts(self) -> bool {
        match self {
            Self::Text | Self::Any => true,
            Self::Word(_) | Self::Version | Self::Number | Self::Bool | Self::Time | Self::Span => {
                false
            }
        }
    }

    /// The operators that it knows.
    pub(super) const fn operators(self) -> &'static str {
        match (self.is_ordered(), self.has_parts()) {
            (_, true) => "=, !=, >, >=, <, <=, IN, BETWEEN, STARTS_WITH, CONTAINS or IS",
            (true, false) => "=, !=, >, >=, <, <=, IN, BETWEEN or IS",
            (false, false) => "=, !=, IN or IS",
        }
    }
}
