//! TxnOffsetCommit: offsets that count once their transaction is committed.

use kafka_protocol::messages::{
    TxnOffsetCommitRequest, TxnOffsetCommitResponse,
    txn_offset_commit_request::TxnOffsetCommitRequestPartition,
    txn_offset_commit_response::{TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic},
};

use super::{
    Cx,
    offsets::{by_topic, settled},
    transactions::for_writer,
};
use crate::{
    clock,
    code::ErrorCode,
    group::{Commit, CommitOffset, CommittedOffset, GroupError, Identity},
    transactions::Writer,
};

/// A commit of this version, or a later one, is told of transactions that can only be aborted.
const ABORTABLE_SINCE: i16 = 4;

pub(super) async fn commit(cx: &Cx, request: TxnOffsetCommitRequest) -> TxnOffsetCommitResponse {
    let at_ms = clock::wall();
    let (mut places, mut offsets) = (Vec::new(), Vec::new());
    for topic in &request.topics {
        for one in &topic.partitions {
            let there = cx.node.topics.partition(&topic.name, one.partition_index);
            places.push((topic.name.clone(), one.partition_index, there.is_some()));
            if there.is_some() {
                offsets.push(offset(&topic.name, one, at_ms));
            }
        }
    }
    let mut codes = kept(cx, &request, offsets).await.map(Vec::into_iter);
    let partitions = places.into_iter().map(|(name, partition, there)| {
        let code = match (there, &mut codes) {
            (false, _) => ErrorCode::UnknownTopicOrPartition.code(),
            (true, Ok(codes)) => codes.next().unwrap_or_default(),
            (true, Err(code)) => *code,
        };
        let response = TxnOffsetCommitResponsePartition::default()
            .with_partition_index(partition)
            .with_error_code(code);
        (name, response)
    });
    let topics = by_topic(partitions).into_iter().map(|(name, partitions)| {
        TxnOffsetCommitResponseTopic::default()
            .with_name(name)
            .with_partitions(partitions)
    });
    TxnOffsetCommitResponse::default().with_topics(topics.collect())
}

fn offset(topic: &str, one: &TxnOffsetCommitRequestPartition, at_ms: i64) -> CommitOffset {
    let metadata = one.committed_metadata.as_ref();
    CommitOffset {
        topic: topic.to_owned(),
        partition: one.partition_index,
        offset: CommittedOffset {
            offset: one.committed_offset,
            leader_epoch: one.committed_leader_epoch,
            metadata: metadata.map(ToString::to_string).unwrap_or_default(),
            commit_timestamp_ms: at_ms,
        },
    }
}

async fn kept(
    cx: &Cx,
    request: &TxnOffsetCommitRequest,
    offsets: Vec<CommitOffset>,
) -> Result<Vec<i16>, i16> {
    if request.group_id.is_empty() {
        return Err(GroupError::InvalidGroupId.code());
    }
    let writer = Writer {
        id: &request.transactional_id,
        producer_id: request.producer_id.0,
        epoch: request.producer_epoch,
    };
    let admitted = {
        let transactor = cx.node.transactor.borrow();
        transactor
            .transactions
            .admit_group(&writer, &request.group_id)
    };
    admitted.map_err(|code| for_writer(code, cx.version >= ABORTABLE_SINCE).code())?;
    let commit = Commit {
        group: request.group_id.to_string(),
        identity: Identity {
            member: request.member_id.to_string(),
            instance: request.group_instance_id.as_ref().map(|id| id.to_string()),
            generation: request.generation_id,
        },
        offsets,
    };
    let settled = settled(cx, |coordinator| {
        let now = coordinator.now();
        let groups = &mut coordinator.groups;
        let done = groups.commit_pending(commit, writer.producer_id, now);
        done.map_err(|error| match error {
            GroupError::GroupIdNotFound => GroupError::IllegalGeneration,
            error => error,
        })
    });
    settled.await
}
