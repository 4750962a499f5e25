//! A lane on librdkafka's own mock cluster, which answers as a real one hardly ever does.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use rdkafka::{
    mocking::MockCluster,
    producer::DefaultProducerContext,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};

use super::*;
use crate::Headers;
use crate::{Delivery, SendError, SendErrorKind};

const LATE: Duration = Duration::from_secs(60);

fn cluster() -> MockCluster<'static, DefaultProducerContext> {
    let cluster = MockCluster::new(1).unwrap();
    for topic in ["mock.inbox", "mock.results", "mock.journal"] {
        cluster.create_topic(topic, 1, 1).unwrap();
    }
    cluster
}

fn lane(cluster: &MockCluster<'static, DefaultProducerContext>) -> KafkaLane {
    let kafka = Kafka::new(cluster.bootstrap_servers(), BTreeMap::new()).unwrap();
    KafkaLane::open(&kafka, LaneTopics::of("mock"), LeaseHandle::closed()).unwrap()
}

fn record(topic: &Arc<str>) -> NewRecord {
    NewRecord {
        topic: topic.clone(),
        partition: 0,
        key: None,
        value: Some(b"x".to_vec()),
        headers: Headers::new(),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the mock cluster has real sockets"
)]
fn wait(lane: &mut KafkaLane, wanted: Tag) -> PortEvent {
    let start = Instant::now();
    let mut events = Vec::new();
    loop {
        assert!(start.elapsed() < LATE, "nothing came");
        lane.poll(Duration::from_secs(1), &mut events);
        match events.pop() {
            Some(
                event @ (PortEvent::Appended { tag, .. }
                | PortEvent::Sent { tag, .. }
                | PortEvent::Lease { tag, .. }),
            ) if tag == wanted && events.is_empty() => return event,
            None => {}
            other => panic!("{other:?}"),
        }
    }
}

fn append(lane: &mut KafkaLane, tag: Tag) -> Vec<Delivery> {
    let topic = lane.topics.journal.clone();
    lane.append(0, tag, vec![record(&topic), record(&topic)]);
    match wait(lane, tag) {
        PortEvent::Appended { reports, .. } => reports,
        other => panic!("{other:?}"),
    }
}

fn known(reports: &[Delivery]) -> bool {
    reports
        .iter()
        .all(|report| matches!(report, Delivery::At { .. }))
}

fn send(lane: &mut KafkaLane, tag: Tag) -> Result<(), SendError> {
    let topic = lane.topics.inbox.clone();
    lane.send(0, tag, record(&topic));
    match wait(lane, tag) {
        PortEvent::Sent { outcome, .. } => outcome.map(drop),
        other => panic!("{other:?}"),
    }
}

const OUT_OF_ORDER: RDKafkaRespErr = RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;

#[test]
fn a_fatal_error_replaces_the_producer_and_leaves_its_batch_unknown() {
    let cluster = cluster();
    let mut lane = lane(&cluster);
    assert!(known(&append(&mut lane, 1)));

    // Of the first batch in flight that means that broker and producer have lost each other: librdkafka gives up.
    cluster.request_errors(RDKafkaApiKey::Produce, &[OUT_OF_ORDER]);
    assert!(append(&mut lane, 2).contains(&Delivery::Unknown));

    // The news may come after the next batch was given to the old producer.
    assert!((3..6).any(|tag| known(&append(&mut lane, tag))));
}

#[test]
fn a_fatal_error_of_the_effects_producer_is_no_reason_to_give_an_effect_up() {
    let cluster = cluster();
    let mut lane = lane(&cluster);
    assert_eq!(send(&mut lane, 1), Ok(()));

    cluster.request_errors(RDKafkaApiKey::Produce, &[OUT_OF_ORDER]);
    assert_eq!(
        send(&mut lane, 2).unwrap_err().kind,
        SendErrorKind::Unavailable
    );

    assert!((3..6).any(|tag| send(&mut lane, tag) == Ok(())));
}

#[test]
fn a_duplicate_sequence_is_success_without_an_offset_hence_unknown() {
    let cluster = cluster();
    let duplicate = RDKafkaRespErr::RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER;
    let mut lane = lane(&cluster);
    assert!(known(&append(&mut lane, 1)));

    cluster.request_errors(RDKafkaApiKey::Produce, &[duplicate]);
    assert!(append(&mut lane, 2).contains(&Delivery::Unknown));

    assert!(known(&append(&mut lane, 3)));
}

#[test]
fn what_a_producer_has_no_room_for_stands_in_line_and_nothing_more_is_taken() {
    let cluster = cluster();
    let mut lane = lane(&cluster);
    let (inbox, journal) = (lane.topics.inbox.clone(), lane.topics.journal.clone());
    assert_eq!(send(&mut lane, 1), Ok(()));
    lane.fetch(0, 0, 0);
    let mut events = Vec::new();
    lane.poll(LATE, &mut events);
    cluster.broker_down(1).unwrap();

    // The producer holds 128 MB.
    let large = NewRecord {
        value: Some(vec![b'x'; 1_000_000]),
        ..record(&journal)
    };
    lane.append(0, 2, vec![large; 140]);
    assert!(lane.is_congested());
    let mut taken = Vec::new();
    lane.take(0, 10, usize::MAX, &mut taken);
    assert_eq!(taken, []);

    cluster.broker_up(1).unwrap();
    let PortEvent::Appended { reports, .. } = wait(&mut lane, 2) else {
        panic!("no append")
    };
    let offset = |report: &Delivery| match report {
        Delivery::At { offset, .. } => *offset,
        Delivery::Unknown => panic!("{reports:?}"),
    };
    assert_eq!(
        reports.iter().map(offset).collect::<Vec<_>>(),
        (0..140).collect::<Vec<_>>()
    );
    assert!(!lane.is_congested());
    while taken.is_empty() {
        lane.take(0, 10, usize::MAX, &mut taken);
        lane.poll(Duration::from_millis(100), &mut events);
    }
    assert_eq!(taken[0].topic, inbox);
    assert_eq!(events, []);
}

#[test]
fn without_a_lease_nothing_is_proved() {
    let cluster = cluster();
    let mut lane = lane(&cluster);

    lane.prove_lease(0, 1);

    assert!(matches!(
        wait(&mut lane, 1),
        PortEvent::Lease { held: false, .. }
    ));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the clock of the test")]
fn a_waker_ends_the_poll() {
    let cluster = cluster();
    let mut lane = lane(&cluster);
    let mut events = Vec::new();
    // What the making of the clients left behind.
    lane.poll(Duration::from_millis(1), &mut events);
    let start = Instant::now();

    let waker = lane.waker();
    std::thread::spawn(move || waker.wake()).join().unwrap();
    lane.poll(LATE, &mut events);

    assert!(start.elapsed() < LATE / 2);
    assert_eq!(events, []);
}

/// Polls and takes until something was taken.
#[expect(
    clippy::disallowed_methods,
    reason = "the mock cluster has real sockets"
)]
fn take_some(lane: &mut KafkaLane, events: &mut Vec<PortEvent>) -> Vec<Record> {
    let (start, mut taken) = (Instant::now(), Vec::new());
    while taken.is_empty() {
        assert!(start.elapsed() < LATE, "nothing came");
        lane.poll(Duration::from_millis(100), events);
        lane.take(0, 10, usize::MAX, &mut taken);
    }
    taken
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the mock cluster has real sockets"
)]
fn an_input_that_a_broker_does_not_know_for_a_moment_is_read_on() {
    let unknown = RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    let known = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR;
    let cluster = cluster();
    let mut lane = lane(&cluster);
    let mut events = Vec::new();
    assert_eq!(send(&mut lane, 1), Ok(()));
    lane.fetch(0, 0, 0);
    let first = take_some(&mut lane, &mut events);
    assert_eq!(first.last().map(|record| record.offset), Some(0));

    cluster.topic_error("mock.inbox", unknown).unwrap();
    let (start, mut taken) = (Instant::now(), Vec::new());
    while lane.inputs[&0].is_sure() {
        assert!(start.elapsed() < LATE, "nobody noticed");
        lane.poll(Duration::from_millis(100), &mut events);
        lane.take(0, 10, usize::MAX, &mut taken);
    }
    cluster.topic_error("mock.inbox", known).unwrap();
    while !lane.inputs[&0].is_sure() {
        assert!(start.elapsed() < LATE, "it is still in doubt");
        lane.poll(Duration::from_millis(100), &mut events);
    }

    assert_eq!((events, taken), (Vec::new(), Vec::new()));
    // The producer may not have heard yet that the topic is there.
    let sent = (2..).find(|tag| start.elapsed() > LATE || send(&mut lane, *tag) == Ok(()));
    assert!(start.elapsed() < LATE, "{sent:?}");
    let next = take_some(&mut lane, &mut Vec::new());
    assert_eq!(next.first().map(|record| record.offset), Some(1));
}
