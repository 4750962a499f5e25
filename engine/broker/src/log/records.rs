//! The records inside a batch: only the cleaner and the search by time look at them.
//!
//! ```text
//! length varint | attributes 1 | timestamp delta varlong | offset delta varint | key | value | headers
//! ```
//!
//! Invariant: no length in the bytes is believed before the bytes are there.

use std::borrow::Cow;

use super::{
    BatchHeader,
    codec::{Codec, Unreadable},
};

/// One record, borrowed from its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    /// Less the batch's base timestamp.
    pub(super) timestamp_delta: i64,
    /// Less the batch's base offset.
    pub(super) offset_delta: i32,
    pub(super) key: Option<&'a [u8]>,
    /// `None` for a tombstone.
    pub(super) value: Option<&'a [u8]>,
    /// The whole record with its length.
    pub(super) raw: &'a [u8],
    attributes: u8,
    /// Key, value and headers as they stand in the batch.
    body: &'a [u8],
}

/// Goes through the records of a batch and ends after the first that is malformed.
#[derive(Clone, Debug)]
pub(super) struct Records<'a> {
    rest: &'a [u8],
    left: i32,
}

/// The records of a batch as bytes, decompressed if need be.
pub(super) fn plain<'a>(
    header: &BatchHeader,
    records: &'a [u8],
) -> Result<Cow<'a, [u8]>, Unreadable> {
    Ok(match Codec::of(header.codec())? {
        None => Cow::Borrowed(records),
        Some(codec) => Cow::Owned(codec.decompress(records)?),
    })
}

impl<'a> Records<'a> {
    /// Goes through what `plain` gave.
    pub(super) fn new(header: &BatchHeader, plain: &'a [u8]) -> Self {
        Self {
            rest: plain,
            left: header.count,
        }
    }

    /// Whether every byte was one of a record that was said to be there.
    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty() && self.left == 0
    }

    fn record(&mut self) -> Result<Record<'a>, Unreadable> {
        let start = self.rest;
        let mut rest = start;
        let length = varint(&mut rest)?;
        let length = usize::try_from(length).map_err(|_| MALFORMED)?;
        let mut body = rest.get(..length).ok_or(MALFORMED)?;
        let raw = &start[..start.len() - rest.len() + length];
        self.rest = &rest[length..];

        let (attributes, after) = body.split_first().ok_or(MALFORMED)?;
        body = after;
        let timestamp_delta = varint(&mut body)?;
        let offset_delta = i32::try_from(varint(&mut body)?).map_err(|_| MALFORMED)?;
        let mut at = body;
        Ok(Record {
            timestamp_delta,
            offset_delta,
            key: nullable(&mut at)?,
            value: nullable(&mut at)?,
            raw,
            attributes: *attributes,
            body,
        })
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let record = self.record();
        self.left = if record.is_ok() { self.left - 1 } else { 0 };
        Some(record)
    }
}

impl Record<'_> {
    /// When it was made, or appended.
    pub(super) fn timestamp(&self, header: &BatchHeader) -> i64 {
        if header.has_append_time() {
            header.max_timestamp
        } else {
            header.base_timestamp.saturating_add(self.timestamp_delta)
        }
    }

    /// Its offset in the log.
    pub(super) fn offset(&self, header: &BatchHeader) -> i64 {
        header.base_offset + i64::from(self.offset_delta)
    }

    /// Writes the record as it would stand in a batch with another base timestamp.
    pub(super) fn put_with_delta(&self, timestamp_delta: i64, into: &mut Vec<u8>) {
        let mut head = vec![self.attributes];
        put_varint(timestamp_delta, &mut head);
        put_varint(i64::from(self.offset_delta), &mut head);
        put_varint((head.len() + self.body.len()) as i64, into);
        into.extend_from_slice(&head);
        into.extend_from_slice(self.body);
    }
}

/// Writes a number in Kafka's variable, zigzag encoding.
pub(super) fn put_varint(value: i64, into: &mut Vec<u8>) {
    let mut zigzag = ((value << 1) ^ (value >> 63)) as u64;
    while zigzag >= 0x80 {
        into.push(zigzag as u8 | 0x80);
        zigzag >>= 7;
    }
    into.push(zigzag as u8);
}

fn varint(bytes: &mut &[u8]) -> Result<i64, Unreadable> {
    let mut zigzag = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or(MALFORMED)?;
        *bytes = rest;
        zigzag |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64));
        }
    }
    Err(MALFORMED)
}

fn nullable<'a>(bytes: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Unreadable> {
    let length = varint(bytes)?;
    if length < 0 {
        return Ok(None);
    }
    let length = usize::try_from(length).map_err(|_| MALFORMED)?;
    let taken = bytes.get(..length).ok_or(MALFORMED)?;
    *bytes = &bytes[length..];
    Ok(Some(taken))
}

/// A record without key, value and headers.
pub(super) const RECORD_BYTES_MIN: usize = 7;

const MALFORMED: Unreadable = "a record is malformed";
