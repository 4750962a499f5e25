//! Offsets that groups have committed.

use std::{collections::BTreeMap, io};

use kafka_protocol::{
    messages::{
        OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse,
        OffsetFetchRequest, OffsetFetchResponse, TopicName,
        offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic},
        offset_delete_response::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic},
        offset_fetch_response::{
            OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
            OffsetFetchResponseTopic, OffsetFetchResponseTopics,
        },
    },
    protocol::StrBytes,
};

use super::{Cx, text, topic_name};
use crate::{
    clock,
    code::ErrorCode,
    coordinator::Coordinator,
    group::{Commit, CommitOffset, CommittedOffset, Done, GroupError, Identity},
};

pub(super) async fn commit(cx: &Cx, request: OffsetCommitRequest) -> OffsetCommitResponse {
    let at_ms = clock::wall();
    let mut places = Vec::new();
    let mut offsets = Vec::new();
    for topic in request.topics {
        for one in topic.partitions {
            let there = cx.node.topics.partition(&topic.name, one.partition_index);
            places.push((topic.name.clone(), one.partition_index, there.is_some()));
            if there.is_some() {
                offsets.push(CommitOffset {
                    topic: topic.name.to_string(),
                    partition: one.partition_index,
                    offset: CommittedOffset {
                        offset: one.committed_offset,
                        leader_epoch: one.committed_leader_epoch,
                        metadata: one
                            .committed_metadata
                            .map(|m| m.to_string())
                            .unwrap_or_default(),
                        commit_timestamp_ms: at_ms,
                    },
                });
            }
        }
    }
    let commit = Commit {
        group: request.group_id.to_string(),
        identity: Identity {
            member: request.member_id.to_string(),
            instance: request.group_instance_id.map(|id| id.to_string()),
            generation: request.generation_id_or_member_epoch,
        },
        offsets,
    };
    let version = cx.version;
    let settled = settled(cx, |coordinator| {
        let now = coordinator.now();
        let done = coordinator.groups.commit(commit, now);
        done.map_err(|error| match (error, version) {
            // What members of a group that is gone were told before they could be told that.
            (GroupError::GroupIdNotFound, ..9) => GroupError::IllegalGeneration,
            (error, _) => error,
        })
    });
    let mut codes = settled.await.map(Vec::into_iter);
    let partitions = places.into_iter().map(|(name, partition, there)| {
        let code = match there {
            true => match &mut codes {
                Ok(codes) => codes.next().unwrap_or_default(),
                Err(code) => *code,
            },
            false => ErrorCode::UnknownTopicOrPartition.code(),
        };
        let response = OffsetCommitResponsePartition::default()
            .with_partition_index(partition)
            .with_error_code(code);
        (name, response)
    });
    let topics = by_topic(partitions).into_iter().map(|(name, partitions)| {
        OffsetCommitResponseTopic::default()
            .with_name(name)
            .with_partitions(partitions)
    });
    OffsetCommitResponse::default().with_topics(topics.collect())
}

pub(super) async fn delete(cx: &Cx, request: OffsetDeleteRequest) -> OffsetDeleteResponse {
    let (mut places, mut there) = (Vec::new(), Vec::new());
    for topic in request.topics {
        for one in topic.partitions {
            let place = (topic.name.to_string(), one.partition_index);
            let is_there = cx.node.topics.partition(&place.0, place.1).is_some();
            if is_there {
                there.push(place.clone());
            }
            places.push((place, is_there));
        }
    }
    let settled = settled(cx, |coordinator| {
        let now = coordinator.now();
        let groups = &mut coordinator.groups;
        groups.delete_offsets(&request.group_id, &there, now)
    });
    let mut codes = match settled.await {
        Ok(codes) => codes.into_iter(),
        Err(code) => return OffsetDeleteResponse::default().with_error_code(code),
    };
    let partitions = places.into_iter().map(|((name, partition), is_there)| {
        let code = match is_there {
            true => codes.next().unwrap_or_default(),
            false => ErrorCode::UnknownTopicOrPartition.code(),
        };
        let response = OffsetDeleteResponsePartition::default()
            .with_partition_index(partition)
            .with_error_code(code);
        (topic_name(&name), response)
    });
    let topics = by_topic(partitions).into_iter().map(|(name, partitions)| {
        OffsetDeleteResponseTopic::default()
            .with_name(name)
            .with_partitions(partitions)
    });
    OffsetDeleteResponse::default().with_topics(topics.collect())
}

/// Takes a step; the codes of its parts once what changed is as durable as the broker was told to make it.
///
/// # Errors
/// The code of the whole request.
pub(super) async fn settled(
    cx: &Cx,
    step: impl FnOnce(&mut Coordinator) -> Result<Done, GroupError>,
) -> Result<Vec<i16>, i16> {
    let refused = |error: io::Error| {
        tracing::error!(%error, "committed offsets cannot be written");
        ErrorCode::StorageError.code()
    };
    let outcomes = {
        let mut coordinator = cx.node.coordinator.borrow_mut();
        let done = step(&mut coordinator).map_err(GroupError::code);
        let made = done.and_then(|done| {
            coordinator.make(done.changes).map_err(refused)?;
            Ok(done.outcomes)
        });
        coordinator.hand_out();
        made?
    };
    cx.node.settle_groups().await.map_err(refused)?;
    let codes = outcomes
        .into_iter()
        .map(|outcome| outcome.map_or_else(GroupError::code, |()| 0));
    Ok(codes.collect())
}

pub(super) fn by_topic<T>(
    partitions: impl Iterator<Item = (TopicName, T)>,
) -> Vec<(TopicName, Vec<T>)> {
    let mut topics: Vec<(TopicName, Vec<T>)> = Vec::new();
    for (name, partition) in partitions {
        match topics.last_mut() {
            Some((last, partitions)) if *last == name => partitions.push(partition),
            _ => topics.push((name, vec![partition])),
        }
    }
    topics
}

pub(super) fn fetch(cx: &Cx, request: OffsetFetchRequest) -> OffsetFetchResponse {
    let coordinator = &*cx.node.coordinator.borrow();
    let stable = request.require_stable;
    if cx.version >= 8 {
        let groups = request.groups.into_iter().map(|group| {
            let asked = group.topics.map(|topics| {
                let topics = topics.into_iter();
                topics
                    .map(|topic| (topic.name, topic.partition_indexes))
                    .collect()
            });
            let topics = offsets_of(coordinator, stable, &group.group_id, asked);
            let topics = topics.into_iter().map(|(name, offsets)| {
                let partitions = offsets.into_iter().map(|one| {
                    OffsetFetchResponsePartitions::default()
                        .with_partition_index(one.partition)
                        .with_error_code(one.code)
                        .with_committed_offset(one.offset)
                        .with_committed_leader_epoch(one.leader_epoch)
                        .with_metadata(Some(one.metadata))
                });
                OffsetFetchResponseTopics::default()
                    .with_name(name)
                    .with_partitions(partitions.collect())
            });
            let topics = topics.collect();
            OffsetFetchResponseGroup::default()
                .with_group_id(group.group_id)
                .with_topics(topics)
        });
        return OffsetFetchResponse::default().with_groups(groups.collect());
    }
    let asked = request.topics.map(|topics| {
        let topics = topics.into_iter();
        topics
            .map(|topic| (topic.name, topic.partition_indexes))
            .collect()
    });
    let topics = offsets_of(coordinator, stable, &request.group_id, asked);
    let topics = topics.into_iter().map(|(name, offsets)| {
        let partitions = offsets.into_iter().map(|one| {
            OffsetFetchResponsePartition::default()
                .with_partition_index(one.partition)
                .with_error_code(one.code)
                .with_committed_offset(one.offset)
                .with_committed_leader_epoch(one.leader_epoch)
                .with_metadata(Some(one.metadata))
        });
        OffsetFetchResponseTopic::default()
            .with_name(name)
            .with_partitions(partitions.collect())
    });
    OffsetFetchResponse::default().with_topics(topics.collect())
}

/// A committed offset, or −1 where there is none.
struct Found {
    partition: i32,
    code: i16,
    offset: i64,
    leader_epoch: i32,
    metadata: StrBytes,
}

/// What was committed of the partitions that were asked for, or of all. Whoever wants what is stable waits for transactions
/// that may change it.
fn offsets_of(
    coordinator: &Coordinator,
    stable: bool,
    group: &str,
    asked: Option<Vec<(TopicName, Vec<i32>)>>,
) -> Vec<(TopicName, Vec<Found>)> {
    let groups = &coordinator.groups;
    let found = |topic: &str, partition, offset| match stable
        && groups.has_pending(group, topic, partition)
    {
        true => unstable(partition),
        false => found(partition, offset),
    };
    let Some(asked) = asked else {
        let mut all: BTreeMap<&str, Vec<Found>> = BTreeMap::new();
        for (topic, partition, offset) in groups.fetch_offsets(group) {
            all.entry(topic)
                .or_default()
                .push(found(topic, partition, Some(offset)));
        }
        return all
            .into_iter()
            .map(|(name, found)| (topic_name(name), found))
            .collect();
    };
    let topics = asked.into_iter().map(|(name, partitions)| {
        let offsets = partitions.into_iter().map(|partition| {
            let offset = groups.fetch_offset(group, &name, partition);
            found(&name, partition, offset)
        });
        let offsets = offsets.collect();
        (name, offsets)
    });
    topics.collect()
}

fn found(partition: i32, offset: Option<&CommittedOffset>) -> Found {
    match offset {
        Some(offset) => Found {
            partition,
            code: 0,
            offset: offset.offset,
            leader_epoch: offset.leader_epoch,
            metadata: text(&offset.metadata),
        },
        None => Found {
            partition,
            code: 0,
            offset: -1,
            leader_epoch: -1,
            metadata: StrBytes::default(),
        },
    }
}

fn unstable(partition: i32) -> Found {
    Found {
        code: ErrorCode::UnstableOffsetCommit.code(),
        ..found(partition, None)
    }
}
