//! Topics: made, grown and deleted, or refused with a reason.

use kafka_protocol::messages::{
    BrokerId, CreatePartitionsRequest, CreateTopicsRequest, DeleteRecordsRequest,
    DeleteTopicsRequest,
    create_partitions_request::{CreatePartitionsAssignment, CreatePartitionsTopic},
    create_topics_request::{CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig},
    create_topics_response::CreatableTopicResult,
    delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic},
    delete_topics_request::DeleteTopicState,
};
use uuid::Uuid;

use crate::{
    ask::{append, await_leader, creatable, delete_topic, fetch, list_offset, text, topic_name},
    batch::Batch,
    client::Client,
    world::{Topic, World, eventually, name},
};

const OFFSET_OUT_OF_RANGE: i16 = 1;
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const INVALID_TOPIC_EXCEPTION: i16 = 17;
const TOPIC_ALREADY_EXISTS: i16 = 36;
const INVALID_PARTITIONS: i16 = 37;
const INVALID_REPLICATION_FACTOR: i16 = 38;
const INVALID_REPLICA_ASSIGNMENT: i16 = 39;
const INVALID_CONFIG: i16 = 40;
const INVALID_REQUEST: i16 = 42;
const POLICY_VIOLATION: i16 = 44;
const UNKNOWN_TOPIC_ID: i16 = 100;

fn create(client: &mut Client, topics: Vec<CreatableTopic>) -> Vec<CreatableTopicResult> {
    let request = CreateTopicsRequest::default()
        .with_topics(topics)
        .with_timeout_ms(10_000);
    client.call(7, &request).topics
}

/// The code that a topic is refused with, together with a message.
fn refusal(client: &mut Client, topic: CreatableTopic) -> i16 {
    let called = topic.name.to_string();
    let refused = create(client, vec![topic]).remove(0);
    assert_ne!(refused.error_code, 0, "{called}");
    assert!(refused.error_message.is_some(), "{called}");
    assert_eq!(
        (refused.num_partitions, refused.replication_factor),
        (-1, -1)
    );
    refused.error_code
}

fn assigned(name: &str, replicas: &[(i32, &[i32])]) -> CreatableTopic {
    let assignments = replicas.iter().map(|(index, brokers)| {
        CreatableReplicaAssignment::default()
            .with_partition_index(*index)
            .with_broker_ids(brokers.iter().copied().map(BrokerId).collect())
    });
    creatable(name, -1, &[])
        .with_replication_factor(-1)
        .with_assignments(assignments.collect())
}

#[test]
fn a_topic_is_made_with_what_it_asks_for_or_the_defaults() {
    let world = World::start();
    let client = &mut world.connect();
    let settings = [("retention.ms", "1234567")];
    let by_default = creatable(&name("topic"), -1, &[]).with_replication_factor(-1);

    let made = create(client, vec![creatable(&name("topic"), 3, &settings)]).remove(0);
    let of_defaults = create(client, vec![by_default]).remove(0);

    assert_eq!((made.error_code, made.num_partitions), (0, 3));
    assert_eq!(
        (made.replication_factor, made.topic_config_error_code),
        (1, 0)
    );
    assert!(!made.topic_id.is_nil());
    let configs = made.configs.unwrap();
    let found = |name: &str| configs.iter().find(|one| one.name == text(name)).unwrap();
    let retention = found("retention.ms");
    assert_eq!(
        (retention.value.as_deref(), retention.config_source),
        (Some("1234567"), 1)
    );
    assert_eq!(found("cleanup.policy").value.as_deref(), Some("delete"));
    assert_eq!(found("cleanup.policy").config_source, 5);
    assert_eq!((of_defaults.error_code, of_defaults.num_partitions), (0, 1));
    assert_eq!(of_defaults.replication_factor, 1);
}

#[test]
fn names_that_kafka_does_not_allow_are_refused() {
    let world = World::start();
    let client = &mut world.connect();
    let long = "x".repeat(250);

    for bad in ["", ".", "..", "two words", "a/b", "ü", &long] {
        assert_eq!(
            refusal(client, creatable(bad, 1, &[])),
            INVALID_TOPIC_EXCEPTION,
            "{bad}"
        );
    }
}

#[test]
fn a_name_that_is_taken_or_collides_is_refused() {
    let world = World::start();
    let client = &mut world.connect();
    let dotted = format!("{}.dot", name("topic"));
    create(client, vec![creatable(&dotted, 1, &[])]);

    let taken = refusal(client, creatable(&dotted, 1, &[]));
    let colliding = refusal(client, creatable(&dotted.replace('.', "_"), 1, &[]));

    assert_eq!(
        (taken, colliding),
        (TOPIC_ALREADY_EXISTS, INVALID_TOPIC_EXCEPTION)
    );
}

#[test]
fn numbers_that_cannot_be_are_refused() {
    let world = World::start();
    let client = &mut world.connect();

    for partitions in [0, -2] {
        let topic = creatable(&name("topic"), partitions, &[]);
        assert_eq!(refusal(client, topic), INVALID_PARTITIONS, "{partitions}");
    }
    for factor in [0, -2, 2, 99] {
        let topic = creatable(&name("topic"), 1, &[]).with_replication_factor(factor);
        assert_eq!(
            refusal(client, topic),
            INVALID_REPLICATION_FACTOR,
            "{factor}"
        );
    }
}

#[test]
fn replicas_may_be_assigned_to_the_broker_that_there_is() {
    let world = World::start();
    let client = &mut world.connect();

    let made = create(
        client,
        vec![assigned(&name("topic"), &[(0, &[1]), (1, &[1])])],
    )
    .remove(0);

    assert_eq!((made.error_code, made.num_partitions), (0, 2));
    for (replicas, what) in [
        (&[(0, &[77][..])][..], "an unknown broker"),
        (&[(1, &[1][..])][..], "partition 0 is missing"),
        (&[(0, &[1][..]), (0, &[1])][..], "one twice"),
        (&[(0, &[1, 1][..])][..], "a replica twice"),
        (&[(0, &[][..])][..], "no replica"),
    ] {
        let refused = refusal(client, assigned(&name("topic"), replicas));
        assert_eq!(refused, INVALID_REPLICA_ASSIGNMENT, "{what}");
    }
    let both = assigned(&name("topic"), &[(0, &[1])]).with_num_partitions(1);
    assert_eq!(refusal(client, both), INVALID_REQUEST);
    let both = assigned(&name("topic"), &[(0, &[1])]).with_replication_factor(1);
    assert_eq!(refusal(client, both), INVALID_REQUEST);
}

#[test]
fn settings_that_cannot_be_are_refused() {
    let world = World::start();
    let client = &mut world.connect();

    for (key, value) in [
        ("no.such.setting", "1"),
        ("retention.ms", "soon"),
        ("retention.ms", "-2"),
        ("cleanup.policy", "shred"),
        ("min.cleanable.dirty.ratio", "1.5"),
        ("max.message.bytes", "-1"),
        ("message.timestamp.type", "Never"),
        ("preallocate", "maybe"),
        ("segment.bytes", "13"),
        ("max.compaction.lag.ms", "0"),
    ] {
        let topic = creatable(&name("topic"), 1, &[(key, value)]);
        assert_eq!(refusal(client, topic), INVALID_CONFIG, "{key}={value}");
    }
    let mut without_value = creatable(&name("topic"), 1, &[]);
    without_value.configs = vec![
        CreatableTopicConfig::default()
            .with_name(text("retention.ms"))
            .with_value(None),
    ];
    assert_eq!(refusal(client, without_value), INVALID_CONFIG);
}

#[test]
fn nothing_is_made_where_only_a_check_is_asked_for() {
    let world = World::start();
    let client = &mut world.connect();
    let topic = name("topic");
    let request = CreateTopicsRequest::default()
        .with_topics(vec![
            creatable(&topic, 2, &[]),
            creatable("bad name", 2, &[]),
        ])
        .with_timeout_ms(10_000)
        .with_validate_only(true);

    let checked = client.call(7, &request).topics;

    let of = |name: &str| {
        checked
            .iter()
            .find(|one| one.name == topic_name(name))
            .unwrap()
    };
    assert_eq!((of(&topic).error_code, of(&topic).num_partitions), (0, 2));
    assert_eq!(of("bad name").error_code, INVALID_TOPIC_EXCEPTION);
    let made = create(client, vec![creatable(&topic, 1, &[])]).remove(0);
    assert_eq!(made.error_code, 0, "it was not there");
}

#[test]
fn a_name_twice_in_one_request_is_refused_once() {
    let world = World::start();
    let client = &mut world.connect();
    let (twice, once) = (name("twice"), name("once"));
    let topics = [&twice, &once, &twice].map(|name| creatable(name, 1, &[]));

    let results = create(client, topics.to_vec());

    let of = |name: &str| {
        let results = results.iter().filter(|one| one.name == topic_name(name));
        results.map(|one| one.error_code).collect::<Vec<_>>()
    };
    assert_eq!(of(&twice), [INVALID_REQUEST]);
    assert_eq!(of(&once), [0]);
}

fn delete(client: &mut Client, states: &[(Option<&str>, Uuid)]) -> Vec<i16> {
    let states = states.iter().map(|(name, id)| {
        DeleteTopicState::default()
            .with_name(name.map(topic_name))
            .with_topic_id(*id)
    });
    let request = DeleteTopicsRequest::default()
        .with_topics(states.collect())
        .with_timeout_ms(10_000);
    let responses = client.call(6, &request).responses;
    responses.iter().map(|one| one.error_code).collect()
}

#[test]
fn topics_are_deleted_by_name_or_by_id() {
    let world = World::start();
    let (first, second, third) = (world.topic(1), world.topic(1), world.topic(1));
    let client = &mut world.connect();
    let nowhere = name("nowhere");

    assert_eq!(delete(client, &[(Some(&first.name), Uuid::nil())]), [0]);
    assert_eq!(delete(client, &[(None, second.id)]), [0]);
    let old = DeleteTopicsRequest::default()
        .with_topic_names(vec![topic_name(&third.name)])
        .with_timeout_ms(10_000);
    let deleted = client.call(5, &old).responses.remove(0);
    assert_eq!(
        (deleted.error_code, deleted.name),
        (0, Some(topic_name(&third.name)))
    );

    let unknown = delete(client, &[(Some(&nowhere), Uuid::nil())]);
    assert_eq!(unknown, [UNKNOWN_TOPIC_OR_PARTITION]);
    assert_eq!(delete(client, &[(None, second.id)]), [UNKNOWN_TOPIC_ID]);
    eventually("the end of the topics", || {
        let codes = [&first, &second, &third]
            .map(|topic| list_offset(client, &topic.name, 0, -1).error_code);
        (codes == [UNKNOWN_TOPIC_OR_PARTITION; 3]).then_some(())
    });
}

#[test]
fn a_deletion_names_one_topic_in_one_way() {
    let world = World::start();
    let topic = world.topic(1);
    let client = &mut world.connect();

    assert_eq!(
        delete(client, &[(Some(&topic.name), topic.id)]),
        [INVALID_REQUEST]
    );
    assert_eq!(delete(client, &[(None, Uuid::nil())]), [INVALID_REQUEST]);
    let twice = [(Some(&*topic.name), Uuid::nil()); 2];
    assert_eq!(delete(client, &twice), [INVALID_REQUEST]);
    let twice = [(Some(&*topic.name), Uuid::nil()), (None, topic.id)];
    assert!(
        delete(client, &twice)
            .iter()
            .all(|code| *code == INVALID_REQUEST)
    );
    assert_eq!(
        list_offset(client, &topic.name, 0, -1).error_code,
        0,
        "it is there"
    );
}

#[test]
fn a_topic_of_the_same_name_begins_anew() {
    let world = World::start();
    let topic = world.topic(1);
    let client = &mut world.connect();
    append(client, &topic, &Batch::of(&["x"]));

    assert_eq!(delete_topic(client, &topic), 0);
    let again = crate::ask::make_topic(client, &topic.name, 1, &[]);

    assert_ne!(again.id, topic.id);
    assert_eq!(fetch(client, &again, 0).high_watermark, 0);
    assert_eq!(fetch(client, &topic, 0).error_code, UNKNOWN_TOPIC_ID);
}

fn grow(client: &mut Client, topics: Vec<CreatePartitionsTopic>, dry: bool) -> Vec<i16> {
    let request = CreatePartitionsRequest::default()
        .with_topics(topics)
        .with_timeout_ms(10_000)
        .with_validate_only(dry);
    let results = client.call(3, &request).results;
    results.iter().map(|one| one.error_code).collect()
}

fn grown(topic: &str, count: i32, assignments: Option<&[&[i32]]>) -> CreatePartitionsTopic {
    let assignments = assignments.map(|all| {
        let all = all.iter().map(|brokers| {
            let brokers = brokers.iter().copied().map(BrokerId);
            CreatePartitionsAssignment::default().with_broker_ids(brokers.collect())
        });
        all.collect()
    });
    CreatePartitionsTopic::default()
        .with_name(topic_name(topic))
        .with_count(count)
        .with_assignments(assignments)
}

#[test]
fn a_topic_grows() {
    let world = World::start();
    let topic = world.topic(1);
    let client = &mut world.connect();
    append(client, &topic, &Batch::of(&["x"]));

    assert_eq!(grow(client, vec![grown(&topic.name, 2, None)], true), [0]);
    let still_one = list_offset(client, &topic.name, 1, -1).error_code;
    assert_eq!(still_one, UNKNOWN_TOPIC_OR_PARTITION, "that was a check");
    assert_eq!(grow(client, vec![grown(&topic.name, 2, None)], false), [0]);
    assert_eq!(
        grow(client, vec![grown(&topic.name, 3, Some(&[&[1]]))], false),
        [0]
    );

    await_leader(client, &topic.name, 2);
    assert_eq!(fetch(client, &topic, 0).high_watermark, 1);
}

#[test]
fn a_topic_does_not_grow_as_it_may_not() {
    let world = World::start();
    let topic = world.topic(2);
    let client = &mut world.connect();
    let nowhere = name("nowhere");

    for (count, assignments, code) in [
        (2, None, INVALID_PARTITIONS),
        (1, None, INVALID_PARTITIONS),
        (0, None, INVALID_PARTITIONS),
        (-1, None, INVALID_PARTITIONS),
        (3, Some(&[&[77][..]][..]), INVALID_REPLICA_ASSIGNMENT),
        (3, Some(&[&[1][..], &[1]][..]), INVALID_REPLICA_ASSIGNMENT),
        (3, Some(&[&[1, 1][..]][..]), INVALID_REPLICA_ASSIGNMENT),
        (4, Some(&[&[1][..]][..]), INVALID_REPLICA_ASSIGNMENT),
    ] {
        let refused = grow(client, vec![grown(&topic.name, count, assignments)], false);
        assert_eq!(refused, [code], "{count} {assignments:?}");
    }
    let unknown = grow(client, vec![grown(&nowhere, 3, None)], false);
    assert_eq!(unknown, [UNKNOWN_TOPIC_OR_PARTITION]);
    let twice = vec![grown(&topic.name, 3, None), grown(&topic.name, 4, None)];
    assert_eq!(grow(client, twice, false), [INVALID_REQUEST]);
    let still_two = list_offset(client, &topic.name, 2, -1).error_code;
    assert_eq!(still_two, UNKNOWN_TOPIC_OR_PARTITION);
}

/// Deletes records of partition 0 below an offset: code and first offset that is left.
fn delete_records(client: &mut Client, topic: &str, partition: i32, before: i64) -> (i16, i64) {
    let partition = DeleteRecordsPartition::default()
        .with_partition_index(partition)
        .with_offset(before);
    let topic = DeleteRecordsTopic::default()
        .with_name(topic_name(topic))
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
    (deleted.error_code, deleted.low_watermark)
}

#[test]
fn the_beginning_of_a_partition_is_deleted() {
    let world = World::start();
    let topic = world.topic(1);
    let client = &mut world.connect();
    append(client, &topic, &Batch::of(&["a", "b", "c"]));

    let mut delete = |partition, before| delete_records(client, &topic.name, partition, before);
    assert_eq!(delete(0, 2), (0, 2));
    assert_eq!(delete(0, 1), (0, 2), "it is gone already");
    assert_eq!(delete(0, 4), (OFFSET_OUT_OF_RANGE, -1));
    assert_eq!(delete(0, -2), (OFFSET_OUT_OF_RANGE, -1));
    assert_eq!(delete(1, 0), (UNKNOWN_TOPIC_OR_PARTITION, -1));
    assert_eq!(delete(0, -1), (0, 3), "everything");
    assert_eq!(delete(0, 3), (0, 3));
}

#[test]
fn a_topic_that_is_only_compacted_keeps_its_beginning() {
    let world = World::start();
    let client = &mut world.connect();
    let code = |client: &mut Client, policy: &str| {
        let topic: Topic = world.topic_with(1, &[("cleanup.policy", policy)]);
        append(client, &topic, &Batch::keyed(&[(Some("k"), Some("v"))]));
        delete_records(client, &topic.name, 0, 1).0
    };

    assert_eq!(code(client, "compact"), POLICY_VIOLATION);
    assert_eq!(code(client, ""), 0);
    assert_eq!(code(client, "compact,delete"), 0);
    assert_eq!(code(client, "delete"), 0);
}
