//! Which requests are answered, in which versions.

use kafka_protocol::{messages::ApiKey, protocol::VersionRange};

/// All requests that are answered. What is not here is not advertised, and a connection that asks for it is closed, as
/// Kafka does it.
pub(crate) const OFFERED: &[(ApiKey, VersionRange)] = &[
    (ApiKey::Produce, range(3, 12)),
    (ApiKey::Fetch, range(4, 16)),
    (ApiKey::ListOffsets, range(1, 10)),
    (ApiKey::Metadata, range(0, 13)),
    (ApiKey::OffsetCommit, range(2, 9)),
    (ApiKey::OffsetFetch, range(1, 9)),
    (ApiKey::FindCoordinator, range(0, 6)),
    (ApiKey::JoinGroup, range(0, 9)),
    (ApiKey::Heartbeat, range(0, 4)),
    (ApiKey::LeaveGroup, range(0, 5)),
    (ApiKey::SyncGroup, range(0, 5)),
    (ApiKey::DescribeGroups, range(0, 6)),
    (ApiKey::ListGroups, range(0, 5)),
    (ApiKey::ApiVersions, range(0, 4)),
    (ApiKey::CreateTopics, range(2, 7)),
    (ApiKey::DeleteTopics, range(1, 6)),
    (ApiKey::DeleteRecords, range(0, 2)),
    (ApiKey::InitProducerId, range(0, 5)),
    // Up to here: later versions of these raise the epoch with every transaction.
    (ApiKey::AddPartitionsToTxn, range(0, 3)),
    (ApiKey::AddOffsetsToTxn, range(0, 4)),
    (ApiKey::EndTxn, range(0, 4)),
    (ApiKey::TxnOffsetCommit, range(0, 4)),
    (ApiKey::OffsetForLeaderEpoch, range(2, 4)),
    (ApiKey::DescribeConfigs, range(1, 4)),
    (ApiKey::AlterConfigs, range(0, 2)),
    (ApiKey::IncrementalAlterConfigs, range(0, 1)),
    (ApiKey::DescribeLogDirs, range(1, 4)),
    (ApiKey::CreatePartitions, range(0, 3)),
    (ApiKey::DeleteGroups, range(0, 2)),
    (ApiKey::OffsetDelete, range(0, 0)),
    (ApiKey::DescribeCluster, range(0, 2)),
];

const fn range(min: i16, max: i16) -> VersionRange {
    VersionRange { min, max }
}

/// The versions of a request that are answered.
pub(crate) fn of(api: ApiKey) -> Option<VersionRange> {
    OFFERED
        .iter()
        .find(|(offered, _)| *offered == api)
        .map(|(_, range)| *range)
}
