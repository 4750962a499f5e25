//! Producers, group members and followers on Apache Kafka: what workers and clients use.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a real broker takes real time"
)]

#[path = "support/broker.rs"]
mod broker;
#[path = "support/lane.rs"]
mod lane;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use broker::{create_topic, namespace, shared};
use lane::{LATE, record, values};
use sagaline_journal::{
    ErrorKind, NewRecord, Record,
    kafka::{Follower, From, Group, GroupConsumer, GroupEvent, GroupSettings, HandOver, Producer},
};

fn topic(name: &str, partitions: i32) -> Arc<str> {
    let topic = namespace(name);
    create_topic(shared(), &topic, partitions, &[]);
    topic.into()
}

fn settings(topic: &str) -> GroupSettings {
    GroupSettings {
        group: format!("{topic}.workers"),
        topics: vec![topic.to_owned()],
        records_max: 8,
        fetch_bytes: None,
        session: Duration::from_secs(10),
        hand_over_max: Duration::from_secs(3),
    }
}

async fn next(consumer: &mut GroupConsumer) -> GroupEvent {
    tokio::time::timeout(LATE, consumer.next())
        .await
        .expect("something comes")
        .expect("the consumer lives")
}

async fn next_record(consumer: &mut GroupConsumer) -> Record {
    loop {
        match next(consumer).await {
            GroupEvent::Record(record) => return record,
            GroupEvent::Assigned(_) | GroupEvent::Revoked(..) | GroupEvent::Lost(_) => {}
        }
    }
}

async fn revoked(consumer: &mut GroupConsumer) -> HandOver {
    loop {
        match next(consumer).await {
            GroupEvent::Revoked(_, hand_over) => return hand_over,
            GroupEvent::Record(_) | GroupEvent::Assigned(_) => {}
            GroupEvent::Lost(places) => panic!("lost {places:?}"),
        }
    }
}

#[tokio::test]
async fn a_producer_says_where_each_record_lies() {
    let topic = topic("producer", 2);
    let producer = Producer::open(shared()).unwrap();

    assert_eq!(producer.send(record(&topic, 1, "a")).await, Ok(0));
    assert_eq!(producer.send(record(&topic, 1, "b")).await, Ok(1));
    assert_eq!(producer.clone().send(record(&topic, 0, "c")).await, Ok(0));
}

/// Bytes that no codec makes fewer (xorshift64: Marsaglia, Journal of Statistical Software 8(14), 2003).
fn incompressible(bytes: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..bytes).map(step).collect()
}

#[tokio::test]
async fn a_producer_says_why_a_record_was_refused() {
    let topic = topic("refused", 1);
    let producer = Producer::open(shared()).unwrap();
    let large = NewRecord {
        value: Some(incompressible(2_000_000)),
        ..record(&topic, 0, "")
    };

    let large = producer.send(large).await.unwrap_err();
    let missing = producer
        .send(record(&namespace("never").into(), 0, "x"))
        .await
        .unwrap_err();
    let beyond = producer.send(record(&topic, 5, "x")).await.unwrap_err();

    assert_eq!(
        (large.kind(), large.code()),
        (ErrorKind::Invalid, "kafka-record-too-large")
    );
    assert_eq!(
        (missing.kind(), missing.code()),
        (ErrorKind::NotFound, "kafka-topic-missing")
    );
    assert_eq!(beyond.kind(), ErrorKind::NotFound, "{beyond}");
}

#[test]
fn a_producer_works_without_a_runtime() {
    let topic = topic("blocking", 1);
    let producer = Producer::open(shared()).unwrap();

    assert_eq!(producer.send_blocking(record(&topic, 0, "a")), Ok(0));
}

#[tokio::test]
async fn a_new_group_begins_with_the_first_record_and_goes_on_where_it_committed() {
    let topic = topic("resume", 1);
    let producer = Producer::open(shared()).unwrap();
    for value in ["a", "b", "c"] {
        producer.send(record(&topic, 0, value)).await.unwrap();
    }

    let mut consumer = GroupConsumer::open(shared(), &settings(&topic)).unwrap();
    let taken = [
        next_record(&mut consumer).await,
        next_record(&mut consumer).await,
    ];
    assert_eq!(values(&taken), ["a", "b"]);
    consumer.commit(&topic, 0, 1);
    consumer.close().await;

    let mut consumer = GroupConsumer::open(shared(), &settings(&topic)).unwrap();
    assert_eq!(values(&[next_record(&mut consumer).await]), ["b"]);
    let group = Group::open(shared(), &settings(&topic).group).unwrap();
    assert_eq!(group.committed(&topic, &[0]).unwrap(), [Some(1)]);
    assert_eq!(group.members().unwrap().len(), 1);
}

#[tokio::test]
async fn a_worker_may_be_older_than_its_topic() {
    let topic: Arc<str> = namespace("younger").into();
    let mut consumer = GroupConsumer::open(shared(), &settings(&topic)).unwrap();
    let early = tokio::time::timeout(Duration::from_secs(4), next_record(&mut consumer)).await;
    assert!(early.is_err(), "{early:?}");

    create_topic(shared(), &topic, 2, &[]);
    let start = Instant::now();
    Producer::open(shared())
        .unwrap()
        .send(record(&topic, 1, "a"))
        .await
        .unwrap();

    assert_eq!(values(&[next_record(&mut consumer).await]), ["a"]);
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn whoever_takes_everything_is_given_more_at_once() {
    let topic = topic("room", 1);
    let producer = Producer::open(shared()).unwrap();
    for number in 0..80 {
        producer
            .send(record(&topic, 0, &number.to_string()))
            .await
            .unwrap();
    }
    let mut consumer = GroupConsumer::open(shared(), &settings(&topic)).unwrap();
    next_record(&mut consumer).await;

    // Nothing is committed meanwhile: that alone would wake the member's thread.
    let begun = Instant::now();
    for _ in 1..80 {
        next_record(&mut consumer).await;
    }

    // A pause between one room of records and the next would take ten seconds in all.
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[tokio::test]
async fn no_more_is_read_than_there_is_room_for_and_nothing_is_lost() {
    let topic = topic("room", 3);
    let producer = Producer::open(shared()).unwrap();
    let count = 300;
    for number in 0..count {
        producer
            .send(record(&topic, number % 3, &number.to_string()))
            .await
            .unwrap();
    }
    let mut consumer = GroupConsumer::open(shared(), &settings(&topic)).unwrap();

    let mut seen: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for turn in 0..count {
        if turn == 100 {
            // Longer than the session: a worker that is busy stays a member.
            tokio::time::sleep(Duration::from_secs(12)).await;
        }
        let record = next_record(&mut consumer).await;
        let number = values(std::slice::from_ref(&record))[0].parse().unwrap();
        seen.entry(record.partition).or_default().push(number);
    }

    for (partition, numbers) in seen {
        assert_eq!(
            numbers,
            (0..count)
                .filter(|n| n % 3 == partition)
                .collect::<Vec<_>>()
        );
    }
}

#[tokio::test]
async fn a_partition_that_is_held_lets_the_others_by_and_goes_on_where_it_was() {
    let topic = topic("hold", 2);
    let producer = Producer::open(shared()).unwrap();
    for number in 0..40 {
        let record = record(&topic, number % 2, &number.to_string());
        producer.send(record).await.unwrap();
    }
    let mut consumer = GroupConsumer::open(shared(), &settings(&topic)).unwrap();
    let first = next_record(&mut consumer).await;
    consumer.hold(&topic, first.partition);

    let mut seen = [Vec::new(), Vec::new()];
    seen[usize::try_from(first.partition).unwrap()].push(first.offset);
    let other = usize::try_from(1 - first.partition).unwrap();
    while seen[other].len() < 20 {
        let record = next_record(&mut consumer).await;
        seen[usize::try_from(record.partition).unwrap()].push(record.offset);
    }
    assert!(seen[1 - other].len() <= 9, "{seen:?}");

    consumer.resume(&topic, first.partition);
    while seen[1 - other].len() < 20 {
        seen[1 - other].push(next_record(&mut consumer).await.offset);
    }
    assert_eq!(seen[0], (0..20).collect::<Vec<_>>());
    assert_eq!(seen[1], (0..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn work_may_be_finished_and_committed_before_a_partition_goes() {
    let topic = topic("finish", 2);
    let producer = Producer::open(shared()).unwrap();
    for partition in [0, 1] {
        let record = record(&topic, partition, "before");
        producer.send(record).await.unwrap();
    }
    let mut first = GroupConsumer::open(shared(), &settings(&topic)).unwrap();
    let working = [next_record(&mut first).await, next_record(&mut first).await];

    let mut second = GroupConsumer::open(shared(), &settings(&topic)).unwrap();
    let hand_over = revoked(&mut first).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    for record in &working {
        first.commit(&topic, record.partition, record.offset + 1);
    }
    hand_over.done();

    for partition in [0, 1] {
        let record = record(&topic, partition, "after");
        producer.send(record).await.unwrap();
    }
    let rest = [
        next_record(&mut first).await,
        next_record(&mut second).await,
    ];
    assert_eq!(values(&rest), ["after", "after"]);
}

#[tokio::test]
async fn what_was_read_ahead_of_a_lost_partition_is_not_handed_out() {
    let topic = topic("ahead", 1);
    let producer = Producer::open(shared()).unwrap();
    for number in 0..20 {
        producer
            .send(record(&topic, 0, &number.to_string()))
            .await
            .unwrap();
    }
    let mut first = GroupConsumer::open(shared(), &settings(&topic)).unwrap();
    assert_eq!(values(&[next_record(&mut first).await]), ["0"]);
    tokio::time::sleep(Duration::from_secs(1)).await;

    let mut second = GroupConsumer::open(shared(), &settings(&topic)).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    revoked(&mut first).await.done();

    // One of the two has the partition now, and begins again where the group stands; the other gets nothing more.
    let (owner, values_seen) = tokio::select! {
        record = next_record(&mut first) => ("first", values(&[record])),
        record = next_record(&mut second) => ("second", values(&[record])),
    };
    assert_eq!(values_seen, ["0"], "{owner}");
}

#[tokio::test]
async fn whoever_has_no_room_for_a_record_hears_that_partitions_go() {
    let topic = topic("change", 1);
    let producer = Producer::open(shared()).unwrap();
    for number in 0..20 {
        let record = record(&topic, 0, &number.to_string());
        producer.send(record).await.unwrap();
    }
    let mut first = GroupConsumer::open(shared(), &settings(&topic)).unwrap();
    assert_eq!(values(&[next_record(&mut first).await]), ["0"]);

    let _second = GroupConsumer::open(shared(), &settings(&topic)).unwrap();
    let change = tokio::time::timeout(LATE, first.next_change()).await;

    let change = change.expect("the partition goes");
    assert!(
        matches!(&change, Some(GroupEvent::Revoked(places, _)) if *places == [(topic, 0)]),
        "{change:?}"
    );
}

#[tokio::test]
async fn a_commit_after_the_hand_over_is_ignored() {
    let topic = topic("late", 1);
    Producer::open(shared())
        .unwrap()
        .send(record(&topic, 0, "a"))
        .await
        .unwrap();
    let mut consumer = GroupConsumer::open(shared(), &settings(&topic)).unwrap();
    next_record(&mut consumer).await;
    let committer = consumer.committer();

    consumer.close().await;
    committer.commit(&topic, 0, 1);

    let group = Group::open(shared(), &settings(&topic).group).unwrap();
    assert_eq!(group.committed(&topic, &[0]).unwrap(), [None]);
    assert_eq!(group.members().unwrap(), []);
}

#[tokio::test]
async fn a_follower_from_the_end_misses_nothing_that_comes_after_it_was_opened() {
    let topic = topic("replies", 1);
    let producer = Producer::open(shared()).unwrap();
    producer.send(record(&topic, 0, "before")).await.unwrap();

    let mut follower = Follower::open(shared(), &topic, 0, From::End).unwrap();
    assert_eq!(follower.position(), 1);
    producer.send(record(&topic, 0, "after")).await.unwrap();
    producer.send(record(&topic, 0, "later")).await.unwrap();

    for value in ["after", "later"] {
        let record = tokio::time::timeout(LATE, follower.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        assert_eq!(values(&[record]), [value]);
    }
    assert_eq!(follower.position(), 3);
    let mut again = Follower::open(shared(), &topic, 0, From::Offset(0)).unwrap();
    let record = tokio::time::timeout(LATE, again.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(values(&[record]), ["before"]);
}

#[tokio::test]
async fn a_follower_of_nothing_says_so() {
    let missing = Follower::open(shared(), &namespace("never"), 0, From::End).unwrap_err();

    assert_eq!(missing.kind(), ErrorKind::NotFound, "{missing}");
}
