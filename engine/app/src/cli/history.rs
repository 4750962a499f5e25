//! `workflow history`: the events of a run, as `GET /workflows/{id}/history` has them.

mod pages;
mod summary;

use std::{ops::ControlFlow, time::Duration};

use clap::Args;
use sagaline_core::{
    RunId, Timestamp, WorkflowId,
    view::{HistoryEvent, HistoryPage},
};
use sagaline_journal::{Item, JournalReader, Journaled};
use serde::{Deserialize, Serialize};
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};

pub(super) use self::pages::Pages;
use self::summary::summary;
use super::{
    RunOf, Session,
    api::{Api, Door},
    describe::{refuse_deleted, unknown},
};
use crate::{
    clock::Deadline,
    fault::Outcome,
    journal::Journal,
    output::{Format, Output, aside},
};

/// What `history` takes.
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    #[command(flatten)]
    of: RunOf,
    /// Go on until the run closes
    #[arg(short, long)]
    follow: bool,
}

/// An event as the API has it.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Event {
    pub(super) seq: u64,
    at: String,
    r#type: String,
    attributes: Box<RawValue>,
    cause: Box<RawValue>,
    partition: i32,
    offset: i64,
}

/// One event on a line of its own, which says of which run.
#[derive(Serialize)]
struct Line<'a> {
    workflow_id: &'a str,
    run_id: &'a str,
    #[serde(flatten)]
    event: &'a Event,
}

pub(crate) fn history(session: &Session, args: &HistoryArgs) -> Outcome {
    match session.door()? {
        Door::Http(api) => by_pages(session.output, &api, args),
        Door::Kafka => by_journal(session, args),
    }
}

/// As a server has it.
fn by_pages(output: Output, api: &Api, args: &HistoryArgs) -> Outcome {
    let mut pages = Pages::of(api, args.of.id.get(), args.of.run_id);
    let mut printed = Printed::new(output);
    let mut all = Vec::new();
    while let Some(page) = pages.next()? {
        all.extend(page);
    }
    let events: Vec<Event> = parsed(api, &all)?;
    match output.format {
        Format::Json if !args.follow => output.json(&pages.whole(all))?,
        _ => printed.print_all(&pages.run(), &events)?,
    }
    say_before(output, args.of.id.get(), events.first());
    let mut has_ended = events.iter().any(Event::is_last);
    while args.follow && (!has_ended || pages.has_more()) {
        let events = parsed(api, &pages.newer((Deadline::after(None), Duration::MAX))?)?;
        printed.print(&pages.run(), &events)?;
        has_ended |= events.iter().any(Event::is_last);
    }
    Ok(())
}

/// Events as what they are.
pub(super) fn parsed(api: &Api, events: &[Box<RawValue>]) -> Outcome<Vec<Event>> {
    events.iter().map(|event| api.parsed(event)).collect()
}

/// As the journal has it.
fn by_journal(session: &Session, args: &HistoryArgs) -> Outcome {
    let id = args.of.id.get();
    let output = session.output;
    let journal = Journal::open(session)?;
    let (partition, runs) = journal.runs_of(id)?;
    let seen = runs
        .find(id, args.of.run_id)
        .ok_or_else(|| unknown(id, args.of.run_id))?;
    refuse_deleted(id, seen)?;
    let run_id = seen.run.run_id;
    let mut printed = Printed::new(output);
    let events = seen.history.iter().map(|one| events_of(one, partition));
    let events: Vec<Event> = events
        .collect::<Outcome<Vec<_>>>()?
        .into_iter()
        .flatten()
        .collect();
    let run = (id.as_str(), &*run_id.to_string());
    match output.format {
        Format::Json if !args.follow => {
            let events = seen
                .history
                .iter()
                .flat_map(|one| HistoryEvent::of(&one.transition, partition, one.offset));
            output.json(&HistoryPage::new(id, run_id, events.collect()))?;
        }
        _ => printed.print_all(&run, &events)?,
    }
    say_before(output, id, events.first());
    if let Some(first) = events.first().filter(|first| first.seq > 1) {
        let before = first.seq.saturating_sub(1);
        aside(&format!(
            "… its first {before} events are gone: the journal was trimmed"
        ));
    }
    if !args.follow || seen.run.closed.is_some() {
        return Ok(());
    }
    let shown = seen.history.last().map_or(-1, |one| one.offset);
    let following = Following {
        id,
        partition,
        run_id,
        shown,
    };
    following.follow(&journal, &mut printed)
}

/// A run whose further events are awaited.
struct Following<'a> {
    id: &'a WorkflowId,
    partition: i32,
    run_id: RunId,
    /// Offset of the last record that was printed.
    shown: i64,
}

impl Following<'_> {
    fn follow(self, journal: &Journal, printed: &mut Printed) -> Outcome {
        let beginning = journal.beginnings().of(self.partition)?;
        let from = beginning.offset.saturating_add(1);
        let mut reader = JournalReader::after(beginning);
        let mut items = Vec::new();
        let run = (self.id.as_str(), &*self.run_id.to_string());
        journal.follow((self.partition, from), Deadline::after(None), |record| {
            reader.read(record, &mut items)?;
            for item in items.drain(..) {
                let Item::Batch(batch) = item else { continue };
                let is_new = |one: &&Journaled| {
                    one.offset > self.shown && one.transition.run_id == Some(self.run_id)
                };
                for one in batch.transitions.iter().filter(is_new) {
                    let events = events_of(one, self.partition)?;
                    printed.print(&run, &events)?;
                    if events.iter().any(Event::is_last) {
                        return Ok(ControlFlow::Break(()));
                    }
                }
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(())
    }
}

/// Says where what happened before is to be found.
fn say_before(output: Output, id: &WorkflowId, first: Option<&Event>) {
    let before = first.and_then(|first| {
        let chain = &first.attributes()["chain"];
        Some(chain["continued_from"].as_str()?.to_owned())
    });
    if let (Format::Table, Some(before)) = (output.format, before) {
        let before = crate::output::visible(&before);
        aside(&format!(
            "… what happened before: workflow history {id} -r {before}"
        ));
    }
}

pub(super) const HEADINGS: &[&str] = &["SEQ", "AT", "AFTER", "EVENT", "", "OFFSET"];

impl Event {
    /// Whether its run has closed with it.
    pub(super) fn is_last(&self) -> bool {
        matches!(
            self.r#type.as_str(),
            "WorkflowCompleted"
                | "WorkflowFailed"
                | "WorkflowCanceled"
                | "WorkflowTerminated"
                | "WorkflowTimedOut"
                | "WorkflowContinuedAsNew"
        )
    }

    fn attributes(&self) -> Value {
        serde_json::from_str(self.attributes.get()).unwrap_or_default()
    }

    fn instant(&self) -> Option<Timestamp> {
        let instant: jiff::Timestamp = self.at.parse().ok()?;
        Some(Timestamp::from_micros(instant.as_microsecond()))
    }
}

/// A record's events.
pub(super) fn events_of(one: &Journaled, partition: i32) -> Outcome<Vec<Event>> {
    HistoryEvent::of(&one.transition, partition, one.offset)
        .map(|event| Ok(serde_json::from_str(to_raw_value(&event)?.get())?))
        .collect()
}

/// What was printed of a history so far.
#[derive(Debug)]
pub(super) struct Printed {
    output: Output,
    /// Offset and time of the record of the last event.
    last: Option<(i64, Timestamp)>,
}

impl Printed {
    pub(super) const fn new(output: Output) -> Self {
        Self { output, last: None }
    }

    /// Prints a whole history: a table under its headings.
    fn print_all(&mut self, run: &(&str, &str), events: &[Event]) -> Outcome {
        match self.output.format {
            Format::Table => Ok(self.output.table(HEADINGS, &self.rows(events))?),
            Format::Json | Format::Jsonl => self.print(run, events),
        }
    }

    /// Prints what has come, an event a line.
    fn print(&mut self, run: &(&str, &str), events: &[Event]) -> Outcome {
        match self.output.format {
            Format::Table => self.output.table(&[], &self.rows(events))?,
            Format::Json | Format::Jsonl => lines(self.output, run, events)?,
        }
        Ok(())
    }

    /// Events as rows under the [`HEADINGS`].
    pub(super) fn rows(&mut self, events: &[Event]) -> Vec<Vec<String>> {
        events.iter().map(|event| self.row(event)).collect()
    }

    fn row(&mut self, event: &Event) -> Vec<String> {
        let at = event.instant();
        let is_first = self.last.is_none_or(|(offset, _)| offset != event.offset);
        // Those of one record came at one time.
        let after = at.filter(|_| is_first).map(|at| {
            let before = self.last.map_or(at, |(_, before)| before);
            format!("{} ms", at.since(before).0)
        });
        if let Some(at) = at {
            self.last = Some((event.offset, at));
        }
        vec![
            event.seq.to_string(),
            self.output.time_of(&event.at),
            after.unwrap_or_default(),
            event.r#type.clone(),
            summary(&event.attributes()),
            event.offset.to_string(),
        ]
    }
}

/// Prints events, one a line.
pub(super) fn lines(
    output: Output,
    (workflow_id, run_id): &(&str, &str),
    events: &[Event],
) -> Outcome {
    events.iter().try_for_each(|event| {
        Ok(output.json(&Line {
            workflow_id,
            run_id,
            event,
        })?)
    })
}
