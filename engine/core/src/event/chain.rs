//! Runs of one workflow that follow each other.

use alloc::{boxed::Box, string::String, vec::Vec};

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;

use super::ParentClosePolicy;
use crate::{
    ActivityId, Failure, Name, Payload, RunId, Timestamp, WorkflowId,
    show::{Attributes, Read, Show, Shown},
};

/// Where a run that follows another stands in the chain of its workflow's runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// The run before.
    pub continued_from: RunId,
    /// The first run.
    pub first_run_id: RunId,
    /// When the first run began: the execution time-out counts from then.
    pub first_started_at: Timestamp,
    /// The number that the program's first activity or timer gets: numbers of what was carried over are never used again.
    pub first_activity_id: ActivityId,
    /// How many events behind the run's first are copies of what had come to the run before and was left: a request to
    /// stop, signals.
    pub carried_events: u32,
    /// Children that the program of the run before has handed to that of this one.
    pub children: Vec<CarriedChild>,
}

/// A child that one run of a chain hands to the next, so that its program can await it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarriedChild {
    /// Its number.
    pub child_id: ActivityId,
    /// Its workflow.
    pub workflow: Name,
    /// Its workflow id.
    pub workflow_id: WorkflowId,
    /// What the end of its parents means for it.
    pub close_policy: ParentClosePolicy,
    /// What it returned, if it has.
    pub result: Option<Payload>,
    /// Why it failed, if it has.
    pub failure: Option<Failure>,
    /// It was cancelled.
    pub canceled: bool,
}

impl CarriedChild {
    /// Bytes of what its end says.
    pub(crate) fn bytes(&self) -> usize {
        let result = self.result.as_ref().map_or(0, |one| one.data().len());
        let failure = self.failure.as_ref().map_or(0, |failure| {
            let details = failure.details.as_ref();
            let details = details.map_or(0, |one| one.data().len());
            failure.message.len().saturating_add(details)
        });
        result.saturating_add(failure)
    }
}

impl Show for CarriedChild {
    fn show<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(7))?;
        map.serialize_entry("child_id", &self.child_id)?;
        map.serialize_entry("workflow", &self.workflow)?;
        map.serialize_entry("workflow_id", &self.workflow_id)?;
        map.serialize_entry("close_policy", self.close_policy.as_str())?;
        map.serialize_entry("result", &Shown(&self.result))?;
        map.serialize_entry("failure", &Shown(&self.failure))?;
        map.serialize_entry("canceled", &self.canceled)?;
        map.end()
    }
}

impl Read for CarriedChild {
    fn read(shown: &RawValue) -> Result<Self, String> {
        let of = Attributes::of(shown)?;
        Ok(Self {
            child_id: of.read("child_id")?,
            workflow: of.read("workflow")?,
            workflow_id: of.read("workflow_id")?,
            close_policy: of.read("close_policy")?,
            result: of.read("result")?,
            failure: of.read("failure")?,
            canceled: of.read("canceled")?,
        })
    }
}

impl Show for Chain {
    fn show<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(6))?;
        map.serialize_entry("continued_from", &self.continued_from)?;
        map.serialize_entry("first_run_id", &self.first_run_id)?;
        map.serialize_entry("first_started_at", &Shown(&self.first_started_at))?;
        map.serialize_entry("first_activity_id", &self.first_activity_id)?;
        map.serialize_entry("carried_events", &self.carried_events)?;
        map.serialize_entry("children", &Shown(&self.children))?;
        map.end()
    }
}

impl Read for Chain {
    fn read(shown: &RawValue) -> Result<Self, String> {
        let of = Attributes::of(shown)?;
        Ok(Self {
            continued_from: of.read("continued_from")?,
            first_run_id: of.read("first_run_id")?,
            first_started_at: of.read("first_started_at")?,
            first_activity_id: of.read("first_activity_id")?,
            carried_events: of.read("carried_events")?,
            children: of.read("children")?,
        })
    }
}

impl Show for Box<Chain> {
    fn show<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).show(serializer)
    }
}

impl Read for Box<Chain> {
    fn read(shown: &RawValue) -> Result<Self, String> {
        Chain::read(shown).map(Self::new)
    }
}
