//! A lane to test, and waiting for what it brings.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use sagaline_journal::{
    Delivery, Error, LanePort, NewRecord, PortEvent, Record,
    kafka::{Kafka, KafkaLane, LaneTopics, Lease},
};

/// Longer than anything here may take.
pub(crate) const LATE: Duration = Duration::from_secs(30);

/// A lane with the lease that it asks.
pub(crate) struct Lane {
    pub(crate) port: KafkaLane,
    pub(crate) topics: LaneTopics,
    lease: Lease,
}

impl Lane {
    pub(crate) fn open(kafka: &Kafka, topics: &LaneTopics) -> Self {
        let (lease, _) = Lease::open(kafka, topics).unwrap();
        let port = KafkaLane::open(kafka, topics.clone(), lease.handle()).unwrap();
        Self {
            port,
            topics: topics.clone(),
            lease,
        }
    }

    /// Waits for the first event that `wanted` takes; the others are dropped.
    pub(crate) fn wait<T>(&mut self, mut wanted: impl FnMut(PortEvent) -> Option<T>) -> T {
        let start = Instant::now();
        let mut events = Vec::new();
        loop {
            assert!(start.elapsed() < LATE, "nothing came");
            self.port.poll(Duration::from_secs(1), &mut events);
            if let Some(found) = events.drain(..).find_map(&mut wanted) {
                return found;
            }
        }
    }

    /// Appends and waits for the reports.
    pub(crate) fn append(&mut self, partition: i32, tag: u64, values: &[&str]) -> Vec<Delivery> {
        let topic = self.topics.journal.clone();
        let records = values
            .iter()
            .map(|value| record(&topic, partition, value))
            .collect();
        self.port.append(partition, tag, records);
        self.wait(|event| match event {
            PortEvent::Appended {
                tag: of, reports, ..
            } if of == tag => Some(reports),
            _ => None,
        })
    }

    /// Sends and waits for the acknowledgement.
    pub(crate) fn send(&mut self, tag: u64, record: NewRecord) {
        let partition = record.partition;
        self.port.send(partition, tag, record);
        let outcome = self.wait(|event| match event {
            PortEvent::Sent {
                tag: of, outcome, ..
            } if of == tag => Some(outcome),
            _ => None,
        });
        assert!(outcome.is_ok(), "{outcome:?}");
    }

    /// Takes until `count` records have come.
    pub(crate) fn take(&mut self, partition: i32, count: usize) -> Vec<Record> {
        let start = Instant::now();
        let (mut records, mut events) = (Vec::new(), Vec::new());
        while records.len() < count {
            assert!(start.elapsed() < LATE, "{} of {count} came", records.len());
            self.port
                .take(partition, count - records.len(), usize::MAX, &mut records);
            if records.len() < count {
                self.port.poll(Duration::from_secs(1), &mut events);
            }
        }
        records
    }

    /// Reads a range, and says where it ended and with which error.
    pub(crate) fn read(
        &mut self,
        (topic, partition): (&Arc<str>, i32),
        tag: u64,
        from: i64,
        to: Option<i64>,
    ) -> (Vec<Record>, i64, Option<Error>) {
        self.port.read(topic.clone(), partition, tag, from, to);
        let mut all = Vec::new();
        let (next, error) = self.wait(|event| match event {
            PortEvent::Read {
                tag: of,
                records,
                next,
                done,
                error,
                ..
            } if of == tag => {
                all.extend(records);
                done.then_some((next, error))
            }
            _ => None,
        });
        (all, next, error)
    }
}

/// A record with a key and a header.
pub(crate) fn record(topic: &Arc<str>, partition: i32, value: &str) -> NewRecord {
    NewRecord {
        topic: topic.clone(),
        partition,
        key: Some(b"key".to_vec()),
        value: Some(value.as_bytes().to_vec()),
        headers: [("sl-test", value)].into_iter().collect(),
    }
}

/// The values as text.
pub(crate) fn values(records: &[Record]) -> Vec<String> {
    let value = |record: &Record| String::from_utf8(record.value().unwrap().to_vec()).unwrap();
    records.iter().map(value).collect()
}

/// The offsets of reports, all of which succeeded.
pub(crate) fn offsets(reports: &[Delivery]) -> Vec<i64> {
    let offset = |report: &Delivery| match report {
        Delivery::At { offset, .. } => *offset,
        Delivery::Unknown => panic!("unknown: {reports:?}"),
    };
    reports.iter().map(offset).collect()
}
