//! Builds the records of claims and batches.
//!
//! Deliberately absent: sending them, and who may. Invariant: what is built here a [`crate::JournalReader`] reads; both
//! keep the same limits.

use std::sync::Arc;

use sagaline_core::Transition;
use sagaline_schemas::{self as schemas, Claim, Footer};

use crate::{BatchIndex, Error, ErrorKind, Headers, NewRecord, split::split, wire};

/// Largest value of a transition that has more than one event; a larger one is split. One event alone may be larger, up
/// to [`sagaline_schemas::VALUE_BYTES_MAX`].
pub const RECORD_BYTES_MAX: usize = 1024 * 1024;

/// Most records of a batch.
pub const BATCH_RECORDS_MAX: u32 = 65_536;

/// Most bytes of a batch: keys, values and headers of all its records. A reader holds them until the footer comes.
pub const BATCH_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A transition as it goes into a batch: encoded once, its size known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedTransition {
    key: Option<Vec<u8>>,
    value: Vec<u8>,
}

impl EncodedTransition {
    /// Encodes a transition and appends it to `into`: one record, or several of at most [`RECORD_BYTES_MAX`].
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`]: an event alone is over a limit of the schemas. `into` is then as before.
    pub fn append(transition: &Transition, into: &mut Vec<Self>) -> Result<(), Error> {
        match Self::encode(transition) {
            Ok(encoded)
                if encoded.value.len() <= RECORD_BYTES_MAX || transition.events.len() <= 1 =>
            {
                into.push(encoded)
            }
            Err(error) if transition.events.len() <= 1 => return Err(error),
            _ => {
                let parts = split(transition.clone())?
                    .iter()
                    .map(Self::encode)
                    .collect::<Result<Vec<_>, _>>()?;
                into.extend(parts);
            }
        }
        Ok(())
    }

    /// Bytes of key and value.
    #[must_use]
    pub fn size(&self) -> usize {
        self.key.as_ref().map_or(0, Vec::len) + self.value.len()
    }

    fn encode(transition: &Transition) -> Result<Self, Error> {
        let mut value = Vec::with_capacity(512);
        schemas::encode_transition(transition, &mut value).map_err(unencodable)?;
        let key = transition
            .workflow_id
            .as_ref()
            .map(|id| id.as_str().as_bytes().to_vec());
        Ok(Self { key, value })
    }
}

/// Builds the records of one journal partition.
#[derive(Clone, Debug)]
pub struct JournalWriter {
    topic: Arc<str>,
    partition: i32,
}

impl JournalWriter {
    /// A writer for this partition of the journal.
    #[must_use]
    pub fn new(topic: Arc<str>, partition: i32) -> Self {
        Self { topic, partition }
    }

    /// The record of a claim.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`]: the claim is over a limit of the schemas.
    pub fn claim(&self, claim: &Claim) -> Result<NewRecord, Error> {
        let mut value = Vec::new();
        schemas::encode_claim(claim, &mut value).map_err(unencodable)?;
        let mut record = self.record(None, Some(value));
        record.push_header(wire::header::KIND, wire::kind::CLAIM);
        Ok(record)
    }

    /// The records of a batch, in order; without transitions, one bare mark. The footer's `count` is set here.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`]: more than [`BATCH_RECORDS_MAX`] or [`BATCH_BYTES_MAX`], or a footer over a limit of the
    /// schemas.
    pub fn batch(
        &self,
        transitions: Vec<EncodedTransition>,
        mut footer: Footer,
    ) -> Result<Vec<NewRecord>, Error> {
        footer.count = count(transitions.len())?;
        let mut encoded_footer = Vec::new();
        schemas::encode_footer(&footer, &mut encoded_footer).map_err(unencodable)?;

        let mut records = self.bodies(transitions, &footer);
        if let Some(last) = records.last_mut() {
            last.push_header(wire::header::FOOTER, encoded_footer);
        }
        let bytes: usize = records.iter().map(NewRecord::size).sum();
        if bytes > BATCH_BYTES_MAX {
            return Err(too_large(format!(
                "a batch of {bytes} bytes: at most {BATCH_BYTES_MAX} are written"
            )));
        }
        Ok(records)
    }

    fn bodies(&self, transitions: Vec<EncodedTransition>, footer: &Footer) -> Vec<NewRecord> {
        if transitions.is_empty() {
            return vec![self.place(self.record(None, None), wire::kind::MARK, footer, 0)];
        }
        let records = transitions.into_iter().zip(0..).map(|(transition, index)| {
            let record = self.record(transition.key, Some(transition.value));
            self.place(record, wire::kind::TRANSITION, footer, index)
        });
        records.collect()
    }

    fn place(
        &self,
        mut record: NewRecord,
        kind: &'static str,
        footer: &Footer,
        index: u64,
    ) -> NewRecord {
        let at = BatchIndex {
            epoch: footer.epoch,
            batch_no: footer.batch_no,
            index,
        };
        record.push_header(wire::header::KIND, kind);
        record
            .headers
            .write(wire::header::BATCH, format_args!("{at}"));
        record
    }

    fn record(&self, key: Option<Vec<u8>>, value: Option<Vec<u8>>) -> NewRecord {
        let headers = Headers::with_capacity(3, PLACE_BYTES);
        NewRecord {
            topic: self.topic.clone(),
            partition: self.partition,
            key,
            value,
            headers,
        }
    }
}

/// Room for what a record's headers say of its place; a footer takes more.
const PLACE_BYTES: usize = 48;

fn count(transitions: usize) -> Result<u32, Error> {
    match u32::try_from(transitions.max(1)) {
        Ok(count) if count <= BATCH_RECORDS_MAX => Ok(count),
        _ => Err(too_large(format!(
            "a batch of {transitions} records: at most {BATCH_RECORDS_MAX} are written"
        ))),
    }
}

fn too_large(message: String) -> Error {
    Error::new(ErrorKind::Invalid, "journal-too-large", message)
}

pub(crate) fn unencodable(error: schemas::Error) -> Error {
    match error {
        schemas::Error::TooLarge { .. } => too_large(error.to_string()),
        _ => Error::new(ErrorKind::Invalid, "journal-unencodable", error.to_string()),
    }
}
