//! The built-in workflow `sagaline.batch`: a run of it, with the id `batch/<batch id>`, is a batch.
//!
//! What it acts on comes as signals, some hundred targets each, and nothing is done before all have come. A run takes one
//! signal after the other; those that it has not taken go with it to the run that continues it. So its input stays small
//! however many there are. Deliberately absent: the acts, which are `acting.rs`.

use std::{mem, time::Duration};

use sagaline_core::{BATCH_ID_PREFIX, Fields, Payload, Timestamp, error_type, show::Shown};
use serde::{Deserialize, Serialize};

use super::{
    Batch, GO, TARGETS, Tally, Target, Told,
    acting::{self, Acted, Chunk},
    tally::Failed,
};
use crate::{Context, DurationExt as _, Error, Result, Retry, json, query, workflow};

/// Most acts of one step. Histories depend on it: runs that are open go by the number that they began with.
const CHUNK_MAX: usize = 500;

/// Whoever starts a batch has so long to tell what it acts on.
const TOLD_WITHIN: Duration = Duration::from_secs(600);

/// What is missing although everything was told does not come any more.
const LATE_MAX: Duration = Duration::from_secs(10);

/// What a batch begins with.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Begin {
    pub(crate) batch: Batch,
    /// What the run before left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kept: Option<Kept>,
}

/// The input of a batch's first run.
///
/// # Errors
/// It says what is not allowed.
pub fn begin(batch: Batch) -> Result<Payload> {
    batch.check()?;
    json::encode("batch", &Begin { batch, kept: None })
}

/// A batch, as whoever reads the journal sees it: by the input and the memo of its run.
///
/// # Errors
/// Either is of another version.
pub fn seen(workflow_id: &str, input: &Payload, memo: Option<&Fields>) -> Result<Description> {
    let Begin { batch, .. } = json::decode("batch", input)?;
    let mut book = Book {
        batch,
        batch_id: batch_id(workflow_id).to_owned(),
        kept: Kept::default(),
    };
    if let Some((_, tally)) = told_by_memo(memo)? {
        book.kept.tally = tally;
    }
    Ok(book.description())
}

/// How many a batch acts on and what became of them, by its run's memo alone, which no codec encodes; none before it has
/// been told all.
///
/// # Errors
/// The memo is of another version.
pub fn told_by_memo(memo: Option<&Fields>) -> Result<Option<(u64, Tally)>> {
    let Some(memo) = memo else { return Ok(None) };
    let memo = Payload::json(serde_json::to_vec(&Shown(memo))?);
    let Memo { progress, errors } = json::decode("memo of a batch", &memo)?;
    let tally = Tally {
        done: progress.done,
        skipped: progress.skipped,
        failed: progress.failed,
        errors: errors.unwrap_or_default(),
        errors_left_out: progress.errors_left_out,
    };
    Ok(Some((progress.matched, tally)))
}

fn batch_id(workflow_id: &str) -> &str {
    let batch_id = workflow_id.strip_prefix(BATCH_ID_PREFIX);
    batch_id.unwrap_or(workflow_id)
}

/// How far a batch is, as its memo says it.
#[derive(Serialize, Deserialize)]
struct Memo {
    progress: Progress,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    errors: Option<Vec<Failed>>,
}

#[derive(Serialize, Deserialize)]
struct Progress {
    matched: u64,
    done: u64,
    skipped: u64,
    failed: u64,
    errors_left_out: u64,
}

/// What one run leaves to the next.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Kept {
    tally: Tally,
    heard_to: Option<i64>,
    /// When the next act may begin, by the rate.
    next_at: Option<i64>,
}

/// How a batch is doing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// Its id.
    pub batch_id: String,
    /// What is done.
    pub act: String,
    /// Who does it.
    pub actor: String,
    /// Why.
    pub reason: Option<String>,
    /// The filter that meant them.
    pub query: Option<String>,
    /// How many it does each second at most.
    pub per_second: Option<f64>,
    /// How many it acts on.
    pub matched: u64,
    /// What became of them so far.
    #[serde(flatten)]
    pub tally: Tally,
}

/// What a batch knows while it runs.
#[derive(Default)]
pub(crate) struct Book {
    batch: Batch,
    batch_id: String,
    kept: Kept,
}

impl Book {
    fn description(&self) -> Description {
        let Batch {
            act,
            actor,
            reason,
            query,
            per_second,
            matched,
            ..
        } = self.batch.clone();
        Description {
            batch_id: self.batch_id.clone(),
            act,
            actor,
            reason,
            query,
            per_second,
            matched,
            tally: self.kept.tally.clone(),
        }
    }

    /// How many of them are done with, so or so.
    const fn is_done(&self) -> bool {
        self.kept.tally.count() >= self.batch.matched
    }
}

#[query]
pub(crate) fn describe(book: &Book) -> Description {
    book.description()
}

/// A run of it is a batch.
#[workflow(name = "sagaline.batch", queries(describe))]
pub(crate) async fn batch(cx: Context<Book>, begin: Begin) -> Result<Description> {
    begin.batch.check()?;
    let batch_id = batch_id(cx.workflow_id().as_str()).to_owned();
    let continues = begin.kept.is_some();
    cx.with_mut(|book| {
        book.batch = begin.batch;
        book.batch_id = batch_id;
        book.kept = begin.kept.unwrap_or_default();
    });
    if !continues {
        told(&cx).await?;
    }
    while !cx.with(Book::is_done) {
        if cx.is_continue_as_new_suggested() {
            let next = cx.with(|book| Begin {
                batch: book.batch.clone(),
                kept: Some(book.kept.clone()),
            });
            return cx.continue_as_new(&next);
        }
        let some = cx.signal::<Told>(TARGETS).timeout(LATE_MAX).await?;
        let Some(Told { targets }) = some else {
            return Err(incomplete(
                "fewer were told than it says: all that were are done",
            ));
        };
        all(&cx, targets).await?;
    }
    Ok(cx.with(Book::description))
}

/// Waits until everything was told, and looks where answers will stand.
async fn told(cx: &Context<Book>) -> Result<()> {
    progress(cx, &[])?;
    let go = cx.signal::<()>(GO).timeout(TOLD_WITHIN).await?;
    if go.is_none() {
        return Err(incomplete(
            "whoever began it never told all that it acts on: nothing was done; begin it again",
        ));
    }
    let looked = chunk(cx, Vec::new()).await?;
    cx.with_mut(|book| book.kept.heard_to = looked.heard_to);
    Ok(())
}

fn incomplete(text: &str) -> Error {
    Error::new(error_type::INVALID_INPUT, text).non_retryable()
}

/// Acts on all, as fast as it may.
async fn all(cx: &Context<Book>, mut targets: Vec<Target>) -> Result<()> {
    while !targets.is_empty() {
        let (rate, next_at) = cx.with(|book| (book.batch.per_second, book.kept.next_at));
        if let Some(next_at) = next_at.map(Timestamp::from_micros)
            && next_at > cx.now()
        {
            cx.sleep_until(next_at).await?;
        } else if cx.is_cancel_requested() {
            return cx.cancel("the batch was cancelled");
        }
        let rest = targets.split_off(at_once(rate).min(targets.len()));
        let some = mem::replace(&mut targets, rest);
        let (count, began_at) = (some.len(), cx.now());
        // What was begun is counted.
        let acted = cx.shielded(chunk(cx, some)).await?;
        let errors = acted.tally.errors.clone();
        cx.with_mut(|book| {
            book.kept.tally.add(acted.tally);
            book.kept.heard_to = acted.heard_to;
            book.kept.next_at = rate.map(|rate| began_at.as_micros() + micros_of(count, rate));
        });
        progress(cx, &errors)?;
    }
    Ok(())
}

/// How many may be done in one step: those of a second.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and a rate is above 0"
)]
fn at_once(rate: Option<f64>) -> usize {
    rate.map_or(CHUNK_MAX, |rate| (rate as usize).clamp(1, CHUNK_MAX))
}

/// How long so many take.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "`as` saturates, and 500 are exact"
)]
fn micros_of(count: usize, rate: f64) -> i64 {
    (count as f64 / rate * 1_000_000.0) as i64
}

/// Acts on some, until each was answered: for as long as that takes.
async fn chunk(cx: &Context<Book>, targets: Vec<Target>) -> Result<Acted> {
    let chunk = cx.with(|book| Chunk {
        batch: book.batch.clone(),
        first: book.kept.tally.count(),
        targets,
        heard_to: book.kept.heard_to,
    });
    let again = Retry::default().maximum_interval(30.seconds());
    let act = acting::act(chunk).local().start_to_close(120.seconds());
    cx.run(act).retry(again).await
}

/// Tells people how far it is; and which failed, if there are new ones.
fn progress(cx: &Context<Book>, new: &[Failed]) -> Result<()> {
    let memo = cx.with(|book| {
        let tally = &book.kept.tally;
        Memo {
            progress: Progress {
                matched: book.batch.matched,
                done: tally.done,
                skipped: tally.skipped,
                failed: tally.failed,
                errors_left_out: tally.errors_left_out,
            },
            errors: (!new.is_empty()).then(|| tally.errors.clone()),
        }
    });
    cx.upsert_memo(&memo)
}
