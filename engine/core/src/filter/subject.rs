//! What a filter is asked about, and what its fields are there.

use alloc::{
    borrow::{Cow, ToOwned},
    boxed::Box,
    string::{String, ToString},
    vec::Vec,
};
use core::cmp::Ordering;

use serde_json::value::RawValue;

use super::{Field, Number, Value, Version, number, value::in_millis, version};
use crate::{
    Activity, ActivityId, Failure, Millis, Name, Timestamp,
    run::Incident,
    view::{self, View},
};

/// A run, seen by itself, with one of its pending activities, or with one of its open incidents.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    view: View<'a>,
    activity: Option<&'a Activity>,
    incident: Option<&'a Incident>,
}

/// What a field is.
#[derive(Clone, Debug)]
pub(super) enum Seen<'a> {
    Null,
    Text(Cow<'a, str>),
    Number(Cow<'a, str>),
    Bool(bool),
    Time(Timestamp),
    Span(Millis),
    Version(&'a str),
    /// A list of JSON.
    List(Vec<Self>),
    /// There is something, but nothing that can be compared.
    Other,
}

impl<'a> Subject<'a> {
    /// A run. What is told of activities is told of the one that its sentence is about.
    #[must_use]
    pub fn run(view: &View<'a>) -> Self {
        Self {
            view: *view,
            activity: view::most_urgent(view),
            incident: None,
        }
    }

    /// One of the run's pending activities.
    #[must_use]
    pub const fn activity(view: &View<'a>, activity: &'a Activity) -> Self {
        Self {
            view: *view,
            activity: Some(activity),
            incident: None,
        }
    }

    /// One of the run's open incidents, with its activity if that is pending.
    #[must_use]
    pub fn incident(view: &View<'a>, incident: &'a Incident) -> Self {
        Self {
            view: *view,
            activity: incident.activity_id.and_then(|id| view.run.activity(id)),
            incident: Some(incident),
        }
    }

    /// What a field is, as JSON has it: what runs are grouped by. Absent is null; an attribute stays as it was given.
    #[must_use]
    pub fn json(&self, field: &Field) -> Box<RawValue> {
        let given = if let Field::Attribute(name) = field {
            self.given(name)
        } else {
            None
        };
        let json = given.map_or_else(|| self.field(field).to_json(), String::from);
        RawValue::from_string(json).unwrap_or_else(|_| RawValue::NULL.to_owned())
    }

    /// What a field is.
    pub(super) fn field(&self, field: &Field) -> Seen<'a> {
        let (view, run) = (&self.view, self.view.run);
        let is_open = run.closed.is_none();
        match field {
            Field::Status => Seen::text(view.status()),
            Field::Open => Seen::Bool(is_open),
            Field::Situation => {
                Seen::of(view.situation(), |situation| Seen::text(situation.as_str()))
            }
            Field::NeedsPerson => Seen::Bool(view.needs_person()),
            Field::WorkflowId => Seen::text(view.workflow_id.as_str()),
            Field::RunId => Seen::Text(Cow::Owned(run.run_id.to_string())),
            Field::WorkflowType => Seen::name(&run.started.workflow),
            Field::Version => Seen::version(&run.started.version),
            Field::StartTime => Seen::time(run.started_at),
            Field::CloseTime => Seen::of(run.closed.as_ref(), |closed| Seen::time(closed.at)),
            Field::Duration => {
                let end = run
                    .closed
                    .as_ref()
                    .map_or(view.server_time, |closed| closed.at);
                Seen::Span(end.since(run.started_at))
            }
            Field::Compensation => Seen::of(view::state_of(run), Seen::text),
            Field::Incidents => Seen::count(run.incidents.len()),
            Field::ParentWorkflowId => Seen::of(run.started.parent.as_ref(), |parent| {
                Seen::text(parent.workflow_id.as_str())
            }),
            Field::Attribute(name) => self.attribute(name),
            Field::TaskQueue => {
                Seen::of(self.activity, |one| Seen::name(&one.scheduled.task_queue))
            }
            Field::Activity => Seen::of(self.activity_name(), Seen::name),
            Field::ActivityId => Seen::of(self.activity_id(), |id| Seen::count(id.get() as usize)),
            Field::LastFailureType => {
                Seen::of(self.failure(), |failure| Seen::name(&failure.error_type))
            }
            Field::Attempt => {
                Seen::of(self.activity, |one| Seen::count(one.attempt.get() as usize))
            }
            Field::NextAttemptAt => {
                let next = self
                    .activity
                    .and_then(|activity| view::next_attempt_at(run, activity));
                Seen::of(next.copied(), Seen::time)
            }
        }
    }

    /// An incident's activity need not be pending any more.
    fn activity_name(&self) -> Option<&'a Name> {
        match self.incident {
            Some(incident) => incident.activity.as_ref(),
            None => Some(&self.activity?.scheduled.activity),
        }
    }

    fn activity_id(&self) -> Option<ActivityId> {
        match self.incident {
            Some(incident) => incident.activity_id,
            None => Some(self.activity?.activity_id),
        }
    }

    fn failure(&self) -> Option<&'a Failure> {
        match self.incident {
            Some(incident) => Some(&incident.failure),
            None => Some(&self.activity?.last_failure.as_ref()?.failure),
        }
    }

    fn attribute(&self, name: &Name) -> Seen<'a> {
        self.given(name).map_or(Seen::Null, Seen::json)
    }

    /// An attribute as it was given.
    fn given(&self, name: &Name) -> Option<&'a str> {
        let attributes = self.view.run.started.attributes.as_ref();
        let field = attributes?.iter().find(|field| field.name == *name);
        field.map(|field| &*field.json)
    }
}

impl<'a> Seen<'a> {
    fn of<T>(value: Option<T>, seen: impl FnOnce(T) -> Self) -> Self {
        value.map_or(Self::Null, seen)
    }

    const fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    fn name(name: &'a Name) -> Self {
        Self::text(name.as_str())
    }

    fn count(count: usize) -> Self {
        Self::Number(Cow::Owned(count.to_string()))
    }

    /// A run that began while nobody had its program has none.
    fn version(text: &'a str) -> Self {
        Seen::of(Version::new(text), |_| Self::Version(text))
    }

    const fn time(at: Timestamp) -> Self {
        Self::Time(in_millis(at))
    }

    /// A value of JSON; lists by their elements.
    fn json(json: &'a str) -> Self {
        match serde_json::from_str::<Vec<&RawValue>>(json) {
            Ok(elements) => {
                let elements = elements.into_iter();
                Self::List(
                    elements
                        .map(|element| Self::scalar(element.get()))
                        .collect(),
                )
            }
            Err(_) => Self::scalar(json.trim_ascii()),
        }
    }

    fn scalar(json: &'a str) -> Self {
        match json.bytes().next() {
            Some(b'"') => match serde_json::from_str::<String>(json) {
                Ok(text) => Self::Text(Cow::Owned(text)),
                Err(_) => Self::Other,
            },
            Some(b'-' | b'0'..=b'9') => match Number::new(json) {
                Some(_) => Self::Number(Cow::Borrowed(json)),
                None => Self::Other,
            },
            Some(_) if json == "true" => Self::Bool(true),
            Some(_) if json == "false" => Self::Bool(false),
            Some(_) if json == "null" => Self::Null,
            Some(_) | None => Self::Other,
        }
    }

    /// As JSON has it.
    fn to_json(&self) -> String {
        let quoted = |text: &str| serde_json::to_string(text).unwrap_or_default();
        match self {
            Self::Null | Self::Other | Self::List(_) => String::from("null"),
            Self::Text(text) => quoted(text),
            Self::Number(number) => String::from(&**number),
            Self::Bool(value) => value.to_string(),
            Self::Time(at) => quoted(&at.to_rfc3339()),
            Self::Span(span) => span.0.to_string(),
            Self::Version(version) => quoted(version),
        }
    }

    /// How it stands to a value; none where they cannot be compared.
    pub(super) fn compare(&self, value: &Value) -> Option<Ordering> {
        match (self, value) {
            (Self::Text(seen), Value::Text(text)) => Some(seen.as_ref().cmp(text)),
            (Self::Number(seen), Value::Number(number)) => number::compare(seen, number.as_str()),
            (Self::Bool(seen), Value::Bool(value)) => Some(seen.cmp(value)),
            (Self::Time(seen), Value::Time(at)) => Some(seen.cmp(at)),
            (Self::Span(seen), Value::Span(span)) => Some(seen.cmp(span)),
            (Self::Version(seen), Value::Version(version)) => {
                version::compare(seen, version.as_str())
            }
            _ => None,
        }
    }

    /// An order of all: what is of one kind together, what is absent last.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        let same_kind = match (self, other) {
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            (Self::Number(a), Self::Number(b)) => number::compare(a, b),
            (Self::Bool(a), Self::Bool(b)) => Some(a.cmp(b)),
            (Self::Time(a), Self::Time(b)) => Some(a.cmp(b)),
            (Self::Span(a), Self::Span(b)) => Some(a.cmp(b)),
            (Self::Version(a), Self::Version(b)) => version::compare(a, b),
            _ => None,
        };
        same_kind.unwrap_or_else(|| self.rank().cmp(&other.rank()))
    }

    const fn rank(&self) -> u8 {
        match self {
            Self::Bool(_) => 0,
            Self::Number(_) => 1,
            Self::Time(_) | Self::Span(_) | Self::Version(_) => 2,
            Self::Text(_) => 3,
            Self::List(_) => 4,
            Self::Other => 5,
            Self::Null => 6,
        }
    }
}
