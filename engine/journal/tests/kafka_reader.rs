//! Blocking reads on Apache Kafka, with the holes that transactions and deletion leave.
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
    ops::ControlFlow,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use broker::{create_topic, lane_topics, namespace, shared};
use lane::{Lane, record, values};
use rdkafka::{
    ClientConfig,
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use sagaline_journal::{
    ErrorKind, LanePort, PortEvent, Record,
    kafka::{Admin, Producer, Reader},
};

fn topic(name: &str) -> Arc<str> {
    let topic = namespace(name);
    create_topic(shared(), &topic, 1, &[]);
    topic.into()
}

fn send(topic: &Arc<str>, values: &[&str]) {
    let producer = Producer::open(shared()).unwrap();
    for value in values {
        producer.send_blocking(record(topic, 0, value)).unwrap();
    }
}

fn read(reader: &Reader, topic: &str, from: i64, to: Option<i64>) -> (Vec<String>, i64) {
    let mut records: Vec<Record> = Vec::new();
    let visit = |record: &Record| {
        records.push(record.clone());
        ControlFlow::Continue(())
    };
    let next = reader.read(topic, 0, from, to, visit).unwrap();
    (values(&records), next)
}

/// Somebody's transactional producer, with a transaction begun.
fn transaction(name: &str) -> BaseProducer {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", shared().bootstrap())
        .set("transactional.id", namespace(name))
        .create()
        .unwrap();
    producer.init_transactions(Duration::from_secs(20)).unwrap();
    producer.begin_transaction().unwrap();
    producer
}

fn send_in(producer: &BaseProducer, topic: &str, value: &str) {
    let message = BaseRecord::<(), str>::to(topic).partition(0).payload(value);
    producer.send(message).unwrap();
    producer.flush(Duration::from_secs(20)).unwrap();
}

#[test]
fn a_read_gives_exactly_the_range() {
    let topic = topic("range");
    send(&topic, &["a", "b", "c", "d"]);
    let reader = Reader::open(shared()).unwrap();

    assert_eq!(
        read(&reader, &topic, 1, Some(3)),
        (vec!["b".into(), "c".into()], 3)
    );
    assert_eq!(read(&reader, &topic, 3, None), (vec!["d".into()], 4));
    assert_eq!(read(&reader, &topic, 4, None), (vec![], 4));
    assert_eq!(reader.beginning(&topic, 0), Ok(0));
    assert_eq!(reader.end(&topic, 0), Ok(4));
}

#[test]
fn a_visitor_may_break_off() {
    let topic = topic("break");
    send(&topic, &["a", "b", "c"]);
    let reader = Reader::open(shared()).unwrap();

    let next = reader.read(&topic, 0, 0, None, |record| {
        if record.offset == 1 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });

    assert_eq!(next, Ok(2));
}

#[test]
fn what_is_not_there_is_named() {
    let topic = topic("gone");
    send(&topic, &["a", "b", "c", "d"]);
    Admin::open(shared())
        .unwrap()
        .delete_records(&topic, 0, 2)
        .unwrap();
    let reader = Reader::open(shared()).unwrap();
    let error = |from, to| {
        reader
            .read(&topic, 0, from, to, |_| ControlFlow::Continue(()))
            .unwrap_err()
    };

    assert_eq!(reader.beginning(&topic, 0), Ok(2));
    for error in [error(0, None), error(5, None), error(2, Some(9))] {
        assert_eq!(
            (error.kind(), error.code()),
            (ErrorKind::NotFound, "kafka-offset-missing")
        );
        assert!(error.message().contains(&*topic), "{error}");
    }
    let missing = reader.end(&namespace("never"), 0).unwrap_err();
    assert_eq!(
        (missing.kind(), missing.code()),
        (ErrorKind::NotFound, "kafka-topic-missing")
    );
}

#[test]
fn a_read_ends_although_its_last_offsets_hold_no_record() {
    let topics = lane_topics(shared(), "holes", 1);
    send(&topics.inbox, &["a"]);
    let aborted = transaction("aborted");
    send_in(&aborted, &topics.inbox, "never");
    aborted.abort_transaction(Duration::from_secs(20)).unwrap();

    let committed = Reader::open_committed(shared()).unwrap();
    let everything = Reader::open(shared()).unwrap();

    // The record, the aborted one, the mark of the abort, which comes after the abort was answered.
    let start = Instant::now();
    while committed.end(&topics.inbox, 0) != Ok(3) {
        assert!(start.elapsed() < lane::LATE);
    }
    assert_eq!(
        read(&committed, &topics.inbox, 0, None),
        (vec!["a".into()], 3)
    );
    assert_eq!(read(&committed, &topics.inbox, 1, Some(2)), (vec![], 2));
    let (seen, next) = read(&everything, &topics.inbox, 0, None);
    assert_eq!((seen, next), (vec!["a".into(), "never".into()], 3));

    let mut lane = Lane::open(shared(), &topics);
    let (records, next, error) = lane.read((&topics.inbox, 0), 1, 0, None);
    assert_eq!((values(&records), next, error), (vec!["a".into()], 3, None));
}

#[test]
fn an_open_transaction_ends_the_inbox_and_does_not_hold_the_journal_up() {
    let topics = lane_topics(shared(), "open", 1);
    let mut lane = Lane::open(shared(), &topics);
    send(&topics.inbox, &["a"]);
    send(&topics.results, &["r", "s"]);
    let open = transaction("open");
    for topic in [&topics.inbox, &topics.journal] {
        send_in(&open, topic, "pending");
        send(topic, &["behind"]);
    }

    lane.port.ends(0, 1);
    let ends = lane.wait(|event| match event {
        PortEvent::Ends { ends, .. } => Some(ends),
        _ => None,
    });
    assert_eq!(
        ends,
        Some((1, 2)),
        "the inbox ends before what is not committed"
    );
    lane.port.fetch(0, 0, 2);
    assert_eq!(values(&lane.take(0, 1)), ["a"]);
    let (records, next, _) = lane.read((&topics.journal, 0), 2, 0, None);
    assert_eq!(
        (values(&records), next),
        (vec!["pending".into(), "behind".into()], 2)
    );

    open.commit_transaction(Duration::from_secs(20)).unwrap();
    assert_eq!(values(&lane.take(0, 2)), ["pending", "behind"]);
}

#[test]
fn a_tail_goes_on_until_it_is_told_to_stop() {
    let topic = topic("tail");
    send(&topic, &["a"]);
    let (seen_in, seen) = mpsc::channel();
    let (stop, stopped) = mpsc::channel::<()>();

    let tail = std::thread::spawn({
        let topic = topic.clone();
        move || {
            let reader = Reader::open(shared()).unwrap();
            let visit = |record: &Record| {
                seen_in.send(record.offset).unwrap();
                ControlFlow::Continue(())
            };
            let idle = || match stopped.try_recv() {
                Ok(()) => ControlFlow::Break(()),
                Err(_) => ControlFlow::Continue(()),
            };
            reader.tail(&topic, 0, 0, visit, idle)
        }
    });
    assert_eq!(seen.recv_timeout(lane::LATE), Ok(0));
    send(&topic, &["b"]);
    assert_eq!(seen.recv_timeout(lane::LATE), Ok(1));
    stop.send(()).unwrap();

    assert_eq!(tail.join().unwrap(), Ok(2));
}
