//! OffsetForLeaderEpoch: where a leader's epoch ended, by which a consumer finds out that its log was truncated.
//!
//! There has been one leader, of epoch 0, which ends where the log does: nothing is ever truncated.

use kafka_protocol::messages::{
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
    offset_for_leader_epoch_request::OffsetForLeaderPartition,
    offset_for_leader_epoch_response::{EpochEndOffset, OffsetForLeaderTopicResult},
};

use super::Cx;
use crate::{code::ErrorCode, partition};

pub(super) fn answer(
    cx: &Cx,
    request: OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let ends = topic.partitions.iter().map(|asked| {
            let end = EpochEndOffset::default().with_partition(asked.partition);
            match end_of(cx, &topic.topic, asked) {
                Ok((epoch, offset)) => end.with_leader_epoch(epoch).with_end_offset(offset),
                Err(code) => end
                    .with_error_code(code.code())
                    .with_leader_epoch(-1)
                    .with_end_offset(-1),
            }
        });
        let ends = ends.collect();
        OffsetForLeaderTopicResult::default()
            .with_topic(topic.topic)
            .with_partitions(ends)
    });
    let topics = topics.collect();
    OffsetForLeaderEpochResponse::default().with_topics(topics)
}

/// The epoch and its end, both −1 for an epoch that has not been.
fn end_of(cx: &Cx, topic: &str, asked: &OffsetForLeaderPartition) -> Result<(i32, i64), ErrorCode> {
    let found = cx.node.topics.partition(topic, asked.partition);
    let found = found.ok_or(ErrorCode::UnknownTopicOrPartition)?;
    partition::check_leader_epoch(asked.current_leader_epoch)?;
    Ok(match asked.leader_epoch {
        0 => (0, found.visible()),
        _ => (-1, -1),
    })
}
