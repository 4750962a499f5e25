//! Footers: what makes a batch count.

use std::sync::LazyLock;

use sagaline_core::{Cause, RunId, Timestamp, WorkflowId};
use serde::{Deserialize, Serialize};

use crate::{Error, codec::Codec};

/// The schema of [`Footer`].
pub const FOOTER_AVSC: &str = include_str!("../avro/footer.avsc");

static CODEC: LazyLock<Codec> = LazyLock::new(|| Codec::new("footer", &[FOOTER_AVSC]));

/// Header `sl-footer` of a batch's last record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Footer {
    /// Of the owner's claim.
    pub epoch: u64,
    /// One above that of the last valid batch.
    pub batch_no: u64,
    /// Number of records of the batch.
    pub count: u32,
    /// The batch's time; never goes back within a partition.
    pub now: Timestamp,
    /// How far each input has been dealt with.
    pub inputs: Vec<InputPosition>,
    /// All effects of the batches up to this number have been delivered, or are no longer wanted.
    pub effects_done: u64,
    /// Number of open runs after this batch.
    pub open_runs: u64,
    /// Digest of all state after this batch. Avro has no unsigned numbers: it is written as the `long` of the same bits.
    #[serde(with = "same_bits")]
    pub digest: u64,
    /// The next thing that the owner does alone, because an earlier owner may have died of it.
    pub trying: Option<Trying>,
}

/// How far an input has been dealt with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputPosition {
    /// The topic; its partition is the journal's.
    pub topic: String,
    /// Offset of the first record that has not been dealt with.
    pub next_offset: i64,
}

/// One activation that is announced before it is tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trying {
    /// The run.
    pub run_id: RunId,
    /// Its workflow.
    pub workflow_id: WorkflowId,
    /// The input that activates it.
    pub cause: Cause,
}

/// Appends a footer to `into`.
///
/// # Errors
/// [`Error::Unencodable`] and [`Error::TooLarge`]; `into` is then as before.
pub fn encode_footer(footer: &Footer, into: &mut Vec<u8>) -> Result<(), Error> {
    CODEC.encode(footer, into)
}

/// Reads a footer that any build wrote.
///
/// # Errors
/// As [`crate::decode_transition`].
pub fn decode_footer(value: &[u8]) -> Result<Footer, Error> {
    CODEC.decode(value)
}

mod same_bits {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(number.cast_signed())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        i64::deserialize(deserializer).map(i64::cast_unsigned)
    }
}
