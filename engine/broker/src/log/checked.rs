//! One batch that may be appended: checked as Kafka checks a produce request, then dated and numbered by the log.
//!
//! Absent: looking at the records, which `content.rs` does. Only the header of 61 bytes is rewritten; the records are written from where they were
//! received.

use bytes::Bytes;

use super::{
    BatchHeader, LogError, TimestampType,
    batch::{APPEND_TIME_BIT, CRC_FROM, HEADER_BYTES},
    codec::DECOMPRESSED_BYTES_MAX,
    records::RECORD_BYTES_MIN,
};

/// One valid batch that is not in the log yet.
#[derive(Clone, Debug)]
pub(crate) struct CheckedBatch {
    header: BatchHeader,
    bytes: Bytes,
}

/// Who made a batch: clients may send less than the broker itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A producer.
    Client,
    /// The broker: control batches are allowed.
    Broker,
}

impl CheckedBatch {
    /// Takes the one batch that `bytes` must hold, whole and valid.
    ///
    /// # Errors
    /// As Kafka answers a produce request: `TooLarge`, `CorruptBatch`, `InvalidRecord`, `UnsupportedCodec`.
    pub(crate) fn new(bytes: Bytes, max_bytes: usize, origin: Origin) -> Result<Self, LogError> {
        if bytes.len() < HEADER_BYTES {
            return Err(CUT_SHORT);
        }
        let header = BatchHeader::parse_sent(&bytes).map_err(|error| match error {
            // What Kafka answers to every version of the request that is still spoken.
            LogError::UnsupportedFormat(_) => LogError::InvalidRecord("the format is not 2"),
            error => error,
        })?;
        if header.size() > bytes.len() {
            return Err(CUT_SHORT);
        }
        if header.size() < bytes.len() {
            return Err(LogError::InvalidRecord(
                "a request holds one batch for each partition",
            ));
        }
        if header.base_offset != 0 && origin == Origin::Client {
            return Err(LogError::InvalidRecord(
                "the base offset of a produced batch is 0",
            ));
        }
        if header.size() > max_bytes {
            return Err(LogError::TooLarge {
                size: header.size(),
                max: max_bytes,
            });
        }
        if crc32c::crc32c(&bytes[CRC_FROM..]) != header.crc {
            return Err(LogError::CorruptBatch("the checksum does not fit"));
        }
        if let Some(reason) = refusal(&header, origin) {
            return Err(LogError::InvalidRecord(reason));
        }
        if header.codec() > CODEC_MAX {
            return Err(LogError::UnsupportedCodec(header.codec()));
        }
        Ok(Self { header, bytes })
    }

    /// The header as it was sent: the base offset is not the log's.
    pub(crate) fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// Bytes of the batch.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The records, which are appended as they are.
    pub(super) fn records(&self) -> &[u8] {
        &self.bytes[HEADER_BYTES..]
    }

    /// The header to append. Only a change of the timestamps costs a new checksum.
    ///
    /// # Errors
    /// `InvalidTimestamp` when the timestamps are not what the topic allows.
    pub(super) fn stamp(
        &self,
        base_offset: i64,
        clock: &Stamping,
    ) -> Result<BatchHeader, LogError> {
        let mut header = self.header;
        header.base_offset = base_offset;
        header.leader_epoch = 0;
        match clock.timestamp_type {
            TimestampType::CreateTime => {
                if header.max_timestamp.saturating_sub(clock.now) > clock.after_max_ms {
                    return Err(LogError::InvalidTimestamp("it lies too far in the future"));
                }
                header.attributes &= !APPEND_TIME_BIT;
            }
            TimestampType::LogAppendTime => {
                if header.has_append_time() {
                    return Err(LogError::InvalidTimestamp(
                        "a producer must not claim append time",
                    ));
                }
                header.attributes |= APPEND_TIME_BIT;
                header.max_timestamp = clock.now;
            }
        }
        let unchanged = header.attributes == self.header.attributes
            && header.max_timestamp == self.header.max_timestamp;
        Ok(if unchanged {
            header
        } else {
            header.with_crc(self.records())
        })
    }
}

/// What dates a batch when it is appended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamping {
    pub(super) timestamp_type: TimestampType,
    pub(super) now: i64,
    pub(super) after_max_ms: i64,
}

/// Why a batch with a good checksum is refused all the same.
fn refusal(header: &BatchHeader, origin: Origin) -> Option<&'static str> {
    if header.count < 1 || header.last_offset_delta != header.count - 1 {
        return Some("the number of records does not fit the offsets");
    }
    if header.count as usize > RECORDS_MAX {
        return Some("there are more records than fit a batch");
    }
    if header.delete_horizon().is_some() {
        return Some("only the cleaner sets a delete horizon");
    }
    if origin == Origin::Broker {
        return None;
    }
    if header.is_control() {
        return Some("clients must not write control batches");
    }
    if header.producer_id >= 0 && header.base_sequence < 0 {
        return Some("a producer with an id numbers its records");
    }
    if header.is_transactional() && header.producer_id < 0 {
        return Some("a transactional batch has a producer id");
    }
    None
}

/// What is not whole is no batch for Kafka, and a request has to hold one.
const CUT_SHORT: LogError = LogError::InvalidRecord("the batch is cut short");

/// Records of one batch: as many of the shortest ones as may come out of it.
const RECORDS_MAX: usize = DECOMPRESSED_BYTES_MAX / RECORD_BYTES_MIN;

/// Number of the last codec that Kafka defines, Zstandard.
const CODEC_MAX: i16 = 4;

#[cfg(test)]
mod tests;
