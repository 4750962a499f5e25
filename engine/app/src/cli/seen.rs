//! What the API says of runs, as commands read it for people: the same whether a server answered it or the journal was read.
//!
//! Invariant: nothing here refuses an answer for what it has more, or for what an older server leaves out.

use std::collections::BTreeMap;

use sagaline_core::{Payload, show::Read as _, view::View};
use serde::{Deserialize, Deserializer};
use serde_json::value::{RawValue, to_raw_value};

use crate::fault::Outcome;

/// Search attributes or a memo, with their JSON.
pub(super) type Fields = BTreeMap<String, Box<RawValue>>;

/// A run: a row of `GET /workflows`, or all of `GET /workflows/{id}`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Run {
    pub(super) workflow_id: String,
    pub(super) run_id: String,
    #[serde(deserialize_with = "known")]
    pub(super) workflow: String,
    #[serde(deserialize_with = "known")]
    pub(super) version: String,
    pub(super) status: String,
    pub(super) situation: Option<String>,
    pub(super) waiting_for: WaitingFor,
    pub(super) waits: Vec<Wait>,
    #[serde(deserialize_with = "known")]
    pub(super) started_at: String,
    pub(super) closed_at: Option<String>,
    pub(super) start_at: Option<String>,
    pub(super) next_attempt_at: Option<String>,
    pub(super) server_time: Option<String>,
    pub(super) first_run_id: Option<String>,
    pub(super) continued_from: Option<String>,
    pub(super) continued_as: Option<String>,
    pub(super) reset_of: Option<String>,
    pub(super) reset: Option<Reset>,
    pub(super) retry: Option<Retry>,
    pub(super) input: Option<Box<RawValue>>,
    pub(super) result: Option<Box<RawValue>>,
    pub(super) failure: Option<Failure>,
    pub(super) attributes: Fields,
    pub(super) memo: Fields,
    #[serde(deserialize_with = "known")]
    pub(super) history_events: u64,
    #[serde(deserialize_with = "known")]
    pub(super) history_bytes: u64,
    pub(super) journal_partition: i32,
    pub(super) pending_activities: Vec<Activity>,
    pub(super) pending_updates: Vec<Update>,
    pub(super) compensation: Option<Compensation>,
    pub(super) uncovered_steps: Vec<String>,
    pub(super) incidents: Vec<Incident>,
}

/// What is null is nothing: an owner remembers little of a run that has closed.
fn known<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// The sentence.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WaitingFor {
    pub(super) text: String,
}

/// Something that a run waits for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wait {
    pub(super) name: String,
    pub(super) choices: Vec<Choice>,
}

/// What a person may answer.
#[derive(Debug, Deserialize)]
pub(super) struct Choice {
    pub(super) label: String,
    pub(super) input: Box<RawValue>,
}

/// How a run came to be that begins with a copy.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Reset {
    pub(super) event_seq: u64,
    pub(super) by: String,
    pub(super) reason: Option<String>,
}

/// Which attempt of its workflow a run is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Retry {
    pub(super) attempt: u32,
    pub(super) maximum_attempts: Option<u32>,
}

/// Why something failed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Failure {
    #[serde(rename = "type")]
    pub(super) error_type: String,
    pub(super) message: String,
    pub(super) took_ms: u64,
    pub(super) worker: Option<String>,
}

/// An activity that has no outcome.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Activity {
    pub(super) activity: String,
    pub(super) activity_id: u64,
    pub(super) attempt: u32,
    pub(super) maximum_attempts: Option<u32>,
    pub(super) state: String,
    pub(super) task_queue: String,
    pub(super) sent_at: Option<String>,
    pub(super) started_at: Option<String>,
    pub(super) last_failure: Option<Failure>,
    pub(super) next_attempt_at: Option<String>,
}

/// An update that has not ended.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Update {
    pub(super) update_id: String,
    pub(super) update: String,
}

/// How what was done is undone.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Compensation {
    pub(super) steps: Vec<Step>,
}

/// One step of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Step {
    pub(super) of: String,
    pub(super) activity: String,
    pub(super) state: String,
}

/// What waits for a person.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Incident {
    pub(super) id: String,
    pub(super) workflow_id: String,
    pub(super) kind: String,
    pub(super) activity: Option<String>,
    pub(super) error_type: String,
    pub(super) message: String,
    pub(super) since: String,
}

impl Incident {
    /// `ship: attempts-exhausted, AddressUnknown: no such street`.
    pub(super) fn what(&self) -> String {
        let activity = self.activity.as_ref();
        let activity = activity.map_or_else(String::new, |name| format!("{name}: "));
        let message = self.message.lines().next().unwrap_or_default();
        format!("{activity}{}, {}: {message}", self.kind, self.error_type)
    }
}

impl Run {
    /// The run that is viewed.
    pub(super) fn of(view: &View<'_>) -> Outcome<Self> {
        let json = to_raw_value(&view.describe())?;
        Ok(serde_json::from_str(json.get())?)
    }

    /// Whether nothing follows in it any more.
    pub(super) const fn is_closed(&self) -> bool {
        self.closed_at.is_some()
    }
}

/// A payload that was shown; as bytes where it cannot be read back.
pub(super) fn payload(shown: &RawValue) -> Payload {
    Payload::read(shown).unwrap_or_else(|_| Payload::json(shown.get().as_bytes()))
}
