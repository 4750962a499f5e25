//! Numbers that no client means: offsets, times, sizes and counts at the ends of their ranges.

use kafka_protocol::messages::{
    BrokerId, DeleteRecordsRequest, FetchRequest, InitProducerIdRequest, ListOffsetsRequest,
    OffsetCommitRequest, ProducerId,
    delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic},
    fetch_request::{FetchPartition, FetchTopic},
    list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
    offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
};

use crate::world::{World, name};

const LONGS: [i64; 9] = [
    i64::MIN,
    i64::MIN + 1,
    -6,
    -1,
    0,
    i32::MAX as i64,
    i64::MAX / 2,
    i64::MAX - 1,
    i64::MAX,
];
const INTS: [i32; 5] = [i32::MIN, -1, 0, i32::MAX - 1, i32::MAX];

#[test]
fn fetches_of_any_offset_and_size_are_answered() {
    let world = World::start();
    world.serves();
    let mut client = world.connect();

    for offset in LONGS {
        for size in INTS {
            let partition = FetchPartition::default()
                .with_partition(0)
                .with_fetch_offset(offset)
                .with_log_start_offset(offset)
                .with_partition_max_bytes(size);
            let strange = FetchPartition::default().with_partition(size);
            let topic = FetchTopic::default()
                .with_topic(name("normal"))
                .with_partitions(vec![partition, strange]);
            let request = FetchRequest::default()
                .with_replica_id(BrokerId(-1))
                .with_max_wait_ms(size.min(1))
                .with_min_bytes(size)
                .with_max_bytes(size)
                .with_topics(vec![topic]);
            let answer = client.call(11, &request);
            let code = answer.responses[0].partitions[0].error_code;
            let is_there = (0..=1).contains(&offset);
            assert_eq!(code, i16::from(!is_there), "{offset} {size}");
        }
    }
    world.serves();
}

#[test]
fn offsets_of_any_time_are_answered() {
    let world = World::start();
    world.serves();
    let mut client = world.connect();

    for version in [1, 7, 9] {
        for time in LONGS {
            let partition = ListOffsetsPartition::default().with_timestamp(time);
            let strange = ListOffsetsPartition::default().with_partition_index(i32::MIN);
            let topic = ListOffsetsTopic::default()
                .with_name(name("normal"))
                .with_partitions(vec![partition, strange]);
            let request = ListOffsetsRequest::default().with_topics(vec![topic]);
            let answer = client.call(version, &request);
            let partitions = &answer.topics[0].partitions;
            let is_known = time >= -5;
            assert!(partitions[0].error_code == 0 || !is_known, "{time}");
            assert_eq!(partitions[1].error_code, 3);
        }
    }
    world.serves();
}

#[test]
fn records_are_deleted_up_to_an_offset_that_there_is() {
    let world = World::start();
    world.serves();
    let mut client = world.connect();

    for offset in LONGS {
        let partition = DeleteRecordsPartition::default().with_offset(offset);
        let topic = DeleteRecordsTopic::default()
            .with_name(name("normal"))
            .with_partitions(vec![partition]);
        let request = DeleteRecordsRequest::default().with_topics(vec![topic]);
        let code = client.call(1, &request).topics[0].partitions[0].error_code;
        assert_eq!(code == 0, matches!(offset, -1 | 0), "{offset}: {code}");
    }
    world.serves();
}

#[test]
fn any_offset_may_be_committed_for_a_partition_that_there_is() {
    let world = World::start();
    let mut client = world.connect();

    for offset in LONGS {
        for partition in INTS {
            let partition = OffsetCommitRequestPartition::default()
                .with_partition_index(partition)
                .with_committed_offset(offset)
                .with_committed_leader_epoch(partition);
            let topic = OffsetCommitRequestTopic::default()
                .with_name(name("normal"))
                .with_partitions(vec![partition]);
            let request = OffsetCommitRequest::default()
                .with_group_id(kafka_protocol::messages::GroupId(crate::world::text("odd")))
                .with_retention_time_ms(offset)
                .with_topics(vec![topic]);
            client.call(2, &request);
        }
    }
    world.serves();
}

#[test]
fn ids_of_producers_are_given_whatever_is_said() {
    let world = World::start();
    let mut client = world.connect();

    for id in LONGS {
        for time in INTS {
            let request = InitProducerIdRequest::default()
                .with_transaction_timeout_ms(time)
                .with_producer_id(ProducerId(id))
                .with_producer_epoch(i16::MIN);
            client.call(4, &request);
        }
    }
    world.serves();
}
