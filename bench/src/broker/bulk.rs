//! Many small records by one producer, in large batches, and then read by one consumer.

use std::time::Duration;

use anyhow::{Result, bail};
use rdkafka::consumer::BaseConsumer;

use super::{
    clients::{Producer, RECORD_BYTES, Topic},
    pair::Pair,
    row::{Figure, Row, Target},
};
use crate::{clock, kafka, subject::Subject};

/// What a number of records took.
struct Spent {
    records: u32,
    time: Duration,
    cpu: Option<Duration>,
}

impl Spent {
    fn per_s(&self) -> Option<f64> {
        Some(f64::from(self.records) / self.time.as_secs_f64())
    }

    fn cpu_us(&self) -> Option<f64> {
        Some(self.cpu?.as_secs_f64() * 1e6 / f64::from(self.records))
    }
}

struct Round {
    written: Spent,
    read: Spent,
}

/// How long nothing may come while records are read.
const READ_MAX: Duration = Duration::from_secs(10);

pub(super) fn rows(pair: &Pair, rounds: u32, records: u32) -> Result<Vec<Row>> {
    pair.measure(1, |subject| measure(subject, records))?;
    let both = pair.measure(rounds, |subject| measure(subject, records))?;
    let rate = |name| Figure::new(name, "records/s", Target::KafkaAtLeast);
    let cpu = || Figure::new("broker's CPU for one", "us", Target::Any);
    Ok(vec![
        both.best(rate("200-byte records written in bulk"), |round| {
            round.written.per_s()
        }),
        both.median(cpu(), |round| round.written.cpu_us()),
        both.best(rate("200-byte records read in bulk"), |round| {
            round.read.per_s()
        }),
        both.median(cpu(), |round| round.read.cpu_us()),
    ])
}

fn measure(subject: &Subject, records: u32) -> Result<Round> {
    let topic = Topic::new(subject, 1)?;
    let written = write(subject, &topic, records)?;
    let consumer = topic.consumer(subject)?;
    let (begun, cpu) = (clock::now(), subject.process().cpu());
    read(&consumer, records)?;
    Ok(Round {
        written,
        read: Spent {
            records,
            time: begun.elapsed(),
            cpu: subject.process().cpu_since(cpu),
        },
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
    let (begun, cpu) = (clock::now(), subject.process().cpu());
    for _ in 1..records {
        producer.send(&payload)?;
    }
    let ended = producer.wait()?;
    Ok(Spent {
        records,
        time: ended.saturating_duration_since(begun),
        cpu: subject.process().cpu_since(cpu),
    })
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
