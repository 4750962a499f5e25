//! The delay service of one engine: how late it forwards at a steady rate, and how soon after a start with many waiting.

use std::{
    io::Write as _,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, bail};
use rdkafka::{
    Message as _,
    consumer::{BaseConsumer, Consumer as _},
    message::Headers as _,
};
use rustix::process::{Pid, Signal, kill_process};
use sagaline_core::{Millis, Timestamp};
use sagaline_journal::{
    Headers, NewRecord,
    kafka::{Bulk, Kafka, Producer},
    wire::{header, topic},
};
use serde::Serialize;

use crate::{
    Output, clock,
    kafka::{self, PARTITIONS, Topics},
    process,
    report::round,
    subject::{Choice, Subject},
};

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    broker: Choice,
    /// Records that come due each second.
    #[arg(long, default_value_t = 1_000)]
    rate: u64,
    /// For how long they do.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Records that wait while the engine starts.
    #[arg(long, default_value_t = 1_000_000)]
    waiting: u64,
    #[arg(short, long, default_value = "table")]
    output: Output,
}

/// What was measured.
#[derive(Serialize)]
struct Row {
    what: String,
    records: usize,
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    /// Negative: one was early.
    min_ms: f64,
    engine_rss_mb: Option<f64>,
}

/// When a record is due, for this program.
const DUE_MS: &str = "x-due-ms";

/// How far ahead records are sent.
const AHEAD: Millis = Millis(2_000);

/// Pause between two portions of the steady rate.
const PORTION: Duration = Duration::from_millis(10);

/// Records that arrive when the engine has started with many waiting: some for each partition.
const PROBES: usize = 40;

/// Of those that wait, so many are due soon, after the measurement.
const SOON: u64 = 40_000;
const SOON_AHEAD: Millis = Millis(58_000);

/// Most that are sent at a time.
const SEND_MAX: u64 = 50_000;

const ARRIVAL_MAX: Duration = Duration::from_secs(60);

/// Measures and prints.
pub(crate) fn run(options: &Options) -> Result<()> {
    let subject = options.broker.open()?;
    let mut bench = Bench::new(&subject)?;
    let engine = bench.engine()?;
    let steady = bench.steady(options, &engine)?;
    engine.stop()?;
    let rows = match options.waiting {
        0 => vec![steady],
        waiting => vec![steady, bench.start(waiting)?],
    };
    let mut out = std::io::stdout();
    for row in rows {
        match options.output {
            Output::Json => writeln!(out, "{}", serde_json::to_string(&row)?)?,
            Output::Table => {
                let Row {
                    what,
                    records,
                    p50_ms,
                    p99_ms,
                    max_ms,
                    min_ms,
                    ..
                } = &row;
                let rss = row
                    .engine_rss_mb
                    .map_or_else(|| "-".to_owned(), |mb| mb.to_string());
                writeln!(
                    out,
                    "{what}: {records} records, p50 {p50_ms} ms, p99 {p99_ms} ms, max {max_ms} ms, min {min_ms} ms; engine {rss} MB"
                )?;
            }
        }
    }
    Ok(())
}

struct Bench<'a> {
    subject: &'a Subject,
    namespace: String,
    target: String,
    bulk: Bulk,
    consumer: BaseConsumer,
    // Deleted when this is over.
    _topics: [Topics; 2],
}

/// An engine process; killed when this is dropped.
struct Engine(Child);

impl Engine {
    /// Asks it to end, and waits until it has: the next one joins the group at once.
    fn stop(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.0), Signal::TERM)?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Fails only for one that has ended already.
        let _killed = self.0.kill();
        let _reaped = self.0.wait();
    }
}

impl<'a> Bench<'a> {
    fn new(subject: &'a Subject) -> Result<Self> {
        let namespace = format!("delay-{}", std::process::id());
        let (mail, address) = (format!("{namespace}-mail"), subject.address());
        let target = format!("{mail}.due");
        let topics = Topics::new(address, mail)?;
        topics.create(&[(target.clone(), PARTITIONS)])?;
        topics.wait_for(std::slice::from_ref(&target))?;
        let consumer: BaseConsumer = kafka::consumer(address, &target).create()?;
        consumer.subscribe(&[&target])?;
        let kafka = Kafka::new(address, Default::default())?;
        Ok(Self {
            subject,
            bulk: Producer::open(&kafka)?.bulk(),
            consumer,
            _topics: [topics, Topics::new(address, namespace.clone())?],
            namespace,
            target,
        })
    }

    fn engine(&self) -> Result<Engine> {
        let child = Command::new(std::env::current_exe()?)
            .args(["sagaline-engine", "--kafka", self.subject.address()])
            .args(["--namespace", &self.namespace])
            .env("SAGALINE_DELAY_TARGETS", &self.target)
            .stdin(Stdio::piped())
            .spawn()
            .context("the engine could not be started")?;
        Ok(Engine(child))
    }

    /// Records that come due at a steady rate.
    fn steady(&mut self, options: &Options, engine: &Engine) -> Result<Row> {
        // The engine has its partitions once these have come.
        self.probe();
        self.arrivals(PROBES)?;
        let all = options.rate * options.seconds;
        let begun = clock::now();
        let mut sent = 0;
        while sent < all {
            let due = (begun.elapsed().as_millis() as u64 * options.rate / 1_000).min(all);
            for number in sent..due {
                self.send("soon", number, now().plus(AHEAD));
            }
            sent = due;
            self.bulk.flush();
            self.check()?;
            thread::park_timeout(PORTION);
        }
        let late = self.arrivals(usize::try_from(all)?)?;
        Ok(row(
            format!("forwarded at {} a second", options.rate),
            late,
            engine,
        ))
    }

    /// An engine starts while many wait: how long until what is due has come.
    fn start(&mut self, waiting: u64) -> Result<Row> {
        let tiers = [
            ("1m", 1_u64),
            ("5m", 5),
            ("30m", 30),
            ("2h", 120),
            ("12h", 720),
        ];
        let soon = now().plus(SOON_AHEAD);
        for number in 0..waiting {
            let (tier, due) = match number < SOON.min(waiting / 6) {
                true => ("soon", soon),
                false => {
                    let (tier, minutes) = tiers[(number % 5) as usize];
                    (tier, now().plus(Millis(minutes * 60_000 * 3 / 2)))
                }
            };
            self.send(tier, number, due);
            if number.is_multiple_of(SEND_MAX) {
                self.wait()?;
            }
        }
        self.probe();
        self.wait()?;
        let begun = clock::now();
        let engine = self.engine()?;
        let mut took = Vec::new();
        while took.len() < PROBES {
            if self.next(begun)?.is_some() {
                took.push(begun.elapsed().as_secs_f64() * 1_000.0);
            }
        }
        // What waits is read ahead by now.
        thread::park_timeout(Duration::from_secs(3));
        let what = format!("from start to forwarding, {waiting} waiting");
        Ok(row(what, took, &engine))
    }

    /// Records that are due at once, for each partition.
    fn probe(&self) {
        for number in 0..PROBES as u64 {
            self.send("soon", number, now());
        }
        self.bulk.flush();
    }

    fn send(&self, tier: &str, number: u64, due: Timestamp) {
        let partition = (number % PARTITIONS as u64) as i32;
        let mut headers = Headers::with_capacity(4, 100);
        headers.push(header::DELIVER_AT, due.to_rfc3339());
        headers.push(DUE_MS, due.as_millis().to_string());
        headers.push(header::TARGET_TOPIC, &self.target);
        headers.push(header::TARGET_PARTITION, partition.to_string());
        let record = NewRecord {
            topic: topic::retry(&self.namespace, tier).into(),
            partition,
            key: Some(number.to_string().into_bytes()),
            value: Some(Vec::new()),
            headers,
        };
        self.bulk.send(number, record);
    }

    /// Fails when a record did.
    fn check(&self) -> Result<u64> {
        let ended = self.bulk.try_ended();
        let count = ended.len() as u64;
        for (_, outcome) in ended {
            outcome?;
        }
        Ok(count)
    }

    /// Until nothing is on its way.
    fn wait(&self) -> Result<()> {
        self.bulk.flush();
        let begun = clock::now();
        let mut quiet = 0;
        while quiet < 5 {
            quiet = match self.check()? {
                0 => quiet + 1,
                _ => 0,
            };
            if begun.elapsed() > ARRIVAL_MAX {
                bail!("records are not acknowledged after {ARRIVAL_MAX:?}");
            }
            thread::park_timeout(PORTION);
        }
        Ok(())
    }

    /// How late so many records come.
    fn arrivals(&mut self, count: usize) -> Result<Vec<f64>> {
        let begun = clock::now();
        let mut late = Vec::with_capacity(count);
        while late.len() < count {
            late.extend(self.next(begun)?);
        }
        Ok(late)
    }

    /// How late a record comes, if one does.
    fn next(&self, begun: Instant) -> Result<Option<f64>> {
        if begun.elapsed() > ARRIVAL_MAX {
            bail!("records do not arrive within {ARRIVAL_MAX:?}");
        }
        let Some(record) = self.consumer.poll(Duration::from_millis(100)) else {
            return Ok(None);
        };
        let record = record?;
        let headers = record.headers().context("a record without headers")?;
        let due = headers.iter().find(|one| one.key == DUE_MS);
        let due = str::from_utf8(due.and_then(|one| one.value).context("not due")?)?;
        let came = record.timestamp().to_millis().context("it has no time")?;
        Ok(Some((came - due.parse::<i64>()?) as f64))
    }
}

fn row(what: String, mut figures: Vec<f64>, engine: &Engine) -> Row {
    figures.sort_unstable_by(f64::total_cmp);
    let share = |share: f64| {
        let at = (figures.len() as f64 * share) as usize;
        round(figures[at.min(figures.len() - 1)], 1)
    };
    Row {
        what,
        records: figures.len(),
        p50_ms: share(0.50),
        p99_ms: share(0.99),
        max_ms: share(1.0),
        min_ms: share(0.0),
        engine_rss_mb: process::rss_bytes(engine.0.id()).map(|bytes| round(bytes as f64 / 1e6, 1)),
    }
}

#[expect(clippy::disallowed_methods, reason = "records say when they are due")]
fn now() -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.expect("it is later than 1970").as_millis();
    Timestamp::from_millis(i64::try_from(now).expect("it is not that late"))
}
