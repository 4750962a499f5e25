//! The broker is killed while it appends, again and again; what one idempotent producer was told is there must be there.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, bail};
use rdkafka::{
    ClientContext, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
    message::DeliveryResult,
    producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer},
};
use tempfile::TempDir;

use super::row::{Figure, Row, Target};
use crate::{
    clock,
    embedded::{Embedded, Program},
    kafka::{self, PARTITIONS, Topics},
};

/// Records that are on their way at most: the broker is killed in the midst of them.
const IN_FLIGHT_MAX: i32 = 2_000;
const ACKNOWLEDGED_MAX: Duration = Duration::from_secs(60);
const READ_MAX: Duration = Duration::from_secs(5);
const NAMESPACE: &str = "kills";

pub(super) fn rows(program: &Program, kills: u32) -> Result<Vec<Row>> {
    let folder = TempDir::new()?;
    let found = run(program, folder.path(), kills)?;
    let zero = |what: &str, count: usize| {
        let name = format!("kill -9 x {kills}: {what}");
        let figure = Figure::new(name, "", Target::Zero);
        Row::new(figure, Some(count as f64), None)
    };
    let total = Figure::new(
        format!("kill -9 x {kills}: acknowledged"),
        "records",
        Target::Any,
    );
    Ok(vec![
        Row::new(total, Some(found.acknowledged as f64), None),
        zero("lost records", found.lost),
        zero("duplicates", found.duplicates),
        zero("unreadable partitions", found.unreadable),
    ])
}

struct Found {
    acknowledged: usize,
    lost: usize,
    duplicates: usize,
    unreadable: usize,
}

fn run(program: &Program, data: &Path, kills: u32) -> Result<Found> {
    let mut broker = Embedded::start(program, data, 0)?;
    let address = broker.address().to_owned();
    let port = address.rsplit(':').next().unwrap_or_default().parse()?;
    let topic = format!("{NAMESPACE}.records");
    let topics = Topics::new(&address, NAMESPACE.to_owned())?;
    topics.create_with(&[(topic.clone(), PARTITIONS)], &[])?;
    let mut load = Load::new(&address, topic.clone())?;
    for kill in 0..kills {
        load.run_until_acknowledged()?;
        // Other moments each time, and the same in every run.
        load.run_for(Duration::from_millis(u64::from(10 + kill * 37 % 100)))?;
        drop(broker);
        broker = Embedded::start(program, data, port).context("after a kill")?;
    }
    load.run_until_acknowledged()?;
    let acknowledged = load.end()?;
    let (counts, unreadable) = read(&address, &topic)?;
    let lost = acknowledged.iter().filter(|it| !counts.contains_key(it));
    Ok(Found {
        acknowledged: acknowledged.len(),
        lost: lost.count(),
        duplicates: counts.values().filter(|count| **count > 1).count(),
        unreadable,
    })
}

/// Numbered records, as fast as the broker takes them.
struct Load {
    producer: ThreadedProducer<Reports>,
    reports: Arc<Mutex<Vec<u64>>>,
    topic: String,
    next: u64,
}

/// The numbers of records that the broker has acknowledged.
struct Reports(Arc<Mutex<Vec<u64>>>);

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<u64>;

    fn delivery(&self, result: &DeliveryResult<'_>, number: Box<u64>) {
        if result.is_ok() {
            self.0.lock().expect("nobody panics with it").push(*number);
        }
    }
}

impl Load {
    fn new(address: &str, topic: String) -> Result<Self> {
        let reports = Arc::default();
        let producer = kafka::producer(address)
            .set("max.in.flight", "5")
            .set("reconnect.backoff.ms", "5")
            .set("reconnect.backoff.max.ms", "20")
            .set("retry.backoff.ms", "5")
            .create_with_context(Reports(Arc::clone(&reports)))?;
        Ok(Self {
            producer,
            reports,
            topic,
            next: 0,
        })
    }

    fn acknowledged(&self) -> usize {
        self.reports.lock().expect("nobody panics with it").len()
    }

    /// Goes on until the broker takes records again.
    fn run_until_acknowledged(&mut self) -> Result<()> {
        let (begun, before) = (clock::now(), self.acknowledged());
        while self.acknowledged() == before {
            if begun.elapsed() > ACKNOWLEDGED_MAX {
                bail!("nothing was acknowledged for {ACKNOWLEDGED_MAX:?}");
            }
            self.turn()?;
        }
        Ok(())
    }

    fn run_for(&mut self, length: Duration) -> Result<()> {
        let begun = clock::now();
        while begun.elapsed() < length {
            self.turn()?;
        }
        Ok(())
    }

    fn turn(&mut self) -> Result<()> {
        while self.producer.in_flight_count() < IN_FLIGHT_MAX {
            let payload = self.next.to_be_bytes();
            let partition = i32::try_from(self.next % PARTITIONS as u64)?;
            let record: BaseRecord<'_, (), [u8], Box<u64>> =
                BaseRecord::with_opaque_to(&self.topic, Box::new(self.next))
                    .partition(partition)
                    .payload(&payload);
            match self.producer.send(record) {
                Ok(()) => self.next += 1,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => break,
                Err((error, _)) => return Err(anyhow!(error)),
            }
        }
        thread::park_timeout(Duration::from_millis(1));
        Ok(())
    }

    /// Waits for what is on its way, and gives what was acknowledged.
    fn end(self) -> Result<Vec<u64>> {
        let begun = clock::now();
        while self.producer.in_flight_count() > 0 {
            if begun.elapsed() > ACKNOWLEDGED_MAX {
                bail!("records are not acknowledged after {ACKNOWLEDGED_MAX:?}");
            }
            thread::park_timeout(Duration::from_millis(1));
        }
        let mut reports = self.reports.lock().expect("nobody panics with it");
        Ok(std::mem::take(&mut reports))
    }
}

/// How often each record is there, and how many partitions cannot be read to their ends.
fn read(address: &str, topic: &str) -> Result<(HashMap<u64, u32>, usize)> {
    let consumer: BaseConsumer = kafka::consumer(address, NAMESPACE).create()?;
    let mut counts = HashMap::new();
    let mut unreadable = 0;
    for partition in 0..PARTITIONS {
        let read = read_partition(&consumer, (topic, partition), &mut counts);
        unreadable += usize::from(read.is_err());
    }
    Ok((counts, unreadable))
}

fn read_partition(
    consumer: &BaseConsumer,
    (topic, partition): (&str, i32),
    counts: &mut HashMap<u64, u32>,
) -> Result<()> {
    let (_, end) = consumer.fetch_watermarks(topic, partition, READ_MAX)?;
    let mut one = TopicPartitionList::new();
    one.add_partition_offset(topic, partition, Offset::Offset(0))?;
    consumer.assign(&one)?;
    let mut next = 0;
    while next < end {
        let record = consumer.poll(READ_MAX).context("no more records come")??;
        let number = record.payload().context("a record without content")?;
        *counts
            .entry(u64::from_be_bytes(number.try_into()?))
            .or_default() += 1;
        next = record.offset() + 1;
    }
    Ok(())
}
