//! Many small records by one producer, in large batches, and then read by one consumer.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use rdkafka::consumer::BaseConsumer;

use super::{
    clients::{Producer, RECORD_BYTES, Topic},
    pair::Pair,
    row::{Figure, Row, Target},
};
use crate::{clock, kafka, process::Broker, subject::Subject};

/// What a number of records took.
struct Spent {
    records: u32,
    time: Duration,
    broker_cpu: Option<Duration>,
    client_cpu: Option<Duration>,
}

/// What is counted from.
struct Begun {
    at: Instant,
    broker: Broker,
    broker_cpu: Option<Duration>,
    client_cpu: Option<Duration>,
}

impl Begun {
    fn now(subject: &Subject) -> Self {
        let broker = subject.process();
        Self {
            at: clock::now(),
            broker,
            broker_cpu: broker.cpu(),
            client_cpu: Broker::this().cpu(),
        }
    }

    fn spent(&self, records: u32, ended: Instant) -> Spent {
        Spent {
            records,
            time: ended.saturating_duration_since(self.at),
            broker_cpu: self.broker.cpu_since(self.broker_cpu),
            client_cpu: Broker::this().cpu_since(self.client_cpu),
        }
    }
}

impl Spent {
    fn per_s(&self) -> Option<f64> {
        Some(f64::from(self.records) / self.time.as_secs_f64())
    }

    fn broker_us(&self) -> Option<f64> {
        Some(self.broker_cpu?.as_secs_f64() * 1e6 / f64::from(self.records))
    }

    fn client_us(&self) -> Option<f64> {
        Some(self.client_cpu?.as_secs_f64() * 1e6 / f64::from(self.records))
    }
}

struct Round {
    written: Spent,
    read: Spent,
}

/// One of a round's two measurements.
type Direction = fn(&Round) -> &Spent;

/// How long nothing may come while records are read.
const READ_MAX: Duration = Duration::from_secs(10);

pub(super) fn rows(pair: &Pair, rounds: u32, records: u32) -> Result<Vec<Row>> {
    pair.measure(1, |subject| measure(subject, records))?;
    let both = pair.measure(rounds, |subject| measure(subject, records))?;
    let parts: [(&str, Direction); 2] = [
        ("200-byte records written in bulk", |round| &round.written),
        ("200-byte records read in bulk", |round| &round.read),
    ];
    let rate = |name| Figure::new(name, "records/s", Target::KafkaAtLeast);
    let cpu = |of| Figure::new(format!("{of} CPU for one"), "us", Target::Any);
    let mut rows = Vec::new();
    for (name, spent) in parts {
        rows.push(both.best(rate(name), |round| spent(round).per_s()));
        rows.push(both.median(cpu("broker's"), |round| spent(round).broker_us()));
        rows.push(both.median(cpu("client's"), |round| spent(round).client_us()));
    }
    Ok(rows)
}

fn measure(subject: &Subject, records: u32) -> Result<Round> {
    let topic = Topic::new(subject, 1)?;
    let written = write(subject, &topic, records)?;
    let consumer = topic.consumer(subject)?;
    let begun = Begun::now(subject);
    read(&consumer, records)?;
    Ok(Round {
        written,
        read: begun.spent(records, clock::now()),
    })
}

fn write(subject: &Subject, topic: &Topic, records: u32) -> Result<Spent> {
    let mut config = kafka::producer(subject.address());
    config
        .set("linger.ms", "5")
        .set("max.in.flight", "5")
        .set("queue.buffering.max.messages", "200000");
    let producer = Producer::new(&config, &topic.name)?;
    let payload = [b'r'; RECORD_BYTES];
    producer.send(&payload)?;
    producer.wait()?;
    let begun = Begun::now(subject);
    for _ in 1..records {
        producer.send(&payload)?;
    }
    let ended = producer.wait()?;
    Ok(begun.spent(records, ended))
}

fn read(consumer: &BaseConsumer, records: u32) -> Result<()> {
    for read in 0..records {
        match consumer.poll(READ_MAX) {
            Some(record) => drop(record?),
            None => bail!("only {read} of {records} records came"),
        }
    }
    Ok(())
}
