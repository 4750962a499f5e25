//! Questions that many tests ask, in the newest versions that both brokers answer.

use bytes::Bytes;
use kafka_protocol::{
    messages::{
        CreateTopicsRequest, DeleteRecordsRequest, DeleteTopicsRequest, FetchRequest,
        FetchResponse, FindCoordinatorRequest, GroupId, InitProducerIdRequest, ListOffsetsRequest,
        OffsetFetchRequest, ProduceRequest, ProduceResponse, TopicName,
        create_topics_request::{CreatableTopic, CreatableTopicConfig},
        delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic},
        delete_topics_request::DeleteTopicState,
        fetch_request::{FetchPartition, FetchTopic},
        fetch_response::PartitionData,
        list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
        list_offsets_response::ListOffsetsPartitionResponse,
        offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics},
        offset_fetch_response::OffsetFetchResponseGroup,
        produce_request::{PartitionProduceData, TopicProduceData},
        produce_response::PartitionProduceResponse,
    },
    protocol::StrBytes,
};

use crate::{
    batch::Batch,
    client::Client,
    world::{Topic, eventually},
};

pub(crate) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub(crate) fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}

pub(crate) fn group_id(name: &str) -> GroupId {
    GroupId(text(name))
}

/// A topic to be made.
pub(crate) fn creatable(name: &str, partitions: i32, configs: &[(&str, &str)]) -> CreatableTopic {
    let configs = configs.iter().map(|(key, value)| {
        CreatableTopicConfig::default()
            .with_name(text(key))
            .with_value(Some(text(value)))
    });
    CreatableTopic::default()
        .with_name(topic_name(name))
        .with_num_partitions(partitions)
        .with_replication_factor(1)
        .with_configs(configs.collect())
}

/// Makes a topic and waits until each partition has a leader that answers.
pub(crate) fn make_topic(
    client: &mut Client,
    name: &str,
    partitions: i32,
    configs: &[(&str, &str)],
) -> Topic {
    let request = CreateTopicsRequest::default()
        .with_topics(vec![creatable(name, partitions, configs)])
        .with_timeout_ms(10_000);
    let made = client.call(7, &request).topics.remove(0);
    assert_eq!(made.error_code, 0, "{name}: {:?}", made.error_message);
    for partition in 0..partitions {
        await_leader(client, name, partition);
    }
    Topic {
        name: name.to_owned(),
        id: made.topic_id,
    }
}

/// Waits until a partition can be asked.
pub(crate) fn await_leader(client: &mut Client, topic: &str, partition: i32) {
    eventually("a leader", || {
        let found = list_offset(client, topic, partition, -1);
        (found.error_code == 0).then_some(())
    });
}

pub(crate) fn delete_topic(client: &mut Client, topic: &Topic) -> i16 {
    let state = DeleteTopicState::default().with_topic_id(topic.id);
    let request = DeleteTopicsRequest::default()
        .with_topics(vec![state])
        .with_timeout_ms(10_000);
    client.call(6, &request).responses[0].error_code
}

/// A request to append to some partitions of one topic.
pub(crate) fn produce_request(topic: &str, acks: i16, data: &[(i32, Bytes)]) -> ProduceRequest {
    let partitions = data.iter().map(|(index, records)| {
        PartitionProduceData::default()
            .with_index(*index)
            .with_records(Some(records.clone()))
    });
    let topic = TopicProduceData::default()
        .with_name(topic_name(topic))
        .with_partition_data(partitions.collect());
    ProduceRequest::default()
        .with_acks(acks)
        .with_timeout_ms(10_000)
        .with_topic_data(vec![topic])
}

/// The only partition's part of an answer.
pub(crate) fn produced(answer: ProduceResponse) -> PartitionProduceResponse {
    let mut topics = answer.responses;
    assert_eq!(topics.len(), 1);
    assert_eq!(topics[0].partition_responses.len(), 1);
    topics.remove(0).partition_responses.remove(0)
}

/// Appends bytes to partition 0 with `acks=all`.
pub(crate) fn produce_bytes(
    client: &mut Client,
    topic: &Topic,
    bytes: Bytes,
) -> PartitionProduceResponse {
    let request = produce_request(&topic.name, -1, &[(0, bytes)]);
    produced(client.call(12, &request))
}

/// Appends a batch to partition 0 with `acks=all`.
pub(crate) fn produce(
    client: &mut Client,
    topic: &Topic,
    batch: &Batch,
) -> PartitionProduceResponse {
    produce_bytes(client, topic, batch.encode())
}

/// Appends a batch to partition 0, which has to work, and gives its offset.
pub(crate) fn append(client: &mut Client, topic: &Topic, batch: &Batch) -> i64 {
    let produced = produce(client, topic, batch);
    assert_eq!(produced.error_code, 0, "{produced:?}");
    produced.base_offset
}

/// What is asked of a partition in a fetch, without bounds.
pub(crate) fn fetch_partition(index: i32, offset: i64) -> FetchPartition {
    FetchPartition::default()
        .with_partition(index)
        .with_fetch_offset(offset)
        .with_current_leader_epoch(-1)
        .with_last_fetched_epoch(-1)
        .with_log_start_offset(-1)
        .with_partition_max_bytes(i32::MAX)
}

/// A fetch from one topic, by id, that does not wait and belongs to no session.
pub(crate) fn fetch_request(topic: &Topic, partitions: Vec<FetchPartition>) -> FetchRequest {
    let topic = FetchTopic::default()
        .with_topic(topic_name(""))
        .with_topic_id(topic.id)
        .with_partitions(partitions);
    FetchRequest::default()
        .with_max_bytes(i32::MAX)
        .with_session_epoch(-1)
        .with_topics(vec![topic])
}

/// The only partition's part of an answer.
pub(crate) fn fetched(answer: FetchResponse) -> PartitionData {
    assert_eq!(answer.error_code, 0);
    let mut topics = answer.responses;
    assert_eq!(topics.len(), 1);
    assert_eq!(topics[0].partitions.len(), 1);
    topics.remove(0).partitions.remove(0)
}

/// What partition 0 has from an offset on.
pub(crate) fn fetch(client: &mut Client, topic: &Topic, offset: i64) -> PartitionData {
    let request = fetch_request(topic, vec![fetch_partition(0, offset)]);
    fetched(client.call(16, &request))
}

/// Where a time, or one of the negative numbers that stand for a place, is.
pub(crate) fn list_offset(
    client: &mut Client,
    topic: &str,
    partition: i32,
    timestamp: i64,
) -> ListOffsetsPartitionResponse {
    list_offset_in(client, (topic, partition), timestamp, 0)
}

/// As [`list_offset`], for a reader of that isolation level.
pub(crate) fn list_offset_in(
    client: &mut Client,
    (topic, partition): (&str, i32),
    timestamp: i64,
    isolation: i8,
) -> ListOffsetsPartitionResponse {
    let partition = ListOffsetsPartition::default()
        .with_partition_index(partition)
        .with_current_leader_epoch(-1)
        .with_timestamp(timestamp);
    let topic = ListOffsetsTopic::default()
        .with_name(topic_name(topic))
        .with_partitions(vec![partition]);
    let request = ListOffsetsRequest::default()
        .with_replica_id((-1).into())
        .with_isolation_level(isolation)
        .with_topics(vec![topic]);
    client
        .call(10, &request)
        .topics
        .remove(0)
        .partitions
        .remove(0)
}

/// Deletes records of partition 0 below an offset, which has to work, and gives the first that is left.
pub(crate) fn delete_records(client: &mut Client, topic: &Topic, before: i64) -> i64 {
    let partition = DeleteRecordsPartition::default()
        .with_partition_index(0)
        .with_offset(before);
    let topic = DeleteRecordsTopic::default()
        .with_name(topic_name(&topic.name))
        .with_partitions(vec![partition]);
    let request = DeleteRecordsRequest::default()
        .with_topics(vec![topic])
        .with_timeout_ms(10_000);
    let deleted = client
        .call(2, &request)
        .topics
        .remove(0)
        .partitions
        .remove(0);
    assert_eq!(deleted.error_code, 0, "{deleted:?}");
    deleted.low_watermark
}

/// Whether the coordinator of a group, or with key type 1 of transactions, is known: 0 if it is.
pub(crate) fn coordinator_error(client: &mut Client, key_type: i8, key: &str) -> i16 {
    let request = FindCoordinatorRequest::default()
        .with_key_type(key_type)
        .with_coordinator_keys(vec![text(key)]);
    client.call(4, &request).coordinators[0].error_code
}

/// What a group has committed, of some partitions or with none named of all.
pub(crate) fn committed(
    client: &mut Client,
    group: &str,
    partitions: &[(&str, i32)],
) -> OffsetFetchResponseGroup {
    let topics = partitions.iter().map(|(topic, partition)| {
        OffsetFetchRequestTopics::default()
            .with_name(topic_name(topic))
            .with_partition_indexes(vec![*partition])
    });
    let group = OffsetFetchRequestGroup::default()
        .with_group_id(group_id(group))
        .with_member_epoch(-1)
        .with_topics((!partitions.is_empty()).then(|| topics.collect()));
    let request = OffsetFetchRequest::default().with_groups(vec![group]);
    client.call(9, &request).groups.remove(0)
}

/// Id and epoch of a new idempotent producer.
pub(crate) fn new_producer(client: &mut Client) -> (i64, i16) {
    let request = InitProducerIdRequest::default()
        .with_transactional_id(None)
        .with_transaction_timeout_ms(i32::MAX)
        .with_producer_id((-1).into())
        .with_producer_epoch(-1);
    let given = eventually("a producer id", || {
        let given = client.call(5, &request);
        (given.error_code == 0).then_some(given)
    });
    (given.producer_id.0, given.producer_epoch)
}
