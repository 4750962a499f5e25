//! What removes the old end of a log: retention by age and size, and DeleteRecords.
//!
//! Invariant: the start offset never goes back.

use std::{fs, time::UNIX_EPOCH};

use super::{Log, LogError, checkpoint::Checkpoint, segment::Segment};
use crate::disk;

impl Log {
    /// Deletes the records below `before` and gives the log's new start, as DeleteRecords answers it. The start survives a
    /// restart when this returns; space comes back by whole segments.
    ///
    /// # Errors
    /// `OffsetOutOfRange` when `before` is above the end, `Storage`.
    pub(crate) fn delete_records(&mut self, before: i64) -> Result<i64, LogError> {
        if before < 0 || before > self.end_offset {
            return Err(LogError::OffsetOutOfRange {
                offset: before,
                start: self.start_offset(),
                end: self.end_offset,
            });
        }
        if before > self.checkpoint.start_offset {
            let moved = Checkpoint {
                start_offset: before,
                ..self.checkpoint
            };
            disk::with_reserve(LogError::is_full, || moved.store(&self.dir))?;
            self.checkpoint = moved;
            self.remove_below_start()?;
            // Before others take the space that is free now.
            drop(disk::refill_reserve());
        }
        Ok(self.start_offset())
    }

    /// Removes the segments that retention does not keep, and gives their number. The active one is closed and removed only
    /// when all of it has expired.
    ///
    /// # Errors
    /// `Storage`: the segments from there on stay until the next call.
    pub(crate) fn retain(&mut self, now: i64) -> Result<usize, LogError> {
        let mut removed = 0;
        if !self.config.cleanup.deletes() {
            return Ok(removed);
        }
        let mut total = self.size();
        loop {
            let is_active = self.closed.is_empty();
            let size = self.segment_mut(0).size;
            let is_nothing_left = is_active && size == 0;
            if is_nothing_left || !(self.is_excess(total, size) || self.has_expired(now)?) {
                return Ok(removed);
            }
            if is_active {
                self.roll(now)?;
            }
            self.remove_first()?;
            total -= size;
            removed += 1;
        }
    }

    /// Removes the closed segments that end at or below the start offset.
    pub(super) fn remove_below_start(&mut self) -> Result<(), LogError> {
        while self
            .closed
            .front()
            .is_some_and(|first| first.bound <= self.checkpoint.start_offset)
        {
            self.remove_first()?;
        }
        Ok(())
    }

    fn remove_first(&mut self) -> Result<(), LogError> {
        if let Some(first) = self.closed.front() {
            first.remove()?;
            let start = self.checkpoint.start_offset.max(first.bound);
            self.checkpoint.start_offset = start;
            self.closed.pop_front();
        }
        Ok(())
    }

    fn is_excess(&self, total: u64, size: u64) -> bool {
        u64::try_from(self.config.retention_bytes).is_ok_and(|max| total - size >= max)
    }

    fn has_expired(&mut self, now: i64) -> Result<bool, LogError> {
        let (retention_ms, interval) = (self.config.retention_ms, self.config.index_interval_bytes);
        if retention_ms < 0 {
            return Ok(false);
        }
        let first = self.segment_mut(0);
        let latest = match first.summary(interval)?.max_timestamp {
            latest @ 0.. => latest,
            // Nothing dates the records: the file does.
            _ => modified_ms(first).unwrap_or(now),
        };
        Ok(now.saturating_sub(latest) > retention_ms)
    }
}

fn modified_ms(segment: &Segment) -> Option<i64> {
    let modified = fs::metadata(segment.path()).ok()?.modified().ok()?;
    let age = modified.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(age.as_millis()).ok()
}
