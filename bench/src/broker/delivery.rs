//! From a producer to a consumer that waits: one record is on its way at a time.

use std::{
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use rdkafka::consumer::BaseConsumer;

use super::{
    clients::{Producer, RECORD_BYTES, Topic},
    pair::Pair,
    row::{Figure, Row, Target},
};
use crate::{clock, kafka, report::percentile, subject::Subject};

const ARRIVAL_MAX: Duration = Duration::from_secs(10);
const POLL_MAX: Duration = Duration::from_millis(100);

/// Records before the first that counts: the consumer finds its place.
const FIRST: usize = 20;

pub(super) fn rows(pair: &Pair, rounds: u32, length: Duration) -> Result<Vec<Row>> {
    let both = pair.measure(rounds, |subject| measure(subject, length))?;
    let share = |share| {
        move |rounds: &[Vec<Duration>]| {
            let mut all = rounds.concat();
            all.sort_unstable();
            percentile(&all, share)
        }
    };
    Ok(vec![
        both.row(
            Figure::new(
                "delivery to a waiting consumer, p50",
                "ms",
                Target::KafkaAtMost,
            ),
            share(0.50),
        ),
        both.row(
            Figure::new("delivery to a waiting consumer, p99", "ms", Target::Any),
            share(0.99),
        ),
    ])
}

fn measure(subject: &Subject, length: Duration) -> Result<Vec<Duration>> {
    let topic = Topic::new(subject, 1)?;
    let consumer = topic.consumer(subject)?;
    let producer = Producer::new(&kafka::producer(subject.address()), &topic.name)?;
    let (arrived, arrivals) = mpsc::channel();
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| take(&consumer, &arrived, &ended));
        let latencies = send(&producer, &arrivals, length);
        ended.store(true, Ordering::Relaxed);
        latencies
    })
}

/// Tells when each record arrives.
fn take(consumer: &BaseConsumer, arrived: &mpsc::Sender<Instant>, ended: &AtomicBool) {
    while !ended.load(Ordering::Relaxed) {
        if let Some(Ok(_record)) = consumer.poll(POLL_MAX) {
            // Nobody listens any more: then it has ended, too.
            let _told = arrived.send(clock::now());
        }
    }
}

fn send(
    producer: &Producer,
    arrivals: &mpsc::Receiver<Instant>,
    length: Duration,
) -> Result<Vec<Duration>> {
    let begun = clock::now();
    let mut latencies = Vec::new();
    while begun.elapsed() < length {
        let sent = clock::now();
        producer.send(&[b'r'; RECORD_BYTES])?;
        let arrival = arrivals
            .recv_timeout(ARRIVAL_MAX)
            .context("a record did not arrive")?;
        latencies.push(arrival.saturating_duration_since(sent));
        producer.wait()?;
    }
    if latencies.len() <= FIRST {
        bail!("only {} records arrived", latencies.len());
    }
    Ok(latencies.split_off(FIRST))
}
