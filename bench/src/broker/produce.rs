//! One record at a time: sent, appended, acknowledged, and then the next.

use std::time::Duration;

use anyhow::Result;

use super::{
    clients::{Producer, RECORD_BYTES, Topic},
    pair::Pair,
    row::{Figure, Row, Target},
};
use crate::{clock, kafka, report::percentile, subject::Subject};

struct Produced {
    latencies: Vec<Duration>,
    cpu: Option<Duration>,
}

pub(super) fn rows(
    pair: &Pair,
    rounds: u32,
    length: Duration,
    warm_up: Duration,
) -> Result<Vec<Row>> {
    pair.measure(1, |subject| measure(subject, warm_up))?;
    let both = pair.measure(rounds, |subject| measure(subject, length))?;
    let share = |share| {
        move |rounds: &[Produced]| {
            let all = rounds.iter().flat_map(|one| one.latencies.iter().copied());
            let mut all: Vec<Duration> = all.collect();
            all.sort_unstable();
            percentile(&all, share)
        }
    };
    let cpu = |one: &Produced| {
        let micros = one.cpu?.as_secs_f64() * 1e6;
        Some(micros / one.latencies.len() as f64)
    };
    Ok(vec![
        both.row(
            Figure::new("produce of one record, p50", "ms", Target::KafkaAtMost),
            share(0.50),
        ),
        both.row(
            Figure::new("produce of one record, p99", "ms", Target::Any),
            share(0.99),
        ),
        both.median(Figure::new("broker's CPU for it", "us", Target::Any), cpu),
    ])
}

fn measure(subject: &Subject, length: Duration) -> Result<Produced> {
    let topic = Topic::new(subject, 1)?;
    let producer = Producer::new(&kafka::producer(subject.address()), &topic.name)?;
    let payload = [b'r'; RECORD_BYTES];
    // The first asks for metadata and a producer id.
    producer.send(&payload)?;
    producer.wait()?;

    let (begun, cpu) = (clock::now(), subject.process().cpu());
    let mut latencies = Vec::new();
    while begun.elapsed() < length {
        let sent = clock::now();
        producer.send(&payload)?;
        latencies.push(producer.wait()?.saturating_duration_since(sent));
    }
    Ok(Produced {
        latencies,
        cpu: subject.process().cpu_since(cpu),
    })
}
