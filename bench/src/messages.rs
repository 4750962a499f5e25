//! What runs are sent, ask each other and start: signals to one run, queries, children of one parent, starts of a schedule.
//!
//! Broker, engine, worker and this process share one machine. Each figure has topics and processes of its own.

mod app;
mod children;
mod query;
mod schedule;
mod signals;

pub(crate) use app::{engine, worker};

use std::time::Duration;

use anyhow::{Context as _, Result};
use rdkafka::{
    message::{Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use sagaline::{client::Client, worker::Kafka};
use sagaline_journal::wire::{partition_of, topic};

use crate::{
    Output, clock,
    kafka::{self, PARTITIONS, Topics},
    process::{Broker, Cpu},
    report::{self, Row},
    saga::child::Children,
    subject::{Choice, Subject},
};

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    broker: Choice,
    /// Which figures.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "signals,query,children,schedule"
    )]
    what: Vec<What>,
    /// Signals that one run is sent in a second.
    #[arg(long, default_value_t = 1_000)]
    rate: u64,
    /// How long.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Children of one parent, and as many runs of nobody.
    #[arg(long, default_value_t = 10_000)]
    children: u32,
    /// How many of them at a time.
    #[arg(long, default_value_t = 1_000)]
    window: usize,
    /// Queries, one after the other.
    #[arg(long, default_value_t = 1_000)]
    queries: u32,
    /// Starts by a schedule, ten a second.
    #[arg(long, default_value_t = 200)]
    starts: u32,
    #[arg(short, long, default_value = "table")]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum What {
    Signals,
    Query,
    Children,
    Schedule,
}

/// Measures and prints.
pub(crate) fn run(options: &Options) -> Result<()> {
    let subject = options.broker.open()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    for what in &options.what {
        let rows = runtime.block_on(async {
            Ok::<_, anyhow::Error>(match what {
                What::Signals => vec![
                    signals::paced(&subject, options.rate, options.seconds).await?,
                    signals::flat_out(&subject, options.rate * options.seconds).await?,
                ],
                What::Query => vec![query::one_by_one(&subject, options.queries).await?],
                What::Children => {
                    children::beside_others(&subject, options.children, options.window).await?
                }
                What::Schedule => vec![schedule::starts(&subject, options.starts).await?],
            })
        })?;
        rows.iter()
            .try_for_each(|row| report::print(row, options.output))?;
    }
    Ok(())
}

/// An engine, a worker and a client in a namespace of their own.
struct Bench {
    client: Client,
    children: Children,
    broker: Broker,
    producer: BaseProducer,
    inbox: String,
    // Deleted when this is over.
    _topics: Topics,
}

impl Bench {
    async fn new(subject: &Subject, name: &str) -> Result<Self> {
        let kafka = subject.address().to_owned();
        let namespace = format!("messages-{}-{name}", std::process::id());
        let topics = Topics::new(&kafka, namespace.clone())?;
        let children = Children::of(["messages-engine", "messages-worker"], &kafka, &namespace)?;
        topics.wait_for(&[topic::inbox(&namespace), topic::replies(&namespace)])?;
        let client = Client::connect(Kafka::new(&kafka, Default::default())?, &namespace);
        let bench = Self {
            client: client.await.context("no client")?,
            children,
            broker: subject.process(),
            producer: kafka::producer(&kafka).create()?,
            inbox: topic::inbox(&namespace),
            _topics: topics,
        };
        bench.warm_up().await?;
        Ok(bench)
    }

    /// The engine has its partitions once runs in all of them have ended.
    async fn warm_up(&self) -> Result<()> {
        let runs = (0..WARM_UP_RUNS).map(|number| {
            let start = self
                .client
                .start(app::item(number), format!("warm-{number}"));
            async move { start.await?.result().await }
        });
        sagaline::future::try_join_all(runs).await?;
        Ok(())
    }

    /// Produces a record for a workflow.
    fn send(&self, id: &str, headers: &[(&str, &str)], value: &str) -> Result<()> {
        let add = |all: OwnedHeaders, &(key, value): &(&str, &str)| {
            let value = Some(value);
            all.insert(Header { key, value })
        };
        let none = OwnedHeaders::new_with_capacity(headers.len());
        let record = BaseRecord::to(&self.inbox)
            .partition(partition_of(id.as_bytes(), PARTITIONS))
            .key(id)
            .payload(value)
            .headers(headers.iter().fold(none, add));
        self.producer.send(record).map_err(|(error, _)| error)?;
        self.producer.poll(Duration::ZERO);
        Ok(())
    }

    /// Until all are acknowledged.
    fn flush(&self) -> Result<()> {
        Ok(self.producer.flush(FLUSH_MAX)?)
    }

    fn cpu(&self) -> Cpu {
        self.children.cpu(self.broker)
    }

    /// CPU time until the engine has nothing more to do.
    fn cpu_until_idle(&self) -> Cpu {
        loop {
            let before = self.cpu();
            std::thread::park_timeout(IDLE_FOR);
            let now = self.cpu();
            let used = now.since(&before).engine.unwrap_or_default();
            if used <= IDLE_CPU_MAX {
                return before;
            }
        }
    }
}

/// Engine, worker, broker and whoever starts and awaits runs, together, in milliseconds.
fn cpu_ms(cpu: &Cpu) -> f64 {
    let all = [cpu.engine, cpu.worker, cpu.broker, cpu.load];
    let all = all.into_iter().flatten();
    all.sum::<Duration>().as_secs_f64() * 1_000.0
}

fn since(begun: std::time::Instant) -> f64 {
    begun.elapsed().as_secs_f64()
}

fn now() -> std::time::Instant {
    clock::now()
}

const WARM_UP_RUNS: u32 = 200;
const IDLE_FOR: Duration = Duration::from_millis(500);
const IDLE_CPU_MAX: Duration = Duration::from_millis(20);
const FLUSH_MAX: Duration = Duration::from_secs(60);
