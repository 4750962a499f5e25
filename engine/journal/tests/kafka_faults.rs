//! A lane whose broker crashes, and what it makes of it.
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

use broker::{Broker, lane_topics};
use lane::{Lane, offsets, record, values};
use sagaline_journal::{
    Delivery, LanePort, PortEvent,
    kafka::{Admin, TopicState},
};

#[test]
fn a_lane_outlives_the_crash_of_its_broker() {
    let broker = Broker::start("crash");
    let kafka = broker.kafka();
    let topics = lane_topics(&kafka, "crash", 1);
    let (inbox, journal) = (topics.inbox.clone(), topics.journal.clone());
    let mut lane = Lane::open(&kafka, &topics);
    assert_eq!(offsets(&lane.append(0, 1, &["a", "b"])), [0, 1]);
    lane.send(2, record(&inbox, 0, "before"));
    lane.port.fetch(0, 0, 0);
    assert_eq!(values(&lane.take(0, 1)), ["before"]);

    broker.kill();

    // Everything is answered, with nothing known.
    let start = Instant::now();
    assert_eq!(lane.append(0, 3, &["c", "d"]), [Delivery::Unknown; 2]);
    assert!(
        start.elapsed() < Duration::from_secs(12),
        "{:?}",
        start.elapsed()
    );
    lane.port.send(0, 4, record(&inbox, 0, "lost"));
    lane.port.ends(0, 5);
    lane.port.prove_lease(0, 6);
    lane.port.read(journal.clone(), 0, 7, 0, None);
    let mut left = vec![4, 5, 6, 7];
    lane.wait(|event| {
        let answered = match event {
            PortEvent::Sent { tag, outcome, .. } => {
                outcome.is_err_and(|e| !e.kind.is_for_good()).then_some(tag)
            }
            PortEvent::Ends { tag, ends, .. } => ends.is_none().then_some(tag),
            PortEvent::Lease { tag, held, .. } => (!held).then_some(tag),
            PortEvent::Read {
                tag, done, error, ..
            } => (done && error.is_some()).then_some(tag),
            _ => None,
        };
        left.retain(|tag| Some(*tag) != answered);
        left.is_empty().then_some(())
    });

    broker.restart();

    // The same producer and the same consumer go on. What was unknown may be there or not.
    let mut tag = 10;
    let start = Instant::now();
    let reports = loop {
        tag += 1;
        let reports = lane.append(0, tag, &["e", "f"]);
        if !reports.contains(&Delivery::Unknown) {
            break offsets(&reports);
        }
        assert!(start.elapsed() < Duration::from_secs(60));
    };
    let (records, next, error) = lane.read((&journal, 0), 100, 0, None);
    assert_eq!(
        (i64::try_from(records.len()).unwrap(), error),
        (next, None),
        "offsets are dense"
    );
    assert_eq!(values(&records)[..2], ["a", "b"]);
    assert_eq!(reports, [next - 2, next - 1]);
    let from = usize::try_from(reports[0]).unwrap();
    assert_eq!(values(&records)[from..], ["e", "f"]);

    lane.send(101, record(&inbox, 0, "after"));
    let taken = lane.take(0, 1);
    assert_eq!(values(&taken), ["after"]);
    assert_eq!(
        taken[0].offset, 1,
        "nothing before it was left out or taken twice"
    );
}

#[test]
fn a_process_can_end_while_its_broker_is_away() {
    let broker = Broker::start("away");
    let kafka = broker.kafka();
    let topics = lane_topics(&kafka, "away", 1);
    let mut lane = Lane::open(&kafka, &topics);
    lane.append(0, 1, &["a"]);
    lane.send(2, record(&topics.inbox, 0, "x"));
    lane.port.fetch(0, 0, 0);
    lane.take(0, 1);
    broker.kill();
    lane.port.prove_lease(0, 3);
    lane.port.ends(0, 4);
    lane.port.read(topics.journal, 0, 5, 0, None);

    let start = Instant::now();
    drop(lane);

    assert!(
        start.elapsed() < Duration::from_secs(15),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn no_client_makes_a_topic_by_accident() {
    let config = ["--config", "auto.create.topics.enable=true"];
    let broker = Broker::start_with("automatic", &config);
    let kafka = broker.kafka();
    let mut topics = lane_topics(&kafka, "accident", 1);
    topics.results = "accident.missing".into();
    let mut lane = Lane::open(&kafka, &topics);

    lane.port.fetch(0, 0, 0);
    lane.port
        .send(0, 1, record(&"accident.effect".into(), 0, "x"));
    let outcome = lane.wait(|event| match event {
        PortEvent::Sent { outcome, .. } => Some(outcome),
        _ => None,
    });

    assert!(outcome.unwrap_err().reason.contains("nknown topic"));
    let admin = Admin::open(&kafka).unwrap();
    for topic in ["accident.missing", "accident.effect"] {
        assert_eq!(admin.topic(topic), Ok(TopicState::Missing), "{topic}");
    }
}
