//! DescribeLogDirs: what partitions take on the disk.

use kafka_protocol::messages::{
    DescribeLogDirsRequest, describe_log_dirs_request::DescribableLogDirTopic,
};

use crate::{
    ask::{append, topic_name},
    batch::Batch,
    client::Client,
    world::{Topic, World, name},
};

/// Asks about partitions 0 and 7 of some topics.
pub(crate) fn question(topics: &[&str]) -> DescribeLogDirsRequest {
    let topics = topics.iter().map(|topic| {
        DescribableLogDirTopic::default()
            .with_topic(topic_name(topic))
            .with_partitions(vec![0, 7])
    });
    DescribeLogDirsRequest::default().with_topics(Some(topics.collect()))
}

/// Partitions and sizes of a topic in the answer.
fn sizes(client: &mut Client, request: &DescribeLogDirsRequest, topic: &Topic) -> Vec<(i32, i64)> {
    let answer = client.call(4, request);
    assert_eq!((answer.error_code, answer.results.len()), (0, 1));
    let dir = &answer.results[0];
    assert_eq!(dir.error_code, 0);
    assert!(!dir.log_dir.is_empty());
    assert!(dir.total_bytes >= dir.usable_bytes && dir.usable_bytes > 0);
    let mut topics = dir.topics.iter();
    let found = topics.find(|one| one.name == topic_name(&topic.name));
    let parts = found.unwrap().partitions.iter();
    let sizes = parts.map(|one| {
        assert!(!one.is_future_key && one.offset_lag == 0);
        (one.partition_index, one.partition_size)
    });
    sizes.collect()
}

#[test]
fn partitions_take_what_was_written_to_them() {
    let world = World::start();
    let topic = world.topic(2);
    let client = &mut world.connect();
    let batch = Batch::sized(1_000);
    append(client, &topic, &batch);
    let bytes = i64::try_from(batch.encode().len()).unwrap();

    let asked = sizes(client, &question(&[&name("nowhere"), &topic.name]), &topic);
    let mut all = sizes(
        client,
        &DescribeLogDirsRequest::default().with_topics(None),
        &topic,
    );

    all.sort_unstable();
    assert_eq!(asked, [(0, bytes)]);
    assert_eq!(all, [(0, bytes), (1, 0)]);
}

#[test]
fn what_is_not_there_takes_nothing() {
    let world = World::start();
    let client = &mut world.connect();

    let answer = client.call(4, &question(&[&name("nowhere")]));

    assert_eq!(answer.error_code, 0);
    assert!(answer.results[0].topics.is_empty());
}
