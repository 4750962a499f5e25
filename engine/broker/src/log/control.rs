//! Control batches: how the log says that a transaction has ended.
//!
//! ```text
//!   one record:  key   version 2 = 0 | type 2: 0 abort, 1 commit
//!                value version 2 = 0 | coordinator epoch 4
//! ```
//! Layout: <https://kafka.apache.org/documentation/#controlbatch>. Absent: other types of control records, which only Kafka's
//! own consensus writes.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    BatchHeader, CheckedBatch, HEADER_BYTES, LogError, Origin,
    batch::{CONTROL_BIT, LENGTH_END, TRANSACTIONAL_BIT},
    records::{Records, put_varint},
};

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ending {
    /// Its records count.
    Commit,
    /// They do not.
    Abort,
}

/// The end of one producer's transaction in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marker {
    pub(crate) producer_id: i64,
    pub(crate) producer_epoch: i16,
    pub(crate) ending: Ending,
}

impl Marker {
    /// The batch that says it.
    ///
    /// # Errors
    /// None that a batch of our own can have.
    pub(crate) fn to_batch(self, now: i64) -> Result<CheckedBatch, LogError> {
        let kind: i16 = match self.ending {
            Ending::Abort => ABORT,
            Ending::Commit => COMMIT,
        };
        let mut record = vec![0, 0, 0];
        for (length, bytes) in [(4, &kind.to_be_bytes()[..]), (6, &[0; 4])] {
            put_varint(length, &mut record);
            record.extend_from_slice(&[0, 0]);
            record.extend_from_slice(bytes);
        }
        put_varint(0, &mut record);
        let mut records = Vec::with_capacity(record.len() + 1);
        put_varint(record.len() as i64, &mut records);
        records.extend_from_slice(&record);
        let header = BatchHeader {
            base_offset: 0,
            batch_length: (HEADER_BYTES - LENGTH_END + records.len()) as i32,
            leader_epoch: 0,
            crc: 0,
            attributes: TRANSACTIONAL_BIT | CONTROL_BIT,
            last_offset_delta: 0,
            base_timestamp: now,
            max_timestamp: now,
            producer_id: self.producer_id,
            producer_epoch: self.producer_epoch,
            base_sequence: -1,
            count: 1,
        }
        .with_crc(&records);
        let mut bytes = header.to_raw().to_vec();
        bytes.extend_from_slice(&records);
        // Settings bound what clients send: an end must always have room.
        CheckedBatch::new(Bytes::from(bytes), usize::MAX, Origin::Broker)
    }
}

impl Ending {
    /// What a control batch with these records says; nothing if it is of another kind.
    pub(super) fn of(header: &BatchHeader, records: &[u8]) -> Option<Self> {
        let record = Records::new(header, records).next()?.ok()?;
        let (_version, kind) = record.key?.split_first_chunk::<2>()?;
        match i16::from_be_bytes(*kind.first_chunk()?) {
            ABORT => Some(Self::Abort),
            COMMIT => Some(Self::Commit),
            _ => None,
        }
    }
}

const ABORT: i16 = 0;
const COMMIT: i16 = 1;

#[cfg(test)]
mod tests {
    use kafka_protocol::records::RecordBatchDecoder;

    use super::*;

    fn bytes(marker: Marker) -> Bytes {
        let batch = marker.to_batch(7).unwrap();
        let mut bytes = batch.header().to_raw().to_vec();
        bytes.extend_from_slice(batch.records());
        bytes.into()
    }

    #[test]
    fn a_marker_reads_as_what_it_was_made_of() {
        for ending in [Ending::Commit, Ending::Abort] {
            let marker = Marker {
                producer_id: 11,
                producer_epoch: 3,
                ending,
            };
            let bytes = bytes(marker);

            let header = BatchHeader::parse(&bytes).unwrap();

            assert!(header.is_control() && header.is_transactional());
            assert_eq!((header.producer_id, header.producer_epoch), (11, 3));
            assert_eq!(Ending::of(&header, &bytes[HEADER_BYTES..]), Some(ending));
        }
    }

    #[test]
    fn a_marker_has_the_bytes_that_clients_expect() {
        let marker = Marker {
            producer_id: 11,
            producer_epoch: 3,
            ending: Ending::Commit,
        };

        let mut bytes = bytes(marker);
        let set = RecordBatchDecoder::decode(&mut bytes).unwrap();

        let record = &set.records[0];
        assert!(record.control && record.transactional);
        assert_eq!(record.key.as_deref(), Some(&[0, 0, 0, 1][..]));
        assert_eq!(record.value.as_deref(), Some(&[0; 6][..]));
        assert_eq!((record.sequence, record.timestamp), (-1, 7));
        assert_eq!((record.producer_id, record.producer_epoch), (11, 3));
    }

    #[test]
    fn other_control_records_end_nothing() {
        let marker = Marker {
            producer_id: 11,
            producer_epoch: 3,
            ending: Ending::Commit,
        };
        let bytes = bytes(marker);
        let header = BatchHeader::parse(&bytes).unwrap();
        let mut records = bytes[HEADER_BYTES..].to_vec();
        // The type is the last byte of the key, before the value's length and 6 bytes and the number of headers.
        let at = records.len() - 9;

        records[at] = 2;

        assert_eq!(Ending::of(&header, &records), None);
        assert_eq!(Ending::of(&header, &records[..4]), None);
    }
}
