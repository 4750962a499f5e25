//! The sparse index of one segment: where to begin to look for an offset or a time.
//!
//! It is a cache. The file is written when a segment is closed and is believed only if its checksum and the segment's size
//! fit; otherwise a scan of the segment makes it again. Layout: 60 bytes of head (below), then 16 bytes an entry, big endian.

use super::{
    BatchHeader, LogError,
    scanner::{Damage, Scanner, SegmentFile, Step},
};

/// The index in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Index {
    base_offset: i64,
    entries: Vec<Entry>,
    summary: Summary,
    bytes_since_entry: u64,
}

/// What is known about a segment as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Summary {
    /// The first offset after the last batch; the segment's base offset when there is none.
    pub(super) next_offset: i64,
    /// Latest timestamp of the first batch, -1 without one: a segment's age.
    pub(super) first_timestamp: i64,
    /// Latest timestamp, or -1.
    pub(super) max_timestamp: i64,
    /// Where the first batch with that timestamp begins.
    pub(super) max_timestamp_position: u32,
}

/// One batch in every few thousand bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    relative_offset: u32,
    position: u32,
    /// Of all batches before this one.
    max_timestamp: i64,
}

impl Index {
    /// The index of an empty segment.
    pub(super) fn new(base_offset: i64) -> Self {
        Self {
            base_offset,
            entries: Vec::new(),
            summary: Summary {
                next_offset: base_offset,
                first_timestamp: -1,
                max_timestamp: -1,
                max_timestamp_position: 0,
            },
            bytes_since_entry: 0,
        }
    }

    /// Scans a segment up to its end or the first damage.
    pub(super) fn build(
        source: &SegmentFile,
        interval_bytes: u32,
    ) -> Result<(Self, Option<Damage>), LogError> {
        let mut index = Self::new(source.base_offset);
        let mut scanner = Scanner::new(source, 0);
        loop {
            match scanner.step()? {
                Step::Batch(found) => {
                    index.note(found.position, &found.header, interval_bytes);
                }
                Step::End => return Ok((index, None)),
                Step::Damaged(damage) => return Ok((index, Some(damage))),
            }
        }
    }

    /// Takes note of the batch at `position`; the batches come in order.
    pub(super) fn note(&mut self, position: u64, header: &BatchHeader, interval_bytes: u32) {
        let Ok(position) = u32::try_from(position) else {
            return;
        };
        let relative = u32::try_from(header.base_offset - self.base_offset);
        if let Ok(relative_offset) = relative
            && self.bytes_since_entry >= u64::from(interval_bytes)
        {
            self.entries.push(Entry {
                relative_offset,
                position,
                max_timestamp: self.summary.max_timestamp,
            });
            self.bytes_since_entry = 0;
        }
        self.bytes_since_entry += header.size() as u64;
        self.summary.next_offset = header.next_offset();
        if position == 0 {
            self.summary.first_timestamp = header.max_timestamp;
        }
        // An empty batch has a timestamp, but no record that has it.
        if header.count > 0 && header.max_timestamp > self.summary.max_timestamp {
            self.summary.max_timestamp = header.max_timestamp;
            self.summary.max_timestamp_position = position;
        }
    }

    /// What is known about the whole segment.
    pub(super) fn summary(&self) -> Summary {
        self.summary
    }

    /// A batch at or before the one that has `offset`.
    pub(super) fn position_of(&self, offset: i64) -> u64 {
        let base = self.base_offset;
        let past = self
            .entries
            .partition_point(|entry| base + i64::from(entry.relative_offset) <= offset);
        self.position_before(past)
    }

    /// A batch before which all batches are older than `timestamp`.
    pub(super) fn position_of_time(&self, timestamp: i64) -> u64 {
        let past = self
            .entries
            .partition_point(|entry| entry.max_timestamp < timestamp);
        self.position_before(past)
    }

    fn position_before(&self, past: usize) -> u64 {
        past.checked_sub(1)
            .and_then(|at| self.entries.get(at))
            .map_or(0, |entry| u64::from(entry.position))
    }

    /// The file's content for a segment of `size` bytes.
    pub(super) fn encode(&self, size: u64) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD_BYTES + ENTRY_BYTES * self.entries.len());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&VERSION.to_be_bytes());
        bytes.extend_from_slice(&size.to_be_bytes());
        bytes.extend_from_slice(&self.bytes_since_entry.to_be_bytes());
        bytes.extend_from_slice(&self.base_offset.to_be_bytes());
        bytes.extend_from_slice(&self.summary.next_offset.to_be_bytes());
        bytes.extend_from_slice(&self.summary.first_timestamp.to_be_bytes());
        bytes.extend_from_slice(&self.summary.max_timestamp.to_be_bytes());
        bytes.extend_from_slice(&self.summary.max_timestamp_position.to_be_bytes());
        for entry in &self.entries {
            bytes.extend_from_slice(&entry.relative_offset.to_be_bytes());
            bytes.extend_from_slice(&entry.position.to_be_bytes());
            bytes.extend_from_slice(&entry.max_timestamp.to_be_bytes());
        }
        let crc = crc32c::crc32c(&bytes[4..]);
        bytes[..4].copy_from_slice(&crc.to_be_bytes());
        bytes
    }

    /// Reads a file's content, if it is whole and about this segment.
    pub(super) fn decode(bytes: &[u8], source: &SegmentFile) -> Option<Self> {
        let mut at = Cursor(bytes);
        let crc = u32::from_be_bytes(at.take()?);
        if crc32c::crc32c(at.0) != crc
            || u32::from_be_bytes(at.take()?) != VERSION
            || u64::from_be_bytes(at.take()?) != source.size
        {
            return None;
        }
        let bytes_since_entry = u64::from_be_bytes(at.take()?);
        let base_offset = i64::from_be_bytes(at.take()?);
        let summary = Summary {
            next_offset: i64::from_be_bytes(at.take()?),
            first_timestamp: i64::from_be_bytes(at.take()?),
            max_timestamp: i64::from_be_bytes(at.take()?),
            max_timestamp_position: u32::from_be_bytes(at.take()?),
        };
        let mut entries = Vec::with_capacity(at.0.len() / ENTRY_BYTES);
        while !at.0.is_empty() {
            entries.push(Entry {
                relative_offset: u32::from_be_bytes(at.take()?),
                position: u32::from_be_bytes(at.take()?),
                max_timestamp: i64::from_be_bytes(at.take()?),
            });
        }
        let fits = base_offset == source.base_offset
            && (base_offset..=source.bound).contains(&summary.next_offset)
            && u64::from(summary.max_timestamp_position) <= source.size
            && entries
                .iter()
                .all(|entry| u64::from(entry.position) < source.size);
        fits.then_some(Self {
            base_offset,
            entries,
            summary,
            bytes_since_entry,
        })
    }

    /// No index of a segment of `size` bytes is larger.
    pub(super) fn file_bytes_max(size: u64) -> u64 {
        HEAD_BYTES as u64 + ENTRY_BYTES as u64 * (size / super::HEADER_BYTES as u64 + 1)
    }
}

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }
}

const VERSION: u32 = 1;
const HEAD_BYTES: usize = 60;
const ENTRY_BYTES: usize = 16;
