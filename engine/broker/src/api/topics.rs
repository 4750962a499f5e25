//! Topics: make, delete, grow, and delete the beginning of.

use std::rc::Rc;

use bytes::BytesMut;
use kafka_protocol::messages::{
    BrokerId, CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest,
    CreateTopicsResponse, DeleteRecordsRequest, DeleteRecordsResponse, DeleteTopicsRequest,
    DeleteTopicsResponse, TopicName,
    create_partitions_request::CreatePartitionsTopic,
    create_partitions_response::CreatePartitionsTopicResult,
    create_topics_request::CreatableTopic,
    create_topics_response::{CreatableTopicConfigs, CreatableTopicResult},
    delete_records_response::{DeleteRecordsPartitionResult, DeleteRecordsTopicResult},
    delete_topics_response::DeletableTopicResult,
};
use uuid::Uuid;

use super::{Cx, configs, once::once_each, pieces, text};
use crate::{
    code::ErrorCode,
    log::Cleanup,
    node::{NODE_ID, PARTITIONS_DEFAULT},
    partition::Partition,
    topic::{
        Topic,
        config::{Overrides, SETTINGS},
    },
    topics::Refused,
    wire::{Frame, Garbled},
};

pub(super) fn create(cx: &Cx, request: CreateTopicsRequest) -> CreateTopicsResponse {
    let topics = once_each(request.topics, |topic| topic.name.clone());
    let results = topics.into_iter().map(|(topic, times)| {
        let made = times
            .only_once()
            .and_then(|()| create_one(cx, &topic, request.validate_only));
        let result = CreatableTopicResult::default().with_name(topic.name);
        match made {
            Ok(Made {
                id,
                partitions,
                config,
            }) => result
                .with_topic_id(id)
                .with_num_partitions(partitions)
                .with_replication_factor(1)
                .with_configs((cx.version >= 5).then(|| settings(&config))),
            Err(refused) => result
                .with_error_code(refused.code.code())
                .with_error_message(Some(text(refused.message)))
                .with_num_partitions(-1)
                .with_replication_factor(-1),
        }
    });
    let results = results.collect();
    CreateTopicsResponse::default().with_topics(results)
}

struct Made {
    id: Uuid,
    partitions: i32,
    config: Overrides,
}

fn create_one(cx: &Cx, asked: &CreatableTopic, dry: bool) -> Result<Made, Refused> {
    let partitions = partitions_of(asked)?;
    let mut config = Overrides::default();
    let refused = |text| Refused::new(ErrorCode::InvalidConfig, text);
    for entry in &asked.configs {
        let value = entry.value.as_deref().ok_or_else(|| {
            refused(format!(
                "Null value not supported for topic configs: {}",
                &*entry.name
            ))
        })?;
        config.set(&entry.name, Some(value)).map_err(refused)?;
    }
    config.check().map_err(refused)?;
    cx.node.topics.check(&asked.name, partitions)?;
    let id = match dry {
        true => Uuid::nil(),
        false => {
            cx.node
                .topics
                .create(&asked.name, partitions, config.clone())?
                .id
        }
    };
    Ok(Made {
        id,
        partitions,
        config,
    })
}

/// How many partitions a topic is to have: as many as are said, or as are assigned, or as a broker gives by itself.
fn partitions_of(asked: &CreatableTopic) -> Result<i32, Refused> {
    if asked.assignments.is_empty() {
        if !matches!(asked.replication_factor, -1 | 1) {
            let text = format!(
                "Unable to replicate the partition {} time(s): The target replication factor of {} cannot be reached because only 1 broker(s) are registered.",
                asked.replication_factor, asked.replication_factor
            );
            return Err(Refused::new(ErrorCode::InvalidReplicationFactor, text));
        }
        return Ok(match asked.num_partitions {
            -1 => PARTITIONS_DEFAULT,
            partitions => partitions,
        });
    }
    if asked.num_partitions != -1 || asked.replication_factor != -1 {
        let text = "A manual partition assignment was specified, but numPartitions or replicationFactor was not set to -1.";
        return Err(Refused::new(ErrorCode::InvalidRequest, text));
    }
    let mut indexes: Vec<i32> = asked
        .assignments
        .iter()
        .map(|one| one.partition_index)
        .collect();
    indexes.sort_unstable();
    let is_whole = (0..)
        .zip(&indexes)
        .all(|(expected, index)| expected == *index)
        && asked.assignments.iter().all(|one| is_here(&one.broker_ids));
    match is_whole {
        true => Ok(i32::try_from(indexes.len()).unwrap_or(i32::MAX)),
        false => {
            let text = format!("partitions are to be numbered from 0, each on broker {NODE_ID}");
            Err(Refused::new(ErrorCode::InvalidReplicaAssignment, text))
        }
    }
}

fn settings(config: &Overrides) -> Vec<CreatableTopicConfigs> {
    let all = SETTINGS.iter().map(|setting| {
        CreatableTopicConfigs::default()
            .with_name(text(setting.name))
            .with_value(Some(text(config.get(setting.name))))
            .with_config_source(configs::source(config, setting.name))
    });
    all.collect()
}

/// Deletes topics, and what was committed for them; that has to last as long, for others may get their names.
pub(super) async fn delete(cx: &Cx, frame: Frame) -> Result<BytesMut, Garbled> {
    let answer = pieces::answer(cx, frame, delete_some).await;
    if let Err(error) = cx.node.settle_groups().await {
        tracing::error!(%error, "offsets of deleted topics may come back after a power failure");
    }
    answer
}

fn delete_some(cx: &Cx, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
    let by_name = request
        .topic_names
        .into_iter()
        .map(|name| (Some(name), Uuid::nil()));
    let by_state = request
        .topics
        .into_iter()
        .map(|topic| (topic.name, topic.topic_id));
    let asked = by_name.chain(by_state).map(|(name, id)| {
        let topic = match &name {
            Some(name) => cx.node.topics.get(name),
            None => cx.node.topics.get_by_id(id),
        };
        (name, id, topic)
    });
    // One topic may be named twice in two ways.
    let asked = once_each(asked.collect(), |(name, id, topic)| match topic {
        Some(topic) => (None, topic.id),
        None => (name.clone(), *id),
    });
    let responses = asked.into_iter().map(|((name, id, topic), times)| {
        let deleted = times
            .only_once()
            .and_then(|()| delete_one(cx, (&name, id), topic.as_ref()));
        let result = match &topic {
            Some(topic) => DeletableTopicResult::default()
                .with_name(Some(super::topic_name(&topic.name)))
                .with_topic_id(topic.id),
            None => DeletableTopicResult::default()
                .with_name(name)
                .with_topic_id(id),
        };
        match deleted {
            Ok(()) => result,
            Err(refused) => result
                .with_error_code(refused.code.code())
                .with_error_message(Some(text(refused.message))),
        }
    });
    DeleteTopicsResponse::default().with_responses(responses.collect())
}

fn delete_one(
    cx: &Cx,
    (name, id): (&Option<TopicName>, Uuid),
    topic: Option<&Rc<Topic>>,
) -> Result<(), Refused> {
    if name.is_some() != id.is_nil() {
        let text = "A topic is to be named by its name or by its id.";
        return Err(Refused::new(ErrorCode::InvalidRequest, text));
    }
    let Some(topic) = topic else {
        let code = match name {
            Some(_) => ErrorCode::UnknownTopicOrPartition,
            None => ErrorCode::UnknownTopicId,
        };
        return Err(Refused::new(code, "This server does not host this topic."));
    };
    cx.node.topics.delete(topic)?;
    let mut coordinator = cx.node.coordinator.borrow_mut();
    Ok(coordinator.forget_topics(|name| name == topic.name)?)
}

pub(super) fn create_partitions(
    cx: &Cx,
    request: CreatePartitionsRequest,
) -> CreatePartitionsResponse {
    let topics = once_each(request.topics, |topic| topic.name.clone());
    let results = topics.into_iter().map(|(asked, times)| {
        let grown = times
            .only_once()
            .and_then(|()| grow(cx, &asked, request.validate_only));
        let result = CreatePartitionsTopicResult::default().with_name(asked.name);
        match grown {
            Ok(()) => result,
            Err(refused) => result
                .with_error_code(refused.code.code())
                .with_error_message(Some(text(refused.message))),
        }
    });
    let results = results.collect();
    CreatePartitionsResponse::default().with_results(results)
}

fn grow(cx: &Cx, asked: &CreatePartitionsTopic, dry: bool) -> Result<(), Refused> {
    let topics = &cx.node.topics;
    let topic = topics.get(&asked.name).ok_or_else(|| {
        let text = "This server does not host this topic-partition.";
        Refused::new(ErrorCode::UnknownTopicOrPartition, text)
    })?;
    let have = i32::try_from(topic.partitions.borrow().len()).unwrap_or(i32::MAX);
    if let Some(assignments) = &asked.assignments
        && asked.count > have
    {
        let are_enough = i32::try_from(assignments.len()) == Ok(asked.count - have);
        if !are_enough || !assignments.iter().all(|one| is_here(&one.broker_ids)) {
            let text = format!("each new partition is to be on broker {NODE_ID}");
            return Err(Refused::new(ErrorCode::InvalidReplicaAssignment, text));
        }
    }
    topics.grow(&topic, asked.count, dry)
}

/// Whether replicas are where they can be: one, on this broker.
fn is_here(replicas: &[BrokerId]) -> bool {
    matches!(replicas, [id] if id.0 == NODE_ID)
}

pub(super) fn delete_records(cx: &Cx, request: DeleteRecordsRequest) -> DeleteRecordsResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            let result =
                DeleteRecordsPartitionResult::default().with_partition_index(asked.partition_index);
            let Some(partition) = cx.node.topics.partition(&topic.name, asked.partition_index)
            else {
                return result
                    .with_low_watermark(-1)
                    .with_error_code(ErrorCode::UnknownTopicOrPartition.code());
            };
            let deleted = delete_before(&partition, asked.offset);
            match deleted {
                Ok(start) => result.with_low_watermark(start),
                Err(code) => result.with_low_watermark(-1).with_error_code(code),
            }
        });
        let partitions = partitions.collect();
        DeleteRecordsTopicResult::default()
            .with_name(topic.name)
            .with_partitions(partitions)
    });
    let topics = topics.collect();
    DeleteRecordsResponse::default().with_topics(topics)
}

/// Deletes what precedes an offset, −1 for everything; the first that is left.
fn delete_before(partition: &Partition, offset: i64) -> Result<i64, i16> {
    if partition.log.borrow().config().cleanup == Cleanup::Compact {
        return Err(ErrorCode::PolicyViolation.code());
    }
    let before = match offset {
        -1 => partition.visible(),
        offset => offset,
    };
    if before > partition.visible() {
        return Err(ErrorCode::OffsetOutOfRange.code());
    }
    if before > partition.start_offset() {
        partition.save_producers();
    }
    let mut log = partition.log.borrow_mut();
    log.delete_records(before).map_err(|error| error.code())
}
