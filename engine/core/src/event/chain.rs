//! Runs of one workflow that follow each other.

use alloc::{boxed::Box, string::String};

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;

use crate::{
    ActivityId, RunId, Timestamp,
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
}

impl Show for Chain {
    fn show<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(5))?;
        map.serialize_entry("continued_from", &self.continued_from)?;
        map.serialize_entry("first_run_id", &self.first_run_id)?;
        map.serialize_entry("first_started_at", &Shown(&self.first_started_at))?;
        map.serialize_entry("first_activity_id", &self.first_activity_id)?;
        map.serialize_entry("carried_events", &self.carried_events)?;
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
