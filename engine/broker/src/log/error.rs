//! What can go wrong in a partition's log, each with the code that Kafka gives for it.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::content::Rejected;
use crate::disk;

/// A refused or failed operation on a log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    /// The offset is below the log's start or above its end.
    #[error("offset {offset} is outside {start}..={end}")]
    OffsetOutOfRange {
        /// The offset asked for.
        offset: i64,
        /// The log's first offset.
        start: i64,
        /// The offset that the next record gets.
        end: i64,
    },
    /// A batch that was sent is cut short or fails its checksum.
    #[error("corrupt batch: {0}")]
    CorruptBatch(&'static str),
    /// A batch in the log cannot be read; what precedes and follows its segment can.
    #[error("segment {segment} is corrupt at byte {position}: {reason}")]
    CorruptSegment {
        /// Base offset of the segment.
        segment: i64,
        /// Where the bad batch begins in the file.
        position: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A batch is larger than the topic allows.
    #[error("a batch of {size} bytes is larger than the limit of {max}")]
    TooLarge {
        /// Bytes of the batch.
        size: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// The batches of one append do not fit a segment.
    #[error("an append of {size} bytes is larger than a segment of {max}")]
    ListTooLarge {
        /// Bytes of all batches together.
        size: usize,
        /// Bytes of a segment.
        max: usize,
    },
    /// A message format other than version 2.
    #[error("message format {0} is not supported, only 2")]
    UnsupportedFormat(i8),
    /// A compression codec that Kafka does not define.
    #[error("compression codec {0} is unknown")]
    UnsupportedCodec(i16),
    /// A well-formed batch that a producer must not send.
    #[error("invalid record: {0}")]
    InvalidRecord(&'static str),
    /// Some records of a batch are not what the topic takes.
    #[error("One or more records have been rejected: {}", rejected_text(.0))]
    Rejected(Rejected),
    /// A timestamp outside what the topic allows.
    #[error("invalid timestamp: {0}")]
    InvalidTimestamp(&'static str),
    /// The file system refused; nothing was changed.
    #[error("cannot {action} {}: {source}", path.display())]
    Storage {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// What ran on another thread did not come to its end.
    #[error("it was stopped")]
    Stopped,
}

impl LogError {
    /// The error code of Kafka's protocol.
    pub(crate) fn code(&self) -> i16 {
        match self {
            Self::OffsetOutOfRange { .. } => 1,
            Self::CorruptBatch(_) | Self::CorruptSegment { .. } => 2,
            Self::TooLarge { .. } => 10,
            Self::ListTooLarge { .. } => 18,
            Self::InvalidTimestamp(_) => 32,
            Self::Rejected(rejected) if rejected.is_of_time() => 32,
            Self::UnsupportedFormat(_) => 43,
            Self::Storage { .. } | Self::Stopped => 56,
            Self::UnsupportedCodec(_) => 76,
            Self::InvalidRecord(_) | Self::Rejected(_) => 87,
        }
    }

    /// Whether the disk is full.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self, Self::Storage { source, .. } if disk::is_full(source))
    }

    /// The thread that syncs is gone, so nothing is known to be on the disk.
    pub(crate) fn no_syncer() -> Self {
        Self::Storage {
            action: "sync",
            path: PathBuf::from("log"),
            source: io::Error::other("the thread that syncs has ended"),
        }
    }

    /// Says which file an I/O error is about: for `map_err`.
    pub(super) fn storage(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Storage {
            action,
            path: path.to_owned(),
            source,
        }
    }
}

fn rejected_text(rejected: &Rejected) -> &'static str {
    rejected.records().first().map_or("", |(_, reason)| reason)
}
