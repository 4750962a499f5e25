//! The projection beside the sagas that it projects: how far behind it is at their peak and at a steady rate, and how fast
//! it catches up with a journal that is there already.
//!
//! It runs in this process, with the load generator; engine, worker and broker are processes of their own.

use std::{
    io::Write as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, anyhow, bail};
use sagaline_core::{Timestamp, filter::Filter};
use sagaline_journal::{kafka::Kafka, wire::topic};
use sagaline_projection::{Following, Lag, List, Projection, Seen};
use serde::Serialize;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{
    Output, clock,
    kafka::Topics,
    process::Broker,
    report::{percentile, round},
    saga::{child::Children, contender::Contender, load::Load},
    subject::{Choice, Subject},
};

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    broker: Choice,
    /// A PostgreSQL database for it, whose tables are emptied; without it SQLite in a temporary folder.
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Sagas that are open at the peak.
    #[arg(long, default_value_t = 1_000)]
    open: u32,
    /// Sagas a second of the steady rate.
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// How long each of the two takes.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    #[arg(short, long, default_value = "table")]
    output: Output,
}

/// What was measured.
#[derive(Serialize)]
struct Row {
    what: String,
    sagas_per_s: f64,
    events_per_s: f64,
    /// How far behind it was, looked at every [`LOOK_EVERY`].
    lag_p50_ms: Option<f64>,
    lag_p99_ms: Option<f64>,
    lag_max_ms: Option<f64>,
    /// CPU of this process: projection, database and load generator.
    cpu_us_per_saga: Option<f64>,
}

/// How often one looks how far behind it is.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// How long it may take until everything is projected.
const CAUGHT_UP_MAX: Duration = Duration::from_secs(300);

/// How long a load runs before one looks.
const WARM_UP: Duration = Duration::from_secs(3);

/// Sagas that may be open at a steady rate.
const STEADY_OPEN_MAX: u32 = 10_000;

/// Measures and prints.
pub(crate) fn run(options: &Options) -> Result<()> {
    let subject = options.broker.open()?;
    let folder = TempDir::new().context("there is no temporary folder")?;
    let runtime = Runtime::new()?;
    let bench = Bench {
        options,
        subject: &subject,
        folder: folder.path(),
        runtime: &runtime,
        namespace: format!("projection-{}", std::process::id()),
    };
    let mut out = std::io::stdout();
    for row in bench.rows()? {
        match options.output {
            Output::Json => writeln!(out, "{}", serde_json::to_string(&row)?)?,
            Output::Table => writeln!(out, "{}", row.text())?,
        }
    }
    Ok(())
}

struct Bench<'a> {
    options: &'a Options,
    subject: &'a Subject,
    folder: &'a Path,
    runtime: &'a Runtime,
    namespace: String,
}

impl Bench<'_> {
    fn rows(&self) -> Result<Vec<Row>> {
        let _entered = self.runtime.enter();
        let kafka = self.subject.address();
        let topics = Topics::new(kafka, self.namespace.clone())?;
        let mut children = Children::spawn(Contender::Sagaline, kafka, &self.namespace)?;
        let needed = [
            topic::inbox(&self.namespace),
            topic::journal(&self.namespace),
            topic::replies(&self.namespace),
        ];
        topics.wait_for(&needed)?;
        let projection = self.open("first")?;
        let following = self.follow(&projection)?;
        let lag = following.lag();

        let mut load = Load::idle(Contender::Sagaline, kafka, &self.namespace, STEADY_OPEN_MAX)?;
        let (rate, length) = (self.options.rate, Duration::from_secs(self.options.seconds));
        load.run_at(rate, WARM_UP, &mut children)?;
        let name = format!("{rate} a second");
        let steady = self.watched(name, &lag, &mut load, |load| {
            load.run_at(rate, length, &mut children)
        })?;
        load.start_all(self.options.open)?;
        load.run_for(WARM_UP, &mut children)?;
        let name = format!("peak, {} open", self.options.open);
        let peak = self.watched(name, &lag, &mut load, |load| {
            load.run_for(length, &mut children)
        })?;
        load.drain(&mut children)?;
        caught_up(&lag)?;
        drop((children, following));

        let (runs, per_saga) = self.runtime.block_on(size(&projection))?;
        let mut rows = vec![steady, peak, self.catch_up(runs)?];
        for row in &mut rows {
            row.events_per_s = round(row.sagas_per_s * per_saga, 0);
        }
        Ok(rows)
    }

    /// An empty projection.
    fn open(&self, name: &str) -> Result<Projection> {
        let url = match &self.options.database {
            Some(url) => url.clone(),
            None => format!("sqlite:{}", self.folder.join(name).display()),
        };
        let opening = Projection::open(&url, &self.namespace);
        let projection = self.runtime.block_on(opening)?;
        self.runtime.block_on(projection.empty())?;
        Ok(projection)
    }

    fn follow(&self, projection: &Projection) -> Result<Following> {
        let kafka = Kafka::new(self.subject.address(), Default::default())?;
        Ok(projection.follow(&kafka, &self.namespace)?)
    }

    /// How far behind it is while a load runs.
    fn watched(
        &self,
        what: String,
        lag: &Arc<Lag>,
        load: &mut Load,
        run: impl FnOnce(&mut Load) -> Result<()>,
    ) -> Result<Row> {
        load.clear();
        let is_over = Arc::new(AtomicBool::new(false));
        let watch = {
            let (lag, is_over) = (lag.clone(), is_over.clone());
            thread::spawn(move || watch(&lag, &is_over))
        };
        let (begun, cpu) = (clock::now(), Broker::this().cpu());
        let ran = run(load);
        let (took, cpu) = (begun.elapsed(), Broker::this().cpu_since(cpu));
        is_over.store(true, Ordering::Relaxed);
        let lags = watch.join().map_err(|_| anyhow!("nobody watched"))?;
        ran?;
        let sagas = load.take_latencies().len().max(1) as f64;
        Ok(Row {
            what,
            sagas_per_s: round(sagas / took.as_secs_f64(), 0),
            events_per_s: 0.0,
            lag_p50_ms: percentile(&lags, 0.5),
            lag_p99_ms: percentile(&lags, 0.99),
            lag_max_ms: percentile(&lags, 1.0),
            cpu_us_per_saga: cpu.map(|cpu| round(cpu.as_secs_f64() * 1e6 / sagas, 0)),
        })
    }

    /// Everything once more, with nothing else running.
    fn catch_up(&self, runs: f64) -> Result<Row> {
        let projection = self.open("second")?;
        let (begun, cpu) = (clock::now(), Broker::this().cpu());
        let following = self.follow(&projection)?;
        let lag = following.lag();
        while lag.commits() == 0 {
            thread::park_timeout(LOOK_EVERY);
        }
        caught_up(&lag)?;
        let (took, cpu) = (begun.elapsed(), Broker::this().cpu_since(cpu));
        Ok(Row {
            what: "catching up".to_owned(),
            sagas_per_s: round(runs / took.as_secs_f64(), 0),
            events_per_s: 0.0,
            lag_p50_ms: None,
            lag_p99_ms: None,
            lag_max_ms: None,
            cpu_us_per_saga: cpu.map(|cpu| round(cpu.as_secs_f64() * 1e6 / runs, 0)),
        })
    }
}

impl Row {
    fn text(&self) -> String {
        let figure = |name: &str, figure: Option<f64>, unit: &str| {
            figure.map_or_else(String::new, |figure| format!(", {name} {figure} {unit}"))
        };
        format!(
            "{}: {} sagas/s, {} events/s{}{}{}{}",
            self.what,
            self.sagas_per_s,
            self.events_per_s,
            figure("lag p50", self.lag_p50_ms, "ms"),
            figure("p99", self.lag_p99_ms, "ms"),
            figure("max", self.lag_max_ms, "ms"),
            figure("CPU here", self.cpu_us_per_saga, "us/saga"),
        )
    }
}

/// How far behind it is, again and again; sorted.
fn watch(lag: &Lag, is_over: &AtomicBool) -> Vec<Duration> {
    let mut lags = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let behind = lag.behind(now());
        lags.push(Duration::from_millis(behind.0));
        thread::park_timeout(LOOK_EVERY);
    }
    lags.sort_unstable();
    lags
}

fn caught_up(lag: &Lag) -> Result<()> {
    let begun = clock::now();
    while lag.behind(now()).0 > 0 {
        if begun.elapsed() > CAUGHT_UP_MAX {
            bail!("it is still behind after {CAUGHT_UP_MAX:?}");
        }
        thread::park_timeout(LOOK_EVERY);
    }
    Ok(())
}

/// How many runs there are, and how many events one has.
async fn size(projection: &Projection) -> Result<(f64, f64)> {
    let filter = Filter::parse("")?;
    let seen = Seen {
        now: now(),
        unread: &[],
    };
    let counts = projection.count(&filter, None, &seen).await?;
    let list = List {
        filter: &filter,
        seen,
        page_size: 1,
        page_token: None,
    };
    let page = projection.list(&list).await?;
    let run = page.rows.first().context("nothing was projected")?;
    Ok((counts.count as f64, f64::from(run.run.history.events)))
}

#[expect(
    clippy::disallowed_methods,
    reason = "batches say when they were appended"
)]
fn now() -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.expect("it is later than 1970").as_millis();
    Timestamp::from_millis(i64::try_from(now).expect("it is not that late"))
}
