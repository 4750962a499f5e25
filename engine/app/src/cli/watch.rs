//! `workflow watch`: one run as it goes, until it ends, and the runs that go on in its place.
//!
//! On a terminal what the run does is drawn anew as it changes and as the countdowns go; anywhere else each event is a line.
//! Deliberately absent: the engine. All is folded from the journal, so it can be watched while no engine runs.

mod http;
mod screen;

use std::{
    cell::RefCell,
    io,
    ops::ControlFlow,
    time::{Duration, Instant},
};

use clap::Args;
use sagaline_core::{Name, RunId, WorkflowId};
use sagaline_journal::Record;

use self::screen::Screen;
use super::{
    RunOf, Session,
    api::Door,
    describe::{
        compensations, head, incidents, pending, refuse_deleted, unknown, unread_queues, updates,
    },
    history::{self, Event, HEADINGS, Printed, events_of},
    result,
    seen::Run,
};
use crate::{
    clock::{self, Deadline},
    fault::{Exit, Fault, Outcome},
    journal::Journal,
    output::{Format, Output, Terminal, TimeStyle, columns, cut, visible},
    runs::{Runs, SeenRun},
    settings::Span,
};

/// What `watch` takes.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    of: RunOf,
    /// Give up after this long, as in 30s; otherwise it goes on until the run ends
    #[arg(long, value_name = "SPAN")]
    timeout: Option<Span>,
}

/// How often it is drawn while nothing happens, so that countdowns go.
const DRAW_EVERY: Duration = Duration::from_millis(200);

/// How often it is asked whether queues have workers.
const UNREAD_EVERY: Duration = Duration::from_secs(5);

/// So many events stand below what is pending, at most.
const EVENTS_MAX: usize = 10;

/// Below this the columns of events say nothing.
const EVENTS_WIDTH_MIN: usize = 60;

pub(crate) fn watch(session: &Session, args: &WatchArgs) -> Outcome {
    let id = args.of.id.get();
    if let Door::Http(api) = session.door()? {
        return http::watch(session.output, &api, args);
    }
    let journal = Journal::open(session)?;
    let (partition, runs) = journal.runs_of(id)?;
    let seen = runs
        .find(id, args.of.run_id)
        .ok_or_else(|| unknown(id, args.of.run_id))?;
    refuse_deleted(id, seen)?;
    let from = runs.next_offset();
    let mut watch = Watch::new(session, id, seen.run.run_id, runs);
    watch.show(true)?;
    let deadline = Deadline::after(args.timeout.map(Span::get));
    let watch = RefCell::new(watch);
    if !watch.borrow().has_ended() {
        journal.follow_awake(
            (partition, from),
            deadline,
            |record| watch.borrow_mut().take(record),
            || watch.borrow_mut().show(false),
        )?;
    }
    watch.into_inner().finish()
}

/// A run that is watched.
struct Watch<'a> {
    session: &'a Session,
    id: &'a WorkflowId,
    runs: Runs,
    /// The run that is shown.
    run_id: RunId,
    /// So many of its records were printed, where each event is a line.
    printed: usize,
    rows: Printed,
    is_drawn: bool,
    screen: Screen,
    drawn_at: Option<Instant>,
    unread: Vec<Name>,
    unread_at: Option<Instant>,
}

impl<'a> Watch<'a> {
    fn new(session: &'a Session, id: &'a WorkflowId, run_id: RunId, runs: Runs) -> Self {
        let Output {
            format, terminal, ..
        } = session.output;
        Self {
            session,
            id,
            runs,
            run_id,
            printed: 0,
            rows: Printed::new(session.output),
            is_drawn: format == Format::Table && terminal.width.is_some(),
            screen: Screen::default(),
            drawn_at: None,
            unread: Vec::new(),
            unread_at: None,
        }
    }

    /// The run that is shown.
    fn seen(&self) -> &SeenRun {
        let seen = self.runs.find(self.id, Some(self.run_id));
        seen.expect("it was found before, and runs stay")
    }

    /// Whether nothing follows any more.
    fn has_ended(&self) -> bool {
        self.seen().run.closed.is_some() && self.runs.next_of(self.id, self.run_id).is_none()
    }

    /// Takes the next record of the partition, and breaks off once the run has ended.
    fn take(&mut self, record: Record) -> Outcome<ControlFlow<()>> {
        let before = self.seen().history.len();
        self.runs.record(record)?;
        let has_changed = self.seen().history.len() != before
            || self.runs.next_of(self.id, self.run_id).is_some();
        // In a busy partition there is no pause to draw in.
        if has_changed || self.is_drawn {
            self.show(false)?;
        }
        Ok(match self.has_ended() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        })
    }

    /// Shows what is new; on a terminal all of it, if that is due or `at_once`.
    fn show(&mut self, at_once: bool) -> Outcome {
        if !self.is_drawn {
            return self.print();
        }
        while let Some(next) = self.runs.next_of(self.id, self.run_id) {
            self.run_id = next.run.run_id;
        }
        let is_due = |at: Option<Instant>, every| at.is_none_or(|at| at.elapsed() >= every);
        if !at_once && !is_due(self.drawn_at, DRAW_EVERY) {
            return Ok(());
        }
        if is_due(self.unread_at, UNREAD_EVERY) {
            self.ask_for_workers();
        }
        self.draw()
    }

    /// Prints the events that were not printed yet, also of runs that go on in the run's place.
    fn print(&mut self) -> Outcome {
        let (output, partition) = (self.session.output, self.runs.partition());
        loop {
            let seen = self.seen();
            let (count, run_id) = (seen.history.len(), self.run_id.to_string());
            let new = seen.history.iter().skip(self.printed);
            let new = new.map(|one| events_of(one, partition));
            let new: Vec<Vec<Event>> = new.collect::<Outcome<_>>()?;
            for events in &new {
                show(&mut self.rows, output, (self.id.as_str(), &run_id), events)?;
            }
            self.printed = count;
            let Some(next) = self.runs.next_of(self.id, self.run_id) else {
                return Ok(());
            };
            (self.run_id, self.printed) = (next.run.run_id, 0);
            self.rows = Printed::new(output);
        }
    }

    /// What cannot be asked just now stays as it was.
    fn ask_for_workers(&mut self) {
        let session = Session {
            output: Output {
                now: clock::now(),
                ..self.session.output
            },
            ..self.session.clone()
        };
        if let Ok(unread) = unread_queues(&session, [&self.seen().run]) {
            self.unread = unread;
        }
        self.unread_at = Some(clock::instant());
    }

    fn draw(&mut self) -> Outcome {
        let output = drawing(self.session.output);
        let seen = self.seen();
        let view = self.runs.view(self.id, seen, output.now, &self.unread);
        // Each record has an event at least.
        let begin = seen.history.len().saturating_sub(EVENTS_MAX + 1);
        let last = seen.history.iter().skip(begin);
        let last = last.map(|one| events_of(one, view.journal_partition));
        let events: Vec<Event> = last
            .collect::<Outcome<Vec<_>>>()?
            .into_iter()
            .flatten()
            .collect();
        let lines = lines(output, &Run::of(&view)?, &events, height());
        self.screen.draw(io::stdout().lock(), &lines)?;
        self.drawn_at = Some(clock::instant());
        Ok(())
    }

    /// Shows how it ended, or that it goes on although the time is over.
    fn finish(mut self) -> Outcome {
        self.show(true)?;
        let (output, id) = (self.session.output, self.id);
        let seen = self.seen();
        let Some(closed) = &seen.run.closed else {
            let text = format!("workflow {id} is still open");
            return Err(Fault::new(Exit::TimedOut, text)
                .hint(format!("`workflow describe {id}` says what it waits for")));
        };
        if !self.is_drawn && output.format == Format::Table {
            let view = self.runs.view(id, seen, clock::now(), &[]);
            output.say(&view.waiting_for().text)?;
        }
        result::failed(id, closed).map_or(Ok(()), Err)
    }
}

/// An event on a line of its own; lines that come one by one have columns of their own width.
fn line(row: &[String]) -> String {
    match row {
        [seq, at, _, event, summary, ..] => {
            let line = format!("{seq:>4}  {at}  {event:<26}  {summary}");
            line.trim_end().to_owned()
        }
        other => other.join("  "),
    }
}

/// Prints what has happened, an event a line.
fn show(rows: &mut Printed, output: Output, run: (&str, &str), events: &[Event]) -> Outcome {
    match output.format {
        Format::Table => rows
            .rows(events)
            .iter()
            .try_for_each(|row| Ok(output.say(&line(row))?)),
        Format::Json | Format::Jsonl => history::lines(output, &run, events),
    }
}

/// The way to a terminal that is drawn on: its size is what it is now.
fn drawing(output: Output) -> Output {
    Output {
        now: clock::now(),
        time: TimeStyle::Relative,
        terminal: Terminal {
            color: output.terminal.color,
            ..Terminal::of_stdout(Default::default())
        },
        ..output
    }
}

/// Of the terminal.
fn height() -> usize {
    console::Term::stdout().size().0.into()
}

/// What stands on a terminal of that height: what the run does, what is pending, and the last that happened.
fn lines(output: Output, run: &Run, events: &[Event], height: usize) -> Vec<String> {
    let width = output.terminal.width.unwrap_or(usize::MAX);
    let plain = head(run, false);
    let first = match columns(&plain) <= width {
        true => head(run, output.terminal.color),
        false => cut(&plain, width),
    };
    let mut below = vec![run.waiting_for.text.clone(), String::new()];
    let activities = run.pending_activities.iter();
    below.extend(activities.flat_map(|one| pending(output, one)));
    below.extend(updates(run));
    below.extend(compensations(run));
    below.extend(incidents(run));
    let below = below.iter().map(|line| cut(&visible(line), width));
    let mut lines: Vec<String> = std::iter::once(first).chain(below).collect();
    // One line is left for the cursor, and two go to the headings and what is before them.
    let room = height.saturating_sub(lines.len() + 3).min(EVENTS_MAX);
    if room > 0 && width >= EVENTS_WIDTH_MIN {
        lines.push(String::new());
        let events = last_of(output, events, room);
        lines.extend(events.lines().map(str::to_owned));
    }
    lines.truncate(height.saturating_sub(1).max(1));
    lines
}

/// The last events, so many at most.
fn last_of(output: Output, events: &[Event], most: usize) -> String {
    let mut rows = Printed::new(output).rows(events);
    rows.drain(..rows.len().saturating_sub(most));
    // Where it lies in the journal is of no use while it goes by.
    let headings = HEADINGS.split_last().map_or(HEADINGS, |(_, shown)| shown);
    rows.iter_mut().for_each(|row| row.truncate(headings.len()));
    output.drawn(headings, &rows)
}

#[cfg(test)]
mod tests {
    use sagaline_core::Timestamp;

    use super::*;
    use crate::{
        runs::Keep,
        scripted::{Script, started, transition},
    };

    fn drawn(width: usize, height: usize) -> Vec<String> {
        let id = WorkflowId::new("order-\u{1b}[2J").unwrap();
        let mut runs = Runs::from(
            &sagaline_runtime::Fold::new(0),
            3,
            Keep::Histories(id.clone()),
        );
        for record in Script::new()
            .batch(&[transition(id.as_str(), 1, [started()])])
            .records
        {
            runs.record(record).unwrap();
        }
        let now = Timestamp::from_millis(3_000);
        let output = Output {
            format: Format::Table,
            time: TimeStyle::Relative,
            terminal: Terminal {
                width: Some(width),
                color: false,
            },
            now,
            coding: None,
        };
        let seen = runs.find(&id, None).unwrap();
        let events = events_of(&seen.history[0], 3).unwrap();
        let run = Run::of(&runs.view(&id, seen, now, &[])).unwrap();
        lines(output, &run, &events, height)
    }

    #[test]
    fn what_is_drawn_is_within_the_terminal() {
        let all = drawn(200, 50);
        assert_eq!(all[0], "order-␛[2J   Running, waiting   order@1");
        assert!(all.last().unwrap().contains("WorkflowStarted"), "{all:?}");
        assert!(all.last().unwrap().contains("1 s ago"), "{all:?}");

        for (width, height) in [(20, 50), (20, 4), (6, 1), (200, 2)] {
            let lines = drawn(width, height);
            assert!(lines.len() < height.max(2), "{lines:?}");
            assert!(lines.iter().all(|line| columns(line) <= width), "{lines:?}");
        }
    }
}
