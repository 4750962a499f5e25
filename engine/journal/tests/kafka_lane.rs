//! A lane on Apache Kafka: appending, taking, effects, reads and ends.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a real broker takes real time"
)]

#[path = "support/broker.rs"]
mod broker;
#[path = "support/lane.rs"]
mod lane;

use std::{sync::Arc, time::Duration};

use broker::{create_topic, lane_topics, namespace, shared};
use lane::{Lane, offsets, record, values};
use sagaline_journal::{
    Delivery, Headers, LanePort, NewRecord, PortEvent, SendError, SendErrorKind,
    kafka::{Admin, Producer},
};

fn lane(name: &str) -> Lane {
    Lane::open(shared(), &lane_topics(shared(), name, 2))
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

#[test]
fn appends_lie_one_behind_the_other_with_the_brokers_time() {
    let mut lane = lane("append");

    let first = lane.append(1, 1, &["a", "b", "c"]);
    let second = lane.append(1, 2, &["d"]);
    let elsewhere = lane.append(0, 3, &["e"]);

    assert_eq!(offsets(&first), [0, 1, 2]);
    assert_eq!(offsets(&second), [3]);
    assert_eq!(offsets(&elsewhere), [0]);
    assert!(matches!(
        second[0],
        Delivery::At {
            appended_at: Some(_),
            ..
        }
    ));
}

#[test]
fn an_append_of_nothing_is_answered() {
    let mut lane = lane("empty");

    assert_eq!(lane.append(0, 1, &[]), []);
}

#[test]
fn a_large_append_lies_dense_and_in_order() {
    let mut lane = lane("dense");
    let values = numbered(20_000);
    let values: Vec<_> = values.iter().map(String::as_str).collect();

    let reports = lane.append(0, 1, &values);

    assert_eq!(offsets(&reports), (0..20_000).collect::<Vec<_>>());
    let journal = lane.topics.journal.clone();
    let (records, next, error) = lane.read((&journal, 0), 2, 0, None);
    assert_eq!((next, error), (20_000, None));
    assert_eq!(lane::values(&records), values);
}

#[test]
fn a_record_comes_back_as_it_was_sent() {
    let mut lane = lane("whole");
    let mut sent = record(&lane.topics.inbox.clone(), 0, "value");
    sent.push_header("twice", *b"1");
    sent.push_header("twice", *b"2");
    let bare = NewRecord {
        key: None,
        value: None,
        headers: Headers::new(),
        ..sent.clone()
    };
    let hollow = NewRecord {
        key: Some(Vec::new()),
        value: Some(Vec::new()),
        ..bare.clone()
    };
    for (tag, record) in [&sent, &bare, &hollow].into_iter().enumerate() {
        lane.send(tag as u64, record.clone());
    }

    lane.port.fetch(0, 0, 0);
    let taken = lane.take(0, 3);

    assert_eq!(taken[0], sent.placed(0, taken[0].timestamp));
    assert_eq!(taken[0].header("twice"), Some(&b"2"[..]));
    assert_eq!(taken[1], bare.placed(1, taken[1].timestamp));
    assert_eq!(taken[2], hollow.placed(2, taken[2].timestamp));
    assert!(taken[0].timestamp.as_millis() > 1_700_000_000_000);
}

#[test]
fn a_take_keeps_order_and_gives_both_topics_their_turn() {
    let mut lane = lane("turns");
    let (inbox, results) = (lane.topics.inbox.clone(), lane.topics.results.clone());
    let producer = Producer::open(shared()).unwrap();
    for number in 0..50 {
        producer
            .send_blocking(record(&inbox, 0, &number.to_string()))
            .unwrap();
    }
    for number in 0..10 {
        producer
            .send_blocking(record(&results, 0, &number.to_string()))
            .unwrap();
    }
    lane.port.fetch(0, 0, 0);
    let mut events = Vec::new();
    // Both have arrived before the first take, or the turns would not show.
    std::thread::sleep(Duration::from_secs(2));
    lane.port.poll(Duration::from_secs(1), &mut events);

    let mut taken = Vec::new();
    lane.port.take(0, 20, usize::MAX, &mut taken);

    let of = |topic: &Arc<str>| taken.iter().filter(|r| r.topic == *topic).count();
    assert_eq!((of(&inbox), of(&results)), (10, 10));
    taken.extend(lane.take(0, 40));
    for (topic, count) in [(&inbox, 50), (&results, 10)] {
        let of_topic: Vec<_> = taken
            .iter()
            .filter(|r| r.topic == *topic)
            .cloned()
            .collect();
        assert_eq!(values(&of_topic), numbered(count));
    }
}

#[test]
fn a_take_stops_at_its_limits_and_the_rest_is_announced_once() {
    let mut lane = lane("limits");
    let inbox = lane.topics.inbox.clone();
    for number in 0..10 {
        lane.send(number, record(&inbox, 0, "0123456789"));
    }
    lane.port.fetch(0, 0, 0);
    let first = lane.take(0, 3);
    let size = first[0].size();

    // Two records reach the limit, so the third is left.
    let mut taken = Vec::new();
    lane.port.take(0, 100, 2 * size, &mut taken);
    assert_eq!(taken.len(), 2);

    // The rest is announced at once, and not again: a lane with a batch in flight would be kept awake.
    let mut events = Vec::new();
    let start = std::time::Instant::now();
    lane.port.poll(Duration::from_secs(20), &mut events);
    assert!(start.elapsed() < Duration::from_secs(10));
    let start = std::time::Instant::now();
    lane.port.poll(Duration::from_millis(300), &mut events);
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert_eq!(events, []);
    assert_eq!(lane.take(0, 5).len(), 5);
}

#[test]
fn a_release_forgets_and_a_fetch_begins_anew_without_disturbing_others() {
    let mut lane = lane("anew");
    let inbox = lane.topics.inbox.clone();
    for number in 0..10_u64 {
        lane.send(number, record(&inbox, 0, &number.to_string()));
        lane.send(100 + number, record(&inbox, 1, &number.to_string()));
    }
    lane.port.fetch(0, 0, 0);
    lane.port.fetch(1, 0, 0);
    assert_eq!(values(&lane.take(0, 3)), ["0", "1", "2"]);
    assert_eq!(values(&lane.take(1, 3)), ["0", "1", "2"]);

    lane.port.release(0);
    let mut none = Vec::new();
    lane.port.take(0, 10, usize::MAX, &mut none);
    assert_eq!(none, []);
    lane.port.fetch(0, 5, 0);

    assert_eq!(values(&lane.take(0, 5)), ["5", "6", "7", "8", "9"]);
    assert_eq!(
        values(&lane.take(1, 7)),
        ["3", "4", "5", "6", "7", "8", "9"]
    );
    // Also without a release in between, over and over.
    for from in (0..9).cycle().take(6) {
        lane.port.fetch(0, from, 0);
        let left = usize::try_from(10 - from).unwrap();
        assert_eq!(values(&lane.take(0, left)), numbered(10)[10 - left..]);
    }
}

#[test]
fn an_input_that_was_deleted_or_made_anew_is_lost() {
    let mut lane = lane("lost");
    let (inbox, results) = (lane.topics.inbox.clone(), lane.topics.results.clone());
    for number in 0..10 {
        lane.send(number, record(&inbox, 0, "x"));
    }
    Admin::open(shared())
        .unwrap()
        .delete_records(&inbox, 0, 8)
        .unwrap();

    // Below the beginning of one, above the end of the other.
    lane.port.fetch(0, 3, 0);
    lane.port.fetch(1, 0, 7);

    let mut lost = Vec::new();
    while lost.len() < 2 {
        let mut taken = Vec::new();
        lane.port.take(0, 10, usize::MAX, &mut taken);
        lane.port.take(1, 10, usize::MAX, &mut taken);
        assert_eq!(taken, []);
        let mut events = Vec::new();
        lane.port.poll(Duration::from_secs(20), &mut events);
        lost.extend(events.into_iter().filter_map(|event| match event {
            PortEvent::InputLost {
                partition,
                topic,
                reason,
            } => {
                assert!(reason.contains("offset"), "{reason}");
                Some((partition, topic))
            }
            _ => None,
        }));
    }
    lost.sort();
    assert_eq!(lost, [(0, inbox), (1, results)]);
}

#[test]
fn an_input_topic_that_is_missing_is_lost() {
    let mut topics = lane_topics(shared(), "missing", 1);
    topics.results = format!("{}-never-made", topics.results).into();
    let mut lane = Lane::open(shared(), &topics);

    lane.port.fetch(0, 0, 0);

    let start = std::time::Instant::now();
    let (mut taken, mut events) = (Vec::new(), Vec::new());
    while events.is_empty() {
        assert!(start.elapsed() < lane::LATE);
        lane.port.take(0, 10, usize::MAX, &mut taken);
        lane.port.poll(Duration::from_secs(1), &mut events);
    }
    assert!(
        matches!(&events[..], [PortEvent::InputLost { topic, .. }] if *topic == topics.results),
        "{events:?}"
    );
}

#[test]
fn an_effect_that_can_never_go_out_says_so() {
    let mut lane = lane("refused");
    let large = NewRecord {
        value: Some(vec![b'x'; 2_000_000]),
        ..record(&lane.topics.inbox, 0, "")
    };
    let missing = record(&Arc::from(namespace("never-made")), 0, "x");
    let misnamed = record(&Arc::from("no/topic"), 0, "x");

    let mut outcome = |tag, record| {
        lane.port.send(0, tag, record);
        lane.wait(|event| match event {
            PortEvent::Sent {
                tag: of, outcome, ..
            } if of == tag => Some(outcome.unwrap_err()),
            _ => None,
        })
    };

    let SendError { kind, reason } = outcome(1, large);
    assert_eq!(kind, SendErrorKind::TooLarge, "{reason}");
    assert!(reason.contains("too large"), "{reason}");
    let SendError { kind, reason } = outcome(2, missing);
    assert_eq!(kind, SendErrorKind::Missing, "{reason}");
    assert!(reason.contains("nknown topic"), "{reason}");
    let SendError { kind, reason } = outcome(3, misnamed);
    assert_eq!(kind, SendErrorKind::Refused, "{reason}");
    assert!(reason.contains("topic"), "{reason}");
}

#[test]
fn an_effect_reaches_a_topic_that_was_made_after_the_first_try() {
    let mut lane = lane("young");
    let topic: Arc<str> = namespace("young-tasks").into();
    let mut tag = 0;
    let mut try_once = |lane: &mut Lane| {
        tag += 1;
        lane.port.send(0, tag, record(&topic, 0, "x"));
        lane.wait(|event| match event {
            PortEvent::Sent {
                tag: of, outcome, ..
            } if of == tag => Some(outcome),
            _ => None,
        })
    };
    assert!(!try_once(&mut lane).unwrap_err().kind.is_for_good());

    create_topic(shared(), &topic, 1, &[]);

    let start = std::time::Instant::now();
    while try_once(&mut lane).is_err() {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "the topic is never seen"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_read_ends_where_it_was_asked_to_and_comes_in_chunks() {
    let mut lane = lane("chunks");
    let journal = lane.topics.journal.clone();
    let values = numbered(2_500);
    let values: Vec<_> = values.iter().map(String::as_str).collect();
    lane.append(0, 1, &values);

    lane.port.read(journal.clone(), 0, 2, 10, Some(2_490));
    let mut chunks: Vec<usize> = Vec::new();
    let mut read = Vec::new();
    lane.wait(|event| {
        let PortEvent::Read {
            tag: 2,
            records,
            next,
            done,
            error,
            ..
        } = event
        else {
            return None;
        };
        assert_eq!(error, None);
        chunks.push(records.len());
        read.extend(records);
        assert_eq!(next, 10 + i64::try_from(read.len()).unwrap());
        done.then_some(())
    });

    assert_eq!(lane::values(&read), values[10..2_490]);
    assert!(
        chunks.len() >= 3 && chunks.iter().all(|chunk| *chunk <= 1_000),
        "{chunks:?}"
    );
    assert_eq!(
        lane.read((&journal, 0), 3, 2_500, None),
        (Vec::new(), 2_500, None)
    );
    assert_eq!(
        lane.read((&journal, 0), 4, 7, Some(7)),
        (Vec::new(), 7, None)
    );
    let (_, _, error) = lane.read((&journal, 0), 5, 2_490, Some(2_600));
    assert!(error.unwrap().message().contains("ends at 2500"));
    let (_, _, error) = lane.read((&journal, 0), 6, 2_600, None);
    assert!(error.unwrap().message().contains("ends at 2500"));
}

#[test]
fn many_reads_at_once_are_all_answered() {
    let mut lane = lane("reads");
    let journal = lane.topics.journal.clone();
    lane.append(0, 1, &["a", "b", "c"]);
    lane.append(1, 2, &["d"]);

    for tag in 10..60 {
        let partition = i32::from(tag % 2 == 0);
        lane.port.read(journal.clone(), partition, tag, 0, None);
    }

    let mut answered = Vec::new();
    lane.wait(|event| {
        let PortEvent::Read {
            partition,
            tag,
            records,
            done,
            error,
            ..
        } = event
        else {
            return None;
        };
        assert_eq!(error, None);
        if !records.is_empty() {
            assert_eq!(records.len(), if partition == 0 { 3 } else { 1 });
        }
        if done {
            answered.push(tag);
        }
        (answered.len() == 50).then_some(())
    });
    answered.sort_unstable();
    assert_eq!(answered, (10..60).collect::<Vec<_>>());
}

#[test]
fn a_released_partitions_reads_may_end_without_an_answer_and_hold_nothing_up() {
    let mut lane = lane("cancel");
    let journal = lane.topics.journal.clone();
    lane.append(0, 1, &["a", "b"]);

    lane.port.read(journal.clone(), 0, 2, 0, None);
    lane.port.release(0);
    let (records, next, error) = lane.read((&journal, 0), 3, 0, None);

    assert_eq!(
        (values(&records), next, error),
        (vec!["a".into(), "b".into()], 2, None)
    );
}

#[test]
fn ends_are_those_of_now() {
    let mut lane = lane("ends");
    let (inbox, results) = (lane.topics.inbox.clone(), lane.topics.results.clone());
    let ends = |lane: &mut Lane, partition, tag| {
        lane.port.ends(partition, tag);
        lane.wait(|event| match event {
            PortEvent::Ends { tag: of, ends, .. } if of == tag => Some(ends),
            _ => None,
        })
    };
    assert_eq!(ends(&mut lane, 0, 1), Some((0, 0)));

    lane.send(2, record(&inbox, 0, "x"));
    lane.send(3, record(&inbox, 0, "x"));
    lane.send(4, record(&results, 0, "x"));

    assert_eq!(ends(&mut lane, 0, 5), Some((2, 1)));
    assert_eq!(ends(&mut lane, 1, 6), Some((0, 0)));
}
