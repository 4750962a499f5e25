//! The figures that the embedded broker is held to, beside Apache Kafka's: the same client program, in one run.
//!
//! Rounds alternate between the two brokers, so that what else runs on the machine disturbs both alike. Deliberately
//! absent: anything that talks to one broker otherwise than to the other.

mod bulk;
mod clients;
mod delivery;
mod footprint;
mod idle;
mod kills;
mod pair;
mod produce;
mod row;
mod sagas;
mod start;

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};

use self::{
    pair::Pair,
    row::{Row, Table},
};
use crate::{Output, embedded::Program, subject::Subject};

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// An Apache Kafka that runs, HOST:PORT, to compare with.
    #[arg(long, value_name = "HOST:PORT")]
    kafka: Option<String>,
    /// The app whose embedded broker, start and size are measured [default: order-saga beside this binary]
    #[arg(long, value_name = "FILE")]
    app: Option<PathBuf>,
    /// Measures only these.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
    /// How often each broker is measured, in turn.
    #[arg(long, default_value_t = 4)]
    rounds: u32,
    /// How long a round of single records takes.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// Records of a round in bulk.
    #[arg(long, default_value_t = 1_000_000)]
    records: u32,
    /// Numbers of open sagas.
    #[arg(long, value_delimiter = ',', default_value = "1,100,1000")]
    open: Vec<u32>,
    /// How often the broker is killed while it appends.
    #[arg(long, default_value_t = 10)]
    kills: u32,
    /// How long each broker is warmed up.
    #[arg(long, default_value_t = 10)]
    warm_up_seconds: u64,
    /// Fails when a figure misses its target.
    #[arg(long)]
    check: bool,
    #[arg(short, long, default_value = "table")]
    output: Output,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// One record at a time.
    Produce,
    /// Many records, written and read.
    Bulk,
    /// From a producer to a consumer that waits.
    Delivery,
    /// Whole sagas.
    Sagas,
    /// From spawning a broker to its first answer.
    Start,
    /// CPU time while consumers wait.
    Idle,
    /// Memory, and the binary's size.
    Footprint,
    /// The broker is killed while it appends.
    Kills,
}

impl Options {
    fn measures(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }

    fn length(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    fn app(&self) -> Result<PathBuf> {
        let beside = || Ok(std::env::current_exe()?.with_file_name("order-saga"));
        let path = self
            .app
            .clone()
            .map_or_else(beside, Ok::<_, std::io::Error>)?;
        ensure!(
            path.is_file(),
            "{} is not there: cargo build --release -p order-saga makes it",
            path.display()
        );
        Ok(path)
    }
}

/// Measures and prints. Fails when a target is missed and that was asked for.
pub(crate) fn run(options: &Options) -> Result<()> {
    let app = options.app()?;
    let program = Program::App(app.clone());
    let mut table = Table::new(options.output);
    let fresh = match options.measures(Part::Footprint) {
        true => Some(footprint::Fresh::measure(&program)?),
        false => None,
    };
    let pair = Pair {
        embedded: Subject::start(&program)?,
        kafka: options.kafka.as_deref().map(Subject::running),
    };
    loads(options, &pair, &mut table)?;
    if options.measures(Part::Idle) {
        table.print(idle::rows(&pair)?)?;
    }
    if let Some(fresh) = fresh {
        table.print(fresh.rows(&pair, &app)?)?;
    }
    drop(pair);
    if options.measures(Part::Start) {
        table.print(start::rows(&program, &app)?)?;
    }
    if options.measures(Part::Kills) {
        table.print(kills::rows(&program, options.kills)?)?;
    }
    match table.missed() {
        [_, ..] if options.check => bail!("targets are missed: {}", table.missed().join(", ")),
        _ => Ok(()),
    }
}

/// What both brokers are measured under load by.
fn loads(options: &Options, pair: &Pair, table: &mut Table) -> Result<()> {
    let mut print = |what: &str, rows: Result<Vec<Row>>| -> Result<()> {
        table.print(rows.with_context(|| what.to_owned())?)
    };
    let (rounds, length) = (options.rounds, options.length());
    if options.measures(Part::Produce) {
        let warm_up = Duration::from_secs(options.warm_up_seconds);
        print("produce", produce::rows(pair, rounds, length, warm_up))?;
    }
    if options.measures(Part::Bulk) {
        print("bulk", bulk::rows(pair, rounds, options.records))?;
    }
    if options.measures(Part::Delivery) {
        print("delivery", delivery::rows(pair, rounds, length))?;
    }
    if options.measures(Part::Sagas) {
        print("sagas", sagas::rows(pair, &options.open, rounds))?;
    }
    Ok(())
}
