//! What a run waits for that no event of its own shows: a signal, a condition, an update, children.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;

use crate::{
    Name, Payload, Timestamp,
    show::{Attributes, Read, Show, Shown, shown_as_serialized},
};

/// Most waits that are told of; a run may wait for more.
pub const WAITS_MAX: usize = 100;

/// Bytes of the choices of all waits that are told of, labels and inputs; those that are over it are not told.
pub const CHOICES_BYTES_MAX: usize = 64 * 1024;

/// The same waits, as many and with as many choices as may be told of.
pub(crate) fn bounded(mut waits: Vec<Wait>) -> Vec<Wait> {
    waits.truncate(WAITS_MAX);
    let mut bytes = 0_usize;
    for wait in &mut waits {
        wait.choices.retain(|choice| {
            let more = choice.label.len().saturating_add(choice.input.data().len());
            bytes = bytes.saturating_add(more);
            bytes <= CHOICES_BYTES_MAX
        });
    }
    waits
}

/// Something that a run waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// What kind.
    pub kind: WaitFor,
    /// Its name: of a signal, of an update, of a condition.
    pub name: Name,
    /// Since when.
    pub since: Timestamp,
    /// When it is given up; none: never.
    pub deadline: Option<Timestamp>,
    /// What a person may answer.
    pub choices: Vec<Choice>,
    /// Of children, how many there will be.
    pub total: Option<u64>,
}

/// What kind of wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WaitFor {
    /// A signal of that name.
    #[serde(rename = "signal")]
    Signal,
    /// Something in the run's own state.
    #[serde(rename = "condition")]
    Condition,
    /// An update of that name.
    #[serde(rename = "update")]
    Update,
    /// Children.
    #[serde(rename = "children")]
    Children,
}

/// An answer that a person may give.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// For people.
    pub label: String,
    /// What it sends.
    pub input: Payload,
}

shown_as_serialized!(WaitFor);

impl Show for Wait {
    fn show<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(6))?;
        map.serialize_entry("kind", &self.kind)?;
        map.serialize_entry("name", &self.name)?;
        map.serialize_entry("since", &Shown(&self.since))?;
        map.serialize_entry("deadline", &Shown(&self.deadline))?;
        map.serialize_entry("choices", &Shown(&self.choices))?;
        map.serialize_entry("total", &self.total)?;
        map.end()
    }
}

impl Show for Choice {
    fn show<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("label", &self.label)?;
        map.serialize_entry("input", &Shown(&self.input))?;
        map.end()
    }
}

impl Read for Wait {
    fn read(shown: &RawValue) -> Result<Self, String> {
        let of = Attributes::of(shown)?;
        Ok(Self {
            kind: of.read("kind")?,
            name: of.read("name")?,
            since: of.read("since")?,
            deadline: of.read("deadline")?,
            choices: of.read("choices")?,
            total: of.read("total")?,
        })
    }
}

impl Read for Choice {
    fn read(shown: &RawValue) -> Result<Self, String> {
        let of = Attributes::of(shown)?;
        Ok(Self {
            label: of.read("label")?,
            input: of.read("input")?,
        })
    }
}
