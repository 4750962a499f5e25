//! Metadata and DescribeCluster: which brokers and topics there are.

use kafka_protocol::messages::{
    DescribeClusterRequest, MetadataRequest, MetadataResponse,
    metadata_request::MetadataRequestTopic,
};
use uuid::Uuid;

use crate::{
    ask::{text, topic_name},
    client::Client,
    world::{World, eventually, name},
};

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const INVALID_TOPIC_EXCEPTION: i16 = 17;
const MISMATCHED_ENDPOINT_TYPE: i16 = 114;
const UNKNOWN_TOPIC_ID: i16 = 100;

fn by_name(name: &str) -> MetadataRequestTopic {
    MetadataRequestTopic::default().with_name(Some(topic_name(name)))
}

/// A question about topics that makes none; `None` asks about all.
fn about(topics: Option<Vec<MetadataRequestTopic>>) -> MetadataRequest {
    MetadataRequest::default()
        .with_topics(topics)
        .with_allow_auto_topic_creation(false)
}

fn error(client: &mut Client, topic: MetadataRequestTopic) -> i16 {
    client.call(13, &about(Some(vec![topic]))).topics[0].error_code
}

/// Kafka's numbers of operations as the bits that they are said with.
fn bits(operations: &[i32]) -> i32 {
    operations.iter().map(|bit| 1 << bit).sum()
}

fn has(answer: &MetadataResponse, name: &str) -> bool {
    let mut topics = answer.topics.iter();
    topics.any(|topic| topic.name == Some(topic_name(name)))
}

#[test]
fn the_broker_is_where_the_client_found_it() {
    let world = World::start();
    let client = &mut world.connect();

    for version in 0..=13 {
        let request = MetadataRequest::default().with_topics(Some(Vec::new()));
        let answer = client.call(version, &request);

        assert_eq!(answer.brokers.len(), 1, "version {version}");
        let broker = &answer.brokers[0];
        assert_eq!(broker.node_id.0, 1);
        assert_eq!(*broker.host, *world.address.ip().to_string());
        assert_eq!(broker.port, i32::from(world.address.port()));
        if version >= 1 {
            assert_eq!(answer.controller_id.0, 1);
            assert!(answer.topics.is_empty(), "none are asked for");
        }
        if version >= 2 {
            assert_eq!(answer.cluster_id.unwrap().len(), 22);
        }
    }
}

#[test]
fn all_topics_are_asked_for_with_null_and_once_with_none() {
    let world = World::start();
    let topic = world.topic(1);
    let client = &mut world.connect();

    let in_version_0 = client.call(
        0,
        &about(Some(Vec::new())).with_allow_auto_topic_creation(true),
    );
    let in_version_13 = client.call(13, &about(None));

    assert!(has(&in_version_0, &topic.name));
    assert!(has(&in_version_13, &topic.name));
}

#[test]
fn a_topic_is_described_by_name_and_by_id() {
    let world = World::start();
    let topic = world.topic(3);
    let client = &mut world.connect();
    let by_id = MetadataRequestTopic::default()
        .with_name(None)
        .with_topic_id(topic.id);

    for asked in [by_name(&topic.name), by_id] {
        let answer = client.call(13, &about(Some(vec![asked])));

        let found = &answer.topics[0];
        assert_eq!((found.error_code, found.topic_id), (0, topic.id));
        assert_eq!(found.name, Some(topic_name(&topic.name)));
        assert!(!found.is_internal);
        assert_eq!(found.topic_authorized_operations, i32::MIN, "nobody asked");
        let mut indexes: Vec<_> = found
            .partitions
            .iter()
            .map(|one| one.partition_index)
            .collect();
        indexes.sort_unstable();
        assert_eq!(indexes, [0, 1, 2]);
        for partition in &found.partitions {
            assert_eq!((partition.error_code, partition.leader_id.0), (0, 1));
            assert_eq!(partition.leader_epoch, 0);
            assert_eq!(
                (partition.replica_nodes.len(), partition.isr_nodes.len()),
                (1, 1)
            );
            assert!(partition.offline_replicas.is_empty());
        }
    }
}

#[test]
fn a_topic_that_is_asked_about_twice_is_described_once() {
    let world = World::start();
    let topic = world.topic(1);
    let twice = vec![by_name(&topic.name); 2];

    let answer = world.connect().call(13, &about(Some(twice)));

    assert_eq!(answer.topics.len(), 1);
}

#[test]
fn what_is_not_there_is_unknown_and_stays_so() {
    let world = World::start();
    let client = &mut world.connect();
    let nowhere = name("nowhere");
    let unknown_id = MetadataRequestTopic::default()
        .with_name(None)
        .with_topic_id(Uuid::from_u128(7 << 100));

    for _ in 0..2 {
        assert_eq!(error(client, by_name(&nowhere)), UNKNOWN_TOPIC_OR_PARTITION);
    }
    assert_eq!(error(client, unknown_id), UNKNOWN_TOPIC_ID);
    for bad in ["two words", "..", &"x".repeat(250)] {
        assert_eq!(
            error(client, by_name(bad)),
            INVALID_TOPIC_EXCEPTION,
            "{bad}"
        );
    }
}

/// Apache Kafka has to be started with `auto.create.topics.enable=true`, as `tools/test-wire` does.
#[test]
fn a_topic_is_made_by_who_asks_for_it_if_he_allows_it() {
    let world = World::start();
    let client = &mut world.connect();
    let topic = name("wanted");
    let asked = about(Some(vec![by_name(&topic), by_name("two words")]))
        .with_allow_auto_topic_creation(true);

    let made = eventually("the topic", || {
        let answer = client.call(13, &asked);
        let of = |name: &str| {
            let mut topics = answer.topics.iter();
            topics
                .find(|one| one.name == Some(topic_name(name)))
                .cloned()
        };
        assert_eq!(of("two words").unwrap().error_code, INVALID_TOPIC_EXCEPTION);
        of(&topic).filter(|topic| topic.error_code == 0)
    });

    assert_eq!(made.partitions.len(), 1);
    assert!(!made.topic_id.is_nil());
}

#[test]
fn operations_are_said_where_they_are_asked_for() {
    let world = World::start();
    let topic = world.topic(1);
    let client = &mut world.connect();
    let asked = about(Some(vec![by_name(&topic.name), by_name(&name("nowhere"))]))
        .with_include_topic_authorized_operations(true);

    let answer = client.call(13, &asked);
    let of_cluster = client.call(8, &asked.with_include_cluster_authorized_operations(true));

    let operations = |code: i16| {
        let mut topics = answer.topics.iter();
        topics
            .find(|one| one.error_code == code)
            .unwrap()
            .topic_authorized_operations
    };
    assert_eq!(operations(0), bits(&[3, 4, 5, 6, 7, 8, 10, 11]));
    assert_eq!(operations(UNKNOWN_TOPIC_OR_PARTITION), operations(0));
    assert_eq!(
        of_cluster.cluster_authorized_operations,
        bits(&[5, 7, 8, 9, 10, 11, 12])
    );
}

#[test]
fn the_cluster_is_described() {
    let world = World::start();
    let client = &mut world.connect();

    for version in 0..=2 {
        let request = DescribeClusterRequest::default().with_endpoint_type(1);
        let described = client.call(version, &request);
        assert_eq!((described.error_code, described.controller_id.0), (0, 1));
        assert_eq!(described.cluster_id.len(), 22);
        assert_eq!(described.brokers.len(), 1);
        assert_eq!(described.brokers[0].port, i32::from(world.address.port()));
        assert_eq!(*described.brokers[0].host, *world.address.ip().to_string());
        assert_eq!(described.cluster_authorized_operations, i32::MIN);
    }
    let request = DescribeClusterRequest::default()
        .with_endpoint_type(1)
        .with_include_cluster_authorized_operations(true);
    let operations = client.call(2, &request).cluster_authorized_operations;
    assert_eq!(operations, bits(&[5, 7, 8, 9, 10, 11, 12]));
    let of_controllers = DescribeClusterRequest::default().with_endpoint_type(2);
    let refused = client.call(2, &of_controllers);
    assert_eq!(refused.error_code, MISMATCHED_ENDPOINT_TYPE);
    assert_ne!(refused.error_message, Some(text("")));
}
