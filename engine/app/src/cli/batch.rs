//! `batch`: acts on many workflows. Each is a run of a built-in workflow; the acts with `--query` begin them.
//!
//! What a batch has done stands in its run's memo, so all that was ever begun can be seen, also when no engine runs.

use clap::{Args, Subcommand};
use sagaline_core::{BATCH_ID_PREFIX, BATCH_WORKFLOW, WorkflowId};
use sagaline_journal::wire::{ce_type, header};
use sagaline_sdk::batch::{self, Description, Tally};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::{
    Session,
    api::{Change, Door, Path},
    bulk::number,
    operate::Told,
    rows::{self, Rows},
    unread::{self, Unread},
};
use crate::{
    fault::{Fault, Outcome},
    inbox::{Inbox, Question},
    journal::Journal,
    output::{Format, Output, aside},
    runs::{Runs, SeenRun},
};

/// What can be done with batches.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Print batches, the newest first
    List(ListArgs),
    /// Print how far a batch is, and what failed
    Describe(Named),
    /// Stop a batch: what it has begun it ends, the rest is left
    Cancel(CancelArgs),
}

impl Verb {
    pub(crate) fn run(self, session: &Session) -> Outcome {
        match self {
            Self::List(args) => list(session, &args),
            Self::Describe(of) => describe(session, &of),
            Self::Cancel(args) => cancel(session, &args),
        }
    }
}

/// Which batch.
#[derive(Debug, Args)]
pub(crate) struct Named {
    /// Id of the batch, as the act that began it printed it
    #[arg(value_name = "BATCH_ID", value_parser = id)]
    id: WorkflowId,
}

/// With the prefix it is the workflow id that other commands print.
fn id(text: &str) -> Result<WorkflowId, String> {
    let text = text.strip_prefix(BATCH_ID_PREFIX).unwrap_or(text);
    let id = batch::workflow_id(text).map_err(|error| error.message().to_owned())?;
    super::workflow_id(&id)
}

/// What `list` takes.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Most rows that are printed
    #[arg(long, default_value_t = 50, value_name = "ROWS")]
    limit: usize,
}

/// What `cancel` takes.
#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    #[command(flatten)]
    of: Named,
    /// Why: it is kept in the history
    #[arg(long)]
    reason: Option<String>,
}

/// A batch as the journal tells it, or a server.
#[derive(Deserialize, Serialize)]
struct Seen {
    status: String,
    started_at: String,
    closed_at: Option<String>,
    /// Why it did not end well.
    failure: Option<String>,
    #[serde(flatten)]
    about: About,
}

impl Seen {
    /// What `failure` is called for people: who cancels gives a reason.
    fn why(&self) -> &'static str {
        match self.status.as_str() {
            "Failed" | "TimedOut" => "Failure",
            _ => "Reason",
        }
    }
}

/// What a batch says of itself.
#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum About {
    Read(Description),
    /// What it acts on was encoded by an app whose codec is not here: its memo is plain.
    Unread {
        batch_id: String,
        /// Why it is not read.
        unread: String,
        /// How many it acts on, once it has been told all.
        matched: Option<u64>,
        #[serde(flatten)]
        tally: Tally,
    },
}

impl About {
    fn of(session: &Session, id: &WorkflowId, run: &SeenRun) -> Self {
        let started = &run.run.started;
        let memo = started.memo.as_ref();
        let unknown = |error: sagaline_sdk::Error| Unread::unknown(error.message());
        let input = unread::plain(session, started.input.clone());
        let read = input.and_then(|input| {
            let seen = batch::seen(id.as_str(), &input, memo);
            seen.map_err(unknown)
        });
        match read {
            Ok(about) => Self::Read(about),
            Err(unread) => {
                let told = batch::told_by_memo(memo).ok().flatten();
                let (matched, tally) = told
                    .map(|(matched, tally)| (Some(matched), tally))
                    .unwrap_or_default();
                let batch_id = id.as_str().strip_prefix(BATCH_ID_PREFIX);
                Self::Unread {
                    batch_id: batch_id.unwrap_or(id.as_str()).to_owned(),
                    unread: unread.why,
                    matched,
                    tally,
                }
            }
        }
    }

    fn batch_id(&self) -> &str {
        match self {
            Self::Read(about) => &about.batch_id,
            Self::Unread { batch_id, .. } => batch_id,
        }
    }

    const fn matched(&self) -> Option<u64> {
        match self {
            Self::Read(about) => Some(about.matched),
            Self::Unread { matched, .. } => *matched,
        }
    }

    const fn tally(&self) -> &Tally {
        match self {
            Self::Read(about) => &about.tally,
            Self::Unread { tally, .. } => tally,
        }
    }

    fn read(&self) -> Option<&Description> {
        match self {
            Self::Read(about) => Some(about),
            Self::Unread { .. } => None,
        }
    }

    fn unread(&self) -> Option<&str> {
        match self {
            Self::Read(_) => None,
            Self::Unread { unread, .. } => Some(unread),
        }
    }
}

#[derive(Serialize)]
struct List {
    batches: Vec<Box<RawValue>>,
    next_page_token: Option<String>,
}

#[derive(Serialize)]
struct Reason<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

fn seen(session: &Session, runs: &Runs, id: &WorkflowId, run: &SeenRun) -> Seen {
    let closed = run.run.closed.as_ref();
    let failure = closed.and_then(|closed| {
        let failure = closed.failure.as_ref();
        let failure = failure.map(|failure| failure.message.to_string());
        failure.or_else(|| closed.reason.as_ref().map(ToString::to_string))
    });
    let status = runs.view(id, run, session.output.now, &[]).status();
    Seen {
        status: status.to_owned(),
        started_at: run.run.execution_started_at().to_rfc3339(),
        closed_at: closed.map(|closed| closed.at.to_rfc3339()),
        failure,
        about: About::of(session, id, run),
    }
}

fn list(session: &Session, args: &ListArgs) -> Outcome {
    if let Door::Http(api) = session.door()? {
        let rows = Rows::read(&api, &Path::new("batches"), "batches", args.limit)?;
        let list = List {
            batches: rows.rows,
            next_page_token: rows.next_page_token,
        };
        print(session.output, &list)?;
        if rows.is_cut {
            aside("… more: --limit");
        }
        return Ok(());
    }
    let folded = Journal::open(session)?.fold_all()?;
    let mut all = Vec::new();
    for runs in &folded {
        let batches = runs.iter().filter(|(_, run)| is_batch(run));
        all.extend(batches.map(|(id, run)| {
            let began = run.run.execution_started_at();
            (began, seen(session, runs, id, run))
        }));
    }
    all.sort_by_key(|(began, _)| std::cmp::Reverse(*began));
    let count = all.len();
    all.truncate(args.limit);
    let rows = all.iter().map(|(_, batch)| to_raw_value(batch));
    let list = List {
        batches: rows.collect::<Result<_, _>>()?,
        next_page_token: None,
    };
    print(session.output, &list)?;
    if count > args.limit {
        aside(&format!("… {} more: --limit", count - args.limit));
    }
    Ok(())
}

fn print(output: Output, list: &List) -> Outcome {
    let batches = &list.batches;
    match output.format {
        Format::Json => output.json(list)?,
        Format::Jsonl => batches.iter().try_for_each(|one| output.json(one))?,
        Format::Table => {
            let all: Vec<Seen> = rows::parsed(batches)?;
            let rows: Vec<Vec<String>> = all.iter().map(|one| row(output, one)).collect();
            output.table(
                &[
                    "STATUS", "BATCH", "ACT", "MATCHED", "DONE", "SKIPPED", "FAILED", "STARTED",
                    "BY",
                ],
                &rows,
            )?;
            unread::aside_of(all.iter().filter_map(|one| one.about.unread()));
        }
    }
    Ok(())
}

/// Whether it is one that is still shown: of one that was deleted nothing is known.
fn is_batch(run: &SeenRun) -> bool {
    run.run.started.workflow.as_str() == BATCH_WORKFLOW && run.deleted.is_none()
}

/// How many of what it acts on a batch has dealt with, however that ended: its memo is plain.
pub(super) fn dealt_with(run: &SeenRun) -> u64 {
    let told = batch::told_by_memo(run.run.started.memo.as_ref());
    let tally = told.ok().flatten().map(|(_, tally)| tally);
    tally.map_or(0, |tally| tally.done + tally.skipped + tally.failed)
}

fn row(output: Output, batch: &Seen) -> Vec<String> {
    let about = &batch.about;
    let read = |text: fn(&Description) -> &String| {
        let read = about.read().map(|about| text(about).clone());
        read.unwrap_or_else(|| unread::DASH.to_owned())
    };
    let matched = about.matched().map(many);
    let tally = about.tally();
    vec![
        batch.status.clone(),
        about.batch_id().to_owned(),
        read(|about| &about.act),
        matched.unwrap_or_else(|| unread::DASH.to_owned()),
        many(tally.done),
        many(tally.skipped),
        many(tally.failed),
        output.time_of(&batch.started_at),
        read(|about| &about.actor),
    ]
}

pub(super) fn many(count: u64) -> String {
    number(usize::try_from(count).unwrap_or(usize::MAX))
}

fn describe(session: &Session, of: &Named) -> Outcome {
    let output = session.output;
    let json = match session.door()? {
        Door::Http(api) => api.get(&path(&of.id))?,
        Door::Kafka => {
            let (_, runs) = Journal::open(session)?.runs_of(&of.id)?;
            let run = runs.find(&of.id, None).filter(|run| is_batch(run));
            let run = run.ok_or_else(|| unknown(&of.id))?;
            to_raw_value(&seen(session, &runs, &of.id, run))?
        }
    };
    if output.format != Format::Table {
        return Ok(output.json(&json)?);
    }
    let batch: Seen = serde_json::from_str(json.get())?;
    output.table(&[], &facts(output, &batch))?;
    let tally = batch.about.tally();
    let errors = tally.errors.iter();
    let errors: Vec<Vec<String>> = errors
        .map(|one| vec![one.code.clone(), one.workflow_id.clone()])
        .collect();
    if !errors.is_empty() {
        output.line("")?;
        output.table(&["ERROR", "WORKFLOW ID"], &errors)?;
    }
    if tally.errors_left_out > 0 {
        aside(&format!("… {} more failed", many(tally.errors_left_out)));
    }
    Ok(())
}

/// As the API has it: without the prefix.
fn path(id: &WorkflowId) -> Path {
    let batch_id = id.as_str().strip_prefix(BATCH_ID_PREFIX);
    Path::new("batches").then(batch_id.unwrap_or(id.as_str()))
}

fn facts(output: Output, batch: &Seen) -> Vec<Vec<String>> {
    let (about, tally) = (&batch.about, batch.about.tally());
    let read = about.read();
    let rate = read.and_then(|about| about.per_second);
    let unread = about.unread();
    let unread = unread.map(|why| format!("{why}: the app's own binary shows the rest"));
    let rows = [
        ("Batch", Some(about.batch_id().to_owned())),
        ("Status", Some(batch.status.clone())),
        ("Act", read.map(|about| about.act.clone())),
        ("Query", read.and_then(|about| about.query.clone())),
        ("Reason", read.and_then(|about| about.reason.clone())),
        ("By", read.map(|about| about.actor.clone())),
        ("Rate", rate.map(|rate| format!("{rate} per second"))),
        ("Matched", about.matched().map(many)),
        ("Done", Some(many(tally.done))),
        ("Skipped", Some(many(tally.skipped))),
        ("Failed", Some(many(tally.failed))),
        ("Started", Some(output.time_of(&batch.started_at))),
        (
            "Ended",
            batch.closed_at.as_ref().map(|at| output.time_of(at)),
        ),
        (batch.why(), batch.failure.clone()),
        ("Not read", unread),
    ];
    let rows = rows.into_iter();
    rows.filter_map(|(name, value)| Some(vec![name.to_owned(), value?]))
        .collect()
}

fn cancel(session: &Session, args: &CancelArgs) -> Outcome {
    let id = &args.of.id;
    if let Door::Http(api) = session.door()? {
        let reason = Reason {
            reason: args.reason.as_deref(),
        };
        let path = path(id).then("cancel");
        let answer = api.change(&Change::post(path, to_raw_value(&reason)?))?;
        return canceled(session.output, id, &api.parsed(&answer.json)?);
    }
    let question =
        Question::new(ce_type::WORKFLOW_CANCEL, id).header(header::REASON, args.reason.as_ref());
    let inbox = Inbox::open(session)?;
    let asked = inbox.ask(question)?;
    let answer = inbox.first(&asked, None)?;
    if answer.is_of_no_open_run() {
        return Err(Fault::refused(format!("{id} is not under way"))
            .hint("`batch list` shows all, and how they ended"));
    }
    let told = Told::of(id, &answer.taken()?);
    canceled(session.output, id, &told)
}

fn canceled(output: Output, id: &WorkflowId, told: &Told) -> Outcome {
    told.print(
        output,
        &format!("Asked {id} to stop; what it has begun it ends."),
    )
}

fn unknown(id: &WorkflowId) -> Fault {
    Fault::refused(format!("there is no {id}")).hint("`batch list` shows all")
}
