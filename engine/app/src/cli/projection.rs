//! `projection rebuild`: makes the projection anew from the journal, while the one before is read.

use std::{thread, time::Duration};

use clap::{Args, Subcommand};
use sagaline_projection::{Following, Projection, RETIRE_AFTER, Rebuild};
use serde_json::json;
use tokio::runtime::Runtime;

use super::Session;
use crate::{
    clock,
    fault::{Fault, Outcome},
    journal::Journal,
    output::{Format, Progress},
    work,
};

/// What can be done with the projection.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make it anew from the journal; lists and pages go over to it once it is whole
    Rebuild(RebuildArgs),
}

/// What `projection rebuild` takes.
#[derive(Debug, Args)]
pub(crate) struct RebuildArgs {
    /// The database of the servers: `sqlite:PATH` or `postgres://…` [env: SAGALINE_DATABASE]
    #[arg(long, value_name = "URL")]
    database: Option<String>,
}

/// How often one looks how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(100);

impl Verb {
    pub(crate) fn run(&self, session: &Session) -> Outcome {
        match self {
            Self::Rebuild(args) => rebuild(session, args),
        }
    }
}

fn rebuild(session: &Session, args: &RebuildArgs) -> Outcome {
    let named = args
        .database
        .as_ref()
        .or(session.settings.database.as_ref());
    let url = named.ok_or_else(|| {
        Fault::usage("no database is named").hint("--database URL, the one that the servers have")
    })?;
    let journal = Journal::open(session)?;
    let records = journal.offsets(0..journal.partitions)?;
    let runtime = work::runtime()?;
    let namespace = &session.settings.namespace;
    let rebuild = runtime.block_on(Rebuild::begin(url, namespace))?;
    let following = {
        let _entered = runtime.enter();
        rebuild.projection().follow(&session.kafka()?, namespace)?
    };
    catch_up(&runtime, rebuild.projection(), &following, records)?;
    // Whoever serves goes on with it.
    drop(following);
    runtime.block_on(rebuild.serve(clock::now()))?;
    match session.output.format {
        Format::Table => session
            .output
            .line("The projection was made anew; it is read now.")?,
        Format::Json | Format::Jsonl => {
            session
                .output
                .json(&json!({"namespace": namespace, "records": records}))?;
        }
    }
    runtime.block_on(async {
        tokio::time::sleep(RETIRE_AFTER).await;
        rebuild.retire().await
    })?;
    Ok(())
}

/// Waits until it has all that is in the journal.
fn catch_up(
    runtime: &Runtime,
    projection: &Projection,
    following: &Following,
    records: u64,
) -> Outcome {
    let progress = Progress::new(records, "records");
    let lag = following.lag();
    let mut told = None;
    while !lag.is_caught_up() {
        if let Some((code, text)) = lag.failure()
            && told != Some(code)
        {
            progress.aside(&format!("it waits: {text} ({code})"));
            told = Some(code);
        }
        let read = runtime.block_on(projection.progress())?;
        let offsets = read
            .iter()
            .map(|one| u64::try_from(one.next_offset).unwrap_or_default());
        let done = offsets.sum();
        progress.at(|| done);
        thread::park_timeout(LOOK_EVERY);
    }
    Ok(())
}
