//! Finding records by time, as ListOffsets asks: exact to the record, so the batch in question is decompressed.

use super::{
    BatchHeader, HEADER_BYTES, Log, LogError,
    codec::Unreadable,
    records::{Records, plain},
    scanner::{Damage, Scanner, Step},
};

impl Log {
    /// The first record that is not older than `timestamp`: its offset and timestamp.
    ///
    /// # Errors
    /// `CorruptSegment` when a batch on the way is damaged or cannot be decompressed, `Storage`.
    pub(crate) fn offset_for_time(
        &mut self,
        timestamp: i64,
    ) -> Result<Option<(i64, i64)>, LogError> {
        let interval = self.config.index_interval_bytes;
        for at in 0..=self.closed.len() {
            let segment = self.segment_mut(at);
            if segment.summary(interval)?.max_timestamp < timestamp {
                continue;
            }
            let position = segment.index(interval)?.position_of_time(timestamp);
            let found = self.search(at, position, timestamp)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The first of the records with the latest timestamp of the log: its offset and timestamp.
    ///
    /// # Errors
    /// `CorruptSegment` when its batch is damaged or cannot be decompressed, `Storage`.
    pub(crate) fn offset_of_max_timestamp(&mut self) -> Result<Option<(i64, i64)>, LogError> {
        let interval = self.config.index_interval_bytes;
        let mut latest = (-1, 0, 0);
        for at in 0..=self.closed.len() {
            let summary = self.segment_mut(at).summary(interval)?;
            if summary.max_timestamp > latest.0 {
                let position = u64::from(summary.max_timestamp_position);
                latest = (summary.max_timestamp, at, position);
            }
        }
        self.trim_memory(self.closed.len());
        let (timestamp, at, position) = latest;
        if timestamp < 0 {
            return Ok(None);
        }
        self.search(at, position, timestamp)
    }

    /// The first record from `position` on that can be read and is not older than `timestamp`.
    fn search(
        &mut self,
        at: usize,
        position: u64,
        timestamp: i64,
    ) -> Result<Option<(i64, i64)>, LogError> {
        let start = self.start_offset();
        let source = self.segment_mut(at).source()?;
        let mut scanner = Scanner::new(&source, position);
        let result = loop {
            let found = match scanner.step()? {
                Step::End => break None,
                Step::Damaged(damage) => return Err(source.corrupt(damage)),
                Step::Batch(found) => found,
            };
            let header = found.header;
            if header.max_timestamp < timestamp || header.last_offset() < start {
                continue;
            }
            let records = &scanner.batch(&found)?[HEADER_BYTES..];
            match first_record(&header, records, start, timestamp) {
                Ok(None) => {}
                Ok(record) => break record,
                Err(reason) => {
                    let position = found.position;
                    return Err(source.corrupt(Damage { position, reason }));
                }
            }
        };
        self.trim_memory(at);
        Ok(result)
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
