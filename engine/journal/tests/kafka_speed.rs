//! How fast the adapter is, so that one knows where the time goes. Prints figures; run it with `--release --nocapture`
//! and one thread. What it asserts is far below what any machine does.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a real broker takes real time"
)]
#![expect(clippy::print_stdout, reason = "the figures are what one wants to see")]

#[path = "support/broker.rs"]
mod broker;
#[path = "support/lane.rs"]
mod lane;

use std::{
    ops::ControlFlow,
    time::{Duration, Instant},
};

use broker::{lane_topics, shared};
use lane::{Lane, record};
use sagaline_journal::{LanePort, NewRecord, PortEvent, kafka::Reader};

const SPAN: Duration = Duration::from_secs(4);

fn payload(lane: &Lane, partition: i32) -> NewRecord {
    let mut record = record(&lane.topics.journal, partition, "");
    record.value = Some(vec![b'x'; 200]);
    record
}

fn percentiles(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |share: usize| times[times.len() * share / 100].as_secs_f64() * 1_000.0;
    format!("p50 {:.2} ms, p99 {:.2} ms", at(50), at(99))
}

/// Keeps one append of `count` records in flight on each partition; returns how many ended, and how long each took.
fn append_all(
    lane: &mut Lane,
    partitions: i32,
    count: usize,
    span: Duration,
) -> (usize, Vec<Duration>) {
    let batch = |lane: &Lane, partition| vec![payload(lane, partition); count];
    let mut began = vec![Instant::now(); usize::try_from(partitions).unwrap()];
    let mut tag = 0;
    for partition in 0..partitions {
        let records = batch(lane, partition);
        lane.port.append(partition, tag, records);
        tag += 1;
    }
    let start = Instant::now();
    let (mut ended, mut in_flight, mut times) = (0, partitions, Vec::new());
    let mut events = Vec::new();
    while in_flight > 0 {
        lane.port.poll(Duration::from_secs(20), &mut events);
        for event in events.drain(..) {
            let PortEvent::Appended {
                partition, reports, ..
            } = event
            else {
                continue;
            };
            assert_eq!(lane::offsets(&reports).len(), count);
            let began = &mut began[usize::try_from(partition).unwrap()];
            times.push(began.elapsed());
            ended += 1;
            in_flight -= 1;
            if start.elapsed() < span {
                let records = batch(lane, partition);
                *began = Instant::now();
                lane.port.append(partition, tag, records);
                tag += 1;
                in_flight += 1;
            }
        }
    }
    (ended, times)
}

fn per_second(count: usize, span: Duration) -> f64 {
    count as f64 / span.as_secs_f64()
}

#[test]
fn appends() {
    let mut lane = Lane::open(shared(), &lane_topics(shared(), "speed", 12));
    append_all(&mut lane, 12, 1, Duration::from_secs(2));

    for (partitions, count) in [(1, 1), (12, 1), (4, 100), (4, 1_000), (1, 5_000)] {
        let start = Instant::now();
        let (ended, times) = append_all(&mut lane, partitions, count, SPAN);
        let (appends, records) = (
            per_second(ended, start.elapsed()),
            per_second(ended * count, start.elapsed()),
        );
        println!(
            "append {count} x 200 B on {partitions} partitions: {appends:.0} appends/s, {records:.0} records/s, {}",
            percentiles(times)
        );
        assert!(ended > 10);
    }
}

#[test]
fn takes_and_reads() {
    let count = 1_000_000_usize;
    let end = i64::try_from(count).unwrap();
    let mut topics = lane_topics(shared(), "flow", 1);
    // One topic serves as journal and as input, so that it is filled once.
    topics.inbox = topics.journal.clone();
    let mut lane = Lane::open(shared(), &topics);
    let mut tag = 0;
    let start = Instant::now();
    for _ in 0..count / 5_000 {
        tag += 1;
        let records = vec![payload(&lane, 0); 5_000];
        lane.port.append(0, tag, records);
        lane.wait(|event| matches!(event, PortEvent::Appended { .. }).then_some(()));
    }
    println!("fill: {:.0} records/s", per_second(count, start.elapsed()));

    let start = Instant::now();
    lane.port.fetch(0, 0, 0);
    let (mut taken, mut records, mut events) = (0, Vec::new(), Vec::new());
    while taken < count {
        lane.port.take(0, 2_000, 4_000_000, &mut records);
        if records.is_empty() {
            lane.port.poll(Duration::from_secs(20), &mut events);
        }
        taken += records.len();
        records.clear();
    }
    println!(
        "take: {:.0} records/s of 200 B",
        per_second(count, start.elapsed())
    );
    lane.port.release(0);

    let start = Instant::now();
    let (read, next, error) = lane.read((&topics.journal, 0), 1_000_000, 0, None);
    assert_eq!((read.len(), next, error), (count, end, None));
    println!(
        "lane's read: {:.0} records/s",
        per_second(count, start.elapsed())
    );
    drop(read);

    let reader = Reader::open(shared()).unwrap();
    let start = Instant::now();
    let (mut seen, mut bytes) = (0, 0);
    reader
        .read(&topics.journal, 0, 0, None, |record| {
            seen += 1;
            bytes += record.size();
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(seen, count);
    println!(
        "reader: {:.0} records/s, {:.0} MB/s",
        per_second(count, start.elapsed()),
        per_second(bytes / 1_000_000, start.elapsed())
    );
}

#[test]
fn questions() {
    let topics = lane_topics(shared(), "questions", 2);
    let mut lane = Lane::open(shared(), &topics);
    lane.append(0, 1, &["a", "b", "c"]);
    lane.port.fetch(0, 0, 0);
    let (mut ends, mut proofs, mut reads, mut hops) = (vec![], vec![], vec![], vec![]);
    // The lease has come once a proof succeeds.
    let mut tag = 10;
    loop {
        tag += 1;
        lane.port.prove_lease(0, tag);
        let held = lane.wait(|event| match event {
            PortEvent::Lease { held, .. } => Some(held),
            _ => None,
        });
        if held {
            break;
        }
    }

    for _ in 0..200 {
        tag += 10;
        let start = Instant::now();
        lane.port.ends(0, tag);
        lane.wait(|event| matches!(event, PortEvent::Ends { ends: Some(_), .. }).then_some(()));
        ends.push(start.elapsed());

        let start = Instant::now();
        lane.port.prove_lease(0, tag + 1);
        lane.wait(|event| matches!(event, PortEvent::Lease { held: true, .. }).then_some(()));
        proofs.push(start.elapsed());

        let start = Instant::now();
        let journal = topics.journal.clone();
        assert_eq!(lane.read((&journal, 0), tag + 2, 1, Some(3)).0.len(), 2);
        reads.push(start.elapsed());

        let start = Instant::now();
        lane.send(tag + 3, record(&topics.inbox, 0, "x"));
        lane.take(0, 1);
        hops.push(start.elapsed());
    }

    println!("ends: {}", percentiles(ends));
    println!("proof of the lease: {}", percentiles(proofs));
    println!("read of two journal records: {}", percentiles(reads));
    println!("effect sent, acknowledged and taken: {}", percentiles(hops));
}
