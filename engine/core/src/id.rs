//! Identifiers. Each is a newtype, so that an activity's number is never taken for an attempt's.
//!
//! Names and workflow ids are shared strings: cloning one is a counter, not a copy.

use alloc::{string::ToString, sync::Arc};
use core::{fmt, num::NonZeroU32, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha1::{Digest as _, Sha1};
use uuid::{Builder, Uuid};

/// Longest workflow id in bytes; a longer one is rejected.
pub const WORKFLOW_ID_BYTES_MAX: usize = 255;

/// Longest name of a workflow, activity or task queue in bytes (Kafka's limit for a topic name).
pub const NAME_BYTES_MAX: usize = 249;

/// The id that a user gives to a workflow; at most one run of it is open at a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorkflowId(Arc<str>);

impl WorkflowId {
    /// Checks and takes an id.
    ///
    /// # Errors
    /// The text is empty or longer than [`WORKFLOW_ID_BYTES_MAX`].
    pub fn new(text: &str) -> Result<Self, InvalidId> {
        if text.is_empty() || text.len() > WORKFLOW_ID_BYTES_MAX {
            return Err(InvalidId {
                what: "workflow id",
                bytes: text.len(),
                bytes_max: WORKFLOW_ID_BYTES_MAX,
            });
        }
        Ok(Self(Arc::from(text)))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The 128-bit hash under which a closed id is remembered.
    #[must_use]
    pub fn hash128(&self) -> u128 {
        twox_hash::XxHash3_128::oneshot(self.0.as_bytes())
    }
}

impl fmt::Display for WorkflowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name of a workflow, activity, task queue, marker, error type …
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Name(Arc<str>);

impl Name {
    /// Checks and takes a name from outside.
    ///
    /// # Errors
    /// The text is empty or longer than [`NAME_BYTES_MAX`].
    pub fn new(text: &str) -> Result<Self, InvalidId> {
        if text.is_empty() || text.len() > NAME_BYTES_MAX {
            return Err(InvalidId {
                what: "name",
                bytes: text.len(),
                bytes_max: NAME_BYTES_MAX,
            });
        }
        Ok(Self(Arc::from(text)))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A name written in the code, which is known to fit.
impl From<&'static str> for Name {
    fn from(text: &'static str) -> Self {
        debug_assert!(!text.is_empty() && text.len() <= NAME_BYTES_MAX);
        Self(Arc::from(text))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is empty or too long to be an id or a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidId {
    /// What it was to be.
    pub what: &'static str,
    /// Its length.
    pub bytes: usize,
    /// The longest that is taken.
    pub bytes_max: usize,
}

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} bytes: 1 to {} are allowed",
            self.what, self.bytes, self.bytes_max
        )
    }
}

impl core::error::Error for InvalidId {}

/// One execution of a workflow: a UUIDv5, so that deciding the same start again gives the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(Uuid);

impl RunId {
    /// The run that a start makes: `namespace`, workflow id and the start's identity, each after its length.
    #[must_use]
    pub fn derive(namespace: &str, workflow_id: &WorkflowId, start_identity: &[u8]) -> Self {
        let parts = [
            namespace.as_bytes(),
            workflow_id.as_str().as_bytes(),
            start_identity,
        ];
        let mut hash = Sha1::new_with_prefix(RUN_NAMESPACE.as_bytes());
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut bytes = [0; 16];
        // The first 16 of 20, as RFC 9562 has it.
        for (byte, hashed) in bytes.iter_mut().zip(hash.finalize()) {
            *byte = hashed;
        }
        Self(Builder::from_sha1_bytes(bytes).into_uuid())
    }

    /// The 16 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

/// Names the version-5 UUIDs of runs; any fixed value does.
const RUN_NAMESPACE: Uuid = Uuid::from_u128(0x5a6a_11e0_9d3c_4b0e_8f57_5a6a_6c69_6e65);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for RunId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text).map(Self)
    }
}

impl Serialize for RunId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
    }
}

impl<'de> Deserialize<'de> for RunId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = RunId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a UUID as text")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<RunId, E> {
                text.parse()
                    .map_err(|e: uuid::Error| E::custom(e.to_string()))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// Number of an activity, timer or child within its run, from 1, in the order of the program's commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ActivityId(NonZeroU32);

impl ActivityId {
    /// The first of a run.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// The activity with this number, if there can be one.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }

    /// The one after this. A run's limits on history keep it far from the end of the range.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for ActivityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// One try of an activity, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attempt(NonZeroU32);

impl Attempt {
    /// The first attempt.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// The attempt with this number, if there can be one.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }

    /// The one after this.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Position of an event in its run's history, from 1.
pub type Seq = u64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_ids_are_uuids_of_version_5_and_stay_what_they_are() {
        let workflow_id = WorkflowId::new("order-4711").unwrap();

        let run_id = RunId::derive("shop", &workflow_id, b"start");

        assert_eq!(run_id.to_string(), "665645e3-2ba8-5d29-ad3f-f97483e31c6c");
    }
}
