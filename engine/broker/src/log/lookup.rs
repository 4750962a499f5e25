//! Finding records by time, as ListOffsets asks: exact to the record, so the batch in question is decompressed.
//!
//! ```text
//! Log::lookup_time (which segment) ──> Lookup::run (another thread: reads and decompresses) ──> the record, or the next one
//! ```
//! A header says its batch's latest time, so one batch is decompressed. Headers of hostile producers lie: after a few such
//! batches the look-up ends with an error.

use super::{
    BatchHeader, HEADER_BYTES, Log, LogError,
    codec::Unreadable,
    records::{Records, plain},
    scanner::{Damage, Scanner, SegmentFile, Step},
};

/// A look-up in one segment. Runs on any thread.
#[derive(Debug)]
pub(crate) struct Lookup {
    source: SegmentFile,
    position: u64,
    /// The log's start: records below do not count.
    start: i64,
    timestamp: i64,
}

impl Log {
    /// Where to look for the first record at `from` or later that is not older than `timestamp`; nowhere if there is none.
    ///
    /// # Errors
    /// `Storage`.
    pub(crate) fn lookup_time(
        &mut self,
        from: i64,
        timestamp: i64,
    ) -> Result<Option<Lookup>, LogError> {
        let interval = self.config.index_interval_bytes;
        if from >= self.end_offset {
            return Ok(None);
        }
        for at in self.segment_at(from)..=self.closed.len() {
            let segment = self.segment_mut(at);
            if segment.summary(interval)?.max_timestamp >= timestamp {
                let position = segment.index(interval)?.position_of_time(timestamp);
                return self.lookup(at, position, timestamp).map(Some);
            }
        }
        Ok(None)
    }

    /// Where to look for the first of the records with the latest timestamp of the log; nowhere if no record has one.
    ///
    /// # Errors
    /// `Storage`.
    pub(crate) fn lookup_latest(&mut self) -> Result<Option<Lookup>, LogError> {
        let interval = self.config.index_interval_bytes;
        let mut latest = (-1, 0, 0);
        for at in 0..=self.closed.len() {
            let summary = self.segment_mut(at).summary(interval)?;
            if summary.max_timestamp > latest.0 {
                let position = u64::from(summary.max_timestamp_position);
                latest = (summary.max_timestamp, at, position);
            }
        }
        let (timestamp, at, position) = latest;
        if timestamp < 0 {
            self.trim_memory(self.closed.len());
            return Ok(None);
        }
        self.lookup(at, position, timestamp).map(Some)
    }

    fn lookup(&mut self, at: usize, position: u64, timestamp: i64) -> Result<Lookup, LogError> {
        let start = self.start_offset();
        let source = self.segment_mut(at).source()?;
        self.trim_memory(at);
        Ok(Lookup {
            source,
            position,
            start,
            timestamp,
        })
    }
}

impl Lookup {
    /// Where the look-up goes on if nothing is found here.
    pub(crate) fn bound(&self) -> i64 {
        self.source.bound
    }

    /// The first record that can be read and is not older than the time: its offset and timestamp.
    ///
    /// # Errors
    /// `CorruptSegment` when a batch on the way is damaged or cannot be decompressed, `Storage`.
    pub(crate) fn run(&self) -> Result<Option<(i64, i64)>, LogError> {
        let mut scanner = Scanner::new(&self.source, self.position);
        let mut liars = 0;
        loop {
            let found = match scanner.step()? {
                Step::End => return Ok(None),
                Step::Damaged(damage) => return Err(self.source.corrupt(damage)),
                Step::Batch(found) => found,
            };
            let header = found.header;
            if header.max_timestamp < self.timestamp || header.last_offset() < self.start {
                continue;
            }
            let records = &scanner.batch(&found)?[HEADER_BYTES..];
            let record = match first_record(&header, records, self.start, self.timestamp) {
                Ok(None) if liars >= LIARS_MAX => Err("no record has the batch's latest time"),
                record => record,
            };
            match record {
                Ok(None) => liars += i32::from(header.codec() != 0),
                Ok(record) => return Ok(record),
                Err(reason) => {
                    let position = found.position;
                    return Err(self.source.corrupt(Damage { position, reason }));
                }
            }
        }
    }
}

/// Offset and timestamp of the first record of a batch with at least that offset and timestamp.
fn first_record(
    header: &BatchHeader,
    records: &[u8],
    offset: i64,
    timestamp: i64,
) -> Result<Option<(i64, i64)>, Unreadable> {
    for record in Records::new(header, &plain(header, records)?) {
        let record = record?;
        let found = (record.offset(header), record.timestamp(header));
        if found.0 >= offset && found.1 >= timestamp {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Compressed batches of one look-up that turn out not to have what their header says. An honest log has one at most, at
/// its start.
const LIARS_MAX: i32 = 4;

#[cfg(test)]
impl Log {
    pub(crate) fn offset_for_time(
        &mut self,
        timestamp: i64,
    ) -> Result<Option<(i64, i64)>, LogError> {
        let mut from = self.start_offset();
        while let Some(lookup) = self.lookup_time(from, timestamp)? {
            if let Some(found) = lookup.run()? {
                return Ok(Some(found));
            }
            from = lookup.bound();
        }
        Ok(None)
    }

    pub(crate) fn offset_of_max_timestamp(&mut self) -> Result<Option<(i64, i64)>, LogError> {
        let lookup = self.lookup_latest()?;
        lookup.map_or(Ok(None), |lookup| lookup.run())
    }
}
