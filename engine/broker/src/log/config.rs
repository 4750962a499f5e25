//! What a topic's configuration says about its logs, with Kafka's names and defaults.
//!
//! Absent: parsing and validation of the values that clients send.

/// The settings of one log. They may change while the log is open.
#[derive(Clone, Debug)]
pub(crate) struct LogConfig {
    /// `segment.bytes`: a segment that would exceed this is closed before the append.
    pub(crate) segment_bytes: u32,
    /// `segment.ms`: a segment whose first batch is older than this is closed at the next append.
    pub(crate) segment_ms: i64,
    /// `retention.ms`: -1 keeps everything.
    pub(crate) retention_ms: i64,
    /// `retention.bytes`: -1 keeps everything.
    pub(crate) retention_bytes: i64,
    /// `cleanup.policy`.
    pub(crate) cleanup: Cleanup,
    /// `min.cleanable.dirty.ratio`: cleaning waits until more than this share is new.
    pub(crate) min_cleanable_dirty_ratio: f64,
    /// `delete.retention.ms`: how long a tombstone outlives the first cleaning that saw it.
    pub(crate) delete_retention_ms: i64,
    /// `min.compaction.lag.ms`: younger records are not cleaned.
    pub(crate) min_compaction_lag_ms: i64,
    /// `max.compaction.lag.ms`: older records make a cleaning due whatever the ratio.
    pub(crate) max_compaction_lag_ms: i64,
    /// `max.message.bytes`: the largest batch.
    pub(crate) max_message_bytes: usize,
    /// `message.timestamp.type`.
    pub(crate) timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`: how far in the past it may lie.
    pub(crate) timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`: how far in the future a producer's timestamp may lie.
    pub(crate) timestamp_after_max_ms: i64,
    /// `index.interval.bytes`: bytes between two entries of the sparse index.
    pub(crate) index_interval_bytes: u32,
}

/// `cleanup.policy`: what may be removed from a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cleanup {
    /// Nothing.
    Nothing,
    /// Old segments.
    Delete,
    /// Records that a later record of the same key supersedes.
    Compact,
    /// Both.
    CompactAndDelete,
}

/// `message.timestamp.type`: who dates the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimestampType {
    /// The producer.
    CreateTime,
    /// The broker, when it appends.
    LogAppendTime,
}

impl Cleanup {
    /// Whether retention removes old segments.
    pub(crate) fn deletes(self) -> bool {
        matches!(self, Self::Delete | Self::CompactAndDelete)
    }

    /// Whether the cleaner removes superseded records.
    pub(crate) fn compacts(self) -> bool {
        matches!(self, Self::Compact | Self::CompactAndDelete)
    }
}

impl LogConfig {
    /// After how long a segment is closed: a compacted log must not hold its records back in the active segment for
    /// longer than `max.compaction.lag.ms`.
    pub(crate) fn roll_ms(&self) -> i64 {
        if self.cleanup.compacts() && self.max_compaction_lag_ms > 0 {
            self.segment_ms.min(self.max_compaction_lag_ms)
        } else {
            self.segment_ms
        }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            segment_bytes: 1 << 30,
            segment_ms: 7 * DAY_MS,
            retention_ms: 7 * DAY_MS,
            retention_bytes: -1,
            cleanup: Cleanup::Delete,
            min_cleanable_dirty_ratio: 0.5,
            delete_retention_ms: DAY_MS,
            min_compaction_lag_ms: 0,
            max_compaction_lag_ms: i64::MAX,
            max_message_bytes: 1_048_588,
            timestamp_type: TimestampType::CreateTime,
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: 3_600_000,
            index_interval_bytes: 4096,
        }
    }
}

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
