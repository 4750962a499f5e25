//! What of a group outlives the broker: its committed offsets. Members do not; they join again.

use std::sync::Arc;

use crate::log::Ending;

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
    /// An offset was deleted or has expired, and what was pending for its partition went with it.
    OffsetRemoved {
        group: Arc<str>,
        topic: String,
        partition: i32,
    },
    /// The group was deleted or is vacant; it has no offsets left.
    GroupRemoved { group: Arc<str> },
    /// An offset was committed within a transaction that is still open, in place of the one before.
    OffsetPending {
        group: Arc<str>,
        producer_id: i64,
        topic: String,
        partition: i32,
        offset: CommittedOffset,
    },
    /// That transaction has ended: what was pending counts, or goes.
    TransactionEnded {
        group: Arc<str>,
        producer_id: i64,
        ending: Ending,
    },
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
