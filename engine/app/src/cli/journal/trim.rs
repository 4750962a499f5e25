//! `journal trim`: deletes the beginning of the journal, where nothing is left that anybody needs.
//!
//! ```text
//! read: what is the oldest record that is needed? ─▶ fold up to a footer before it ─▶ snapshot on `state`, read back
//!                                                                                    ─▶ delete the records up to there
//! ```
//! Invariant: nothing is deleted before the snapshot in its place was read back and is the fold's; whatever ends this half-way
//! leaves a journal that everybody reads as before.

mod needed;

use std::{collections::BTreeMap, io, io::IsTerminal as _, sync::Arc};

use clap::Args;
use sagaline_core::Millis;
use sagaline_journal::{
    Error, ErrorKind, Item, JournalReader, NewRecord, Record, Snapshots,
    kafka::{Admin, Producer, TopicState},
    wire::topic,
};
use sagaline_projection::Projection;
use sagaline_runtime::{Fold, engine::forgetful};
use serde::Serialize;

use self::needed::{Kept, Needed, Oldest};
use super::Session;
use crate::{
    cli::bulk::confirmed,
    clock,
    fault::{Exit, Fault, Outcome},
    journal::Journal,
    output::{Format, Progress},
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
    /// Runs that are open behind the snapshot.
    open_runs: u64,
    /// Ids of closed runs that the snapshot remembers.
    closed_ids: u64,
    /// Bytes of the snapshot; none: nothing can go.
    snapshot_bytes: Option<usize>,
    /// Inputs that could not be taken and are listed no more.
    rejected_inputs: u64,
    /// What keeps the rest.
    needed: Option<Oldest>,
}

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
    // Everything is read twice: for what is needed, and for what was before it.
    let records = journal.offsets(all.clone())?;
    let progress = Progress::new(records.saturating_mul(2), "records");
    let keep = Millis(u64::try_from(args.keep.get().as_millis()).unwrap_or(u64::MAX));
    let kept = Kept {
        now: clock::now(),
        keep,
    };
    let mut trims = Vec::new();
    for partition in all {
        // What the database has not read yet it needs from the first record on.
        let shown = shown.as_ref();
        let shown = shown.map(|shown| shown.get(&partition).copied().unwrap_or(0));
        let needed = Needed::of(&journal, partition, (kept, shown), &progress)?;
        trims.push(Trim::prepare(&journal, partition, needed, &progress)?);
    }
    drop(progress);
    let going: i64 = trims.iter().map(Trim::records).sum();
    if asks && going > 0 {
        let question = format!(
            "About {going} records go from {} for good; histories in them can be read no more. Go on?",
            journal.topic
        );
        if !confirmed(&question)? {
            return Err(Fault::new(Exit::Failed, "not confirmed: nothing was done"));
        }
    }
    if !args.dry_run && going > 0 {
        let work = Work::open(session, &journal)?;
        trims.iter().try_for_each(|trim| work.trim(trim))?;
    }
    let trimmed: Vec<Trimmed> = trims.into_iter().map(Trim::told).collect();
    print(session, &trimmed, args.dry_run)
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
        return Ok(None);
    };
    let namespace = &session.settings.namespace;
    let shown = work::runtime()?.block_on(async {
        let projection = Projection::open(url, namespace).await?;
        projection.first_offsets().await
    })?;
    Ok(Some(shown))
}

/// A partition's trimming, prepared.
struct Trim {
    partition: i32,
    began_at: i64,
    needed: Needed,
    /// Behind the last footer before what is needed; none: there is none.
    fold: Option<Fold>,
    rejected_inputs: u64,
    snapshot_bytes: Option<usize>,
}

impl Trim {
    /// Folds a partition up to the last footer before what is needed of it.
    fn prepare(
        journal: &Journal,
        partition: i32,
        needed: Needed,
        progress: &Progress,
    ) -> Outcome<Self> {
        let mut fold = journal.beginning(partition)?;
        let began_at = fold.next_offset();
        let mut reader = JournalReader::after(fold.footing());
        // Read, and not folded before a footer is found at which one may cut.
        let mut ahead: Vec<Record> = Vec::new();
        let mut items = Vec::new();
        let (mut moved, mut rejected_inputs) = (false, 0);
        journal.read_until((partition, began_at), needed.until(), |record| {
            progress.one();
            reader.read(record.clone(), &mut items)?;
            ahead.push(record);
            for item in items.drain(..) {
                if let Item::Batch(batch) = item
                    && needed.allows(&batch)
                {
                    for record in ahead.drain(..) {
                        rejected_inputs += u64::from(needed::is_rejection(&record));
                        fold.record(record)?;
                    }
                    moved = true;
                }
            }
            Ok(())
        })?;
        let snapshot = moved.then(|| fold.snapshot()).transpose()?;
        Ok(Self {
            partition,
            began_at,
            needed,
            snapshot_bytes: snapshot.map(|snapshot| snapshot.bytes.len()),
            fold: moved.then_some(fold),
            rejected_inputs,
        })
    }

    fn begins_at(&self) -> i64 {
        self.fold.as_ref().map_or(self.began_at, Fold::next_offset)
    }

    fn records(&self) -> i64 {
        self.begins_at().saturating_sub(self.began_at)
    }

    fn told(self) -> Trimmed {
        let state = self.fold.as_ref().map(|fold| &fold.state);
        Trimmed {
            partition: self.partition,
            began_at: self.began_at,
            begins_at: self.begins_at(),
            open_runs: state.map_or(0, |state| state.open_runs()),
            closed_ids: state.map_or(0, |state| state.closed_ids()),
            snapshot_bytes: self.snapshot_bytes,
            rejected_inputs: self.rejected_inputs,
            needed: self.needed.oldest(),
        }
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

    fn trim(&self, trim: &Trim) -> Outcome {
        let (Some(fold), partition) = (&trim.fold, trim.partition) else {
            return Ok(());
        };
        let snapshot = fold.snapshot()?;
        let mut parts = snapshot.records(&self.state, partition);
        let last = parts.split_off(parts.len().saturating_sub(1));
        self.send(parts)?;
        self.send(last)?;
        let snapshots = self
            .journal
            .beginnings()
            .read(partition, Snapshots::default())?;
        let newest = snapshots.newest()?;
        if newest.as_ref() != Some(&snapshot) || Fold::restored(1, &snapshot)?.state != fold.state {
            let text = format!(
                "partition {partition}: the snapshot that was written is not the one that is read; does somebody else trim, too?"
            );
            return Err(Error::new(ErrorKind::Conflict, "snapshot-corrupt", text).into());
        }
        let begins_at = fold.next_offset();
        self.admin
            .delete_records(&self.journal.topic, partition, begins_at)?;
        self.send(snapshots.clearing(&self.state, partition))
    }

    /// Sends records and waits until all are there.
    fn send(&self, records: Vec<NewRecord>) -> Outcome {
        for sent in self.producer.send_all_blocking(records) {
            sent?;
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
                let needed = one.needed.as_ref();
                vec![
                    one.partition.to_string(),
                    one.begins_at.saturating_sub(one.began_at).to_string(),
                    one.begins_at.to_string(),
                    one.snapshot_bytes.unwrap_or_default().to_string(),
                    one.open_runs.to_string(),
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
                "OPEN RUNS",
                "REJECTED INPUTS",
                "KEPT FOR",
            ];
            output.table(&headings, &rows)?;
        }
    }
    Ok(())
}

impl Needed {
    /// Whether the journal may begin behind this batch.
    fn allows(&self, batch: &sagaline_journal::Batch) -> bool {
        // Behind a mark, what it announces would be lost.
        batch.footer_offset < self.until()
            && batch.batch_no <= self.effects_done()
            && !batch.transitions.is_empty()
    }
}
