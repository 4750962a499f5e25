//! What a producer believes of an acknowledgement. librdkafka counts a record that was refused as delivered when the one
//! behind it was taken.
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]

use std::{collections::BTreeMap, sync::Arc};

use sagaline_journal::{
    ErrorKind, Headers, NewRecord,
    kafka::{Kafka, Producer},
};

use self::broker::RefusingBroker;

mod broker;

const TOPIC: &str = "results";

fn record(value: &str) -> NewRecord {
    NewRecord {
        topic: TOPIC.into(),
        partition: 0,
        key: None,
        value: Some(value.into()),
        headers: Headers::new(),
    }
}

/// A broker that is about to refuse one record and to take the next, and who sends to it.
async fn refusing_one() -> (Arc<RefusingBroker>, Producer) {
    let broker = RefusingBroker::start(TOPIC);
    let uncompressed = BTreeMap::from([("compression.type".to_owned(), "none".to_owned())]);
    let kafka = Kafka::new(broker.address(), uncompressed).unwrap();
    let producer = Producer::open(&kafka).unwrap();
    assert_eq!(producer.send(record("before")).await, Ok(0));
    broker.refuse();
    (broker, producer)
}

#[tokio::test]
async fn the_acknowledgement_of_a_later_record_is_none_of_one_before_it() {
    let (broker, producer) = refusing_one().await;

    let bulk = producer.bulk();
    bulk.send(1, record("first"));
    bulk.flush();
    broker.refused_is_there().await;
    let second = producer.send(record("second")).await;

    assert_eq!(second, Ok(1));
    assert_eq!(broker.log(), ["before", "second"]);
    let (mark, first) = bulk.ended().await.pop().unwrap();
    let error = first.unwrap_err();
    assert_eq!((mark, error.kind()), (1, ErrorKind::Unavailable));
    assert_eq!(error.message(), "send: acknowledged without an offset");
}

#[tokio::test]
async fn a_record_of_which_nobody_says_where_it_is_is_sent_again() {
    let (broker, producer) = refusing_one().await;

    let sent = tokio::join!(producer.send(record("first")), async {
        broker.refused_is_there().await;
        producer.send(record("second")).await
    });

    assert_eq!(sent, (Ok(2), Ok(1)));
    assert_eq!(broker.log(), ["before", "second", "first"]);
}
