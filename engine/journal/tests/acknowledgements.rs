//! What a producer believes of an acknowledgement, on librdkafka's own mock of a cluster. As Kafka does of a producer that
//! a partition has not heard of, the mock takes whatever sequence comes first.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{collections::BTreeMap, ops::ControlFlow, time::Duration};

use rdkafka::{
    mocking::MockCluster,
    producer::DefaultProducerContext,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};
use sagaline_journal::{
    ErrorKind, Headers, NewRecord,
    kafka::{Kafka, Producer, Reader},
};

const TOPIC: &str = "results";

/// Longer than a producer keeps the second record back, shorter than its patience.
const ROUND_TRIP: Duration = Duration::from_millis(1_500);

fn record(value: &str) -> NewRecord {
    NewRecord {
        topic: TOPIC.into(),
        partition: 0,
        key: None,
        value: Some(value.into()),
        headers: Headers::new(),
    }
}

fn there(kafka: &Kafka) -> Vec<String> {
    let mut values = Vec::new();
    let reader = Reader::open(kafka).unwrap();
    let visit = |record: &sagaline_journal::Record| {
        let value = record.value().unwrap_or_default();
        values.push(String::from_utf8_lossy(value).into_owned());
        ControlFlow::Continue(())
    };
    reader.read(TOPIC, 0, 0, None, visit).unwrap();
    values
}

/// A broker that is about to refuse one record and to take the next, which will be on its way by then. librdkafka counts both
/// as delivered.
async fn refusing_one() -> (
    MockCluster<'static, DefaultProducerContext>,
    Kafka,
    Producer,
) {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic(TOPIC, 1, 1).unwrap();
    let kafka = Kafka::new(cluster.bootstrap_servers(), BTreeMap::new()).unwrap();
    let producer = Producer::open(&kafka).unwrap();
    assert_eq!(producer.send(record("before")).await, Ok(0));
    cluster.broker_round_trip_time(1, ROUND_TRIP).unwrap();
    cluster.request_errors(
        RDKafkaApiKey::Produce,
        &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION],
    );
    (cluster, kafka, producer)
}

#[tokio::test]
async fn the_acknowledgement_of_a_later_record_is_none_of_one_before_it() {
    let (cluster, kafka, producer) = refusing_one().await;

    let bulk = producer.bulk();
    bulk.send(1, record("first"));
    bulk.flush();
    let second = producer.send(record("second")).await;

    assert_eq!(second, Ok(1));
    cluster.broker_round_trip_time(1, Duration::ZERO).unwrap();
    assert_eq!(there(&kafka), ["before", "second"]);
    let (mark, first) = bulk.ended().await.pop().unwrap();
    let error = first.unwrap_err();
    assert_eq!((mark, error.kind()), (1, ErrorKind::Unavailable));
    assert_eq!(error.message(), "send: acknowledged without an offset");
}

#[tokio::test]
async fn a_record_of_which_nobody_says_where_it_is_is_sent_again() {
    let (cluster, kafka, producer) = refusing_one().await;

    let sent = tokio::join!(
        producer.send(record("first")),
        producer.send(record("second"))
    );

    assert_eq!(sent, (Ok(2), Ok(1)));
    cluster.broker_round_trip_time(1, Duration::ZERO).unwrap();
    assert_eq!(there(&kafka), ["before", "second", "first"]);
}
