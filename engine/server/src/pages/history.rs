//! The history of a run as rows: a window of it, filtered, each event with one line that says what it is.

use super::{
    seen::{Details, Event},
    time::took,
    told::{Marked, Told},
};

/// Events of a window.
pub(crate) const WINDOW: u64 = 200;

/// What is asked of the history.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    /// `compact`, `full` or `json`.
    pub(crate) show: String,
    pub(crate) find: String,
    pub(crate) of_type: String,
    pub(crate) activity_id: Option<u64>,
    pub(crate) only_failures: bool,
    /// The first event of the window, or one near it.
    pub(crate) at: Option<u64>,
}

/// A window of a history.
#[derive(Debug)]
pub(crate) struct History<'a> {
    pub(crate) show: &'static str,
    pub(crate) find: Told,
    pub(crate) of_type: Told,
    pub(crate) only_failures: bool,
    pub(crate) at: Option<u64>,
    pub(crate) rows: Vec<EventRow<'a>>,
    /// Where the windows before and after begin.
    pub(crate) before: Option<u64>,
    pub(crate) after: Option<u64>,
}

/// One event.
#[derive(Debug)]
pub(crate) struct EventRow<'a> {
    pub(crate) event: &'a Event,
    /// Since the event before it.
    pub(crate) since: Option<String>,
    pub(crate) summary: String,
    pub(crate) who: Told,
    /// A run may be reset to it.
    pub(crate) can_reset: bool,
}

impl<'a> History<'a> {
    /// The window that is asked for, of these events; `total` is how many the history has.
    pub(crate) fn of(asked: &Asked, events: &'a [Event], total: u64) -> Self {
        let show = match asked.show.as_str() {
            "full" => "full",
            "json" => "json",
            _ if asked.only_failures
                || !asked.find.is_empty()
                || !asked.of_type.is_empty()
                || asked.at.is_some() =>
            {
                "full"
            }
            _ => "compact",
        };
        let rows = match show {
            "compact" => Vec::new(),
            _ => rows(events),
        };
        let first = events.first().map_or(1, |event| event.seq);
        let last = events.last().map_or(0, |event| event.seq);
        Self {
            show,
            find: Told::from(asked.find.as_str()),
            of_type: Told::from(asked.of_type.as_str()),
            only_failures: asked.only_failures,
            at: asked.at,
            before: (first > 1).then(|| first.saturating_sub(WINDOW).max(1)),
            after: (last > 0 && last < total).then_some(last + 1),
            rows,
        }
    }
}

/// Events as rows.
pub(crate) fn rows(events: &[Event]) -> Vec<EventRow<'_>> {
    let mut before: Option<&Event> = None;
    let mut rows = Vec::with_capacity(events.len());
    for event in events {
        let since = before.map(|before| event.at.ms() - before.at.ms());
        rows.push(EventRow {
            event,
            since: since.filter(|ms| *ms > 0).map(took),
            summary: summary(event, &event.details()),
            who: who(event),
            can_reset: event.seq > 1,
        });
        before = Some(event);
    }
    rows
}

/// Messages of a run: signals and updates.
pub(crate) fn messages(events: &[Event]) -> Vec<EventRow<'_>> {
    let is_message = |name: &str| {
        name.starts_with("Signal")
            || name.starts_with("Update")
            || name.starts_with("ExternalSignal")
    };
    let mut rows = rows(events);
    rows.retain(|row| is_message(row.event.r#type.raw()));
    rows
}

/// Who brought it about: a person or program of ours without our prefix, the engine's own clock as such.
fn who(event: &Event) -> Told {
    let source = event.cause.as_ref().map_or("", |cause| cause.source.raw());
    let known = ["sagaline.http/", "sagaline.cli/", "sagaline."];
    let short = known.iter().find_map(|prefix| source.strip_prefix(prefix));
    Told::from(short.unwrap_or(source))
}

/// An event in one line.
fn summary(event: &Event, details: &Details) -> String {
    let mut parts = whats(details);
    parts.extend(whys(details));
    let values = [&details.input, &details.result, &details.value];
    let value = values.into_iter().flatten().next();
    parts.extend(value.map(|json| json.line().to_string()));
    let worker = details.worker.as_ref();
    parts.extend(worker.map(|worker| format!("worker {}", worker.line())));
    match parts.is_empty() {
        true => event.attributes.line().to_string(),
        false => parts.join(", "),
    }
}

/// What it is about, and when.
fn whats(details: &Details) -> Vec<String> {
    let line = |text: &Told| text.line().to_string();
    let names = [
        &details.activity,
        &details.signal,
        &details.update,
        &details.workflow,
        &details.name,
    ];
    let mut parts: Vec<String> = Vec::new();
    parts.extend(names.into_iter().flatten().next().map(line));
    parts.extend(details.workflow_id.as_ref().map(line));
    parts.extend(details.attempt.map(|attempt| format!("attempt {attempt}")));
    parts.extend(details.due_at.map(|at| format!("due {}", at.full())));
    let waits = details.waits.iter();
    parts
        .extend(waits.map(|wait| format!("waits for {} {}", Marked(&wait.kind), wait.name.line())));
    parts
}

/// Why, by whom, and what follows.
fn whys(details: &Details) -> Vec<String> {
    let line = |text: &Told| text.line().to_string();
    let mut parts: Vec<String> = Vec::new();
    if let Some(failure) = &details.failure {
        let (error_type, message) = (failure.r#type.line(), failure.message.line());
        parts.push(format!("{error_type}: {message}"));
    }
    let next = details.next_attempt_at;
    parts.extend(next.map(|at| format!("next at {}", at.clock())));
    parts.extend(details.outcome.as_ref().map(line));
    parts.extend(details.act.as_ref().map(line));
    let actor = details.actor.as_ref();
    parts.extend(actor.map(|actor| format!("by {}", actor.line())));
    let reason = details.reason.as_ref();
    parts.extend(reason.map(|reason| format!("\"{}\"", reason.line())));
    parts
}
