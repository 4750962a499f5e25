//! Begins a batch: starts its run, tells it what it acts on, and that this was all.
//!
//! All that goes out in the order in which it is to be taken, and what is not too much in one go: so a batch whose requests
//! lie in the inbox is done, also when an engine comes up only later.

use std::time::Duration;

use sagaline_core::{BATCH_WORKFLOW, Payload, WorkflowId};
use sagaline_journal::wire::{ce_type, header, id_conflict, outcome};
use sagaline_sdk::batch::{
    Batch, Description, GO, TARGETS, TARGETS_BYTES_MAX, TOLD_AT_ONCE_MAX, Told as Targets, begin,
    workflow_id,
};
use serde::Serialize;

use super::{
    Bulk, Target,
    words::{counted, number},
};
use crate::{
    cli::{
        api::{self, Door, Path},
        batch, result, unread,
    },
    clock::Deadline,
    fault::{Exit, Fault, Outcome},
    inbox::{ANSWER_WAIT, Inbox, Question, Told, new_id},
    output::{Format, Progress, aside},
    runs::SeenRun,
    server::keys,
    settings::Span,
};

/// Most bytes that are on their way at once, half of what the producer takes.
const IN_FLIGHT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Characters of a batch's id.
const ID_CHARS: usize = 12;

/// A batch that has been told all; none if there was nothing to act on.
#[derive(Debug)]
pub(super) struct Begun {
    batch: Option<(String, WorkflowId)>,
    matched: usize,
}

#[derive(Serialize)]
struct Printed<'a> {
    batch_id: Option<&'a str>,
    matched: usize,
}

impl Begun {
    pub(super) fn begin(bulk: &Bulk<'_>, mut batch: Batch, targets: &[Target]) -> Outcome<Self> {
        let matched = targets.len();
        if matched == 0 {
            return Ok(Self {
                batch: None,
                matched,
            });
        }
        batch.matched = matched as u64;
        let told = told(targets)?;
        let mut batch_id = new_id().replace('-', "");
        batch_id.truncate(ID_CHARS);
        let id = workflow_id(&batch_id).map_err(|error| Fault::usage(error.message()))?;
        let id = WorkflowId::new(&id).map_err(|error| Fault::usage(error.to_string()))?;
        let start = Question::new(ce_type::WORKFLOW_START, &id)
            .header(header::WORKFLOW, Some(BATCH_WORKFLOW))
            .header(header::ID_CONFLICT, Some(id_conflict::FAIL))
            .value(begin(batch).map_err(|error| Fault::usage(error.message()))?);
        let signal = |name, input| {
            Question::new(ce_type::WORKFLOW_SIGNAL, &id)
                .header(header::SIGNAL, Some(name))
                .value(input)
        };
        let at_once = at_once(&told);
        let mut questions = vec![start];
        questions.extend(told.into_iter().map(|some| signal(TARGETS, some)));
        questions.push(signal(GO, Payload::json(*b"null")));
        send(bulk, &batch_id, questions, at_once)?;
        Ok(Self {
            batch: Some((batch_id, id)),
            matched,
        })
    }

    /// One that a server has begun.
    pub(super) fn of(batch_id: Option<String>, matched: usize) -> Outcome<Self> {
        let named = batch_id.map(|batch_id| {
            let id = workflow_id(&batch_id).map_err(|error| error.message().to_owned());
            let id = id.and_then(|id| WorkflowId::new(&id).map_err(|error| error.to_string()));
            id.map(|id| (batch_id, id)).map_err(Fault::usage)
        });
        Ok(Self {
            batch: named.transpose()?,
            matched,
        })
    }

    /// Prints which it is.
    pub(super) fn print(&self, bulk: &Bulk<'_>) -> Outcome {
        let output = bulk.session.output;
        let batch_id = self.batch.as_ref().map(|(batch_id, _)| batch_id.as_str());
        match (output.format, batch_id) {
            (Format::Json | Format::Jsonl, batch_id) => output.json(&Printed {
                batch_id,
                matched: self.matched,
            })?,
            (Format::Table, None) => output.line("Nothing matches.")?,
            (Format::Table, Some(batch_id)) => output.line(&self.line(batch_id))?,
        }
        Ok(())
    }

    /// Says which it is before it is waited for: who waits no longer still knows what to look at.
    pub(super) fn announce(&self, bulk: &Bulk<'_>) -> Outcome {
        let output = bulk.session.output;
        let line = self.batch.as_ref().map(|(batch_id, _)| self.line(batch_id));
        match (output.format, line) {
            (_, None) => {}
            (Format::Table, Some(line)) => output.line(&line)?,
            // What goes to stdout is one document.
            (Format::Json | Format::Jsonl, Some(line)) => aside(&line),
        }
        Ok(())
    }

    fn line(&self, batch_id: &str) -> String {
        let matched = number(self.matched);
        format!(
            "Batch {batch_id} acts on {matched}; `batch describe {batch_id}` says how far it is."
        )
    }

    /// Waits for its end, and prints what became of all; a fault if one failed.
    pub(super) fn wait(&self, bulk: &Bulk<'_>) -> Outcome {
        let output = bulk.session.output;
        let Some((batch_id, id)) = &self.batch else {
            match output.format {
                Format::Json | Format::Jsonl => output.json(&Description::default())?,
                Format::Table => output.line("Nothing matches.")?,
            }
            return Ok(());
        };
        let deadline = Deadline::after(bulk.why.timeout.map(Span::get));
        let Some(ended) = self.end(bulk, id, deadline)? else {
            let text = format!("batch {batch_id} goes on");
            return Err(Fault::new(Exit::TimedOut, text)
                .hint(format!("`batch describe {batch_id}` says how far it is")));
        };
        let what = format!("what became of batch {batch_id}");
        let about: Description = unread::read(bulk.session, &what, ended)?;
        let tally = &about.tally;
        match output.format {
            Format::Json | Format::Jsonl => output.json(&about)?,
            Format::Table => {
                let [done, skipped, failed] =
                    [tally.done, tally.skipped, tally.failed].map(batch::many);
                output.line(&format!("{done} done, {skipped} skipped, {failed} failed"))?;
            }
        }
        match tally.failed {
            0 => Ok(()),
            failed => {
                let [failed, matched] = [failed, about.matched].map(batch::many);
                let text = format!("{failed} of {matched} failed");
                Err(Fault::new(Exit::Failed, text)
                    .hint(format!("`batch describe {batch_id}` names them")))
            }
        }
    }
}

impl Begun {
    /// Waits for what it returns; none when the deadline passes.
    fn end(
        &self,
        bulk: &Bulk<'_>,
        id: &WorkflowId,
        deadline: Deadline,
    ) -> Outcome<Option<Payload>> {
        if let Door::Http(api) = bulk.session.door()? {
            let ended = api.until(&Path::run(id, None).then("result"), deadline)?;
            return ended.map(|json| api::payload(&api, &json)).transpose();
        }
        let progress = Progress::new(self.matched as u64, "done");
        let look = |seen: &SeenRun| progress.at(|| batch::dealt_with(seen));
        let closed = result::end_seen(bulk.session, (id, None), deadline, look)?;
        drop(progress);
        let Some(closed) = closed else {
            return Ok(None);
        };
        match result::failed(id, &closed) {
            Some(fault) => Err(fault),
            None => Ok(Some(closed.result.unwrap_or_else(Payload::empty))),
        }
    }
}

/// Sends all, so many at once, in order; returns when all is in the journal.
fn send(bulk: &Bulk<'_>, batch_id: &str, questions: Vec<Question>, at_once: usize) -> Outcome {
    let (inbox, keys) = (Inbox::open(bulk.session)?, keys(bulk.session)?);
    let given = bulk.why.timeout.map(Span::get);
    let wait = given.unwrap_or(ANSWER_WAIT);
    let mut questions = questions
        .into_iter()
        .map(|question| question.signed(keys.clone()))
        .peekable();
    while questions.peek().is_some() {
        let some = questions.by_ref().take(at_once).collect();
        let told = inbox.ask_all(some, wait);
        let is_all = questions.peek().is_none();
        told.into_iter()
            .try_for_each(|told| taken(told, batch_id, is_all.then_some(wait)))
            .map_err(|(exit, fault)| match (exit, given) {
                // Who said how long to wait is told that the time ran out.
                (Exit::Unreachable, Some(_)) => Fault::new(Exit::TimedOut, fault),
                _ => Fault::new(exit, fault),
            })
            .map_err(|fault| {
                fault.hint("does an engine of this namespace run? `doctor` looks; `batch list` shows what began")
            })?;
    }
    Ok(())
}

/// Whether a request is in the journal; or why not. `all_sent`: the batch is in the inbox as a whole, and so long was waited.
fn taken(told: Told, batch_id: &str, all_sent: Option<Duration>) -> Result<(), (Exit, String)> {
    let nothing = |wrong: &str| format!("batch {batch_id} does nothing: {wrong}");
    match (told, all_sent) {
        (Told::Answer(answer), _) if answer.outcome != outcome::REJECTED => Ok(()),
        (Told::Answer(answer), _) => Err((Exit::Refused, nothing(&answer.error_message))),
        (Told::Unsent(reason), _) => Err((Exit::Unreachable, nothing(&reason))),
        (Told::Silent, None) => Err((Exit::Unreachable, nothing("no engine answered"))),
        (Told::Silent, Some(wait)) => {
            let waited = wait.as_secs_f32();
            let text = format!(
                "no engine answered within {waited} s; batch {batch_id} stays in the inbox and is done when one comes up"
            );
            Err((Exit::Unreachable, text))
        }
    }
}

/// All targets, as signals carry them.
fn told(targets: &[Target]) -> Outcome<Vec<Payload>> {
    let chunks = targets.chunks(TOLD_AT_ONCE_MAX);
    let told = chunks.map(|some| {
        let targets = some.iter().map(Target::told).collect();
        serde_json::to_vec(&Targets { targets }).map(Payload::json)
    });
    let told: Vec<Payload> = told
        .collect::<Result<_, _>>()
        .map_err(std::io::Error::from)?;
    let bytes: usize = told.iter().map(|some| some.data().len()).sum();
    if bytes > TARGETS_BYTES_MAX {
        let (count, most) = (counted(targets.len(), "target"), number(TARGETS_BYTES_MAX));
        return Err(Fault::usage(format!(
            "{count} have {} bytes; a batch may have {most}",
            number(bytes)
        ))
        .hint("narrow the filter: by StartTime or WorkflowType, say"));
    }
    Ok(told)
}

/// How many requests may be on their way at once.
fn at_once(told: &[Payload]) -> usize {
    let largest = told.iter().map(|some| some.data().len()).max();
    let most = IN_FLIGHT_BYTES_MAX / largest.unwrap_or_default().max(1);
    most.clamp(2, told.len() + 2)
}
