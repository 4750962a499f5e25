//! The log of one partition: batches in segment files, found by offset or time.
//!
//! Plain synchronous code for one thread: reads and appends go to the page cache. What may take long is handed out as a
//! value that another thread runs: [`SyncTask`], [`Inspection`] and [`Cleaning`]. `now` is passed in, in milliseconds since 1970.
//!
//! Absent: replication, and the state of producers and their transactions (rebuilt from [`Log::visit_batches`]).
//! Invariants: an append is whole or not there. Offsets never change and never go back. A damaged batch in a closed segment
//! is an error for who reads it and for nobody else. Read on in `open.rs`, `segment.rs`, `retention.rs`, `cleaner.rs`.

mod batch;
#[cfg(test)]
pub(crate) mod build;
mod checked;
mod checkpoint;
mod cleaner;
mod codec;
mod config;
mod content;
mod control;
mod error;
mod files;
mod index;
mod lookup;
mod open;
mod records;
mod retention;
mod scanner;
mod segment;
mod sync;
mod tail;
mod window;

use std::{collections::VecDeque, io::IoSlice, mem, path::PathBuf};

use bytes::Bytes;

use crate::{limits::SEGMENTS_MAX, sync_gate::SyncGate};

pub(crate) use self::{
    batch::{BatchHeader, HEADER_BYTES},
    checked::{CheckedBatch, Origin},
    cleaner::{AbortedTransaction, ProducerView, Progress},
    config::{Cleanup, LogConfig, TimestampType},
    content::{Effort, Inspection},
    control::{Ending, Marker},
    error::LogError,
    files::set_files_max,
    lookup::Lookup,
    sync::{SyncTask, Synced},
    window::{FirstBatch, ReadBounds},
};
use self::{checked::Stamping, checkpoint::Checkpoint, segment::Segment, tail::Tail};

/// The log of one partition.
#[derive(Debug)]
pub(crate) struct Log {
    dir: PathBuf,
    config: LogConfig,
    /// In order of their offsets, each ending where the next begins.
    closed: VecDeque<Segment>,
    active: Segment,
    /// When the active segment was made, for its age while it is empty.
    active_since: i64,
    end_offset: i64,
    checkpoint: Checkpoint,
    tail: Tail,
    /// Part of a failed append may stand after the active segment's end.
    is_torn: bool,
    /// The last segment whose name is known to be on the disk.
    synced_segment_id: u64,
    last_segment_id: u64,
    gate: SyncGate,
}

/// Where an append went. Each batch of it follows the one before without a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Appended {
    /// Offset of the first record.
    pub(crate) base_offset: i64,
    /// The log's end after the append.
    pub(crate) next_offset: i64,
    /// When the broker dated the records, or -1 where the producer did.
    pub(crate) log_append_time: i64,
    /// The log's start.
    pub(crate) start_offset: i64,
}

impl Log {
    /// The first offset that can be read.
    pub(crate) fn start_offset(&self) -> i64 {
        self.checkpoint.start_offset
    }

    /// The offset that the next record gets.
    pub(crate) fn end_offset(&self) -> i64 {
        self.end_offset
    }

    /// Bytes of all segments.
    pub(crate) fn size(&self) -> u64 {
        self.closed.iter().map(|segment| segment.size).sum::<u64>() + self.active.size
    }

    /// The topic's settings.
    pub(crate) fn config(&self) -> &LogConfig {
        &self.config
    }

    /// Takes new settings; they hold from the next call on.
    pub(crate) fn set_config(&mut self, config: LogConfig) {
        self.config = config;
    }

    /// The look into a batch that Kafka takes before it appends it.
    pub(crate) fn inspection(&self, batch: CheckedBatch, now: i64) -> Inspection {
        Inspection::new(batch, &self.config, now)
    }

    /// Whether it takes appends.
    ///
    /// # Errors
    /// `Storage`: a sync has failed, so that what was appended may not be on the disk.
    pub(crate) fn check(&self) -> Result<(), LogError> {
        let checked = self.gate.check();
        checked.map_err(LogError::storage("append to", &self.dir))
    }

    /// Appends the batches in one write. It survives the end of the process when this returns, and a power failure once
    /// a [`SyncTask`] made after it has run.
    ///
    /// # Errors
    /// `InvalidTimestamp`, `ListTooLarge`, `Storage`: nothing was appended.
    pub(crate) fn append(
        &mut self,
        batches: &[CheckedBatch],
        now: i64,
    ) -> Result<Appended, LogError> {
        self.check()?;
        self.repair()?;
        let base_offset = self.end_offset;
        let headers = self.stamped(batches, base_offset, now)?;
        let size: usize = batches.iter().map(CheckedBatch::size).sum();
        if size > self.config.segment_bytes as usize {
            return Err(LogError::ListTooLarge {
                size,
                max: self.config.segment_bytes as usize,
            });
        }
        let next_offset = headers.last().map_or(base_offset, BatchHeader::next_offset);
        let latest = headers.iter().map(|header| header.max_timestamp).max();
        if self.is_roll_due(size, next_offset, latest.unwrap_or(now), now) {
            self.roll(now)?;
        }
        self.write(batches, &headers, size)?;
        Ok(Appended {
            base_offset,
            next_offset,
            log_append_time: match self.config.timestamp_type {
                TimestampType::CreateTime => -1,
                TimestampType::LogAppendTime => now,
            },
            start_offset: self.start_offset(),
        })
    }

    /// Reads whole batches, beginning with the one that has `offset`, which may begin below it. Where cleaning removed that
    /// record, the next batch is given. Empty at the end and where the bounds allow nothing.
    ///
    /// # Errors
    /// `OffsetOutOfRange`, `CorruptSegment` when the next batch is damaged, `Storage`.
    pub(crate) fn read(&mut self, offset: i64, bounds: &ReadBounds) -> Result<Bytes, LogError> {
        let end = self.end_offset;
        if offset < self.start_offset() || offset > end {
            return Err(LogError::OffsetOutOfRange {
                offset,
                start: self.start_offset(),
                end,
            });
        }
        if offset == end {
            self.tail.want();
            return Ok(Bytes::new());
        }
        if bounds.bytes_max < HEADER_BYTES && bounds.first_batch == FirstBatch::IfItFits {
            return Ok(Bytes::new());
        }
        if let Some(bytes) = self.tail.read(offset, bounds) {
            return Ok(bytes);
        }
        let interval = self.config.index_interval_bytes;
        for at in self.segment_at(offset)..=self.closed.len() {
            let segment = self.segment_mut(at);
            if let Some(bytes) = segment.read(offset, bounds, interval)? {
                self.trim_memory(at);
                return Ok(bytes);
            }
        }
        Ok(Bytes::new())
    }

    fn stamped(
        &self,
        batches: &[CheckedBatch],
        mut base_offset: i64,
        now: i64,
    ) -> Result<Vec<BatchHeader>, LogError> {
        let clock = Stamping {
            timestamp_type: self.config.timestamp_type,
            now,
            after_max_ms: self.config.timestamp_after_max_ms,
        };
        let mut headers = Vec::with_capacity(batches.len());
        for batch in batches {
            let header = batch.stamp(base_offset, &clock)?;
            base_offset = header.next_offset();
            headers.push(header);
        }
        Ok(headers)
    }

    fn write(
        &mut self,
        batches: &[CheckedBatch],
        headers: &[BatchHeader],
        size: usize,
    ) -> Result<(), LogError> {
        let raw: Vec<_> = headers.iter().map(|header| header.to_raw()).collect();
        let parts = || {
            raw.iter()
                .zip(batches)
                .flat_map(|(head, batch)| [&head[..], batch.records()])
        };
        let mut position = self.active.size;
        let mut slices: Vec<_> = parts().map(IoSlice::new).collect();
        if let Err(failure) = self.active.write(&mut slices, size as u64) {
            let (error, is_torn) = failure.into_parts();
            self.is_torn = is_torn;
            return Err(error);
        }
        for header in headers {
            self.active
                .note(position, header, self.config.index_interval_bytes);
            position += header.size() as u64;
        }
        if let (Some(first), Some(last)) = (headers.first(), headers.last()) {
            self.tail.push(first.base_offset, size, parts());
            self.end_offset = last.next_offset();
        }
        Ok(())
    }

    /// Removes what a failed append may have left.
    fn repair(&mut self) -> Result<(), LogError> {
        if self.is_torn {
            self.active.cut(self.active.size)?;
            self.is_torn = false;
        }
        Ok(())
    }

    fn is_roll_due(&mut self, size: usize, next_offset: i64, latest: i64, now: i64) -> bool {
        if self.active.size == 0 {
            return false;
        }
        let first = self
            .active
            .summary(self.config.index_interval_bytes)
            .map_or(-1, |summary| summary.first_timestamp);
        let age = if first >= 0 {
            latest.saturating_sub(first)
        } else {
            now.saturating_sub(self.active_since)
        };
        self.active.size + size as u64 > u64::from(self.config.segment_bytes)
            || (age > self.config.roll_ms() && self.closed.len() < SEGMENTS_MAX)
            || next_offset > self.active.bound
    }

    /// Closes the active segment and begins one at the log's end.
    fn roll(&mut self, now: i64) -> Result<(), LogError> {
        self.repair()?;
        if self.active.size == 0 {
            return Ok(());
        }
        let end = self.end_offset;
        let id = self.next_segment_id();
        let next = Segment::create(&self.dir, end, id)?;
        let mut closed = mem::replace(&mut self.active, next);
        closed.store_index();
        closed.bound = end;
        self.closed.push_back(closed);
        self.active_since = now;
        self.trim_memory(self.closed.len());
        Ok(())
    }

    fn next_segment_id(&mut self) -> u64 {
        self.last_segment_id += 1;
        self.last_segment_id
    }

    /// Which segment an offset belongs to: an index into `closed`, or its length for the active one.
    fn segment_at(&self, offset: i64) -> usize {
        self.closed
            .partition_point(|segment| segment.bound <= offset)
    }

    fn segment_mut(&mut self, at: usize) -> &mut Segment {
        match self.closed.get_mut(at) {
            Some(segment) => segment,
            None => &mut self.active,
        }
    }

    /// Closes the files of closed segments, but for a few, and not the one in use: many logs share the process's limit.
    fn trim_memory(&mut self, in_use: usize) {
        let loaded = self.closed.iter().filter(|segment| segment.is_loaded());
        let mut excess = loaded.count().saturating_sub(SEGMENTS_LOADED_MAX);
        for (at, segment) in self.closed.iter_mut().enumerate() {
            if excess == 0 {
                return;
            }
            if at != in_use && segment.is_loaded() {
                segment.unload();
                excess -= 1;
            }
        }
    }
}

/// Closed segments of one log whose file and index are held.
const SEGMENTS_LOADED_MAX: usize = 4;

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
