//! What a reader gives: valid batches with their transitions, and claims.

use sagaline_core::{Timestamp, Transition};
use sagaline_schemas::{Claim, Footer};

use crate::Record;

/// A place from which a partition can be read on: that of a valid footer or a valid claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Footing {
    /// Offset of the footer or claim; −1 before the first record.
    pub offset: i64,
    /// Epoch of the last valid claim there.
    pub epoch: u64,
    /// Number of the last valid batch there.
    pub batch_no: u64,
}

impl Footing {
    /// Before the first record.
    pub const START: Self = Self {
        offset: -1,
        epoch: 0,
        batch_no: 0,
    };
}

/// What a reader gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A valid batch.
    Batch(Batch),
    /// A claim, valid or void.
    Claim(ClaimSeen),
    /// A record that counts for nothing, a stranger's too. Only on request: [`crate::JournalReader::with_void_records`].
    Void(Record),
}

/// A valid batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Epoch of its owner.
    pub epoch: u64,
    /// Its number: one above that of the valid batch before it.
    pub batch_no: u64,
    /// Offset of its first record.
    pub first_offset: i64,
    /// Offset of its last record, which carries the footer.
    pub footer_offset: i64,
    /// When the broker appended the last record.
    pub appended_at: Timestamp,
    /// The footer.
    pub footer: Footer,
    /// Its transitions, in order; a mark has none.
    pub transitions: Vec<Journaled>,
}

impl Batch {
    /// The place right after this batch.
    #[must_use]
    pub fn footing(&self) -> Footing {
        Footing {
            offset: self.footer_offset,
            epoch: self.epoch,
            batch_no: self.batch_no,
        }
    }
}

/// A transition with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journaled {
    /// Offset of its record.
    pub offset: i64,
    /// Its record's place in the batch, from 0.
    pub index: u32,
    /// The transition.
    pub transition: Transition,
}

/// A claim with its verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimSeen {
    /// Its offset.
    pub offset: i64,
    /// When the broker appended it.
    pub appended_at: Timestamp,
    /// The claim.
    pub claim: Claim,
    /// Whether it is valid; a void one changes nothing.
    pub valid: bool,
}
