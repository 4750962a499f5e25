//! `journal trim`: deletes the beginning of the journal, where nothing is left that anybody needs.
//!
//! ```text
//! read: what is the oldest record that is needed? ─▶ ask ─▶ partition by partition: fold up to a footer before it
//!                                                            ─▶ snapshot on `state`, read back ─▶ delete the records up to there
//! ```
//! Invariant: nothing is deleted before the snapshot in its place was read back and is the fold's; whatever ends this half-way
//! leaves a journal that everybody reads as before.

mod needed;

use std::{collections::BTreeMap, io, io::IsTerminal as _, sync::Arc};

use clap::Args;
use sagaline_core::Millis;
use sagaline_journal::{
    Error, ErrorKind, Item, JournalReader, NewRecord, SNAPSHOT_BYTES_MAX, Snapshots,
    kafka::{Admin, Producer, TopicState},
    wire::topic,
};
use sagaline_runtime::{Fold, engine::forgetful};
use serde::Serialize;

use self::needed::{Kept, Needed, Oldest};
use super::Session;
use crate::{
    cli::bulk::confirmed,
    clock,
    fault::{Exit, Fault, Outcome},
    journal::Journal,
    output::{Format, Progress, aside},
    settings::Span,
    work,
};

/// What `journal trim` takes.
#[derive(Debug, Args)]
pub(crate) struct TrimArgs {
    /// Keep the histories of runs that closed less than this ago
    #[arg(long, value_name = "SPAN", default_value = "30d")]
    keep: Span,
    /// The database of the servers: keep all that it still shows [env: SAGALINE_DATABASE]
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Only this partition
    #[arg(long)]
    partition: Option<i32>,
    /// Print what would go, and delete nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

/// What became, or would become, of a partition.
#[derive(Debug, Serialize)]
struct Trimmed {
    partition: i32,
    /// Offset of its first record before.
    began_at: i64,
    /// Offset of its first record after.
    begins_at: i64,
    /// Inputs that could not be taken and are listed no more.
    rejected_inputs: u64,
    /// What the snapshot has; none: none was written.
    snapshot: Option<Written>,
    /// What keeps the rest.
    needed: Option<Oldest>,
}

/// What a snapshot has.
#[derive(Debug, Serialize)]
struct Written {
    bytes: usize,
    /// Runs that were open there.
    open_runs: u64,
    /// Ids of closed runs that were remembered there.
    closed_ids: u64,
}

/// Parts that are on their way at once: what stands in line for the broker is bounded.
const RECORDS_AT_ONCE: usize = 8;

#[derive(Serialize)]
struct All<'a> {
    partitions: &'a [Trimmed],
    dry_run: bool,
}

pub(super) fn trim(session: &Session, args: &TrimArgs) -> Outcome {
    let asks = !args.yes && !args.dry_run;
    if asks && !io::stdin().is_terminal() {
        return Err(
            Fault::usage("this would ask first, and there is no terminal to ask at")
                .hint("--yes does it without asking; --dry-run prints what would go"),
        );
    }
    let journal = Journal::open(session)?;
    check_state(session)?;
    let shown = shown(session, args)?;
    let all = args
        .partition
        .map_or(0..journal.partitions, |only| only..only.saturating_add(1));
    // Everything is read twice: for what is needed, and for the last footer before it.
    let records = journal.offsets(all.clone())?;
    let progress = Progress::new(records.saturating_mul(2), "records");
    let kept = Kept {
        now: clock::now(),
        keep: Millis(u64::try_from(args.keep.get().as_millis()).unwrap_or(u64::MAX)),
    };
    let mut trimmed = Vec::new();
    for partition in all {
        // What the database has not read yet it needs from the first record on.
        let shown = shown.as_ref();
        let shown = shown.map(|shown| shown.get(&partition).copied().unwrap_or(0));
        let needed = Needed::of(&journal, partition, (kept, shown), &progress)?;
        trimmed.push(prepare(&journal, partition, needed, &progress)?);
    }
    drop(progress);
    let going: i64 = trimmed.iter().map(Trimmed::records).sum();
    if asks && going > 0 {
        let question = format!(
            "About {going} records go from {} for good; histories in them can be read no more, and builds that know no snapshots \
             cannot go on. Go on?",
            journal.topic
        );
        if !confirmed(&question)? {
            return Err(Fault::new(Exit::Failed, "not confirmed: nothing was done"));
        }
    }
    let mut done = Ok(());
    if !args.dry_run && going > 0 {
        let work = Work::open(session, &journal)?;
        for one in &mut trimmed {
            // Of what is not done nothing is gone.
            match done.is_ok() {
                true => done = work.trim(one),
                false => one.begins_at = one.began_at,
            }
        }
    }
    print(session, &trimmed, args.dry_run)?;
    done
}

/// Snapshots must be kept for ever.
fn check_state(session: &Session) -> Outcome {
    let admin = Admin::open(&session.kafka()?)?;
    let state = topic::state(&session.settings.namespace);
    match admin.topic(&state)? {
        TopicState::Present(_) => match forgetful(&state, &admin.topic_config(&state)?) {
            Some(finding) => Err(Fault::refused(finding.text).code("no-compaction")),
            None => Ok(()),
        },
        TopicState::Missing => Err(Fault::refused(format!("there is no topic {state}"))
            .hint("engines make it when they start: start one of this version first")),
        TopicState::Denied => Err(Fault::refused(format!(
            "the principal may not read {state}"
        ))),
    }
}

/// Where the first record lies, by partition, that the named database needs.
fn shown(session: &Session, args: &TrimArgs) -> Outcome<Option<BTreeMap<i32, i64>>> {
    let named = args
        .database
        .as_ref()
        .or(session.settings.database.as_ref());
    let Some(url) = named else {
        aside(
            "no database is named: what one still shows, or has not archived, goes as well where --keep allows it",
        );
        return Ok(None);
    };
    let namespace = &session.settings.namespace;
    let shown = work::runtime()?.block_on(sagaline_projection::needed(url, namespace))?;
    Ok(Some(shown))
}

/// Finds the last footer before what is needed of a partition.
fn prepare(
    journal: &Journal,
    partition: i32,
    mut needed: Needed,
    progress: &Progress,
) -> Outcome<Trimmed> {
    let beginning = journal.beginnings().of(partition)?;
    let began_at = beginning.offset.saturating_add(1);
    let mut begins_at = began_at;
    let mut reader = JournalReader::after(beginning);
    let mut items = Vec::new();
    let (mut rejected, mut rejected_inputs) = (0, 0);
    journal.read_until((partition, began_at), needed.until(), |record| {
        progress.one();
        reader.read(record, &mut items)?;
        for item in items.drain(..) {
            let Item::Batch(batch) = item else { continue };
            rejected += needed::rejections(&batch);
            if needed.allows(&batch) {
                begins_at = batch.footer_offset.saturating_add(1);
                rejected_inputs = rejected;
            }
        }
        Ok(())
    })?;
    Ok(Trimmed {
        partition,
        began_at,
        begins_at,
        rejected_inputs,
        snapshot: None,
        needed: needed.oldest(),
    })
}

impl Trimmed {
    const fn records(&self) -> i64 {
        self.begins_at.saturating_sub(self.began_at)
    }
}

/// What trimming takes.
struct Work<'a> {
    journal: &'a Journal,
    admin: Admin,
    producer: Producer,
    state: Arc<str>,
}

impl<'a> Work<'a> {
    fn open(session: &Session, journal: &'a Journal) -> Outcome<Self> {
        let kafka = session.kafka()?;
        Ok(Self {
            journal,
            admin: Admin::open(&kafka)?,
            producer: Producer::open(&kafka)?,
            state: topic::state(&session.settings.namespace).into(),
        })
    }

    /// Trims a partition; on an error nothing is gone from it.
    fn trim(&self, one: &mut Trimmed) -> Outcome {
        let partition = one.partition;
        if one.records() == 0 {
            return Ok(());
        }
        let mut fold = self.journal.beginning(partition)?;
        let place = (partition, fold.next_offset());
        let begins_at = std::mem::replace(&mut one.begins_at, one.began_at);
        self.journal
            .read_until(place, begins_at, |record| fold.record(record))?;
        let snapshot = fold.snapshot()?;
        // What would not be taken back as it is must never count.
        if snapshot.bytes.len() as u64 > SNAPSHOT_BYTES_MAX
            || Fold::restored(1, &snapshot)?.state != fold.state
        {
            let text = format!("partition {partition}: its state cannot be kept as a snapshot");
            return Err(Error::new(ErrorKind::Internal, "snapshot-corrupt", text).into());
        }
        let mut parts = snapshot.records(&self.state, partition);
        let last = parts.split_off(parts.len().saturating_sub(1));
        self.send(parts)?;
        self.send(last)?;
        let offset = snapshot.footing.offset;
        let snapshots = self
            .journal
            .beginnings()
            .read(partition, Snapshots::default())?;
        if snapshots.fitting(begins_at)?.as_ref() != Some(&snapshot) {
            let text = format!(
                "partition {partition}: the snapshot that was written is not the one that is read"
            );
            let error = Error::new(ErrorKind::Conflict, "snapshot-corrupt", text);
            return Err(Fault::from(error)
                .hint("did somebody else trim at the same time? nothing is gone: run it again"));
        }
        self.admin
            .delete_records(&self.journal.topic, partition, begins_at)?;
        one.begins_at = begins_at;
        one.snapshot = Some(Written {
            bytes: snapshot.bytes.len(),
            open_runs: fold.state.open_runs(),
            closed_ids: fold.state.closed_ids(),
        });
        self.send(snapshots.clearing(offset, &self.state, partition))
    }

    /// Sends records and waits until all are there.
    fn send(&self, records: Vec<NewRecord>) -> Outcome {
        for some in records.chunks(RECORDS_AT_ONCE) {
            for sent in self.producer.send_all_blocking(some.to_vec()) {
                sent?;
            }
        }
        Ok(())
    }
}

fn print(session: &Session, trimmed: &[Trimmed], dry_run: bool) -> Outcome {
    let output = session.output;
    match output.format {
        Format::Json => output.json(&All {
            partitions: trimmed,
            dry_run,
        })?,
        Format::Jsonl => trimmed.iter().try_for_each(|one| output.json(one))?,
        Format::Table => {
            let row = |one: &Trimmed| {
                let (needed, snapshot) = (one.needed.as_ref(), one.snapshot.as_ref());
                vec![
                    one.partition.to_string(),
                    one.records().to_string(),
                    one.begins_at.to_string(),
                    snapshot.map_or_else(String::new, |written| written.bytes.to_string()),
                    one.rejected_inputs.to_string(),
                    needed.map_or_else(String::new, |needed| needed.in_words(output)),
                ]
            };
            let rows: Vec<Vec<String>> = trimmed.iter().map(row).collect();
            let headings = [
                "PARTITION",
                match dry_run {
                    true => "WOULD GO",
                    false => "RECORDS GONE",
                },
                "BEGINS AT",
                "SNAPSHOT BYTES",
                "REJECTED INPUTS",
                "KEPT FOR",
            ];
            output.table(&headings, &rows)?;
        }
    }
    Ok(())
}
