//! Pages that are a table, or a few sentences: schedules, task queues, definitions, retry topics, partitions, rejected inputs.

use askama::Template;
use serde_json::Value;

use super::{
    chrome::{Chrome, Place},
    state::State,
    time::At,
    told::{Marked, Told, percent},
};

/// Most rows of such a table.
const ROWS_MAX: usize = 1_000;

/// A page that shows a list of the API as a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub(crate) title: &'static str,
    pub(crate) place: Place,
    /// What the API calls it, and the key of the list in the answer.
    pub(crate) path: &'static str,
    pub(crate) key: &'static str,
    pub(crate) text: &'static str,
    /// Keys of a row with the heads of their columns; a dot goes into an object.
    columns: &'static [(&'static str, &'static str)],
    /// Where the first cell leads, with the value behind it.
    href: &'static str,
    empty: &'static str,
    command: &'static str,
}

pub(crate) const TASK_QUEUES: Kind = Kind {
    title: "Task queues",
    place: Place::TaskQueues,
    path: "/task-queues",
    key: "task_queues",
    text: "Where attempts wait for workers.",
    columns: &[
        ("name", "Queue"),
        ("workers", "Workers"),
        ("backlog", "Waiting"),
        ("oldest_ms", "Oldest, ms"),
        ("limits.max_outstanding", "At once"),
        ("limits.rate_per_second", "Per second"),
        ("limits.is_paused", "Paused"),
        ("limits.paused", "Pauses"),
    ],
    href: "/task-queues/",
    empty: "No queue has had a task yet.",
    command: "sagaline task-queue list",
};

pub(crate) const DEFINITIONS: Kind = Kind {
    title: "Definitions",
    place: Place::Definitions,
    path: "/definitions",
    key: "definitions",
    text: "Workflows that are data.",
    columns: &[
        ("name", "Workflow"),
        ("version", "Version"),
        ("applied_at", "Applied"),
    ],
    href: "",
    empty: "No definition: the workflows of this app are written in code.",
    command: "",
};

pub(crate) const RETRY_TOPICS: Kind = Kind {
    title: "Retry topics",
    place: Place::More,
    path: "/retry-topics",
    key: "retry_topics",
    text: "What waits in Kafka until it is due, by how long, of the partitions of this process.",
    columns: &[
        ("topic", "Topic"),
        ("partitions", "Partitions"),
        ("waiting", "Waiting"),
        ("forwarded", "Sent on"),
        ("refused", "Refused"),
        ("late_p99_ms", "Late (99 %), ms"),
    ],
    href: "",
    empty: "This process has none of them.",
    command: "",
};

pub(crate) const PARTITIONS: Kind = Kind {
    title: "Journal",
    place: Place::More,
    path: "/partitions",
    key: "partitions",
    text: "Each partition of the journal: who owns it, and how far what these pages show is behind it.",
    columns: &[
        ("partition", "Partition"),
        ("owner.stage", "Owner"),
        ("owner.epoch", "Epoch"),
        ("owner.open_runs", "Open runs"),
        ("owner.open_incidents", "Incidents"),
        ("projected.next_offset", "Shown up to"),
        ("projected.journal_end", "Journal ends at"),
        ("projected.behind", "Behind, records"),
        ("projected.as_of", "As of"),
        ("owner.clock_skew_ms", "Clock, ms off"),
        ("owner.error.message", "Error"),
    ],
    href: "",
    empty: "There is no partition.",
    command: "",
};

pub(crate) const BATCHES: Kind = Kind {
    title: "Batches",
    place: Place::More,
    path: "/batches",
    key: "batches",
    text: "Acts on many runs.",
    columns: &[
        ("batch_id", "Batch"),
        ("act", "Act"),
        ("matched", "Matched"),
        ("done", "Done"),
        ("skipped", "Skipped"),
        ("failed", "Failed"),
    ],
    href: "/batches/",
    empty: "No batch yet.",
    command: "sagaline workflow cancel -q 'WorkflowType = \"order\" AND Open = true'",
};

struct Cell {
    text: Told,
    href: Option<String>,
    at: Option<At>,
    state: Option<State>,
}

struct Row {
    key: String,
    cells: Vec<Cell>,
}

#[derive(Template)]
#[template(path = "table.html")]
struct TablePage {
    chrome: Chrome,
    title: Told,
    text: String,
    heads: Vec<&'static str>,
    rows: Vec<Row>,
    empty: &'static str,
    command: &'static str,
    whole: Vec<(&'static str, String)>,
    /// Where a form that does something leads, and what its button says.
    act: Option<Act>,
}

/// Where a form leads, and what its button says.
pub(crate) type Act = (String, &'static str);

/// The table of a list, from the API's answer.
///
/// # Errors
/// None but those of writing to memory.
pub(crate) fn table(chrome: Chrome, kind: &Kind, answer: &Value) -> askama::Result<String> {
    table_and(chrome, (kind, answer), Vec::new(), None)
}

/// The same with something to do and values below it.
///
/// # Errors
/// None but those of writing to memory.
pub(crate) fn table_and(
    chrome: Chrome,
    (kind, answer): (&Kind, &Value),
    whole: Vec<(&'static str, String)>,
    act: Option<Act>,
) -> askama::Result<String> {
    let rows = answer.get(kind.key).and_then(Value::as_array);
    let rows: Vec<Row> = rows
        .into_iter()
        .flatten()
        .take(ROWS_MAX)
        .map(|row| of_row(kind, row))
        .collect();
    // A column that no row has anything in is not there.
    let is_used = |place: usize| {
        rows.iter().any(|row| {
            row.cells
                .get(place)
                .is_some_and(|cell| cell.text.raw() != "–")
        })
    };
    let used: Vec<bool> = (0..kind.columns.len())
        .map(|place| place == 0 || is_used(place))
        .collect();
    let keep = |place: usize| used.get(place).copied().unwrap_or_default();
    TablePage {
        chrome,
        title: kind.title.into(),
        text: format!("{}{}", kind.text, lag(answer)),
        heads: kind
            .columns
            .iter()
            .enumerate()
            .filter(|(place, _)| keep(*place))
            .map(|(_, (_, head))| *head)
            .collect(),
        rows: rows
            .into_iter()
            .map(|row| Row {
                key: row.key,
                cells: row
                    .cells
                    .into_iter()
                    .enumerate()
                    .filter(|(place, _)| keep(*place))
                    .map(|(_, cell)| cell)
                    .collect(),
            })
            .collect(),
        empty: kind.empty,
        command: kind.command,
        whole,
        act,
    }
    .render()
}

/// A table of what became of an act on many.
///
/// # Errors
/// None but those of writing to memory.
pub(crate) fn outcomes(
    chrome: Chrome,
    title: &str,
    text: String,
    rows: Vec<(Told, String, bool, String)>,
) -> askama::Result<String> {
    let rows = rows.into_iter().map(|(id, href, is_done, told)| {
        let state = State {
            word: "",
            status: "",
            class: if is_done { "done" } else { "failed" },
            icon: if is_done { "done" } else { "failed" },
        };
        Row {
            key: percent(id.raw()),
            cells: vec![
                Cell {
                    text: id,
                    href: Some(href),
                    at: None,
                    state: None,
                },
                Cell {
                    text: Told::from(told.as_str()),
                    href: None,
                    at: None,
                    state: Some(state),
                },
            ],
        }
    });
    TablePage {
        chrome,
        title: title.into(),
        text,
        heads: vec!["What", "Outcome"],
        rows: rows.collect(),
        empty: "Nothing was selected.",
        command: "",
        whole: Vec::new(),
        act: None,
    }
    .render()
}

/// How far lists are behind, where the answer says it.
fn lag(answer: &Value) -> String {
    match answer.get("behind_ms").and_then(Value::as_i64) {
        None => String::new(),
        Some(ms @ ..1_000) if ms >= 0 => " Lists are up to date.".to_owned(),
        Some(ms) => format!(" Lists are {} behind.", super::time::age(ms)),
    }
}

fn of_row(kind: &Kind, row: &Value) -> Row {
    let mut cells: Vec<Cell> = kind.columns.iter().map(|(key, _)| cell(row, key)).collect();
    let key = cells
        .first()
        .map(|cell| cell.text.clone())
        .unwrap_or_default();
    if let Some(first) = cells.first_mut().filter(|_| !kind.href.is_empty()) {
        first.href = Some(format!("{}{}", kind.href, key.path()));
    }
    Row {
        key: key.path(),
        cells,
    }
}

fn cell(row: &Value, key: &str) -> Cell {
    let value = key
        .split('.')
        .try_fold(row, |value, part| match part.parse::<usize>() {
            Ok(place) => value.get(place),
            Err(_) => value.get(part),
        });
    let text = match value {
        None | Some(Value::Null) => "–".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(is)) => if *is { "yes" } else { "no" }.to_owned(),
        Some(Value::Array(all)) if all.iter().all(Value::is_object) => all.len().to_string(),
        Some(other) => other.to_string(),
    };
    let at = value
        .filter(|value| value.is_string())
        .and_then(|value| serde_json::from_value(value.clone()).ok());
    Cell {
        text: Told::from(text.as_str()),
        href: None,
        at: at.filter(|_| key.ends_with("at") || key.ends_with("as_of")),
        state: None,
    }
}

#[derive(Template)]
#[template(path = "more.html")]
struct MorePage {
    chrome: Chrome,
}

/// Links to what is looked at rarely.
///
/// # Errors
/// None but those of writing to memory.
pub(crate) fn more(chrome: Chrome) -> askama::Result<String> {
    MorePage { chrome }.render()
}

#[derive(Template)]
#[template(path = "unknown.html")]
struct UnknownPage {
    chrome: Chrome,
    title: String,
    text: String,
    search: Option<String>,
    /// Where its inputs are that could not be taken, if there are any.
    rejected: Option<String>,
}

/// There is no run of that id.
///
/// # Errors
/// None but those of writing to memory.
pub(crate) fn no_run(chrome: Chrome, id: &str, rejected: usize) -> askama::Result<String> {
    let told = Marked(id).to_string();
    let inputs = || format!("/inputs?workflow_id={}", percent(id));
    UnknownPage {
        chrome,
        rejected: (rejected > 0).then(inputs),
        title: format!("No run of {told}"),
        text: "It may not have started yet, or closed longer ago than runs are kept here."
            .to_owned(),
        search: Some(format!("/workflows?query={}", percent(id))),
    }
    .render()
}

/// There is no such page, or it could not be made.
///
/// # Errors
/// None but those of writing to memory.
pub(crate) fn failed(chrome: Chrome, title: &str, text: &str) -> askama::Result<String> {
    UnknownPage {
        chrome,
        title: title.to_owned(),
        text: text.to_owned(),
        search: None,
        rejected: None,
    }
    .render()
}
