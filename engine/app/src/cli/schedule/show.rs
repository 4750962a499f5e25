//! What schedules are and how they do: `describe`, `list`, `next`.

use std::time::Duration;

use clap::Args;
use sagaline_core::{Payload, SCHEDULE_ID_PREFIX, SCHEDULE_WORKFLOW, WorkflowId, show::Shown};
use sagaline_sdk::schedule::{Description, Exclusion, Instant, Spec, Taken, Upcoming};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::{Named, ask, is_run_paused, json, question_of, read};
use crate::{
    cli::{
        Session,
        unread::{self, Unread},
        update::answered,
    },
    fault::{Exit, Fault, Outcome},
    inbox::{Inbox, Told},
    journal::Journal,
    output::{Format, Output, aside},
};

/// How long `list` waits for the next answer.
const SILENCE: Duration = Duration::from_secs(10);

/// What `list` takes.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Most rows that are printed
    #[arg(long, default_value_t = 50, value_name = "ROWS")]
    pub(super) limit: usize,
}

#[derive(Serialize)]
struct Many {
    count: u32,
}

#[derive(Serialize)]
struct Times<'a> {
    schedule: &'a str,
    next: Vec<Upcoming>,
}

#[derive(Serialize)]
struct List<'a> {
    schedules: &'a [Seen],
    next_page_token: Option<()>,
}

/// A schedule as it says itself, and what the journal knows of its run. Its JSON is that of `GET /schedules`.
#[derive(Serialize)]
pub(super) struct Seen {
    pub(super) name: String,
    /// Somebody holds up the run that is the schedule, with `workflow pause`: nothing is started before it is resumed.
    pub(super) run_paused: bool,
    /// What it says, as it came; none: it did not answer.
    pub(super) description: Option<Box<RawValue>>,
    #[serde(skip)]
    pub(super) about: About,
}

/// One as `GET /schedules/{name}` has it.
#[derive(Serialize)]
struct Described<'a> {
    run_paused: bool,
    #[serde(flatten)]
    about: &'a Description,
}

/// What a schedule says of itself.
pub(super) enum About {
    Read(Box<Description>),
    /// It answers what this binary cannot read, or not at all.
    Unread {
        name: String,
        /// Why it is not read.
        unread: String,
    },
}

pub(super) fn describe(session: &Session, of: &Named) -> Outcome {
    let answer = ask(session, of, "describe", &())?;
    let about: Box<Description> = read(session, of, answer)?;
    let run_paused = is_run_paused(session, of.id());
    let output = session.output;
    if output.format != Format::Table {
        return Ok(output.json(&Described {
            run_paused,
            about: &about,
        })?);
    }
    print(output, of, (&about, run_paused))
}

/// Prints a schedule for people; `run_paused`: somebody holds up the run that it is.
pub(super) fn print(
    output: Output,
    of: &Named,
    (about, run_paused): (&Description, bool),
) -> Outcome {
    output.table(&[], &facts(output, about, run_paused))?;
    if run_paused {
        aside(&format!("`workflow resume {}` lets its run go on", of.id()));
    }
    let taken = about.recent.iter().chain(&about.running);
    let rows: Vec<Vec<String>> = taken.map(|one| taken_row(output, one)).collect();
    if !rows.is_empty() {
        output.line("")?;
        output.table(&["STATUS", "WORKFLOW ID", "STARTED", "ENDED", ""], &rows)?;
    }
    Ok(())
}

fn facts(output: Output, about: &Description, run_paused: bool) -> Vec<Vec<String>> {
    let schedule = &about.schedule;
    let counts = &about.counts;
    let mut rows: Vec<(&str, String)> = vec![
        ("Schedule", about.name.clone()),
        ("State", state(about, run_paused).to_owned()),
        ("Note", schedule.note.clone()),
        ("When", when(&schedule.spec)),
        ("Starts", schedule.action.workflow.clone()),
        ("Input", schedule.action.input.as_str().to_owned()),
        ("Overlap", word(&schedule.overlap)),
        ("Catches up", format!("within {}", schedule.catch_up)),
    ];
    if let Some(remaining) = schedule.remaining {
        rows.push(("Remaining", remaining.to_string()));
    }
    rows.push((
        "So far",
        format!(
            "{} started, {} failed, {} skipped, {} missed, {} taken before",
            counts.taken, counts.failed, counts.skipped, counts.missed, counts.repeated
        ),
    ));
    if !about.waiting.is_empty() {
        rows.push(("Waiting", about.waiting.len().to_string()));
    }
    for backfill in &about.backfills {
        let (from, to) = (output.time(backfill.from.0), output.time(backfill.to.0));
        rows.push(("Backfill", format!("{from} to {to}")));
    }
    let next = about.next.iter().take(3);
    let next: Vec<String> = next.map(|one| output.time(one.begins_at.0)).collect();
    rows.push(("Next", next.join(", ")));
    rows.push(("Created", output.time(about.created_at.0)));
    rows.push(("Changed", output.time(about.changed_at.0)));
    rows.retain(|(_, value)| !value.is_empty());
    rows.into_iter()
        .map(|(name, value)| vec![name.to_owned(), value])
        .collect()
}

fn taken_row(output: Output, one: &Taken) -> Vec<String> {
    let time = |at: Instant| output.time(at.0);
    vec![
        one.status.as_str().to_owned(),
        one.workflow_id.clone(),
        time(one.started_at),
        one.closed_at.map(time).unwrap_or_default(),
        one.failure.clone().unwrap_or_default(),
    ]
}

fn state(about: &Description, run_paused: bool) -> &'static str {
    match (about.schedule.paused, about.schedule.remaining) {
        _ if run_paused => PAUSED_RUN,
        (true, _) => "paused",
        (false, Some(0)) => "used up",
        (false, _) => "active",
    }
}

/// The state of one whose run somebody holds up, whatever it says itself.
const PAUSED_RUN: &str = "paused run";

/// When it is due, in short.
fn when(spec: &Spec) -> String {
    let mut parts: Vec<String> = spec.cron.clone();
    for interval in &spec.intervals {
        let offset = match interval.offset.as_millis() {
            0 => String::new(),
            _ => format!(" at {}", interval.offset),
        };
        parts.push(format!("every {}{offset}", interval.every));
    }
    parts.extend(spec.calendars.iter().map(word));
    let mut text = parts.join("; ");
    for exclusion in &spec.exclude {
        text += &match exclusion {
            Exclusion::Cron(cron) => format!("; not {cron}"),
            Exclusion::Calendar(calendar) => format!("; not {}", word(calendar)),
        };
    }
    if !spec.time_zone.is_empty() {
        text += &format!(" ({})", spec.time_zone);
    }
    text
}

/// Its JSON; of a text the text alone.
fn word(value: &impl Serialize) -> String {
    let json = serde_json::to_string(value).unwrap_or_default();
    json.trim_matches('"').to_owned()
}

pub(super) fn next(session: &Session, of: &Named, count: u32) -> Outcome {
    let answer = ask(session, of, "next", &Many { count })?;
    print_next(session.output, of.name(), read(session, of, answer)?)
}

pub(super) fn print_next(output: Output, schedule: &str, next: Vec<Upcoming>) -> Outcome {
    match output.format {
        Format::Json => output.json(&Times { schedule, next })?,
        Format::Jsonl => {
            for one in next {
                output.json(&one)?;
            }
        }
        Format::Table if next.is_empty() => output.line("It is due no more.")?,
        Format::Table => {
            let time = |at: Instant| output.time(at.0);
            let rows: Vec<Vec<String>> = next
                .iter()
                .map(|one| vec![time(one.due_at), time(one.begins_at)])
                .collect();
            output.table(&["DUE", "BEGINS"], &rows)?;
        }
    }
    Ok(())
}

/// Those that are open, as each says itself.
pub(super) fn list(session: &Session, args: &ListArgs) -> Outcome {
    let folded = Journal::open(session)?.fold_all()?;
    let mut open: Vec<Open<'_>> = folded
        .iter()
        .flat_map(|runs| runs.iter())
        .filter(|(_, seen)| seen.run.started.workflow.as_str() == SCHEDULE_WORKFLOW)
        .filter(|(_, seen)| seen.run.closed.is_none())
        .map(|(id, seen)| Open {
            id,
            run_paused: seen.run.paused.is_some(),
        })
        .collect();
    open.sort_unstable_by_key(|one| one.id);
    let all = open.len();
    open.truncate(args.limit);
    let schedules = seen(session, &open)?;
    let output = session.output;
    match output.format {
        Format::Json => output.json(&List {
            schedules: &schedules,
            next_page_token: None,
        })?,
        Format::Jsonl => {
            for one in &schedules {
                output.json(one)?;
            }
        }
        Format::Table => print_list(output, &schedules)?,
    }
    if all > args.limit {
        aside(&format!("… {} more: --limit", all - args.limit));
    }
    Ok(())
}

/// Prints schedules for people.
pub(super) fn print_list(output: Output, schedules: &[Seen]) -> Outcome {
    let rows: Vec<Vec<String>> = schedules.iter().map(|one| row(output, one)).collect();
    output.table(
        &["STATE", "NAME", "WHEN", "STARTS", "RUNNING", "NEXT"],
        &rows,
    )?;
    unread::aside_of(schedules.iter().filter_map(|one| one.about.unread()));
    Ok(())
}

/// A schedule that the journal tells of.
struct Open<'a> {
    id: &'a WorkflowId,
    run_paused: bool,
}

fn seen(session: &Session, open: &[Open<'_>]) -> Outcome<Vec<Seen>> {
    if open.is_empty() {
        return Ok(Vec::new());
    }
    let ask = |one: &Open<'_>| Ok(question_of(one.id, "describe", json(&())?));
    let questions: Vec<_> = open.iter().map(ask).collect::<Outcome<_>>()?;
    let told = Inbox::open(session)?.ask_all(questions, SILENCE);
    if told.iter().all(|told| matches!(told, Told::Silent)) {
        return Err(Fault::new(Exit::Unreachable, "no schedule answers")
            .hint("does an engine of this namespace run? `doctor` looks"));
    }
    let mut schedules = Vec::new();
    for (&Open { id, run_paused }, told) in open.iter().zip(told) {
        let name = id.as_str().strip_prefix(SCHEDULE_ID_PREFIX);
        let name = name.unwrap_or_else(|| id.as_str());
        let said = match told {
            // It was deleted meanwhile.
            Told::Answer(answer) if answer.is_of_no_open_run() => continue,
            Told::Answer(answer) => answered(&format!("schedule {name}"), answer)
                .map_err(|fault| Unread::unknown(fault.message())),
            Told::Unsent(why) => return Err(Fault::new(Exit::Unreachable, why)),
            Told::Silent => Err(Unread::unknown("it does not answer")),
        };
        let description = said.as_ref().ok();
        let description = description.and_then(|said| to_raw_value(&Shown(said)).ok());
        schedules.push(Seen {
            name: name.to_owned(),
            run_paused,
            description,
            about: About::of(session, name, said),
        });
    }
    Ok(schedules)
}

impl About {
    /// What one of many says; if it cannot be read, the others still can.
    pub(super) fn of(session: &Session, name: &str, said: Result<Payload, Unread>) -> Self {
        match said.and_then(|said| unread::value(session, said)) {
            Ok(about) => Self::Read(about),
            Err(Unread { why: unread, .. }) => Self::Unread {
                name: name.to_owned(),
                unread,
            },
        }
    }

    fn unread(&self) -> Option<&str> {
        match self {
            Self::Read(_) => None,
            Self::Unread { unread, .. } => Some(unread),
        }
    }
}

fn row(output: Output, seen: &Seen) -> Vec<String> {
    let about = match &seen.about {
        About::Read(about) => about,
        About::Unread { name, .. } => {
            let state = match seen.run_paused {
                true => PAUSED_RUN,
                false => unread::DASH,
            };
            let rest = [unread::DASH; 4];
            let row = [state, name].into_iter().chain(rest);
            return row.map(str::to_owned).collect();
        }
    };
    let next = about.next.first();
    vec![
        state(about, seen.run_paused).to_owned(),
        about.name.clone(),
        when(&about.schedule.spec),
        about.schedule.action.workflow.clone(),
        about.running.len().to_string(),
        next.map(|one| output.time(one.begins_at.0))
            .unwrap_or_default(),
    ]
}
