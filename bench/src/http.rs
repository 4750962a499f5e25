//! HTTP as people and programs use it: what it adds to a start, how fast pages come and how large they are, what clients of
//! server-sent events cost.
//!
//! The subject is one process as `server --http-port` runs it: engine, projection in a SQLite file, pages and API. Broker,
//! worker and this process share its machine. Each part has topics and processes of its own. A figure that is over its
//! target fails nothing; an answer that is wrong does.

mod app;
mod connection;
mod listener;
mod pages;
mod starts;
mod streams;

pub(crate) use app::{EngineOptions, engine, worker};

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use sagaline::{client::Client, worker::Kafka};
use sagaline_journal::wire::topic;
use tempfile::TempDir;
use tokio::time::sleep;

use self::connection::Connection;
use crate::{
    Output, clock,
    kafka::Topics,
    report,
    saga::child::Children,
    subject::{Choice, Subject},
};

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    broker: Choice,
    /// Which figures.
    #[arg(long, value_delimiter = ',', default_value = "starts,pages,streams")]
    what: Vec<What>,
    /// Starts by each way, one after the other.
    #[arg(long, default_value_t = 1_000)]
    starts: u32,
    /// Requests for each page, one after the other.
    #[arg(long, default_value_t = 100)]
    requests: u32,
    /// Children of the parent whose page is read.
    #[arg(long, default_value_t = 600)]
    children: u32,
    /// Events of the longest history whose page is read, about; a run may have 50,000.
    #[arg(long, default_value_t = 40_000, value_parser = clap::value_parser!(u32).range(10..=45_000))]
    events: u32,
    /// Clients of server-sent events at a time: half of a list, the rest of single runs.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    clients: u32,
    /// Changes that they are told of, while all is at rest and as many while runs go on.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    changes: u32,
    /// Runs a second that go on meanwhile.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rate: u32,
    #[arg(short, long, default_value = "table")]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum What {
    Starts,
    Pages,
    Streams,
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
            match what {
                What::Starts => starts::both_ways(&subject, options.starts).await,
                What::Pages => pages::all(&subject, options).await,
                What::Streams => streams::clients(&subject, options).await,
            }
        })?;
        rows.iter()
            .try_for_each(|row| report::print(row, options.output))?;
    }
    Ok(())
}

/// An engine that answers HTTP, a worker and a client in a namespace of their own.
struct Bench {
    client: Client,
    children: Children,
    /// Where HTTP is answered.
    address: SocketAddr,
    // Deleted when this is over.
    _topics: Topics,
    _folder: TempDir,
}

impl Bench {
    async fn new(subject: &Subject, name: &str) -> Result<Self> {
        let kafka = subject.address().to_owned();
        let namespace = format!("http-{}-{name}", std::process::id());
        let topics = Topics::new(&kafka, namespace.clone())?;
        let folder = TempDir::new().context("there is no temporary folder")?;
        let address = free_address()?;
        let database = folder.path().join("projection.db");
        let more = [
            format!("--http-port={}", address.port()),
            format!("--database=sqlite:{}", database.display()),
        ];
        let children = Children::with(["http-engine", "http-worker"], &kafka, &namespace, &more)?;
        topics.wait_for(&[topic::inbox(&namespace), topic::replies(&namespace)])?;
        let client = Client::connect(Kafka::new(&kafka, Default::default())?, &namespace);
        let mut bench = Self {
            client: client.await.context("no client")?,
            children,
            address,
            _topics: topics,
            _folder: folder,
        };
        bench.wait_until_ready().await?;
        bench.warm_up().await?;
        Ok(bench)
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let begun = clock::now();
        while !self.is_ready().await {
            self.children.check()?;
            if begun.elapsed() > READY_MAX {
                bail!("the engine is not ready after {READY_MAX:?}");
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// False also where nobody listens yet.
    async fn is_ready(&self) -> bool {
        let Ok(mut connection) = self.connect().await else {
            return false;
        };
        let answer = connection.get("/readyz").await;
        answer.is_ok_and(|answer| answer.status == 200)
    }

    /// Runs in all partitions end, by way of the worker; and the server, which makes its client of Kafka for the first, has
    /// written something.
    async fn warm_up(&self) -> Result<()> {
        let runs = (0..WARM_UP_RUNS).map(|number| {
            let start = self
                .client
                .start(app::item(number), format!("warm-{number}"));
            async move { start.await?.result().await }
        });
        sagaline::future::try_join_all(runs).await?;
        starts::by_http(&mut self.connect().await?, "warm").await?;
        Ok(())
    }

    /// A connection that is kept: the server ends it after 10 s without a request, and after five minutes.
    async fn connect(&self) -> Result<Connection> {
        Connection::open(self.address).await
    }

    /// Waits until the projection has a run with this status, and gives its description.
    async fn described(&self, id: &str, status: &str) -> Result<serde_json::Value> {
        let begun = clock::now();
        let mut connection = self.connect().await?;
        loop {
            let answer = connection.get(&format!("/api/v1/workflows/{id}")).await?;
            if answer.status == 200 {
                let run: serde_json::Value = serde_json::from_slice(&answer.body)?;
                if run["status"] == status {
                    return Ok(run);
                }
            }
            if begun.elapsed() > PROJECTED_MAX {
                bail!("{id} is not {status} after {PROJECTED_MAX:?}: {answer:?}");
            }
            sleep(LOOK_EVERY).await;
        }
    }
}

/// A port that nobody listens on: `server` has no way to say which one it was given.
fn free_address() -> Result<SocketAddr> {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(socket.local_addr()?)
}

/// More than the first page of the list shows.
const WARM_UP_RUNS: u32 = 200;
const READY_MAX: Duration = Duration::from_secs(60);
const PROJECTED_MAX: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);
