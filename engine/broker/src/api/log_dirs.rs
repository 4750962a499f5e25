//! DescribeLogDirs: how much of the disk each partition takes, which consoles show.

use kafka_protocol::{
    messages::{
        DescribeLogDirsRequest, DescribeLogDirsResponse, TopicName,
        describe_log_dirs_response::{
            DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
        },
    },
    protocol::StrBytes,
};

use super::{Cx, text, topic_name};

/// No size is said: the disk does not tell.
const UNKNOWN_BYTES: i64 = -1;

/// The one folder, with what is asked about and there.
pub(super) fn answer(cx: &Cx, request: DescribeLogDirsRequest) -> DescribeLogDirsResponse {
    let topics: Vec<(TopicName, Vec<i32>)> = match request.topics {
        Some(asked) => asked
            .into_iter()
            .map(|one| (one.topic, one.partitions))
            .collect(),
        None => {
            let all = cx.node.topics.all();
            let all = all.iter().map(|topic| {
                let count = i32::try_from(topic.partitions.borrow().len()).unwrap_or(i32::MAX);
                (topic_name(&topic.name), (0..count).collect())
            });
            all.collect()
        }
    };
    let topics = topics
        .into_iter()
        .filter_map(|(name, partitions)| sizes(cx, name, &partitions));
    let dir = cx.node.topics.dir();
    let (total, usable) = rustix::fs::statvfs(dir).map_or((UNKNOWN_BYTES, UNKNOWN_BYTES), |disk| {
        let bytes = |blocks: u64| i64::try_from(blocks.saturating_mul(disk.f_frsize));
        let said = |blocks| bytes(blocks).unwrap_or(i64::MAX);
        (said(disk.f_blocks), said(disk.f_bavail))
    });
    let result = DescribeLogDirsResult::default()
        .with_log_dir(path(dir))
        .with_topics(topics.collect())
        .with_total_bytes(total)
        .with_usable_bytes(usable);
    DescribeLogDirsResponse::default().with_results(vec![result])
}

fn sizes(cx: &Cx, name: TopicName, partitions: &[i32]) -> Option<DescribeLogDirsTopic> {
    let sizes = partitions.iter().filter_map(|index| {
        let partition = cx.node.topics.partition(&name, *index)?;
        let bytes = partition.log.borrow().size();
        let size = DescribeLogDirsPartition::default()
            .with_partition_index(*index)
            .with_partition_size(i64::try_from(bytes).unwrap_or(i64::MAX));
        Some(size)
    });
    let sizes: Vec<_> = sizes.collect();
    let topic = DescribeLogDirsTopic::default().with_name(name);
    (!sizes.is_empty()).then(|| topic.with_partitions(sizes))
}

fn path(dir: &std::path::Path) -> StrBytes {
    text(dir.to_string_lossy())
}
