//! The header of a record batch, message format 2.
//!
//! ```text
//!  0 base offset 8 | 8 length 4 | 12 leader epoch 4 | 16 magic 1 | 17 crc 4 | 21 attributes 2 | 23 last offset delta 4
//! 27 base timestamp 8 | 35 max timestamp 8 | 43 producer id 8 | 51 epoch 2 | 53 sequence 4 | 57 count 4 | 61 records
//! ```
//!
//! The checksum covers everything from the attributes on, so the broker may set offset and leader epoch freely. Records
//! stay opaque here; `records.rs` reads them. Layout: <https://kafka.apache.org/documentation/#recordbatch>.

use super::LogError;

/// The fields of a batch's header. One that was parsed has offsets that cannot overflow and a length of at least a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchHeader {
    /// Offset of the first record, also when cleaning removed that record.
    pub(crate) base_offset: i64,
    /// Bytes after the length field.
    pub(crate) batch_length: i32,
    /// Epoch of the leader that appended: 0, for there is one node only.
    pub(crate) leader_epoch: i32,
    /// CRC-32C over attributes to end.
    pub(crate) crc: u32,
    /// Bits: 0-2 codec, 3 append time, 4 transactional, 5 control, 6 the base timestamp is a delete horizon.
    pub(crate) attributes: i16,
    /// Offset of the last record less the base offset.
    pub(crate) last_offset_delta: i32,
    /// What the records' timestamps are relative to.
    pub(crate) base_timestamp: i64,
    /// The latest timestamp.
    pub(crate) max_timestamp: i64,
    /// The idempotent producer, or -1.
    pub(crate) producer_id: i64,
    /// Its epoch.
    pub(crate) producer_epoch: i16,
    /// Sequence number of the first record.
    pub(crate) base_sequence: i32,
    /// Number of records: fewer than the offsets after a cleaning, even 0.
    pub(crate) count: i32,
}

impl BatchHeader {
    /// Reads the header at the start of `bytes`.
    ///
    /// # Errors
    /// `CorruptBatch` when it is cut short or contradicts itself, `UnsupportedFormat` for another magic byte.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, LogError> {
        let header = Self::parse_sent(bytes)?;
        header.checked().map_err(LogError::CorruptBatch)
    }

    /// Reads the header of a batch that somebody sent: it has a length, and whether the rest makes sense is to be asked once
    /// the checksum is known to fit.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub(super) fn parse_sent(bytes: &[u8]) -> Result<Self, LogError> {
        let Some(raw) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Err(LogError::CorruptBatch("the header is cut short"));
        };
        if raw[16] != MAGIC {
            return Err(LogError::UnsupportedFormat(i8::from_be_bytes([raw[16]])));
        }
        let header = Self::from_raw(raw);
        match header.batch_length < (HEADER_BYTES - LENGTH_END) as i32 {
            true => Err(LogError::CorruptBatch("the length is less than a header's")),
            false => Ok(header),
        }
    }

    /// Bytes of the whole batch.
    pub(crate) fn size(&self) -> usize {
        LENGTH_END + self.batch_length as usize
    }

    /// Offset of the last record.
    pub(crate) fn last_offset(&self) -> i64 {
        self.base_offset + i64::from(self.last_offset_delta)
    }

    /// The first offset after the batch.
    pub(crate) fn next_offset(&self) -> i64 {
        self.last_offset() + 1
    }

    /// Number of the compression codec, not necessarily a defined one.
    pub(crate) fn codec(&self) -> i16 {
        self.attributes & CODEC_BITS
    }

    /// Whether the broker dated the records: then all have `max_timestamp`.
    pub(crate) fn has_append_time(&self) -> bool {
        self.attributes & APPEND_TIME_BIT != 0
    }

    /// Whether the batch is part of a transaction.
    pub(crate) fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL_BIT != 0
    }

    /// Whether the batch ends a transaction instead of carrying records.
    pub(crate) fn is_control(&self) -> bool {
        self.attributes & CONTROL_BIT != 0
    }

    /// Until when tombstones of the batch are kept, once a cleaning has decided it.
    pub(crate) fn delete_horizon(&self) -> Option<i64> {
        (self.attributes & HORIZON_BIT != 0).then_some(self.base_timestamp)
    }

    /// The header as it stands in the file.
    pub(crate) fn to_raw(self) -> [u8; HEADER_BYTES] {
        let mut raw = [0; HEADER_BYTES];
        raw[0..8].copy_from_slice(&self.base_offset.to_be_bytes());
        raw[8..12].copy_from_slice(&self.batch_length.to_be_bytes());
        raw[12..16].copy_from_slice(&self.leader_epoch.to_be_bytes());
        raw[16] = MAGIC;
        raw[17..21].copy_from_slice(&self.crc.to_be_bytes());
        raw[21..23].copy_from_slice(&self.attributes.to_be_bytes());
        raw[23..27].copy_from_slice(&self.last_offset_delta.to_be_bytes());
        raw[27..35].copy_from_slice(&self.base_timestamp.to_be_bytes());
        raw[35..43].copy_from_slice(&self.max_timestamp.to_be_bytes());
        raw[43..51].copy_from_slice(&self.producer_id.to_be_bytes());
        raw[51..53].copy_from_slice(&self.producer_epoch.to_be_bytes());
        raw[53..57].copy_from_slice(&self.base_sequence.to_be_bytes());
        raw[57..61].copy_from_slice(&self.count.to_be_bytes());
        raw
    }

    /// The header with the checksum that fits it and `records`.
    pub(crate) fn with_crc(mut self, records: &[u8]) -> Self {
        let head = crc32c::crc32c(&self.to_raw()[CRC_FROM..]);
        self.crc = crc32c::crc32c_append(head, records);
        self
    }

    fn from_raw(raw: &[u8; HEADER_BYTES]) -> Self {
        fn take<const N: usize>(raw: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
            let mut bytes = [0; N];
            bytes.copy_from_slice(&raw[at..at + N]);
            bytes
        }
        Self {
            base_offset: i64::from_be_bytes(take(raw, 0)),
            batch_length: i32::from_be_bytes(take(raw, 8)),
            leader_epoch: i32::from_be_bytes(take(raw, 12)),
            crc: u32::from_be_bytes(take(raw, 17)),
            attributes: i16::from_be_bytes(take(raw, 21)),
            last_offset_delta: i32::from_be_bytes(take(raw, 23)),
            base_timestamp: i64::from_be_bytes(take(raw, 27)),
            max_timestamp: i64::from_be_bytes(take(raw, 35)),
            producer_id: i64::from_be_bytes(take(raw, 43)),
            producer_epoch: i16::from_be_bytes(take(raw, 51)),
            base_sequence: i32::from_be_bytes(take(raw, 53)),
            count: i32::from_be_bytes(take(raw, 57)),
        }
    }

    fn checked(self) -> Result<Self, &'static str> {
        if self.base_offset < 0 || self.last_offset_delta < 0 {
            return Err("an offset is negative");
        }
        if self.base_offset > OFFSET_MAX {
            return Err("the offset is too large");
        }
        if self.count < 0 || i64::from(self.count) > i64::from(self.last_offset_delta) + 1 {
            return Err("the number of records does not fit the offsets");
        }
        Ok(self)
    }
}

/// Bytes of a batch's header.
pub(crate) const HEADER_BYTES: usize = 61;
/// Attribute: the broker dated the batch.
pub(super) const APPEND_TIME_BIT: i16 = 1 << 3;
/// Attribute: the base timestamp is a delete horizon.
pub(super) const HORIZON_BIT: i16 = 1 << 6;
/// Attributes that number the codec.
pub(super) const CODEC_BITS: i16 = 0b111;
/// Attribute: the batch is part of a transaction.
pub(super) const TRANSACTIONAL_BIT: i16 = 1 << 4;
/// Attribute: the batch ends a transaction.
pub(super) const CONTROL_BIT: i16 = 1 << 5;
const MAGIC: u8 = 2;
/// End of the length field, from where lengths count.
pub(super) const LENGTH_END: usize = 12;
/// Start of what the checksum covers.
pub(super) const CRC_FROM: usize = 21;
/// No log gets there; sums of offsets below cannot overflow.
const OFFSET_MAX: i64 = i64::MAX / 2;
