//! Writes one group of segments anew, without the records that are superseded.
//!
//! A batch whose records all stay is copied as it is. Another keeps its header but for count, size, timestamps and checksum,
//! and its codec. Invariant: a batch that cannot be read or is damaged is copied as it is, never repaired into a valid one.

use std::{
    collections::HashSet,
    fs::File,
    io::{BufWriter, Write},
};

use super::{CLEANED_EXTENSION, CleanedFile, Judge, KeyMap, Member};
use crate::disk::Output;
use crate::log::{
    BatchHeader, HEADER_BYTES, LogError,
    batch::{CODEC_BITS, HORIZON_BIT, LENGTH_END},
    codec::{Codec, Unreadable},
    index::Index,
    records::{Record, Records, plain},
    scanner::{Scanner, Step},
};

/// One group being written.
#[derive(Debug)]
pub(super) struct Rewrite<'a> {
    judge: &'a Judge<'a>,
    keys: &'a KeyMap,
    group: &'a [Member],
    path: CleanedFile,
    file: BufWriter<Output<File>>,
    position: u64,
    index: Index,
    has_changed: bool,
}

/// Producers whose transactions have records further up, as the cleaning goes down the log.
#[derive(Debug, Default)]
pub(super) struct Unended(HashSet<i64>);

/// Whether a batch means something to the batches before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Needed,
    /// A marker of which all records are gone.
    EndsNothing,
}

impl Unended {
    fn saw(&mut self, header: &BatchHeader) -> Use {
        if header.is_control() {
            return match self.0.remove(&header.producer_id) {
                true => Use::Needed,
                false => Use::EndsNothing,
            };
        }
        if header.is_transactional() {
            self.0.insert(header.producer_id);
        }
        Use::Needed
    }
}

/// What becomes of a batch.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Stays,
    Goes,
    Becomes(BatchHeader, Vec<u8>),
}

/// What stays of a batch. The records themselves are gone through again: a list of millions of them would be long.
#[derive(Debug, Default)]
struct Kept {
    count: i32,
    has_tombstones: bool,
    latest: Option<i64>,
}

impl Kept {
    fn needs_horizon(&self, header: &BatchHeader) -> bool {
        self.has_tombstones && header.delete_horizon().is_none()
    }
}

impl<'a> Rewrite<'a> {
    /// Makes the file `<base>-<bound>.cleaned`.
    pub(super) fn new(
        judge: &'a Judge<'a>,
        keys: &'a KeyMap,
        group: &'a [Member],
    ) -> Result<Self, LogError> {
        let base = group.first().map_or(0, |first| first.source.base_offset);
        let bound = group.last().map_or(base, |last| last.source.bound);
        let name = format!("{base:020}-{bound:020}.{CLEANED_EXTENSION}");
        let path = CleanedFile(judge.plan.dir.join(name));
        let file = File::create(&path.0).map_err(LogError::storage("create", &path.0))?;
        Ok(Self {
            judge,
            keys,
            group,
            path,
            file: BufWriter::with_capacity(WRITE_BYTES, Output(file)),
            position: 0,
            index: Index::new(base),
            has_changed: group.len() > 1,
        })
    }

    /// Writes and syncs; `None` when the group need not or cannot be replaced.
    pub(super) fn run(
        mut self,
        unended: &mut Unended,
    ) -> Result<Option<(CleanedFile, Index)>, LogError> {
        for member in self.group {
            let is_whole = self.copy(member, unended)?;
            if !is_whole {
                self.has_changed = false;
                break;
            }
        }
        if !self.has_changed || self.position > u64::from(u32::MAX) {
            return Ok(None);
        }
        self.file
            .flush()
            .and_then(|()| self.file.get_ref().0.sync_data())
            .map_err(LogError::storage("write", &self.path.0))?;
        Ok(Some((self.path, self.index)))
    }

    /// Copies what stays of a segment; `false` when part of it is damaged, for then it must stay as it is.
    fn copy(&mut self, member: &Member, unended: &mut Unended) -> Result<bool, LogError> {
        let mut scanner = Scanner::new(&member.source, 0);
        loop {
            self.judge.check_stop()?;
            let found = match scanner.step()? {
                Step::Batch(found) => found,
                Step::End => return Ok(true),
                Step::Damaged(_) => return Ok(false),
            };
            let header = found.header;
            let use_of = unended.saw(&header);
            let is_intact = scanner.is_intact(&found)?;
            let bytes = scanner.batch(&found)?;
            let records = &bytes[HEADER_BYTES..];
            let outcome = if is_intact {
                self.outcome(&header, records, use_of)
                    .unwrap_or(Outcome::Stays)
            } else {
                Outcome::Stays
            };
            self.has_changed |= outcome != Outcome::Stays;
            match outcome {
                Outcome::Stays => self.write(&header, records)?,
                Outcome::Becomes(header, records) => self.write(&header, &records)?,
                Outcome::Goes => {}
            }
        }
    }

    fn write(&mut self, header: &BatchHeader, records: &[u8]) -> Result<(), LogError> {
        self.file
            .write_all(&header.to_raw())
            .and_then(|()| self.file.write_all(records))
            .map_err(LogError::storage("write", &self.path.0))?;
        let interval = self.judge.plan.index_interval_bytes;
        self.index.note(self.position, header, interval);
        self.position += header.size() as u64;
        Ok(())
    }

    fn outcome(
        &self,
        header: &BatchHeader,
        records: &[u8],
        use_of: Use,
    ) -> Result<Outcome, Unreadable> {
        if header.base_offset >= self.keys.end() {
            return Ok(Outcome::Stays);
        }
        if header.is_control() {
            return match use_of {
                Use::Needed => Ok(Outcome::Stays),
                Use::EndsNothing => self.idle_marker(header, records),
            };
        }
        if self.judge.is_aborted(header) {
            return Ok(self.emptied(header));
        }
        let bytes = plain(header, records)?;
        let mut kept = Kept::default();
        for record in Records::new(header, &bytes) {
            let record = record?;
            if self.stays(header, &record) {
                kept.count += 1;
                kept.has_tombstones |= record.value.is_none();
                kept.latest = kept.latest.max(Some(record.timestamp(header)));
            }
        }
        if kept.count == 0 {
            Ok(self.emptied(header))
        } else if kept.count == header.count && !kept.needs_horizon(header) {
            Ok(Outcome::Stays)
        } else {
            self.filtered(header, &bytes, &kept)
        }
    }

    fn stays(&self, header: &BatchHeader, record: &Record<'_>) -> bool {
        let offset = record.offset(header);
        if header.is_control() || offset >= self.keys.end() {
            return true;
        }
        let Some(key) = record.key else { return false };
        let has_expired = record.value.is_none()
            && header
                .delete_horizon()
                .is_some_and(|horizon| horizon <= self.judge.plan.now);
        !has_expired && !self.keys.supersedes(key, offset)
    }

    /// A marker that ends nothing any more: it stays for as long as tombstones do, for readers that are on their way through
    /// the transaction, and where it alone tells a producer's epoch.
    fn idle_marker(&self, header: &BatchHeader, records: &[u8]) -> Result<Outcome, Unreadable> {
        if self.judge.is_last_of_producer(header) {
            return Ok(Outcome::Stays);
        }
        match header.delete_horizon() {
            Some(horizon) if horizon <= self.judge.plan.now => Ok(Outcome::Goes),
            Some(_) => Ok(Outcome::Stays),
            None => {
                // A horizon, as batches with tombstones get it.
                let kept = Kept {
                    count: header.count,
                    has_tombstones: true,
                    latest: Some(header.max_timestamp),
                };
                self.filtered(header, &plain(header, records)?, &kept)
            }
        }
    }

    /// A batch without its records: gone, unless it tells a producer's last sequence.
    fn emptied(&self, header: &BatchHeader) -> Outcome {
        if !self.judge.is_last_of_producer(header) {
            return Outcome::Goes;
        }
        if header.count == 0 {
            return Outcome::Stays;
        }
        let mut empty = *header;
        empty.count = 0;
        empty.batch_length = (HEADER_BYTES - LENGTH_END) as i32;
        empty.attributes &= !(CODEC_BITS | HORIZON_BIT);
        empty.base_timestamp = -1;
        Outcome::Becomes(empty.with_crc(&[]), Vec::new())
    }

    fn filtered(
        &self,
        header: &BatchHeader,
        bytes: &[u8],
        kept: &Kept,
    ) -> Result<Outcome, Unreadable> {
        let mut changed = *header;
        let mut records = Vec::new();
        let all = Records::new(header, bytes).filter_map(Result::ok);
        let stay = all.filter(|record| self.stays(header, record));
        if kept.needs_horizon(header) {
            let plan = self.judge.plan;
            let horizon = plan.now.saturating_add(plan.delete_retention_ms);
            changed.base_timestamp = horizon;
            changed.attributes |= HORIZON_BIT;
            for record in stay {
                let timestamp = header.base_timestamp.wrapping_add(record.timestamp_delta);
                record.put_with_delta(timestamp.wrapping_sub(horizon), &mut records);
            }
        } else {
            stay.for_each(|record| records.extend_from_slice(record.raw));
        }
        if let Some(codec) = Codec::of(header.codec())? {
            records = codec.compress(&records)?;
        }
        if !header.has_append_time() {
            changed.max_timestamp = kept.latest.unwrap_or(header.max_timestamp);
        }
        changed.count = kept.count;
        changed.batch_length = i32::try_from(HEADER_BYTES - LENGTH_END + records.len())
            .map_err(|_| "the batch became too large")?;
        Ok(Outcome::Becomes(changed.with_crc(&records), records))
    }
}

const WRITE_BYTES: usize = 1 << 20;
