//! What Kafka looks for inside a batch before it appends it: a record too few or too many, a key that is missing where the
//! topic is compacted, a time that the topic does not allow.
//!
//! Compressed records stay closed unless the topic's settings ask for a look, or the header is refused and it is to be said
//! which record is why. A look costs what the records are, opened: a thousandth of that may have been sent. So it is handed
//! out as a value, which another thread runs if it may take long. Absent: offset deltas, which are the producer's.
//! Source: `org.apache.kafka.storage.internals.log.LogValidator`.

use super::{
    CheckedBatch, LogConfig, LogError, TimestampType,
    codec::Codec,
    records::{Record, Records, plain},
};

/// Why records of a batch are refused, and which: the batch is refused as a whole.
#[derive(Debug, Default)]
pub(crate) struct Rejected {
    /// Some are refused because of their time.
    has_time: bool,
    /// The number of each in the batch, and what is wrong with it.
    records: Vec<(i32, &'static str)>,
}

impl Rejected {
    /// Whether that is because of a time.
    pub(crate) fn is_of_time(&self) -> bool {
        self.has_time
    }

    /// The number of each in the batch, and what is wrong with it.
    pub(crate) fn records(&self) -> &[(i32, &'static str)] {
        &self.records
    }
}

/// A look into one batch. Runs on any thread.
#[derive(Debug)]
pub(crate) struct Inspection {
    batch: CheckedBatch,
    rules: Rules,
}

/// How long a look takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Some microseconds.
    Little,
    /// Up to a tenth of a millisecond: others are to have their turn after it.
    Some,
    /// Too long for the thread that serves everybody.
    Much,
}

impl Inspection {
    pub(super) fn new(batch: CheckedBatch, config: &LogConfig, now: i64) -> Self {
        let rules = Rules::of(config, now);
        Self { batch, rules }
    }

    /// How long [`Self::run`] may take. It passes over keys and values: their number counts, once they are open.
    pub(crate) fn effort(&self) -> Effort {
        match self.batch.header().count {
            _ if self.is_compressed() && self.asks_for_a_look() => Effort::Much,
            _ if self.is_compressed() => Effort::Little,
            count if count > RECORDS_AT_ONCE_MAX => Effort::Much,
            count if count > RECORDS_UNNOTICED_MAX => Effort::Some,
            _ => Effort::Little,
        }
    }

    /// Checks what the header alone does not tell; gives the batch back.
    ///
    /// # Errors
    /// `InvalidRecord`: the records are not those that the header says. `Rejected`: some are not what the topic takes.
    pub(crate) fn run(self) -> Result<CheckedBatch, LogError> {
        if !self.is_compressed() || self.asks_for_a_look() {
            look(&self.batch, &self.rules)?;
        }
        Ok(self.batch)
    }

    fn is_compressed(&self) -> bool {
        !matches!(Codec::of(self.batch.header().codec()), Ok(None))
    }

    fn asks_for_a_look(&self) -> bool {
        self.rules.ask_for_a_look(self.batch.header().max_timestamp)
    }
}

fn look(batch: &CheckedBatch, rules: &Rules) -> Result<(), LogError> {
    let header = batch.header();
    let plain = plain(header, batch.records()).map_err(LogError::InvalidRecord)?;
    let mut records = Records::new(header, &plain);
    let mut rejected = Rejected::default();
    for (index, record) in (0..).zip(records.by_ref()) {
        let record = record.map_err(LogError::InvalidRecord)?;
        let Some((reason, is_of_time)) = rules.refuse(&record, header.base_timestamp) else {
            continue;
        };
        rejected.has_time |= is_of_time;
        if rejected.records.len() < REJECTED_MAX {
            rejected.records.push((index, reason));
        }
    }
    if !records.is_at_end() {
        return Err(LogError::InvalidRecord("there are more records than said"));
    }
    match rejected.records.is_empty() {
        true => Ok(()),
        false => Err(LogError::Rejected(rejected)),
    }
}

/// What a topic takes.
#[derive(Debug)]
struct Rules {
    wants_keys: bool,
    /// The earliest and the latest time, where the producer dates.
    times: Option<(i64, i64)>,
}

impl Rules {
    fn of(config: &LogConfig, now: i64) -> Self {
        let earliest = now.saturating_sub(config.timestamp_before_max_ms);
        let latest = now.saturating_add(config.timestamp_after_max_ms);
        Self {
            wants_keys: config.cleanup.compacts(),
            times: match config.timestamp_type {
                TimestampType::CreateTime => Some((earliest, latest)),
                TimestampType::LogAppendTime => None,
            },
        }
    }

    fn ask_for_a_look(&self, max_timestamp: i64) -> bool {
        let of_times = |(earliest, latest)| earliest > 0 || max_timestamp > latest;
        self.wants_keys || self.times.is_some_and(of_times)
    }

    /// What is wrong with a record, and whether that is its time.
    fn refuse(&self, record: &Record<'_>, base_timestamp: i64) -> Option<(&'static str, bool)> {
        if self.wants_keys && record.key.is_none() {
            return Some(("a compacted topic takes no record without a key", false));
        }
        let (earliest, latest) = self.times?;
        let time = base_timestamp.saturating_add(record.timestamp_delta);
        let is_allowed = time == NO_TIMESTAMP || (earliest..=latest).contains(&time);
        (!is_allowed).then_some(("its timestamp is outside of what the topic allows", true))
    }
}

/// A record that nobody dated.
const NO_TIMESTAMP: i64 = -1;

/// Records of a batch that are looked at on the thread that serves everybody: it takes 10 ns for each.
const RECORDS_AT_ONCE_MAX: i32 = 10_000;

/// Records of a batch that nobody notices are looked at.
const RECORDS_UNNOTICED_MAX: i32 = 1_000;

/// Records that an answer names at most.
const REJECTED_MAX: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{
        BatchHeader, Cleanup,
        build::{batch_like, checked, plain_header, record},
    };

    #[test]
    fn a_look_that_may_take_long_says_so() {
        let effort = |codec: i16, records: usize, cleanup: Cleanup| {
            let header = BatchHeader {
                attributes: codec,
                ..plain_header()
            };
            let records = vec![record(0, "k", ""); records];
            let config = LogConfig {
                cleanup,
                ..LogConfig::default()
            };
            Inspection::new(checked(batch_like(header, &records)), &config, 0).effort()
        };

        let (gzip, zstd) = (1, 4);
        assert_eq!(effort(0, 1_000, Cleanup::Compact), Effort::Little);
        assert_eq!(effort(0, 1_001, Cleanup::Delete), Effort::Some);
        assert_eq!(effort(0, 10_001, Cleanup::Delete), Effort::Much);
        assert_eq!(effort(gzip, 1, Cleanup::Compact), Effort::Much);
        assert_eq!(effort(zstd, 1, Cleanup::CompactAndDelete), Effort::Much);
        assert_eq!(
            effort(gzip, 10_001, Cleanup::Delete),
            Effort::Little,
            "stays closed"
        );
    }
}
