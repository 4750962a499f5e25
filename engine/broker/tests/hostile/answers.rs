//! Answers that are long, and clients that do not read them.

use kafka_protocol::messages::{
    DescribeConfigsRequest, DescribeGroupsRequest, FetchRequest, GroupId, JoinGroupRequest,
    MetadataRequest, OffsetCommitRequest, OffsetFetchRequest,
    describe_configs_request::DescribeConfigsResource,
    fetch_request::{FetchPartition, FetchTopic},
    join_group_request::JoinGroupRequestProtocol,
    metadata_request::MetadataRequestTopic,
    offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
    offset_fetch_request::OffsetFetchRequestTopic,
};

use crate::{
    client::Client,
    records::Batch,
    world::{World, fetch, name, produce, resident_bytes, text},
};

/// As many elements as one array may have.
const MANY: usize = 16_384;

#[test]
fn answers_that_nobody_reads_hold_bounded_memory_and_make_way() {
    let world = World::start();
    assert_eq!(world.create("much", 1, &[]), 0);
    let mut client = world.connect();
    let batch = Batch::large(1_000_000).bytes();
    for _ in 0..50 {
        produce(&mut client, "much", &batch).unwrap();
    }
    let before = resident_bytes();

    let mut deaf: Vec<_> = (0..60).map(|_| world.connect()).collect();
    for client in &mut deaf {
        client.send(4, &fetch("much", 0, i32::MAX));
    }

    let mut peak = 0;
    for _ in 0..20 {
        world.serves();
        let answer = client.call(4, &fetch("much", 0, 2_000_000));
        let records = answer.responses[0].partitions[0].records.as_ref();
        assert!(records.is_some_and(|records| records.len() >= batch.len()));
        peak = peak.max(resident_bytes());
    }
    let more = peak.saturating_sub(before);
    assert!(more < 500 << 20, "{more} bytes more");
}

#[test]
fn first_batches_that_are_given_whole_are_counted_as_well() {
    let world = World::start();
    assert_eq!(
        world.create("large", 1, &[("max.message.bytes", "100000000")]),
        0
    );
    let batch = Batch::large(50 << 20).bytes();
    produce(&mut world.connect(), "large", &batch).unwrap();
    let before = resident_bytes();

    let mut deaf: Vec<_> = (0..40).map(|_| world.connect()).collect();
    for client in &mut deaf {
        client.send(4, &fetch("large", 0, 1));
    }

    let mut peak = 0;
    for _ in 0..20 {
        world.serves();
        peak = peak.max(resident_bytes());
    }
    let more = peak.saturating_sub(before);
    assert!(more < 600 << 20, "{more} bytes more");
}

#[test]
fn a_topic_is_described_once_however_often_it_is_named() {
    let world = World::start();
    assert_eq!(world.create("wide", 500, &[]), 0);
    let wide = MetadataRequestTopic::default().with_name(Some(name("wide")));
    let request = MetadataRequest::default().with_topics(Some(vec![wide; MANY]));

    let answer = world.connect().call(4, &request);

    assert_eq!(answer.topics.len(), 1);
    assert_eq!(answer.topics[0].partitions.len(), 500);
    world.serves();
}

#[test]
fn asking_for_settings_without_end_ends_the_connection() {
    let world = World::start();
    let replicas: Vec<_> = (1..=600).map(|number| format!("{number}:1")).collect();
    let long = replicas.join(",");
    let setting = "leader.replication.throttled.replicas";
    assert_eq!(world.create("wordy", 1, &[(setting, &long)]), 0);
    let before = resident_bytes();
    let wordy = DescribeConfigsResource::default()
        .with_resource_type(2)
        .with_resource_name(text("wordy"))
        .with_configuration_keys(None);
    let request = DescribeConfigsRequest::default()
        .with_resources(vec![wordy; MANY])
        .with_include_synonyms(true);

    let mut greedy: Vec<_> = (0..4).map(|_| world.connect()).collect();
    for client in &mut greedy {
        client.send(1, &request);
    }
    world.serves();

    for client in &mut greedy {
        assert_eq!(client.wait_for_the_end(), 0);
    }
    let more = resident_bytes().saturating_sub(before);
    assert!(more < 500 << 20, "{more} bytes more");
    world.serves();
}

#[test]
fn a_large_group_that_is_asked_for_ten_thousand_times_is_too_much() {
    let world = World::start();
    let mut members: Vec<_> = (0..8).map(|_| world.connect()).collect();
    for member in &mut members {
        join(member, "fat", 500_000);
    }
    let groups = vec![GroupId(text("fat")); MANY];
    let request = DescribeGroupsRequest::default().with_groups(groups);

    let mut client = world.connect();
    client.send(4, &request);

    // Members that have not synced show no metadata: it is the number of them that adds up.
    let came = client.wait_for_the_end_or_answer();
    assert!(came < 40 << 20, "{came}");
    world.serves();
}

/// A member of version 0, which joins at once.
fn join(client: &mut Client, group: &str, bytes: usize) {
    let protocol = JoinGroupRequestProtocol::default()
        .with_name(text("range"))
        .with_metadata(vec![0; bytes].into());
    let request = JoinGroupRequest::default()
        .with_group_id(GroupId(text(group)))
        .with_session_timeout_ms(30_000)
        .with_rebalance_timeout_ms(30_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol]);
    client.send(1, &request);
}

#[test]
fn an_offset_is_given_once_however_often_it_is_asked_for() {
    let world = World::start();
    let partition = OffsetCommitRequestPartition::default()
        .with_committed_offset(1)
        .with_committed_metadata(Some(text(&"m".repeat(4_000))));
    let topic = OffsetCommitRequestTopic::default()
        .with_name(name("normal"))
        .with_partitions(vec![partition]);
    let commit = OffsetCommitRequest::default()
        .with_group_id(GroupId(text("group")))
        .with_topics(vec![topic]);
    let mut client = world.connect();
    let committed = client.call(2, &commit);
    assert_eq!(committed.topics[0].partitions[0].error_code, 0);

    let asked = OffsetFetchRequestTopic::default()
        .with_name(name("normal"))
        .with_partition_indexes(vec![0; MANY]);
    let request = OffsetFetchRequest::default()
        .with_group_id(GroupId(text("group")))
        .with_topics(Some(vec![asked; 3]));
    let answer = client.call(5, &request);

    assert_eq!(answer.topics.len(), 1);
    assert_eq!(answer.topics[0].partitions.len(), 1);
    world.serves();
}

#[test]
fn fetches_that_wait_for_one_partition_many_times_over_slow_nobody_down() {
    let world = World::start();
    assert_eq!(world.create("still", 1, &[]), 0);
    let partitions = vec![FetchPartition::default().with_partition_max_bytes(1); MANY];
    let topic = FetchTopic::default()
        .with_topic(name("still"))
        .with_partitions(partitions);
    let request = FetchRequest::default()
        .with_max_wait_ms(i32::MAX)
        .with_min_bytes(i32::MAX)
        .with_max_bytes(i32::MAX)
        .with_topics(vec![topic]);
    let before = resident_bytes();
    let mut waiting: Vec<_> = (0..100).map(|_| world.connect()).collect();
    for client in &mut waiting {
        client.send(4, &request);
    }

    let mut client = world.connect();
    for _ in 0..200 {
        produce(&mut client, "still", &Batch::of(1).bytes()).unwrap();
    }

    world.serves();
    let more = resident_bytes().saturating_sub(before);
    assert!(more < 500 << 20, "{more} bytes more");
}
