//! CPU time of a broker that has nothing to do but to let consumers wait.

use std::{thread, time::Duration};

use anyhow::{Result, bail};
use rdkafka::consumer::{BaseConsumer, Consumer as _};

use super::{
    clients::Topic,
    pair::Pair,
    row::{Figure, Row, Target},
};
use crate::{clock, kafka, subject::Subject};

const CONSUMERS: usize = 8;
const PARTITIONS: i32 = 4;
const LENGTH: Duration = Duration::from_secs(20);
const SETTLE: Duration = Duration::from_secs(2);
const ASSIGNMENT_MAX: Duration = Duration::from_secs(30);

pub(super) fn rows(pair: &Pair) -> Result<Vec<Row>> {
    let name = format!("idle CPU, {CONSUMERS} consumers wait");
    let figure = Figure::new(name, "% of core", Target::Below(0.5));
    let both = pair.measure(1, measure)?;
    Ok(vec![both.median(figure, |percent| *percent)])
}

fn measure(subject: &Subject) -> Result<Option<f64>> {
    let topic = Topic::new(subject, PARTITIONS)?;
    let consumers: Vec<BaseConsumer> = (0..CONSUMERS)
        .map(|number| waiting(subject, &topic, number))
        .collect::<Result<_>>()?;
    thread::park_timeout(SETTLE);
    let (begun, cpu) = (clock::now(), subject.process().cpu());
    while begun.elapsed() < LENGTH {
        thread::park_timeout(LENGTH.saturating_sub(begun.elapsed()));
    }
    let used = subject.process().cpu_since(cpu);
    let percent = used.map(|used| used.as_secs_f64() / begun.elapsed().as_secs_f64() * 100.0);
    drop(consumers);
    Ok(percent)
}

/// A consumer in a group of its own that has all partitions.
fn waiting(subject: &Subject, topic: &Topic, number: usize) -> Result<BaseConsumer> {
    let group = format!("{}-{number}", topic.name);
    let consumer: BaseConsumer = kafka::consumer(subject.address(), &group)
        .set("fetch.wait.max.ms", "500")
        .set("topic.metadata.refresh.interval.ms", "300000")
        .create()?;
    consumer.subscribe(&[&topic.name])?;
    let begun = clock::now();
    while consumer.assignment()?.count() < PARTITIONS as usize {
        if begun.elapsed() > ASSIGNMENT_MAX {
            bail!("a consumer got no partitions within {ASSIGNMENT_MAX:?}");
        }
        if let Some(record) = consumer.poll(Duration::from_millis(10)) {
            record?;
        }
    }
    Ok(consumer)
}
