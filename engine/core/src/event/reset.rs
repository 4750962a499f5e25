//! A run that was reset: it begins with a copy of another's history.

use alloc::{boxed::Box, string::String, vec::Vec};

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;

use super::WorkflowStarted;
use crate::{
    Name, RunId, Seq, Timestamp,
    show::{Attributes, Read, Show, Shown},
};

/// How a run came to be that begins with copies of another's events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reset {
    /// The last event that is a copy: it has the same position in both histories, and so has each before it.
    pub event_seq: Seq,
    /// When that was: the run's time-out counts from then.
    pub started_at: Timestamp,
    /// The run of the workflow id that was the newest before.
    pub continued_from: RunId,
    /// The first run of the chain.
    pub first_run_id: RunId,
    /// When that began: the execution time-out counts from then.
    pub first_started_at: Timestamp,
    /// In which runs the copied events happened, in order. More than one: the other run was reset before.
    pub origins: Vec<Origin>,
    /// Who did it.
    pub actor: Name,
    /// Why, in their words.
    pub reason: Option<Box<str>>,
}

/// Where copied events happened first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// In this run.
    pub run_id: RunId,
    /// Up to this event.
    pub event_seq: Seq,
}

impl Reset {
    /// In which run an event happened; none: in the run that was reset itself.
    pub(crate) fn origin_of(&self, seq: Seq) -> Option<RunId> {
        let found = self.origins.iter().find(|origin| seq <= origin.event_seq);
        found.map(|origin| origin.run_id)
    }
}

impl WorkflowStarted {
    /// The run in whose place this one goes on.
    #[must_use]
    pub fn continued_from(&self) -> Option<RunId> {
        match (&self.reset, &self.chain) {
            (Some(reset), _) => Some(reset.continued_from),
            (None, chain) => chain.as_ref().map(|chain| chain.continued_from),
        }
    }
}

impl Show for Origin {
    fn show<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("run_id", &self.run_id)?;
        map.serialize_entry("event_seq", &self.event_seq)?;
        map.end()
    }
}

impl Read for Origin {
    fn read(shown: &RawValue) -> Result<Self, String> {
        let of = Attributes::of(shown)?;
        Ok(Self {
            run_id: of.read("run_id")?,
            event_seq: of.read("event_seq")?,
        })
    }
}

impl Show for Box<Reset> {
    fn show<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(8))?;
        map.serialize_entry("event_seq", &self.event_seq)?;
        map.serialize_entry("started_at", &Shown(&self.started_at))?;
        map.serialize_entry("continued_from", &self.continued_from)?;
        map.serialize_entry("first_run_id", &self.first_run_id)?;
        map.serialize_entry("first_started_at", &Shown(&self.first_started_at))?;
        map.serialize_entry("origins", &Shown(&self.origins))?;
        map.serialize_entry("actor", &self.actor)?;
        map.serialize_entry("reason", &Shown(&self.reason))?;
        map.end()
    }
}

impl Read for Box<Reset> {
    fn read(shown: &RawValue) -> Result<Self, String> {
        let of = Attributes::of(shown)?;
        Ok(Self::new(Reset {
            event_seq: of.read("event_seq")?,
            started_at: of.read("started_at")?,
            continued_from: of.read("continued_from")?,
            first_run_id: of.read("first_run_id")?,
            first_started_at: of.read("first_started_at")?,
            origins: of.read("origins")?,
            actor: of.read("actor")?,
            reason: of.read("reason")?,
        }))
    }
}
