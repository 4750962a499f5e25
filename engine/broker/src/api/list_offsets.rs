//! ListOffsets: where a partition begins, where it ends, and what lies at a time, which another thread looks up.

use std::collections::HashSet;

use kafka_protocol::messages::{
    ListOffsetsRequest, ListOffsetsResponse, TopicName,
    list_offsets_request::ListOffsetsPartition,
    list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse},
};

use super::{Cx, fetch::READ_COMMITTED};
use crate::{
    code::ErrorCode,
    log::{LogError, Lookup},
    partition::{self, Partition},
};

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;

pub(super) async fn answer(cx: &Cx, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let twice = asked_twice(&request);
    let isolation = request.isolation_level;
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for asked in &topic.partitions {
            let index = asked.partition_index;
            partitions.push(match cx.node.topics.partition(&topic.name, index) {
                _ if twice.contains(&(topic.name.clone(), index)) => {
                    failed(asked, ErrorCode::InvalidRequest.code())
                }
                Some(partition) => one(cx, asked, &partition, isolation).await,
                None => failed(asked, ErrorCode::UnknownTopicOrPartition.code()),
            });
        }
        topics.push(
            ListOffsetsTopicResponse::default()
                .with_name(topic.name)
                .with_partitions(partitions),
        );
    }
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

async fn one(
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
    match found(cx, asked.timestamp, partition, below).await {
        Ok(None) => done(asked, -1, -1, -1),
        Ok(Some((offset, timestamp))) => {
            let epoch = if cx.version >= 4 { 0 } else { -1 };
            done(asked, offset, timestamp, epoch)
        }
        Err(Fault::Version) => failed(asked, ErrorCode::UnsupportedVersion.code()),
        Err(Fault::TooLate) => failed(asked, ErrorCode::RequestTimedOut.code()),
        Err(Fault::Log(error)) => failed(asked, error.code()),
    }
}

enum Fault {
    Version,
    TooLate,
    Log(LogError),
}

impl From<LogError> for Fault {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

async fn found(
    cx: &Cx,
    timestamp: i64,
    partition: &Partition,
    below: i64,
) -> Result<Option<(i64, i64)>, Fault> {
    let found = match timestamp {
        LATEST => return Ok(Some((below, -1))),
        EARLIEST => return Ok(Some((partition.start_offset(), -1))),
        EARLIEST_LOCAL if cx.version >= 8 => return Ok(Some((partition.start_offset(), -1))),
        LATEST_TIERED if cx.version >= 9 => return Ok(None),
        MAX_TIMESTAMP if cx.version >= 7 => {
            let lookup = partition.log.borrow_mut().lookup_latest()?;
            match lookup {
                Some(lookup) => look_up(cx, lookup).await?,
                None => None,
            }
        }
        ..0 => return Err(Fault::Version),
        time => of_time(cx, time, partition).await?,
    };
    Ok(found.filter(|found| found.0 < below))
}

/// From segment to segment, of which more may come and go meanwhile.
async fn of_time(cx: &Cx, time: i64, partition: &Partition) -> Result<Option<(i64, i64)>, Fault> {
    let mut from = partition.start_offset();
    loop {
        let lookup = partition.log.borrow_mut().lookup_time(from, time)?;
        let Some(lookup) = lookup else {
            return Ok(None);
        };
        from = lookup.bound();
        if let Some(found) = look_up(cx, lookup).await? {
            return Ok(Some(found));
        }
    }
}

async fn look_up(cx: &Cx, lookup: Lookup) -> Result<Option<(i64, i64)>, Fault> {
    let found = cx.node.look_up(lookup).await.ok_or(Fault::TooLate)?;
    Ok(found?)
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
