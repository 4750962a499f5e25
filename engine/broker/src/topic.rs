//! A topic: its name, its settings and its partitions.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use uuid::Uuid;

use crate::{
    limits::{INDEX_INTERVAL_BYTES_MAX, TOPIC_NAME_BYTES_MAX},
    log::{Cleanup, LogConfig, TimestampType},
    partition::Partition,
};

pub(crate) mod config;

use config::Overrides;

/// A topic.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(crate) id: Uuid,
    pub(crate) config: RefCell<Overrides>,
    pub(crate) partitions: RefCell<Vec<Rc<Partition>>>,
    /// It is no topic any more; who still holds it is to look again.
    pub(crate) is_deleted: Cell<bool>,
}

impl Topic {
    pub(crate) fn partition(&self, index: i32) -> Option<Rc<Partition>> {
        let index = usize::try_from(index).ok()?;
        self.partitions.borrow().get(index).cloned()
    }

    /// New settings, which hold from now on.
    pub(crate) fn set_config(&self, config: Overrides) {
        let of_logs = log_config(&config);
        *self.config.borrow_mut() = config;
        for partition in self.partitions.borrow().iter() {
            partition.log.borrow_mut().set_config(of_logs.clone());
        }
    }
}

/// Whether a topic may have that name.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= TOPIC_NAME_BYTES_MAX
        && name != "."
        && name != ".."
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// What a topic's settings mean for its logs.
pub(crate) fn log_config(config: &Overrides) -> LogConfig {
    let size = |name| usize::try_from(config.number(name)).unwrap_or(usize::MAX);
    let int = |name| u32::try_from(config.number(name)).unwrap_or(u32::MAX);
    LogConfig {
        segment_bytes: int("segment.bytes"),
        segment_ms: config.number("segment.ms"),
        retention_ms: config.number("retention.ms"),
        retention_bytes: config.number("retention.bytes"),
        cleanup: match (
            config.has("cleanup.policy", "compact"),
            config.has("cleanup.policy", "delete"),
        ) {
            (true, true) => Cleanup::CompactAndDelete,
            (true, false) => Cleanup::Compact,
            (false, true) => Cleanup::Delete,
            (false, false) => Cleanup::Nothing,
        },
        min_cleanable_dirty_ratio: config.fraction("min.cleanable.dirty.ratio"),
        delete_retention_ms: config.number("delete.retention.ms"),
        min_compaction_lag_ms: config.number("min.compaction.lag.ms"),
        max_compaction_lag_ms: config.number("max.compaction.lag.ms"),
        max_message_bytes: size("max.message.bytes"),
        timestamp_type: match config.get("message.timestamp.type") {
            "LogAppendTime" => TimestampType::LogAppendTime,
            _ => TimestampType::CreateTime,
        },
        timestamp_before_max_ms: config.number("message.timestamp.before.max.ms"),
        timestamp_after_max_ms: config.number("message.timestamp.after.max.ms"),
        index_interval_bytes: int("index.interval.bytes").min(INDEX_INTERVAL_BYTES_MAX),
    }
}
