//! Whole sagas, closed loop: N are kept open, and every one that closes is followed by another at once.
//!
//! Broker, engine, worker and load generator (this process) share one machine. Every contender gets fresh topics and
//! fresh processes for every number of open sagas; the broker is the same for all and is warmed up first.

pub(crate) mod child;
pub(crate) mod contender;
pub(crate) mod load;
mod report;

use std::{
    io::Write as _,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use anyhow::{Context as _, Result};
use sagaline_journal::wire::topic;

use self::{
    child::Children,
    contender::Contender,
    load::Load,
    report::{Measured, Row},
};
use crate::{
    Output, clock,
    kafka::Topics,
    subject::{Choice, Subject},
};

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    broker: Choice,
    /// Numbers of open sagas, one measurement each.
    #[arg(long, value_delimiter = ',', default_value = "1,1000")]
    open: Vec<u32>,
    /// Measures the bare loop with tasks without headers and a worker that is as bare, too.
    #[arg(long)]
    minimal: bool,
    /// Measures Sagaline with local activities, too.
    #[arg(long)]
    local: bool,
    /// How long each measurement takes.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How long sagas run before a measurement.
    #[arg(long, default_value_t = 3)]
    warm_up_seconds: u64,
    /// How long the broker is warmed up before everything, by the contenders in turn.
    #[arg(long, default_value_t = 20)]
    broker_warm_up_seconds: u64,
    #[arg(short, long, default_value = "table")]
    output: Output,
}

/// Sagas that are open while the broker is warmed up.
const WARM_UP_OPEN: u32 = 1_000;

/// Measures and prints, one row per number of open sagas.
pub(crate) fn run(options: &Options) -> Result<()> {
    let subject = options.broker.open()?;
    let bench = Bench::new(&subject);
    if options.broker_warm_up_seconds > 0 {
        // Each contender asks the broker for other things: its compiler should have seen all of them.
        let contenders = Contender::all(options.minimal, options.local);
        let window = Window {
            warm_up: Duration::ZERO,
            length: Duration::from_secs(options.broker_warm_up_seconds) / contenders.len() as u32,
        };
        for &contender in &contenders {
            bench
                .measure(contender, WARM_UP_OPEN, &window)
                .context("the broker could not be warmed up")?;
        }
    }
    let window = Window {
        warm_up: Duration::from_secs(options.warm_up_seconds),
        length: Duration::from_secs(options.seconds),
    };
    for (index, &open) in options.open.iter().enumerate() {
        let mut row = Row::new(open);
        for contender in Contender::all(options.minimal, options.local) {
            let measured = bench
                .measure(contender, open, &window)
                .with_context(|| format!("{} with {open} open sagas", contender.name()))?;
            row.add(contender, measured);
        }
        let text = match options.output {
            Output::Json => serde_json::to_string(&row)?,
            Output::Table => row.table(index == 0),
        };
        writeln!(std::io::stdout(), "{text}")?;
    }
    Ok(())
}

struct Bench<'a> {
    broker: &'a Subject,
}

/// How long sagas run.
pub(crate) struct Window {
    /// Before anything is measured.
    pub(crate) warm_up: Duration,
    /// While it is.
    pub(crate) length: Duration,
}

/// How many sagas Sagaline does with so many open.
pub(crate) fn sagas_per_s(broker: &Subject, open: u32, window: &Window) -> Result<f64> {
    let measured = Bench::new(broker).measure(Contender::Sagaline, open, window)?;
    Ok(measured.latencies.len() as f64 / measured.elapsed.as_secs_f64())
}

impl<'a> Bench<'a> {
    const fn new(broker: &'a Subject) -> Self {
        Self { broker }
    }

    fn measure(&self, contender: Contender, open: u32, window: &Window) -> Result<Measured> {
        static RUNS: AtomicU32 = AtomicU32::new(0);
        let (kafka, broker) = (self.broker.address(), self.broker.process());
        let namespace = format!(
            "bench-{}-{}-{}",
            std::process::id(),
            RUNS.fetch_add(1, Ordering::Relaxed),
            contender.name()
        );
        let topics = Topics::new(kafka, namespace.clone())?;
        contender.make_topics(&topics)?;
        let mut children = Children::spawn(contender, kafka, &namespace)?;
        topics.wait_for(&[topic::inbox(&namespace), topic::replies(&namespace)])?;
        let mut load = Load::new(contender, kafka, &namespace, open)?;

        load.run_until_all_closed_once(&mut children)?;
        load.run_for(window.warm_up, &mut children)?;
        let (begun, cpu_before) = (clock::now(), children.cpu(broker));
        load.clear();
        load.run_for(window.length, &mut children)?;
        let (elapsed, cpu_after) = (begun.elapsed(), children.cpu(broker));
        let (latencies, engine_rss_bytes) = (load.take_latencies(), children.engine_rss_bytes());
        load.drain(&mut children)?;
        drop(children);

        let sagas = load.closed().max(1) as f64;
        Ok(Measured {
            latencies,
            elapsed,
            cpu: cpu_after.since(&cpu_before),
            engine_rss_bytes,
            records_per_saga: topics.records()? as f64 / sagas,
            bytes_per_saga: self
                .broker
                .log_bytes(&namespace)
                .map(|bytes| bytes as f64 / sagas),
        })
    }
}
