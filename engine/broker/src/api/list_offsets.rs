//! ListOffsets: where a partition begins, where it ends, and what lies at a time.

use std::collections::HashSet;

use kafka_protocol::messages::{
    ListOffsetsRequest, ListOffsetsResponse, TopicName,
    list_offsets_request::ListOffsetsPartition,
    list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse},
};

use super::{Cx, fetch::READ_COMMITTED};
use crate::{
    code::ErrorCode,
    log::LogError,
    partition::{self, Partition},
};

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;

pub(super) fn answer(cx: &Cx, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let twice = asked_twice(&request);
    let isolation = request.isolation_level;
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            let index = asked.partition_index;
            match cx.node.topics.partition(&topic.name, index) {
                _ if twice.contains(&(topic.name.clone(), index)) => {
                    failed(asked, ErrorCode::InvalidRequest.code())
                }
                Some(partition) => one(cx, asked, &partition, isolation),
                None => failed(asked, ErrorCode::UnknownTopicOrPartition.code()),
            }
        });
        let partitions = partitions.collect();
        ListOffsetsTopicResponse::default()
            .with_name(topic.name)
            .with_partitions(partitions)
    });
    let topics = topics.collect();
    ListOffsetsResponse::default().with_topics(topics)
}

fn asked_twice(request: &ListOffsetsRequest) -> HashSet<(TopicName, i32)> {
    let mut asked = HashSet::new();
    let all = request.topics.iter().flat_map(|topic| {
        let partitions = topic.partitions.iter();
        partitions.map(|one| (topic.name.clone(), one.partition_index))
    });
    all.filter(|one| !asked.insert(one.clone())).collect()
}

fn one(
    cx: &Cx,
    asked: &ListOffsetsPartition,
    partition: &Partition,
    isolation: i8,
) -> ListOffsetsPartitionResponse {
    if let Err(code) = partition::check_leader_epoch(asked.current_leader_epoch) {
        return failed(asked, code.code());
    }
    let below = match isolation {
        READ_COMMITTED => partition.stable(),
        _ => partition.visible(),
    };
    match found(cx, asked.timestamp, partition, below) {
        Ok(None) => done(asked, -1, -1, -1),
        Ok(Some((offset, timestamp))) => {
            let epoch = if cx.version >= 4 { 0 } else { -1 };
            done(asked, offset, timestamp, epoch)
        }
        Err(Fault::Version) => failed(asked, ErrorCode::UnsupportedVersion.code()),
        Err(Fault::Log(error)) => failed(asked, error.code()),
    }
}

enum Fault {
    Version,
    Log(LogError),
}

fn found(
    cx: &Cx,
    timestamp: i64,
    partition: &Partition,
    below: i64,
) -> Result<Option<(i64, i64)>, Fault> {
    let visible = |found: (i64, i64)| found.0 < below;
    let mut log = partition.log.borrow_mut();
    match timestamp {
        LATEST => Ok(Some((below, -1))),
        EARLIEST => Ok(Some((log.start_offset(), -1))),
        EARLIEST_LOCAL if cx.version >= 8 => Ok(Some((log.start_offset(), -1))),
        LATEST_TIERED if cx.version >= 9 => Ok(None),
        MAX_TIMESTAMP if cx.version >= 7 => {
            let found = log.offset_of_max_timestamp().map_err(Fault::Log)?;
            Ok(found.filter(|found| visible(*found)))
        }
        ..0 => Err(Fault::Version),
        time => {
            let found = log.offset_for_time(time).map_err(Fault::Log)?;
            Ok(found.filter(|found| visible(*found)))
        }
    }
}

fn done(
    asked: &ListOffsetsPartition,
    offset: i64,
    timestamp: i64,
    leader_epoch: i32,
) -> ListOffsetsPartitionResponse {
    ListOffsetsPartitionResponse::default()
        .with_partition_index(asked.partition_index)
        .with_timestamp(timestamp)
        .with_offset(offset)
        .with_leader_epoch(leader_epoch)
}

fn failed(asked: &ListOffsetsPartition, code: i16) -> ListOffsetsPartitionResponse {
    done(asked, -1, -1, -1).with_error_code(code)
}
