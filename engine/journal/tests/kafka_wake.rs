//! Nothing is lost, and nobody sleeps on records, however they come in.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a real broker takes real time"
)]

#[path = "support/broker.rs"]
mod broker;
#[path = "support/lane.rs"]
mod lane;

use std::time::{Duration, Instant};

use broker::{lane_topics, shared};
use lane::{LATE, Lane, record};
use sagaline_journal::{
    LanePort, PortEvent,
    kafka::{LaneTopics, Producer},
};

/// Sends records to inbox and results in turn, as fast as they go.
fn flood(topics: &LaneTopics, count: u64) {
    let mut lane = Lane::open(shared(), topics);
    let mut events = Vec::new();
    let (mut sent, mut acknowledged) = (0, 0);
    while acknowledged < count {
        while sent < count && sent - acknowledged < 50_000 {
            let topic = if sent % 2 == 0 {
                &topics.inbox
            } else {
                &topics.results
            };
            lane.port.send(0, sent, record(topic, 0, "x"));
            sent += 1;
        }
        lane.port.poll(Duration::from_secs(1), &mut events);
        for event in events.drain(..) {
            assert!(
                matches!(event, PortEvent::Sent { outcome: Ok(_), .. }),
                "{event:?}"
            );
            acknowledged += 1;
        }
    }
}

#[test]
fn a_million_records_are_all_taken_in_order_while_they_come_in() {
    let count = 1_000_000;
    let topics = lane_topics(shared(), "million", 1);
    let mut lane = Lane::open(shared(), &topics);
    lane.port.fetch(0, 0, 0);

    let sender = std::thread::spawn({
        let topics = topics.clone();
        move || flood(&topics, count)
    });
    let (mut inbox_next, mut results_next) = (0, 0);
    let (mut records, mut events) = (Vec::new(), Vec::new());
    let mut last = Instant::now();
    while inbox_next + results_next < i64::try_from(count).unwrap() {
        lane.port.take(0, 1_000, 1_000_000, &mut records);
        if records.is_empty() {
            assert!(
                last.elapsed() < LATE,
                "{inbox_next} and {results_next} came"
            );
            lane.port.poll(Duration::from_secs(20), &mut events);
            assert_eq!(events, []);
        } else {
            last = Instant::now();
        }
        for record in records.drain(..) {
            let inbox = record.topic == topics.inbox;
            let next = if inbox {
                &mut inbox_next
            } else {
                &mut results_next
            };
            assert_eq!(record.offset, *next);
            *next += 1;
        }
    }

    sender.join().unwrap();
}

#[test]
fn each_of_many_single_records_wakes_the_lane() {
    let rounds = 2_000;
    let topics = lane_topics(shared(), "single", 2);
    let mut lane = Lane::open(shared(), &topics);
    lane.port.fetch(0, 0, 0);
    lane.port.fetch(1, 0, 0);
    let producer = Producer::open(shared()).unwrap();

    let mut slow = 0;
    for round in 0..rounds {
        let topic = if round % 3 == 0 {
            &topics.inbox
        } else {
            &topics.results
        };
        producer
            .send_blocking(record(topic, round % 2, "x"))
            .unwrap();
        let start = Instant::now();
        assert_eq!(lane.take(round % 2, 1).len(), 1);
        // A wake that was lost would be made good for only after a second.
        slow += usize::from(start.elapsed() > Duration::from_millis(900));
    }

    assert!(slow < 5, "{slow} of {rounds} were slow");
}
