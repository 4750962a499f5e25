//! ListOffsets and OffsetForLeaderEpoch: where a partition begins and ends, and what lies where.

use kafka_protocol::messages::{
    ListOffsetsRequest, OffsetForLeaderEpochRequest,
    list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
    offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic},
    offset_for_leader_epoch_response::EpochEndOffset,
};

use crate::{
    ask::{append, delete_records, list_offset, topic_name},
    batch::{Batch, CODECS},
    client::Client,
    world::{Topic, World, name, now_ms},
};

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const UNSUPPORTED_VERSION: i16 = 35;
const FENCED_LEADER_EPOCH: i16 = 74;
const UNKNOWN_LEADER_EPOCH: i16 = 75;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;

/// Offset, timestamp and leader epoch of a place.
fn found(client: &mut Client, topic: &Topic, timestamp: i64) -> (i64, i64, i32) {
    let found = list_offset(client, &topic.name, 0, timestamp);
    assert_eq!(found.error_code, 0, "{timestamp}");
    (found.offset, found.timestamp, found.leader_epoch)
}

/// Or what is of 1970 goes while a test looks at it.
const KEPT: &[(&str, &str)] = &[("retention.ms", "-1")];

/// A topic with two batches, of times 100, 300, 200 and 400, 400.
fn five_records(world: &World, codec: i16) -> Topic {
    let topic = world.topic_with(1, KEPT);
    let client = &mut world.connect();
    let first = Batch::of(&["a", "b", "c"]).at(&[100, 300, 200]);
    append(client, &topic, &first.with_attributes(codec));
    let second = Batch::of(&["d", "e"]).at(&[400, 400]);
    append(client, &topic, &second.with_attributes(codec));
    topic
}

const NOTHING: (i64, i64, i32) = (-1, -1, -1);

#[test]
fn an_empty_partition_begins_and_ends_at_0() {
    let world = World::start();
    let topic = world.topic(1);
    let client = &mut world.connect();

    assert_eq!(found(client, &topic, LATEST), (0, -1, 0));
    assert_eq!(found(client, &topic, EARLIEST), (0, -1, 0));
    assert_eq!(found(client, &topic, EARLIEST_LOCAL), (0, -1, 0));
    assert_eq!(found(client, &topic, LATEST_TIERED), NOTHING);
    assert_eq!(found(client, &topic, MAX_TIMESTAMP), NOTHING);
    assert_eq!(found(client, &topic, 0), NOTHING);
}

#[test]
fn records_are_found_by_time_in_every_codec() {
    let world = World::start();
    let client = &mut world.connect();

    for (codec, called) in CODECS {
        let topic = five_records(&world, codec);
        for (time, expected) in [
            (0, (0, 100, 0)),
            (100, (0, 100, 0)),
            (101, (1, 300, 0)),
            (200, (1, 300, 0)),
            (300, (1, 300, 0)),
            (301, (3, 400, 0)),
            (400, (3, 400, 0)),
            (401, NOTHING),
            (i64::MAX, NOTHING),
        ] {
            assert_eq!(found(client, &topic, time), expected, "{called} {time}");
        }
        assert_eq!(
            found(client, &topic, MAX_TIMESTAMP),
            (3, 400, 0),
            "{called}"
        );
        assert_eq!(found(client, &topic, LATEST), (5, -1, 0), "{called}");
    }
}

#[test]
fn the_latest_time_need_not_be_the_last() {
    let world = World::start();
    let topic = world.topic_with(1, KEPT);
    let client = &mut world.connect();
    append(
        client,
        &topic,
        &Batch::of(&["a", "b", "c"]).at(&[10, 50, 50]),
    );
    append(client, &topic, &Batch::of(&["d"]).at(&[50]));
    append(client, &topic, &Batch::of(&["e"]).at(&[20]));

    assert_eq!(found(client, &topic, MAX_TIMESTAMP), (1, 50, 0));
    assert_eq!(found(client, &topic, 20), (1, 50, 0));
    assert_eq!(found(client, &topic, 51), NOTHING);
}

#[test]
fn records_of_the_brokers_time_are_found_by_it() {
    let world = World::start();
    let topic = world.topic_with(1, &[("message.timestamp.type", "LogAppendTime")]);
    let client = &mut world.connect();
    let before = now_ms();
    append(client, &topic, &Batch::of(&["a", "b"]).at(&[5, 6]));

    let (offset, time, _) = found(client, &topic, 5);

    assert_eq!(offset, 0);
    assert!((before..=now_ms()).contains(&time), "{time}");
    assert_eq!(found(client, &topic, time), (0, time, 0));
    assert_eq!(found(client, &topic, time + 1), NOTHING);
    assert_eq!(found(client, &topic, MAX_TIMESTAMP).1, time);
}

#[test]
fn deleted_records_are_found_no_more() {
    let world = World::start();
    let topic = five_records(&world, 0);
    let client = &mut world.connect();

    assert_eq!(delete_records(client, &topic, 2), 2);
    assert_eq!(found(client, &topic, EARLIEST), (2, -1, 0));
    assert_eq!(found(client, &topic, EARLIEST_LOCAL), (2, -1, 0));
    assert_eq!(found(client, &topic, 0), (2, 200, 0));
    assert_eq!(found(client, &topic, 250), (3, 400, 0));

    assert_eq!(delete_records(client, &topic, -1), 5);
    assert_eq!(found(client, &topic, EARLIEST).0, 5);
    assert_eq!(found(client, &topic, LATEST).0, 5);
    assert_eq!(found(client, &topic, 0), NOTHING);
}

#[test]
fn places_are_known_from_the_version_on_that_has_them() {
    let world = World::start();
    let topic = five_records(&world, 0);
    let client = &mut world.connect();
    let mut code = |version: i16, timestamp: i64| {
        let partition = ListOffsetsPartition::default()
            .with_partition_index(0)
            .with_timestamp(timestamp);
        let asked = ListOffsetsTopic::default()
            .with_name(topic_name(&topic.name))
            .with_partitions(vec![partition]);
        let request = ListOffsetsRequest::default()
            .with_replica_id((-1).into())
            .with_topics(vec![asked]);
        client.call(version, &request).topics[0].partitions[0].error_code
    };

    for (timestamp, since) in [
        (LATEST, 1),
        (EARLIEST, 1),
        (MAX_TIMESTAMP, 7),
        (EARLIEST_LOCAL, 8),
        (LATEST_TIERED, 9),
        (-99, 11),
    ] {
        for version in 1..=10 {
            let expected = if version < since {
                UNSUPPORTED_VERSION
            } else {
                0
            };
            assert_eq!(
                code(version, timestamp),
                expected,
                "{timestamp} version {version}"
            );
        }
    }
}

#[test]
fn what_is_not_there_has_no_offsets() {
    let world = World::start();
    let topic = world.topic(1);
    let client = &mut world.connect();
    let nowhere = name("nowhere");

    for (topic, partition) in [(&nowhere, 0), (&topic.name, 1), (&topic.name, -1)] {
        let refused = list_offset(client, topic, partition, LATEST);
        assert_eq!(refused.error_code, UNKNOWN_TOPIC_OR_PARTITION);
        assert_eq!((refused.offset, refused.timestamp), (-1, -1));
    }
}

#[test]
fn a_leader_epoch_that_is_yet_to_come_is_unknown() {
    let world = World::start();
    let topic = world.topic(1);
    let client = &mut world.connect();
    let mut code = |epoch: i32| {
        let partition = ListOffsetsPartition::default()
            .with_partition_index(0)
            .with_current_leader_epoch(epoch)
            .with_timestamp(LATEST);
        let asked = ListOffsetsTopic::default()
            .with_name(topic_name(&topic.name))
            .with_partitions(vec![partition]);
        let request = ListOffsetsRequest::default()
            .with_replica_id((-1).into())
            .with_topics(vec![asked]);
        client.call(10, &request).topics[0].partitions[0].error_code
    };

    assert_eq!((code(-1), code(0), code(1)), (0, 0, UNKNOWN_LEADER_EPOCH));
}

/// Where an epoch ends, asked by somebody who believes the second one to be the leader's.
fn end_of_epoch(client: &mut Client, topic: &str, epoch: i32, current: i32) -> EpochEndOffset {
    let partition = OffsetForLeaderPartition::default()
        .with_partition(0)
        .with_current_leader_epoch(current)
        .with_leader_epoch(epoch);
    let asked = OffsetForLeaderTopic::default()
        .with_topic(topic_name(topic))
        .with_partitions(vec![partition]);
    let request = OffsetForLeaderEpochRequest::default()
        .with_replica_id((-1).into())
        .with_topics(vec![asked]);
    client
        .call(4, &request)
        .topics
        .remove(0)
        .partitions
        .remove(0)
}

#[test]
fn the_only_leader_epoch_ends_where_the_log_does() {
    let world = World::start();
    let topic = five_records(&world, 0);
    let client = &mut world.connect();
    let mut ask = |epoch, current| {
        let end = end_of_epoch(client, &topic.name, epoch, current);
        (end.error_code, end.leader_epoch, end.end_offset)
    };

    assert_eq!(ask(0, -1), (0, 0, 5));
    assert_eq!(ask(0, 0), (0, 0, 5));
    assert_eq!(ask(1, 0), (0, -1, -1), "that epoch has not been");
    assert_eq!(ask(0, 1), (UNKNOWN_LEADER_EPOCH, -1, -1));
    assert_eq!(ask(0, -2), (FENCED_LEADER_EPOCH, -1, -1));
}

#[test]
fn what_is_not_there_has_no_epochs() {
    let world = World::start();
    let client = &mut world.connect();

    let unknown = end_of_epoch(client, &name("nowhere"), 0, -1);

    assert_eq!(unknown.error_code, UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!((unknown.leader_epoch, unknown.end_offset), (-1, -1));
}

#[test]
fn a_partition_that_is_asked_about_twice_is_refused() {
    let world = World::start();
    let topic = five_records(&world, 0);
    let client = &mut world.connect();
    let partition = ListOffsetsPartition::default().with_timestamp(LATEST);
    let asked = ListOffsetsTopic::default()
        .with_name(topic_name(&topic.name))
        .with_partitions(vec![partition.clone(), partition]);
    let request = ListOffsetsRequest::default()
        .with_replica_id((-1).into())
        .with_topics(vec![asked]);

    let answer = client.call(10, &request).topics.remove(0).partitions;

    assert!(answer.iter().all(|one| one.error_code == 42), "{answer:?}");
}
