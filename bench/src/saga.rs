//! Whole sagas, closed loop: N are kept open, and every one that closes is followed by another at once.
//!
//! Broker, engine, worker and load generator (this process) share one machine. Every contender gets fresh topics and
//! fresh processes for every number of open sagas; the broker is the same for all and is warmed up first.

pub(crate) mod child;
mod contender;
mod load;
mod report;

use std::{io::Write as _, time::Duration};

use anyhow::{Context as _, Result};
use sagaline_journal::wire::topic;

use self::{
    child::Children,
    contender::Contender,
    load::Load,
    report::{Measured, Row},
};
use crate::{Output, clock, kafka::Topics, process::Broker};

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// The broker, HOST:PORT.
    #[arg(long)]
    kafka: String,
    /// Numbers of open sagas, one measurement each.
    #[arg(long, value_delimiter = ',', default_value = "1,1000")]
    open: Vec<u32>,
    /// Measures the bare loop with tasks without headers and a worker that is as bare, too.
    #[arg(long)]
    minimal: bool,
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
    let mut bench = Bench {
        options,
        broker: Broker::find(&options.kafka),
        runs: 0,
    };
    if options.broker_warm_up_seconds > 0 {
        // Each contender asks the broker for other things: its compiler should have seen all of them.
        let contenders = Contender::all(options.minimal);
        let window = Window {
            warm_up: Duration::ZERO,
            length: Duration::from_secs(options.broker_warm_up_seconds) / contenders.len() as u32,
        };
        for &contender in contenders {
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
        for &contender in Contender::all(options.minimal) {
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
    options: &'a Options,
    broker: Broker,
    runs: u32,
}

struct Window {
    warm_up: Duration,
    length: Duration,
}

impl Bench<'_> {
    fn measure(&mut self, contender: Contender, open: u32, window: &Window) -> Result<Measured> {
        self.runs += 1;
        let (kafka, broker) = (&self.options.kafka, self.broker);
        let namespace = format!(
            "bench-{}-{}-{}",
            std::process::id(),
            self.runs,
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
            bytes_per_saga: broker
                .log_bytes(&namespace)
                .map(|bytes| bytes as f64 / sagas),
        })
    }
}
