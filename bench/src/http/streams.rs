//! Many clients of server-sent events: what they take of the server's memory, and how late they hear of a change.
//!
//! Half of them look at the list, as a browser shows it, the rest at single runs. They are told of changes while nothing else
//! happens, and then while runs go on, of which the list's clients are told, too. A change is a signal by HTTP that ends a
//! run; it is late by all that lies between the request and a client's read, the server's pause to gather changes included.

use std::{
    convert::Infallible,
    io::Write as _,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    task::JoinSet,
    time::{interval, sleep},
};

use super::{
    Bench, Options,
    app::{self, Courier, Order},
    listener::{About, Ears, Listener, watched},
};
use crate::{
    clock,
    report::{Row, percentile, round},
    subject::Subject,
};

/// What the server may take with all of them.
const MEMORY_MB_MAX: f64 = 500.0;

/// Streams that are being opened at a time.
const OPENING_MAX: usize = 64;

/// Files that this process needs beside them, and more connections than the server then has.
const FILES_BESIDE: usize = 64;

/// How long all clients have to hear of a change.
const HEARD_MAX: Duration = Duration::from_secs(10);

/// How long clients listen, or runs go on, before one looks.
const WARM_UP: Duration = Duration::from_secs(3);

/// How often one looks whether all have heard.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Opens them, and lets them hear.
pub(super) async fn clients(subject: &Subject, options: &Options) -> Result<Vec<Row>> {
    let bench = Bench::new(subject, "streams").await?;
    let audience = Audience::new(&bench, options)?;
    let changes = options.changes;
    for number in 1..=audience.runs {
        bench.client.start(app::watched(), watched(number)).await?;
        bench.described(&watched(number), "Running").await?;
    }
    let before = memory(&bench)?;
    let ears = Arc::new(Ears::default());
    let _listening = audience.open(&bench, &ears).await?;
    sleep(WARM_UP).await;
    let with = memory(&bench)?;

    let mut resting = Told::default();
    for number in 1..=changes {
        resting.change(&bench, &ears, &audience, number).await?;
    }
    let mut busy = Told::default();
    let told = async {
        sleep(WARM_UP).await;
        for number in changes + 1..=audience.runs {
            busy.change(&bench, &ears, &audience, number).await?;
        }
        Ok::<_, anyhow::Error>(())
    };
    tokio::select! {
        told = told => told?,
        failed = go_on(&bench, options.rate) => match failed? {},
    }
    ensure!(ears.ended() == 0, "{} streams were ended", ears.ended());

    let clients = audience.clients as f64;
    let each = |memory: f64| round((memory - before).max(0.0) * 1_000.0 / clients, 1);
    let mut rows = vec![(
        "clients of server-sent events, half of a list".to_owned(),
        vec![
            ("clients", clients),
            ("mb_before", before),
            ("mb_with_them", with),
            ("kb_each", each(with)),
            ("mb_while_runs_go_on", busy.memory),
            ("kb_each_then", each(busy.memory)),
            ("target_mb", MEMORY_MB_MAX),
        ],
    )];
    rows.extend(resting.rows("while nothing else happens")?);
    rows.extend(busy.rows(&format!("while {} runs a second go on", options.rate))?);
    Ok(rows)
}

/// Who looks at what.
struct Audience {
    clients: usize,
    /// Runs that change, one after the other.
    runs: u32,
}

impl Audience {
    /// As many as are wanted, or as fit.
    fn new(bench: &Bench, options: &Options) -> Result<Self> {
        let wanted = options.clients as usize;
        // The server takes half as many connections as it may have files.
        let served = bench.children.engine_files_max().context("no limits")? / 2;
        let most = served.min(own_files()).saturating_sub(FILES_BESIDE);
        if wanted > most {
            let mut notes = std::io::stderr();
            writeln!(
                notes,
                "note: {most} clients, not {wanted}: too few open files are allowed (`ulimit -Hn`)"
            )?;
        }
        ensure!(most >= 2, "too few open files are allowed: `ulimit -Hn`");
        Ok(Self {
            clients: wanted.min(most),
            runs: options.changes * 2,
        })
    }

    /// Every second client looks at the list, each of the others at one of the runs.
    fn all(&self) -> impl Iterator<Item = About> + use<> {
        let runs = self.runs;
        (0..self.clients).map(move |client| match client % 2 {
            0 => About::List,
            _ => About::Run((client / 2) as u32 % runs + 1),
        })
    }

    /// How many look at this.
    fn of(&self, what: About) -> usize {
        self.all().filter(|about| *about == what).count()
    }

    /// Opens their streams; they listen as long as what is given lives.
    async fn open(&self, bench: &Bench, ears: &Arc<Ears>) -> Result<JoinSet<()>> {
        let (address, ears) = (bench.address, ears.clone());
        let opening = self
            .all()
            .map(move |about| Listener::open(address, about, ears.clone()));
        let opened = sagaline::future::join_window(OPENING_MAX, opening).await;
        let mut listening = JoinSet::new();
        for listener in opened {
            listening.spawn(listener?.listen());
        }
        Ok(listening)
    }
}

/// How late clients were, and what the server took.
#[derive(Debug, Default)]
struct Told {
    of_list: Late,
    of_run: Late,
    memory: f64,
}

/// How late some of them were.
#[derive(Debug, Default)]
struct Late {
    by: Vec<Duration>,
    missed: usize,
}

impl Told {
    /// Lets a run change, until all who look at it, or at the list, have heard.
    async fn change(
        &mut self,
        bench: &Bench,
        ears: &Ears,
        audience: &Audience,
        number: u32,
    ) -> Result<()> {
        let (of_list, of_run) = (audience.of(About::List), audience.of(About::Run(number)));
        let mut connection = bench.connect().await?;
        ears.listen_for(number);
        let path = format!("/api/v1/workflows/{}/signals/{}", watched(number), app::GO);
        let begun = clock::now();
        connection.post(&path, "null").await?.with(202)?;
        while ears.count() < of_list + of_run && begun.elapsed() < HEARD_MAX {
            sleep(LOOK_EVERY).await;
        }
        let heard = ears.take();
        self.of_list.add(begun, &heard.of_list, of_list);
        self.of_run.add(begun, &heard.of_run, of_run);
        self.memory = self.memory.max(memory(bench)?);
        Ok(())
    }

    fn rows(self, meanwhile: &str) -> Result<[Row; 2]> {
        Ok([
            self.of_list.row("the list", meanwhile)?,
            self.of_run.row("the run", meanwhile)?,
        ])
    }
}

impl Late {
    fn add(&mut self, begun: Instant, heard: &[Instant], expected: usize) {
        self.missed += expected.saturating_sub(heard.len());
        let late = heard.iter().map(|at| at.saturating_duration_since(begun));
        self.by.extend(late);
    }

    fn row(mut self, of: &str, meanwhile: &str) -> Result<Row> {
        self.by.sort_unstable();
        let share = |share| percentile(&self.by, share).context("nobody has heard of a change");
        Ok((
            format!("how late clients of {of} hear of a change, {meanwhile}"),
            vec![
                ("heard", self.by.len() as f64),
                ("missed", self.missed as f64),
                ("p50_ms", share(0.5)?),
                ("p99_ms", share(0.99)?),
            ],
        ))
    }
}

/// Starts orders for ever, so many a second.
async fn go_on(bench: &Bench, rate: u32) -> Result<Infallible> {
    let mut due = interval(Duration::from_secs(1) / rate);
    let mut number = 0_u64;
    loop {
        due.tick().await;
        number += 1;
        let order = app::order(Order::by(Courier::Delivers));
        bench.client.start(order, format!("order-{number}")).await?;
    }
}

/// Resident memory of the server, in megabytes.
fn memory(bench: &Bench) -> Result<f64> {
    let bytes = bench.children.engine_rss_bytes();
    let bytes = bytes.context("the memory of the server is not known")?;
    Ok(round(bytes as f64 / 1e6, 1))
}

/// Files that this process may have open, once that is as many as the system lets it have.
fn own_files() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    // Where it may not be raised, it stays as it is.
    let files = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    files.map_or(usize::MAX, |files| {
        usize::try_from(files).unwrap_or(usize::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_clients_look_at_the_list_and_the_others_at_all_runs_alike() {
        let audience = Audience {
            clients: 101,
            runs: 10,
        };

        assert_eq!(audience.of(About::List), 51);
        for number in 1..=10 {
            assert_eq!(audience.of(About::Run(number)), 5);
        }
        assert_eq!(audience.of(About::Run(0)) + audience.of(About::Run(11)), 0);
    }
}
