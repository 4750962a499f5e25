//! What of a group outlives the broker: its committed offsets. Members do not; they join again.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::log::Ending;

/// A fact that the caller writes to disk before it answers; the same facts in the same order restore the groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Change {
    /// An offset was committed, in place of the one before.
    #[serde(rename = "committed")]
    OffsetCommitted {
        group: Arc<str>,
        topic: String,
        partition: i32,
        #[serde(flatten)]
        offset: CommittedOffset,
    },
    /// An offset was deleted or has expired, and what was pending for its partition went with it.
    #[serde(rename = "removed")]
    OffsetRemoved {
        group: Arc<str>,
        topic: String,
        partition: i32,
    },
    /// The group was deleted or is vacant; it has no offsets left.
    GroupRemoved { group: Arc<str> },
    /// An offset was committed within a transaction that is still open, in place of the one before.
    #[serde(rename = "pending")]
    OffsetPending {
        group: Arc<str>,
        producer_id: i64,
        topic: String,
        partition: i32,
        #[serde(flatten)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CommittedOffset {
    pub(crate) offset: i64,
    /// −1 where the client gave none.
    pub(crate) leader_epoch: i32,
    pub(crate) metadata: String,
    /// Wall clock, for those who read the journal; nothing is decided by it.
    #[serde(rename = "at_ms")]
    pub(crate) commit_timestamp_ms: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_one_flat_line_and_comes_back_from_it() {
        let change = Change::OffsetCommitted {
            group: "g".into(),
            topic: "t".to_owned(),
            partition: 3,
            offset: CommittedOffset {
                offset: i64::MAX,
                leader_epoch: -1,
                metadata: "note".to_owned(),
                commit_timestamp_ms: 7,
            },
        };

        let json = serde_json::to_string(&change).unwrap();

        assert_eq!(
            json,
            r#"{"committed":{"group":"g","topic":"t","partition":3,"offset":9223372036854775807,"leader_epoch":-1,"metadata":"note","at_ms":7}}"#
        );
        assert_eq!(serde_json::from_str::<Change>(&json).unwrap(), change);
    }
}
