//! What of a group outlives the broker: its committed offsets. Members do not; they join again.

use std::sync::Arc;

/// A fact that the caller writes to disk before it answers; the same facts in the same order restore the groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// An offset was committed, in place of the one before.
    OffsetCommitted {
        group: Arc<str>,
        topic: String,
        partition: i32,
        offset: CommittedOffset,
    },
    /// An offset was deleted or has expired.
    OffsetRemoved {
        group: Arc<str>,
        topic: String,
        partition: i32,
    },
    /// The group was deleted or is vacant; it has no offsets left.
    GroupRemoved { group: Arc<str> },
}

/// A committed offset as clients see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CommittedOffset {
    pub(crate) offset: i64,
    /// −1 where the client gave none.
    pub(crate) leader_epoch: i32,
    pub(crate) metadata: String,
    /// Wall clock, for those who read the journal; nothing is decided by it.
    pub(crate) commit_timestamp_ms: i64,
}
