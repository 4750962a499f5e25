//! Which events of a history are wanted.

use std::num::NonZeroU64;

use sagaline_core::{Event, view::HistoryEvent};
use serde_json::Value;

use super::super::call::Call;
use crate::problem::Problem;

/// Longest text that is looked for.
const TEXT_BYTES_MAX: usize = 1_000;

/// What an event must be; without anything every one is wanted.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    /// Its type is one of these.
    types: Vec<String>,
    /// It is of this activity, or of the compensation of it.
    activity_id: Option<u64>,
    /// Its JSON has this in it, in any case.
    text: Option<String>,
    /// It tells that something failed.
    failures: bool,
}

impl Wanted {
    pub(super) fn of(call: &Call) -> Result<Self, Problem> {
        let types = call.param("type").unwrap_or_default();
        let types = types.split(',').filter(|name| !name.is_empty());
        if let Some(unknown) = types.clone().find(|name| !Event::NAMES.contains(name)) {
            let text = format!("parameter `type`: no event has the name `{unknown}`");
            return Err(Problem::bad_request("invalid_parameter", text)
                .hint(format!("events are {}", Event::NAMES.join(", "))));
        }
        let text = call.param("text").filter(|text| !text.is_empty());
        if text.is_some_and(|text| text.len() > TEXT_BYTES_MAX) {
            let text = format!("parameter `text`: at most {TEXT_BYTES_MAX} bytes are looked for");
            return Err(Problem::bad_request("invalid_parameter", text));
        }
        Ok(Self {
            types: types.map(str::to_owned).collect(),
            activity_id: call
                .parsed::<NonZeroU64>("activity_id", "a number from 1 is expected")?
                .map(NonZeroU64::get),
            text: text.map(str::to_lowercase),
            failures: call.flag("failures")?.unwrap_or_default(),
        })
    }

    /// Whether an event is wanted.
    pub(super) fn selects(&self, event: &HistoryEvent<'_>) -> bool {
        let looks_inside = self.text.is_some() || self.activity_id.is_some() || self.failures;
        if self.types.is_empty() && !looks_inside {
            return true;
        }
        let Ok(json) = serde_json::to_value(event) else {
            return false;
        };
        let (name, attributes) = (
            json["type"].as_str().unwrap_or_default(),
            &json["attributes"],
        );
        let is_of_type = self.types.is_empty() || self.types.iter().any(|one| one == name);
        let is_of = |id: u64| {
            ["activity_id", "compensates"]
                .iter()
                .any(|key| attributes[key].as_u64() == Some(id))
        };
        is_of_type
            && self.activity_id.is_none_or(is_of)
            && (!self.failures || is_failure(name, attributes))
            && self
                .text
                .as_ref()
                .is_none_or(|text| json.to_string().to_lowercase().contains(text))
    }
}

fn is_failure(name: &str, attributes: &Value) -> bool {
    let tells = ["Failed", "TimedOut", "IncidentRaised", "Rejected"];
    attributes["failure"].is_object() || tells.iter().any(|end| name.ends_with(end))
}
